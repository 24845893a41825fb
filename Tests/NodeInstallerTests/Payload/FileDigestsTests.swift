import Foundation
import Synchronization
import System
import TestSupport
import Testing

@testable import NodeInstaller

/// Digests that are remembered from one walk to the next.
@Suite struct FileDigestsTests {
    /// Counts reads of payload files.
    private final class Reads: Sendable {
        let count = Mutex(0)
        var faults: DiskFaults {
            DiskFaults { operation, _ in if operation == .read { self.count.withLock { $0 += 1 } } }
        }

        func taken() -> Int {
            count.withLock { count in
                defer { count = 0 }
                return count
            }
        }
    }

    /// A clock so far ahead that every file has been left alone.
    private static func later() -> Timestamp { Timestamp.systemClock() + .seconds(60) }

    private func scan(_ payload: PayloadFixture, _ digests: FileDigests?, _ reads: Reads) throws -> Payload {
        try PayloadDirectory.scan(path: payload.path, digests: digests, faults: reads.faults)
    }

    @Test("a payload that stays as it is is read once, and found to be the same each time")
    func remembers() async throws {
        try await withPayload { payload in
            for number in 0..<20 { try payload.file("a/\(number)", "content \(number)") }
            let (digests, reads) = (FileDigests(now: Self.later), Reads())
            let first = try scan(payload, digests, reads)
            #expect(reads.taken() == 20)
            let whole = try scan(payload, nil, reads)
            #expect(reads.taken() == 20)
            for _ in 0..<3 {
                let again = try scan(payload, digests, reads)
                #expect(reads.taken() == 0)
                #expect(again.digest == first.digest && again.digest == whole.digest)
                #expect(again.byteCount == first.byteCount && again.fileCount == 20)
            }
        }
    }

    @Test("a file is read again when it has changed, also at the same size and with its old time of writing")
    func changes() async throws {
        try await withPayload { payload in
            try payload.file("a", "one")
            try payload.file("b", "two")
            let (digests, reads) = (FileDigests(now: Self.later), Reads())
            let first = try scan(payload, digests, reads)
            let path = payload.path + "/a"
            let written = try #require(
                try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date)
            _ = reads.taken()
            for content in ["eno", "neo"] {
                try payload.file("a", content)
                try FileManager.default.setAttributes([.modificationDate: written], ofItemAtPath: path)
                let second = try scan(payload, digests, reads)
                #expect(reads.taken() == 1)
                #expect(second.digest != first.digest)
                #expect(try second.digest == scan(payload, nil, reads).digest)
                _ = reads.taken()
            }
            // Another file in its place, with all that can be copied from it.
            try FileManager.default.copyItem(atPath: payload.path + "/b", toPath: payload.path + "/c")
            try FileManager.default.removeItem(atPath: payload.path + "/b")
            try FileManager.default.moveItem(atPath: payload.path + "/c", toPath: payload.path + "/b")
            _ = try scan(payload, digests, reads)
            #expect(reads.taken() == 1)
        }
    }

    @Test("a file that was written a moment ago is not remembered, nor one from the future")
    func restless() async throws {
        try await withPayload { payload in
            try payload.file("a", "one")
            for shift in [Duration.zero, .seconds(-3600)] {
                let (digests, reads) = (FileDigests(now: { Timestamp.systemClock() + shift }), Reads())
                for _ in 0..<2 {
                    _ = try scan(payload, digests, reads)
                    #expect(reads.taken() == 1)
                }
            }
        }
    }

    @Test("what is no longer in the payload is forgotten, and a walk that is refused loses nothing but that")
    func forgets() async throws {
        try await withPayload { payload in
            try payload.file("a", "one")
            try payload.file("b", "two")
            let (digests, reads) = (FileDigests(now: Self.later), Reads())
            _ = try scan(payload, digests, reads)
            try FileManager.default.moveItem(atPath: payload.path + "/b", toPath: payload.path + "-b")
            _ = try scan(payload, digests, reads)
            try FileManager.default.moveItem(atPath: payload.path + "-b", toPath: payload.path + "/b")
            _ = reads.taken()
            _ = try scan(payload, digests, reads)
            #expect(reads.taken() == 1)
            try payload.link("c", to: "/etc/passwd")
            #expect(throws: PayloadError.self) { try scan(payload, digests, reads) }
            try FileManager.default.removeItem(atPath: payload.path + "/c")
            _ = reads.taken()
            _ = try scan(payload, digests, reads)
            #expect(reads.taken() == 0)
        }
    }
}
