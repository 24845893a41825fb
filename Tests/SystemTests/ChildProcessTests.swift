import Foundation
import Synchronization
import TestSupport
import Testing

@testable import System

@Suite struct ChildProcessTests {
    @Test("its exit code is told", arguments: [0, 1, 42, 255])
    func exitCode(_ code: Int32) async throws {
        #expect(try await shell("exit \(code)").ended() == .code(code))
    }

    @Test("the signal that ended it is told", arguments: [SIGKILL, SIGTERM, SIGSEGV])
    func signal(_ number: Int32) async throws {
        #expect(try await shell("kill -\(number) $$").ended() == .signal(number))
    }

    @Test("a signal reaches it, and none is sent once its end is known")
    func signals() async throws {
        try await withTemporaryDirectory { path in
            let command = "trap 'exit 7' TERM; trap 'exit 8' INT; : > '\(path)/ready'; while :; do sleep 0.01; done"
            let taker = try shell(command)
            let isReady = try await eventually { FileManager.default.fileExists(atPath: path + "/ready") }
            #expect(isReady)
            taker.send(.interrupt)
            #expect(await taker.ended() == .code(8))
            taker.send(.terminate)
            taker.kill9()
        }
        let held = try shell("exec sleep 1000")
        held.kill9()
        #expect(await held.ended() == .signal(SIGKILL))
        #expect(ChildProcess.Exit.signal(9).description == "was ended by signal 9")
        #expect(ChildProcess.Exit.code(3).description == "ended with code 3")
    }

    @Test("signals that are ignored or blocked here are as usual there")
    func signalsAsUsual() async throws {
        // One that no other test sends or takes: this holds for the whole process.
        let previous = Foundation.signal(SIGUSR1, SIG_IGN)
        let child = try shell("grep -E '^Sig(Ign|Blk):' /proc/self/status")
        _ = Foundation.signal(SIGUSR1, previous)
        let lines = try child.text().split(separator: "\n")
        _ = await child.ended()
        #expect(lines.count == 2)
        for line in lines {
            let mask = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16)
            #expect(mask.map { $0 & 0x7FFF_FFFF } == 0, "\(line)")
        }
    }

    @Test("what it writes is captured to the end, up to the limit", arguments: [0, 1, 65_537, 300_000])
    func output(count: Int) async throws {
        let child = try shell("head -c \(count) /dev/zero")
        #expect(try child.readOutput(limit: count) == [UInt8](repeating: 0, count: count))
        #expect(await child.ended() == .code(0))
        guard count > 0 else { return }
        let long = try shell("head -c \(count) /dev/zero")
        #expect(throws: SystemError.self) { try long.readOutput(limit: count - 1) }
        long.kill9()
        _ = await long.ended()
    }

    @Test("it has the arguments and the environment that it was given, and nothing else")
    func environment() async throws {
        let child = try ChildProcess.start(
            "/usr/bin/env", [], environment: ["A=1", "B=x y=z", "C="], output: .captured)
        #expect(try child.text() == "A=1\nB=x y=z\nC=\n")
        _ = await child.ended()
        let words = try ChildProcess.start(
            "/bin/sh", ["-c", "printf '[%s]' \"$@\"", "sh", "", "a b", "*", "ü"], environment: [], output: .captured)
        #expect(try words.text() == "[][a b][*][ü]")
        _ = await words.ended()
    }

    @Test("its standard input ends when nobody holds it any longer")
    func lifeline() async throws {
        try await withTemporaryDirectory { path in
            var child: ChildProcess? = try shell("cat; : > '\(path)/ended'; exec sleep 1000")
            let identifier = try #require(child?.identifier)
            #expect(!FileManager.default.fileExists(atPath: path + "/ended"))
            child = nil
            let hasNoticed = try await eventually { FileManager.default.fileExists(atPath: path + "/ended") }
            #expect(hasNoticed)
            kill(identifier, SIGKILL)
            waitpid(identifier, nil, 0)
        }
    }

    @Test("of many that were started at once, each ends alone: none holds another one's input open")
    func separateLifelines() async throws {
        for _ in 0..<rounds(reduced: 10, full: 100) {
            let children = Started()
            #expect(
                await concurrently(8) { _ in
                    guard let child = try? shell("cat") else { return false }
                    children.add(child)
                    return true
                } == 8)
            for identifier in children.identifiers {
                children.letGo(identifier)
                let hasEnded = try await eventually(within: .seconds(30)) { waitpid(identifier, nil, WNOHANG) != 0 }
                #expect(hasEnded, "another one holds its input")
            }
        }
    }

    @Test("it has no descriptor of ours")
    func descriptors() async throws {
        try await withTemporaryDirectory { path in
            let folder = try Directory.open(path)
            let file = try folder.createFile("file")
            let bell = try Doorbell("bell", in: folder)
            // As a library opens one: without the mark that closes it.
            let unmarked = open(path + "/file", O_RDONLY)
            try #require(unmarked >= 3)
            defer { close(unmarked) }
            let other = try shell("cat")
            let child = try shell("for f in /proc/self/fd/*; do readlink \"$f\"; done")
            let targets = try child.text().split(separator: "\n")
            _ = await child.ended()
            other.kill9()
            _ = await other.ended()
            withExtendedLifetime((folder, file, bell)) {}
            #expect(targets.allSatisfy { !$0.hasPrefix(path) }, "\(targets)")
        }
    }

    @Test("a program that cannot be started is an error, and leaves no descriptor behind")
    func notStarted() throws {
        let before = pipeCount()
        for _ in 0..<500 {
            #expect(throws: SystemError(operation: "start", path: "/nowhere/to/be-found", code: ENOENT)) {
                try ChildProcess.start("/nowhere/to/be-found", [], environment: [], output: .captured)
            }
        }
        // Other tests come and go; two thousand would have been left.
        #expect(pipeCount() < before + 200)
    }

    private func shell(_ command: String) throws -> ChildProcess {
        try ChildProcess.start(
            "/bin/sh", ["-c", command], environment: ["PATH=/usr/bin:/bin"], output: .captured)
    }
}

/// Children that are let go one after another.
private final class Started: Sendable {
    private let children = Mutex<[Int32: ChildProcess]>([:])

    var identifiers: [Int32] { children.withLock { $0.keys.sorted() } }

    func add(_ child: ChildProcess) { children.withLock { $0[child.identifier] = child } }

    func letGo(_ identifier: Int32) { children.withLock { $0[identifier] = nil } }
}

extension ChildProcess {
    fileprivate func text() throws -> String { String(decoding: try readOutput(limit: 1 << 20), as: UTF8.self) }
}

/// How many descriptors of this process are ends of pipes.
func pipeCount() -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.count { name in
        // A descriptor of another test may close meanwhile.
        let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)) ?? ""
        return target.hasPrefix("pipe:")
    }
}
