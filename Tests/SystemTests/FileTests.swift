import Foundation
import Synchronization
import System
import TestSupport
import Testing

@Suite struct FileTests {
    @Test("what is written is appended, and read from any offset")
    func roundTrip() async throws {
        try await withFile { file in
            try file.write(Array("hello ".utf8))
            try file.write([])
            try file.write(Array("world".utf8))
            #expect(try file.read(5, at: 6) == Array("world".utf8))
            #expect(try file.read(100, at: 6) == Array("world".utf8))
            #expect(try file.read(100, at: 11) == [])
            #expect(try file.read(100, at: 1 << 40) == [])
            #expect(try file.read(0, at: 0) == [])
            try file.write(Array("J".utf8), at: 0)
            try file.write(Array("!".utf8))
            #expect(try file.readAll(limit: 12) == Array("Jello world!".utf8))
            #expect(try file.status().byteCount == 12)
        }
    }

    @Test("offsets that no file has are refused, by reading and by writing", arguments: [-1, .min] as [Int64])
    func badOffsets(offset: Int64) async throws {
        try await withFile { file in
            try file.write([1, 2, 3])
            #expect(throws: SystemError(operation: "read", path: file.path, code: EINVAL)) {
                try file.read(10, at: offset)
            }
            #expect(throws: SystemError(operation: "write", path: file.path, code: EINVAL)) {
                try file.write([1], at: offset)
            }
        }
    }

    @Test("the largest offsets neither trap nor give bytes", arguments: [Int64.max, Int64.max - 1, Int64.max - 65_536])
    func largestOffsets(offset: Int64) async throws {
        try await withFile { file in
            try file.write([1, 2, 3])
            // The kernel refuses a range beyond its largest file, or finds nothing there.
            do { #expect(try file.read(100, at: offset) == []) } catch let error as SystemError {
                #expect([EINVAL, EOVERFLOW].contains(error.code))
            }
            #expect(throws: SystemError.self) { try file.write([1, 2], at: offset) }
        }
    }

    @Test("a file up to the limit is read whole, a longer one refused", arguments: [0, 1, 65_536, 65_537, 3_000_000])
    func limits(count: Int) async throws {
        try await withFile { file in
            let content = SeededRandom(seed: 1).source.bytes(count)
            try file.write(content)
            #expect(try file.readAll(limit: count) == content)
            #expect(try file.readAll(limit: .max) == content)
            if count > 0 {
                #expect(throws: SystemError(operation: "read", path: file.path, code: EFBIG)) {
                    try file.readAll(limit: count - 1)
                }
            }
        }
    }

    @Test("a file whose size the system does not tell is read whole")
    func unknownSize() throws {
        let file = try File.open("/proc/self/status")
        #expect(try file.status().byteCount == 0)
        #expect(try file.readAll(limit: 1 << 20).count > 200)
        #expect(throws: SystemError(operation: "read", path: file.path, code: EFBIG)) { try file.readAll(limit: 20) }
    }

    @Test("a file that grows between the look at its size and the reading is read whole")
    func growing() async throws {
        try await withTemporaryDirectory { path in
            try writeFile(path + "/file", [1, 2, 3])
            let hasGrown = Flag()
            let faults = DiskFaults { operation, path in
                guard operation == .read, !hasGrown.isSet else { return }
                hasGrown.set()
                let handle = fopen(path, "a")
                fputs(String(repeating: "x", count: 100_000), handle)
                fclose(handle)
            }
            let file = try File.open(path + "/file", faults: faults)
            #expect(try file.readAll(limit: 1 << 20).count == 100_003)
        }
    }

    @Test("a file that claims to be immense takes no memory")
    func immense() async throws {
        try await withFile { file in
            try #require(truncate(file.path, 1 << 40) == 0)
            #expect(throws: SystemError(operation: "read", path: file.path, code: EFBIG)) {
                try file.readAll(limit: 1 << 16)
            }
        }
    }

    @Test("the largest size that a file system can tell is no trap")
    func largestSize() throws {
        let path = "/dev/shm/pkgmill-test-" + UUID().uuidString
        defer { unlink(path) }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(ftruncate(descriptor, .max) == 0)
        let file = try File.open(path)
        #expect(try file.status().byteCount == .max)
        #expect(throws: SystemError(operation: "read", path: path, code: EFBIG)) { try file.readAll(limit: 100) }
    }

    @Test("a folder is not read as a file")
    func folder() async throws {
        try await withTemporaryDirectory { path in
            let folder = try File.open(path)
            #expect(throws: SystemError(operation: "read", path: path, code: EISDIR)) {
                try folder.readAll(limit: 10)
            }
        }
    }

    @Test("a file opened for reading is not written to")
    func readOnly() async throws {
        try await withTemporaryDirectory { path in
            try writeFile(path + "/file", [1])
            let file = try File.open(path + "/file")
            #expect(throws: SystemError(operation: "write", path: file.path, code: EBADF)) { try file.write([2]) }
        }
    }

    @Test("a named pipe that takes no more is an error and no wait")
    func fullPipe() async throws {
        try await withTemporaryDirectory { path in
            try #require(mkfifo(path + "/pipe", 0o600) == 0)
            let pipe = try Directory.open(path).openOrCreateFile("pipe")
            #expect(throws: SystemError(operation: "write", path: pipe.path, code: EAGAIN)) {
                try pipe.write([UInt8](repeating: 0, count: 1 << 22))
            }
        }
    }

    @Test("a full disk is told as one", .enabled(if: geteuid() == 0, "only root mounts"))
    func fullDisk() async throws {
        try await withTemporaryDirectory { path in
            try #require(try run("mount", ["-t", "tmpfs", "-o", "size=64k", "none", path]).status == 0)
            defer { _ = try? run("umount", [path]) }  // the folder's removal would fail, and say so
            let file = try Directory.open(path).createFile("file")
            do throws(SystemError) {
                try file.write([UInt8](repeating: 1, count: 100_000))
                Issue.record("100,000 bytes were written to a disk of 65,536")
            } catch {
                #expect(error.isFull)
                #expect(error.description.hasSuffix("; free some space on that disk and try again"))
            }
        }
    }

    @Test("the lock goes with its file, also while a copy of the descriptor is open")
    func locksOfCopies() async throws {
        try await withTemporaryDirectory { path in
            let folder = try Directory.open(path)
            var first: File? = try folder.openOrCreateFile("lock")
            #expect(try first?.lock(waiting: false) == true)
            // As a program has one that is being started at this moment.
            let copy = dup(try #require(first?.descriptor))
            defer { close(copy) }
            first = nil
            #expect(try folder.openOrCreateFile("lock").lock(waiting: false))
        }
    }

    @Test("one of two who want the lock has it, until it lets go or is gone")
    func locks() async throws {
        try await withTemporaryDirectory { path in
            let folder = try Directory.open(path)
            let first = try folder.openOrCreateFile("lock")
            var second: File? = try folder.openOrCreateFile("lock")
            #expect(try first.lock(waiting: false))
            #expect(try second?.lock(waiting: false) == false)
            first.unlock()
            #expect(try second?.lock(waiting: false) == true)
            #expect(try first.lock(waiting: false) == false)
            second = nil
            #expect(try first.lock(waiting: false))
        }
    }

    @Test("waiting for a lock goes on when signals come in between")
    func interruptedLock() async throws {
        try await withTemporaryDirectory { path in
            let folder = try Directory.open(path)
            let holder = try folder.openOrCreateFile("lock")
            let waiter = try folder.openOrCreateFile("lock")
            #expect(try holder.lock(waiting: true))
            var action = sigaction()  // without SA_RESTART: the call is cut short
            action.__sigaction_handler.sa_handler = { _ in }
            try #require(sigaction(SIGUSR2, &action, nil) == 0)
            let thread = Mutex<pthread_t?>(nil)
            let hasLock = Flag()
            Thread.detachNewThread {
                thread.withLock { $0 = pthread_self() }
                #expect(throws: Never.self) { try #require(try waiter.lock(waiting: true)) }
                hasLock.set()
            }
            var interruptions = 0
            while interruptions < 200 {
                guard let waiting = thread.withLock({ $0 }) else { continue }
                pthread_kill(waiting, SIGUSR2)
                interruptions += 1
                sched_yield()
            }
            #expect(!hasLock.isSet)
            holder.unlock()
            while !hasLock.isSet { sched_yield() }
        }
    }

    @Test("many threads read one open file at their own places")
    func sharedReading() async throws {
        try await withFile { file in
            try file.write((0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 1_000) })
            let right = await concurrently(100) { number in
                (try? file.read(1_000, at: Int64(number) * 1_000)) == [UInt8](repeating: UInt8(number), count: 1_000)
            }
            #expect(right == 100)
        }
    }

    private func withFile(_ body: (File) async throws -> Void) async throws {
        try await withTemporaryDirectory { try await body(Directory.open($0).createFile("file")) }
    }
}
