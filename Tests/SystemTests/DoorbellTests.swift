import Foundation
import Synchronization
import TestSupport
import Testing

@testable import System

@Suite struct DoorbellTests {
    @Test("a ring that nobody waits for is kept, and taken once")
    func kept() async throws {
        try await withFolder { folder, _ in
            let bell = try Doorbell("bell", in: folder)
            try Doorbell("bell", in: folder).ring()
            #expect(try await Doorbell.wait(for: [bell], atMost: .zero))
            #expect(try await Doorbell.wait(for: [bell], atMost: .zero) == false)
        }
    }

    @Test("of several that wait, one ring wakes one")
    func wakesOne() async throws {
        try await withFolder { folder, _ in
            let bells = try (0..<4).map { _ in try Doorbell("bell", in: folder) }
            let answers = try await withThrowingTaskGroup(of: Bool.self) { group in
                for bell in bells { group.addTask { try await Doorbell.wait(for: [bell], atMost: .seconds(3600)) } }
                bells[0].ring()
                // The first to return has heard it; the others go on waiting, until they are cancelled.
                var answers = [try await group.next() ?? false]
                group.cancelAll()
                for try await answer in group { answers.append(answer) }
                return answers
            }
            #expect(answers == [true, false, false, false])
        }
    }

    @Test("as many rings as waiters reach all of them, one after another")
    func reachesAll() async throws {
        try await withFolder { folder, _ in
            let bell = try Doorbell("bell", in: folder)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 { group.addTask { try await Doorbell.wait(for: [bell], atMost: .seconds(3600)) } }
                for _ in 0..<4 {
                    bell.ring()
                    let answer = try await group.next()
                    #expect(answer == true)
                }
            }
        }
    }

    @Test("whoever waits for several bells is woken by each of them", arguments: 0..<3)
    func several(_ number: Int) async throws {
        try await withFolder { folder, _ in
            let bells = try (0..<3).map { try Doorbell("bell-\($0)", in: folder) }
            async let answer = Doorbell.wait(for: bells, atMost: .seconds(3600))
            bells[number].ring()
            #expect(try await answer)
        }
    }

    @Test("a wait that is cancelled returns, also before it has begun")
    func cancelled() async throws {
        try await withFolder { folder, _ in
            let bell = try Doorbell("bell", in: folder)
            for _ in 0..<200 {
                let wait = Task { try await Doorbell.wait(for: [bell], atMost: .seconds(3600)) }
                wait.cancel()
                #expect(try await wait.value == false)
            }
        }
    }

    @Test("a wait ends by itself when its time is over, and not before")
    func limit() async throws {
        try await withFolder { folder, _ in
            let bell = try Doorbell("bell", in: folder)
            let start = ContinuousClock.now
            #expect(try await Doorbell.wait(for: [bell], atMost: .milliseconds(30)) == false)
            #expect(ContinuousClock.now - start >= .milliseconds(30))
            #expect(try await Doorbell.wait(for: [bell], atMost: .seconds(-1)) == false)
        }
    }

    @Test("ringing never waits, and however often it was rung, one look takes it all")
    func fullPipe() async throws {
        try await withFolder { folder, _ in
            let bell = try Doorbell("bell", in: folder)
            for _ in 0..<200_000 { bell.ring() }
            #expect(try await Doorbell.wait(for: [bell], atMost: .zero))
            #expect(try await Doorbell.wait(for: [bell], atMost: .zero) == false)
            bell.ring()
            #expect(try await Doorbell.wait(for: [bell], atMost: .zero), "it rings again afterwards")
        }
    }

    @Test("the pipe is private and stays for the next process")
    func pipe() async throws {
        try await withFolder { folder, path in
            var bell: Doorbell? = try Doorbell("bell", in: folder)
            bell?.ring()
            bell = nil
            let attributes = try FileManager.default.attributesOfItem(atPath: path + "/bell")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(filesBelow(path) == ["bell"])
        }
    }

    @Test("anything else in the pipe's place is refused and left as it is")
    func impostors() async throws {
        try await withFolder { folder, path in
            try writeFile(path + "/file", Array("content".utf8))
            try FileManager.default.createDirectory(atPath: path + "/folder", withIntermediateDirectories: true)
            _ = try Doorbell("bell", in: folder)
            try FileManager.default.createSymbolicLink(atPath: path + "/link", withDestinationPath: "bell")
            for name in ["file", "folder", "link"] {
                #expect(throws: SystemError.self, "\(name)") { try Doorbell(name, in: folder) }
            }
            #expect(try contentOfFile(path + "/file") == Array("content".utf8))
            #expect(openDescriptors(below: path) == 1, "the folder's own")
        }
    }

    @Test("a circle's ring reaches all who have joined, from wherever it is rung")
    func circle() async throws {
        try await withFolder { folder, path in
            let circle = DoorbellCircle(in: folder, random: .system)
            let bells = try (0..<5).map { _ in try circle.join() }
            DoorbellCircle(in: folder, random: .system).ring()
            let late = try circle.join()
            for bell in bells { #expect(try await Doorbell.wait(for: [bell], atMost: .zero)) }
            #expect(try await Doorbell.wait(for: [late], atMost: .zero) == false)
            withExtendedLifetime((bells, late)) { #expect(filesBelow(path).count == 6) }
        }
    }

    @Test("whoever leaves a circle takes the pipe along, and a dead one's is removed by the next ring")
    func deadListeners() async throws {
        try await withFolder { folder, path in
            let circle = DoorbellCircle(in: folder, random: .system)
            var bell: Doorbell? = try circle.join()
            let alive = try circle.join()
            withExtendedLifetime(bell) {}
            bell = nil
            #expect(filesBelow(path).count == 1)
            // A process that was killed while it listened.
            try #require(mkfifo(path + "/listener-dead", 0o600) == 0)
            circle.ring()
            #expect(!filesBelow(path).contains("listener-dead"))
            #expect(try await Doorbell.wait(for: [alive], atMost: .zero))
        }
    }

    @Test("a circle leaves alone what is no listener's pipe")
    func foreignFiles() async throws {
        try await withFolder { folder, path in
            let circle = DoorbellCircle(in: folder, random: .system)
            try writeFile(path + "/listener-file", Array("content".utf8))
            try writeFile(path + "/target", Array("target".utf8))
            try FileManager.default.createSymbolicLink(atPath: path + "/listener-link", withDestinationPath: "target")
            try #require(mkfifo(path + "/other", 0o600) == 0)
            let bell = try circle.join()
            circle.ring()
            #expect(try await Doorbell.wait(for: [bell], atMost: .zero))
            #expect(try contentOfFile(path + "/listener-file") == Array("content".utf8))
            #expect(try contentOfFile(path + "/target") == Array("target".utf8))
            #expect(FileManager.default.fileExists(atPath: path + "/other"))
        }
    }

    @Test("neither waits nor circles leave descriptors behind")
    func descriptors() async throws {
        try await withFolder { folder, path in
            let bell = try Doorbell("bell", in: folder)
            let circle = DoorbellCircle(in: folder, random: .system)
            let before = pipeCount()
            for number in 0..<1000 {
                if number % 3 == 0 { bell.ring() }
                _ = try await Doorbell.wait(for: [bell], atMost: number % 3 == 1 ? .milliseconds(1) : .zero)
                let listener = try circle.join()
                circle.ring()
                withExtendedLifetime(listener) {}
            }
            // Other tests come and go; two thousand would have been left.
            #expect(pipeCount() < before + 200)
            #expect(openDescriptors(below: path) == 2, "the folder's and the bell's")
            #expect(filesBelow(path) == ["bell"])
        }
    }

    private func withFolder(_ body: (Directory, String) async throws -> Void) async throws {
        try await withTemporaryDirectory { path in try await body(try Directory.open(path), path) }
    }
}
