import Foundation
import Synchronization
import TestSupport
import Testing

@testable import System

@Suite struct ProcessTests {
    @Test("variables are read as they are set")
    func environment() {
        #expect(CurrentProcess.environment("PATH") == ProcessInfo.processInfo.environment["PATH"])
        #expect(CurrentProcess.environment("PKGMILL_TEST_NOT_SET") == nil)
        let expected = ProcessInfo.processInfo.environment.filter { $0.key.hasPrefix("P") }
        #expect(CurrentProcess.environment(prefix: "P") == expected)
        #expect(CurrentProcess.environment(prefix: "PKGMILL_TEST_NOT_SET") == [:])
    }

    @Test("the process knows itself")
    func identity() {
        #expect(CurrentProcess.identifier == getpid())
        #expect(CurrentProcess.userIdentifier == geteuid())
        #expect(CurrentProcess.workingDirectory == FileManager.default.currentDirectoryPath)
        #expect(!CurrentProcess.hostName.isEmpty)
    }

    @Test("a stream is read to its end, up to the limit", arguments: [0, 1, 65_536, 65_537, 200_000])
    func stream(count: Int) async throws {
        let content = [UInt8](repeating: 0x61, count: count)
        #expect(try readThroughPipe(content, limit: count) == content)
        if count > 0 {
            #expect(throws: SystemError(operation: "read", path: "a pipe", code: EFBIG)) {
                try readThroughPipe(content, limit: count - 1)
            }
        }
    }

    @Test("a stream that cannot be read is an error and not an empty one")
    func brokenStream() throws {
        let descriptor = open("/", O_RDONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        #expect(throws: SystemError(operation: "read", path: "x", code: EISDIR)) {
            try readStream(descriptor, name: "x", limit: 10)
        }
    }

    @Test("a kind of signal is taken as long as somebody listens, from the first moment on, and again by the next")
    func signals() async throws {
        for _ in 0..<20 {
            var listener: Signals? = Signals([.hangUp])
            kill(getpid(), SIGHUP)
            var arrivals = try #require(listener?.arrivals.makeAsyncIterator())
            #expect(await arrivals.next() == .hangUp)
            #expect(try hasDefault(SIGHUP) == false)
            kill(getpid(), SIGHUP)
            #expect(await arrivals.next() == .hangUp)
            listener = nil
            #expect(await arrivals.next() == nil)
            #expect(try hasDefault(SIGHUP))
        }
    }

    @Test("the kernel's random bytes are as many as asked for, and differ")
    func random() {
        for count in [0, 1, 16, 256, 257, 10_000] { #expect(RandomSource.system.bytes(count).count == count) }
        #expect(RandomSource.system.bytes(32) != RandomSource.system.bytes(32))
        #expect(Set(RandomSource.system.bytes(10_000)).count == 256)
    }

    @Test("what is drawn in advance is given once, in any portions")
    func stock() {
        let counter = Mutex<UInt64>(0)
        let source = RandomSource { count in
            (0..<count).map { _ in
                counter.withLock {
                    $0 += 1; return UInt8(truncatingIfNeeded: $0 >> 8) ^ UInt8(truncatingIfNeeded: $0)
                }
            }
        }.drawnInAdvance()
        for count in [0, 1, 24, 4096, 5000, 3] { #expect(source.bytes(count).count == count) }
        var seen: Set<[UInt8]> = []
        let system = RandomSource.system.drawnInAdvance()
        for _ in 0..<2000 { #expect(seen.insert(system.bytes(24)).inserted) }
    }

    @Test("actors that block do not hold each other up")
    func blockingExecutors() async {
        // More of them than the shared pool has threads: all must be inside at once for any to leave.
        let count = 16
        let gate = Gate(count)
        await withTaskGroup { group in
            for _ in 0..<count { group.addTask { await Blocker().pass(gate) } }
        }
        #expect(gate.passed == count)
    }

    @Test("an actor on its own thread does one thing after another")
    func serialExecutor() async {
        let counter = Counter()
        await withTaskGroup { group in
            for _ in 0..<200 { group.addTask { await counter.increase() } }
        }
        #expect(await counter.value == 200)
    }

    private func readThroughPipe(_ content: [UInt8], limit: Int) throws -> [UInt8] {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        defer { close(reading) }
        let isDone = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            // For this thread alone: to write to a reader that has had enough must not end the tests.
            var ended = sigset_t()
            sigemptyset(&ended)
            sigaddset(&ended, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &ended, nil)
            var sent = 0
            while sent < content.count {
                let count = content[sent...].withUnsafeBytes { write(writing, $0.baseAddress, $0.count) }
                if count <= 0 { break }
                sent += count
            }
            close(writing)
            isDone.signal()
        }
        return try readStream(reading, name: "a pipe", limit: limit)
    }

    /// Whether `signal` does to this process what it does to any: it is neither ignored nor caught.
    private func hasDefault(_ signal: Int32) throws -> Bool {
        let status = String(decoding: try contentOfFile("/proc/self/status"), as: UTF8.self)
        return try ["SigIgn:", "SigCgt:"].allSatisfy { name in
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(name) })
            let mask = try #require(UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16))
            return mask & (1 << UInt64(signal - 1)) == 0
        }
    }
}

/// Opens when as many threads wait at it as it was made for.
private final class Gate: Sendable {
    private let count: Int
    private let waiting = Mutex(0)
    private let open = DispatchSemaphore(value: 0)

    init(_ count: Int) { self.count = count }

    var passed: Int { waiting.withLock { $0 } }

    func pass() {
        let isLast = waiting.withLock { waiting in
            waiting += 1
            return waiting == count
        }
        if isLast { for _ in 0..<count { open.signal() } }
        open.wait()
    }
}

private actor Blocker {
    private let executor = BlockingExecutor("blocker")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func pass(_ gate: Gate) { gate.pass() }
}

private actor Counter {
    private let executor = BlockingExecutor("counter")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private(set) var value = 0

    func increase() { value += 1 }
}
