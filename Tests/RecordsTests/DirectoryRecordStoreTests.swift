import Foundation
import Synchronization
import System
import TestSupport
import Testing

@testable import Records

/// What is the directory store's alone: its files, other programs that write to them, and disks that fail.
@Suite struct DirectoryRecordStoreTests {
    private let clock = ManualClock()

    private func open(_ folder: String, faults: DiskFaults = .none) async throws(RecordError) -> DirectoryRecordStore {
        try await DirectoryRecordStore.open(folder + "/records", faults: faults, now: { [clock] in clock.now })
    }

    @Test("records and revisions are kept when the folder is opened again, also past a deletion")
    func reopens() async throws {
        try await withTemporaryDirectory { folder in
            let kept = try await open(folder).put("a", "kept")
            let store = try await open(folder)
            #expect(try await store.read("a", in: "things") == kept)
            let gone = try await store.put("b")
            try await store.delete("b", in: "things", expecting: gone.revision)
            #expect(try await open(folder).put("b").revision > gone.revision)
        }
    }

    @Test("of two stores on one folder exactly one wins each write")
    func twoStores() async throws {
        try await withTemporaryDirectory { folder in
            let stores = [try await open(folder), try await open(folder)]
            try await expectOneWinner(of: stores)
        }
    }

    @Test("expired records are removed by later writes, and their revisions do not come back")
    func sweeps() async throws {
        try await withTemporaryDirectory { folder in
            let store = try await open(folder)
            var last: Int64 = 0
            for number in 0..<20 {
                last = max(last, try await store.put("n\(number)", expires: clock.now + .seconds(1)).revision)
            }
            clock.advance(by: .seconds(1))
            for number in 0..<5 { try await store.put("later\(number)") }
            let left = try FileManager.default.contentsOfDirectory(atPath: folder + "/records/r-things")
            #expect(left.sorted() == (0..<5).map { "r-later\($0)" })
            #expect(try await store.put("n3").revision > last)
        }
    }

    @Test("every name has one file of its own, on file systems without capitals and colons too, and is found again")
    func names() async throws {
        let names = [
            "a", "A", "a.b", "a:b", "a_b", "a-b", ".", "..", "...", ".hidden", "-", "r-a", "x-", "CON", "nul.txt",
            String(repeating: "A", count: 128), String(repeating: "a", count: 128), String(repeating: "Z9", count: 64),
        ]
        let files = names.map { RecordFileName.text(of: $0) }
        #expect(Set(files.map { $0.lowercased() }).count == names.count)
        for (name, file) in zip(names, files) {
            #expect(file == file.lowercased() && !file.contains(":") && file.utf8.count <= 232, "\(name)")
            #expect(RecordFileName.name(of: Array(file.utf8)) == Array(name.utf8), "\(name)")
        }
        for file in ["", "a", "r-", "r-A", "r-=", "r-==a", "r-a.b", "x-a", "x-0", ".new-r-a", "r-a.lock", "r-\u{E9}"] {
            #expect(RecordFileName.name(of: Array(file.utf8)) == nil, "\(file)")
        }
        try await withTemporaryDirectory { folder in
            let store = try await open(folder)
            for name in names { try await store.put(name, name) }
            for name in names { try await store.write("x", in: name, body: [], expires: nil, expecting: nil) }
            let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            #expect(try await store.names() == sorted)
            #expect(
                try await store.collections()
                    == (sorted + ["things"]).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        }
    }

    @Test("files that no version of ours wrote are told, and harm no other")
    func garbage() async throws {
        let contents = [
            "", "\n", "x", "pkgmill-record 1 1 never 0", "pkgmill-record 2 1 never 0\n", "pkgmill-record 1 0 never 0\n",
            "pkgmill-record 1 -1 never 0\n", "pkgmill-record 1 99999999999999999999 never 0\n",
            "pkgmill-record 1 1 never 1\n", "pkgmill-record 1 1 never 0\nx", "pkgmill-record 1 1 soon 0\n",
            "pkgmill-record 1 1 never 0 0\n", "pkgmill-record  1 1 never 0\n", String(repeating: "a", count: 200),
        ]
        try await withTemporaryDirectory { folder in
            let store = try await open(folder)
            let good = try await store.put("good", "body")
            for content in contents {
                try writeFile(folder + "/records/r-things/r-bad", Array(content.utf8))
                let error = await #expect(throws: RecordError.self, "\(content)") {
                    try await store.read("bad", in: "things")
                }
                guard case .unreadable("things", "bad", _)? = error else {
                    Issue.record("\(content): \(String(describing: error))")
                    continue
                }
                await #expect(throws: RecordError.self) { try await store.put("bad") }
                #expect(try await store.read("good", in: "things") == good)
            }
            try FileManager.default.removeItem(atPath: folder + "/records/r-things/r-bad")
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/records/r-things/r-bad", withDestinationPath: "r-good")
            await #expect(throws: RecordError.self) { try await store.read("bad", in: "things") }
            try FileManager.default.removeItem(atPath: folder + "/records/r-things/r-bad")
            try writeFile(folder + "/records/r-things/.new-r-next", Array("left by a killed process".utf8))
            #expect(try await store.put("next").revision > 0)
            #expect(try await store.names() == ["good", "next"])
        }
    }

    @Test("a write that fails at any step leaves the old record, or is done, and the next one works")
    func failingDisk() async throws {
        try await withTemporaryDirectory { folder in
            let plain = try await open(folder)
            var record = try await plain.put("a", "0")
            for operation in [DiskOperation.open, .create, .write, .sync, .rename, .remove] {
                for number in 0..<3 {
                    let countdown = Mutex(number)
                    let faults = DiskFaults { (found, path) throws(SystemError) in
                        guard found == operation else { return }
                        let isNow = countdown.withLock { left in
                            left -= 1
                            return left == -1
                        }
                        if isNow { throw SystemError(operation: operation.rawValue, path: path, code: ENOSPC) }
                    }
                    // Opening it may be what fails.
                    guard let store = try? await open(folder, faults: faults) else { continue }
                    do {
                        record = try await store.put("a", "\(operation) \(number)", expecting: record.revision)
                    } catch {
                        guard case .backend = error as? RecordError else { Issue.record("\(error)"); continue }
                        let found = try #require(try await plain.read("a", in: "things"))
                        // Synced and renamed, and then the folder could not be synced: it is there, and nobody was told so.
                        #expect(found == record || found.body == Array("\(operation) \(number)".utf8))
                        record = found
                    }
                    record = try await plain.put("a", "again", expecting: record.revision)
                }
            }
        }
    }
}
