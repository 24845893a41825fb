import Foundation
import TestSupport
import Testing

/// No submission is acknowledged before it is on the disk: the sync of the write-ahead log has returned
/// before the acknowledgement's first byte leaves.
@Suite struct SyncOrderTests {
    @Test("of a thousand submissions, each is synced before it is acknowledged")
    func thousand() async throws {
        try await withTemporaryDirectory { path in
            let text = try trace(
                in: path, ["bench", "queue", "--acknowledge", "--jobs", "1000", "--directory", path])
            // Its database lies in a folder of its own, whose name is seen in the log alone.
            let file = try #require(text.firstMatch(of: #/<([^<>"]*/bench\.db-wal)>/#)).1
            let log = SystemCallLog(text, writeAheadLog: String(file))
            #expect(log.acknowledgements.count == 1000)
            #expect(Set(log.acknowledgements).count == 1000)
            #expect(log.tooEarly.isEmpty, "\(log.tooEarly.prefix(3))")

            // The same run without its syncs: the check must object to each.
            let lines = text.split(separator: "\n").filter { !$0.contains("sync(") && !$0.contains("sync resumed") }
            let unsynced = SystemCallLog(lines.joined(separator: "\n"), writeAheadLog: String(file))
            #expect(unsynced.acknowledgements.count == 1000)
            #expect(unsynced.tooEarly.count == 1000)
            #expect(filesBelow(path) == ["trace"], "the bench leaves nothing behind")
        }
    }

    @Test("submit prints an id when the job is synced")
    func submit() async throws {
        try await FarmFixture.with { farm in
            let file = try run("realpath", [farm.path]).text.trimmingCharacters(in: .whitespacesAndNewlines)
            for number in 0..<rounds(reduced: 5, full: 50) {
                let text = try trace(
                    in: farm.path,
                    [
                        "submit", "--sealing", "plain", "--node-name", "n-\(number)", "--config",
                        farm.configurationPath,
                    ])
                let log = SystemCallLog(text, writeAheadLog: file + "/farm.db-wal")
                #expect(log.acknowledgements.count == 1)
                #expect(log.tooEarly.isEmpty, "\(text)")
            }
            #expect(try farm.jobs().count == rounds(reduced: 5, full: 50))
        }
    }

    @Test("the check finds an acknowledgement that left before, during or without a sync, or after one that failed")
    func checker() {
        let write = "7 pwrite64(5</f-wal>, \"x\", 1, 0) = 1"
        let sync = "7 fdatasync(5</f-wal>) = 0"
        let told = "8 write(1<pipe:[1]>, \"id\\n\", 3) = 3"
        func early(_ lines: String...) -> [String] {
            SystemCallLog(lines.joined(separator: "\n"), writeAheadLog: "/f-wal").tooEarly
        }
        #expect(early(write, sync, told) == [])
        #expect(early(write, sync, told, write, sync, told) == [])
        #expect(early(write, told, sync) == ["id\\n"])
        #expect(early(write, told) == ["id\\n"])
        #expect(early(sync, write, told) == ["id\\n"])
        #expect(early(write, sync, write, told) == ["id\\n"])
        #expect(early(write, sync, told, told) == ["id\\n"], "the second has no write of its own")
        #expect(early(write, "7 fdatasync(5</f-wal>) = -1 EIO (Input/output error)", told) == ["id\\n"])
        #expect(early(write, "7 fdatasync(6</f>) = 0", told) == ["id\\n"], "the sync of another file")
        let (began, ended) = ("7 fdatasync(5</f-wal> <unfinished ...>", "7 <... fdatasync resumed>) = 0")
        #expect(early(write, began, ended, told) == [])
        #expect(early(write, began, told, ended) == ["id\\n"])
        #expect(early(began, write.replacingOccurrences(of: "7", with: "9"), ended, told) == ["id\\n"])
        #expect(
            early(
                write, "9 pwrite64(5</f-wal>, \"x\", 1, 0 <unfinished ...>", sync, told,
                "9 <... pwrite64 resumed>) = 1") == ["id\\n"])
    }

    /// What strace sees of the executable.
    private func trace(in folder: String, _ words: [String]) throws -> String {
        let file = folder + "/trace"
        let result = try run(
            "strace", ["-f", "-y", "-s", "64", "-e", SystemCallLog.calls, "-o", file, executable()] + words)
        #expect(result.status == 0, "\(result.errorText)")
        return String(decoding: try contentOfFile(file), as: UTF8.self)
    }
}
