import Foundation
import Synchronization
import System
import TestSupport
import Testing

/// Files that get their names when they are whole.
@Suite struct PendingFileTests {
    @Test("one goes on with what an earlier one of its key has left, and two never at once")
    func resumes() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/a"
            do {
                let first = try PendingFile(path: path, resuming: "k")
                try first.file.write(Array("abc".utf8))
                #expect(throws: SystemError.self) { try PendingFile(path: path, resuming: "k") }
                let other = try PendingFile(path: path, resuming: "l")
                other.discard()
            }
            let second = try PendingFile(path: path, resuming: "k")
            try second.file.write(Array("def".utf8), at: 3)
            #expect(!FileManager.default.fileExists(atPath: path))
            try second.commit()
            #expect(try contentOfFile(path) == Array("abcdef".utf8))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a"])
        }
    }

    @Test("one that gets its name while another one opens it is not gone on with", arguments: [false, true])
    func overtaken(hasSuccessor: Bool) async throws {
        try await withTemporaryDirectory { folder in
            let (path, part) = (folder + "/a", folder + "/.pkgmill-part-k")
            try writeFile(part, Array("whole".utf8))
            let isDone = Mutex(false)
            // Just before the second one looks whether the name is still that file's.
            let faults = DiskFaults { operation, place in
                guard operation == .status, place.hasSuffix("part-k"), !isDone.withLock({ $0 }) else { return }
                isDone.withLock { $0 = true }
                _ = rename(part, path)
                if hasSuccessor { _ = FileManager.default.createFile(atPath: part, contents: Data("new".utf8)) }
            }
            #expect(throws: SystemError(operation: "go on with", path: path, code: EBUSY)) {
                try PendingFile(path: path, resuming: "k", replacing: true, faults: faults)
            }
            #expect(isDone.withLock { $0 })
            #expect(try contentOfFile(path) == Array("whole".utf8))
        }
    }
}
