import Foundation
import JSON
import TestSupport
import Testing

/// A database that is cut, replaced, or without room to grow: said so, and no acknowledged job is lost.
@Suite struct FullDiskTests {
    @Test(
        "a database that is cut short is named by every command, and left as it is", arguments: [1, 100, 4096, 20_000])
    func truncated(count: Int) async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit()
            try farm.sqlite("PRAGMA wal_checkpoint(TRUNCATE)")
            let path = farm.path + "/farm.db"
            let bytes = Array(try contentOfFile(path).prefix(count))
            for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            try writeFile(path, bytes, mode: 0o600)
            for words in [
                ["list"], ["status", id], ["queue", "stats"], ["queue", "check"], ["work", "--drain"], ["cancel", id],
                ["submit", "--sealing", "plain"], ["queue", "events", "--since", "0"],
                ["queue", "backup", farm.path + "/copy.db"],
            ] {
                let result = try farm.pkgmill(words)
                #expect(result.status == 7, "\(words): \(result.status) \(result.text) \(result.errorText)")
                #expect(result.errorText.contains("farm.db") || result.text.isEmpty == false, "\(words)")
            }
            #expect(!FileManager.default.fileExists(atPath: farm.path + "/copy.db"))
            #expect(try contentOfFile(path) == bytes)
        }
    }

    @Test("a database that is replaced under running workers ends nobody by a signal")
    func replaced() async throws {
        try await FarmFixture.with { farm in
            let parent = try farm.running("work", "--workers", "2", "--json")
            let isUp = try await eventually { try farm.stats()["workers"]?.array?.count == 2 }
            #expect(isUp)
            let path = farm.path + "/farm.db"
            try FileManager.default.moveItem(atPath: path, toPath: path + ".old")
            let missing = try farm.pkgmill("submit", "--sealing", "plain")
            #expect(missing.status == 7)
            #expect(missing.errorText.contains("farm.db"))
            try FileManager.default.moveItem(atPath: path + ".old", toPath: path)
            let id = try farm.submit()
            try await farm.wait(for: id, toBe: "succeeded")
            try writeFile(path + ".new", [UInt8](repeating: 0x5A, count: 40_960), mode: 0o600)
            #expect(try run("mv", [path + ".new", path]).status == 0)
            #expect(try farm.pkgmill("queue", "stats").status == 7)
            parent.send(SIGTERM)
            #expect(try await parent.exitStatus() >= 0, "\(parent.errors)")
            for document in try parent.documents() where document["event"]?.string == "process-died" {
                #expect(document["how"]?.string?.contains("signal") == false, "\(document.text())")
            }
        }
    }

    @Test("on a full disk submissions are refused, and every one that was acknowledged is there")
    func submitting() async throws {
        try await FarmFixture.with { farm in
            // All in one mount: the farm lies on a small disk, fills it, and is copied off it in the end.
            let script = """
                cp -R "$2" "$3/farm" && config="$3/farm/pkgmill.yaml" || exit 99
                name=0; failures=0
                while [ $failures -lt 5 ] && [ $name -lt 4000 ]; do
                    name=$((name + 1))
                    if id=$("$1" submit --sealing plain --node-name "n-$name" --label "filler=$4" --config "$config")
                    then echo "$id"; else code=$?; echo "refused $code"; failures=$((failures + 1)); fi
                done
                "$1" list --limit 1 --config "$config" >/dev/null; echo "list $?"
                "$1" work --drain --config "$config" >/dev/null 2>&1 & worker=$!
                sleep 1; kill -9 $worker; wait $worker; echo "worker $?"
                rm -rf "$2/farm.db"*; cp "$3/farm/farm.db" "$2/" && { cp "$3/farm/farm.db-wal" "$2/" || true; }
                """
            let filler = String(repeating: "x", count: 60)
            let filled = try onSmallDisk(farm, script, filler)
            let lines = filled.text.split(separator: "\n").map(String.init)
            let acknowledged = lines.filter { $0.utf8.count == 36 }
            #expect(!acknowledged.isEmpty, "\(filled.text) \(filled.errorText)")
            let refusals = lines.filter { $0.hasPrefix("refused") }
            #expect(refusals == Array(repeating: "refused 7", count: 5), "\(refusals) \(filled.errorText)")
            #expect(filled.errorText.contains("space") || filled.errorText.contains("full"), "\(filled.errorText)")
            #expect(lines.contains("list 0"), "looking goes on")
            // It has waited for room until it was killed, or found none to begin with; nothing else may have ended it.
            #expect(["worker 137", "worker 7"].contains { lines.contains($0) }, "\(lines.suffix(3))")
            // On a disk with room again.
            #expect(try farm.isSound())
            let present = try farm.sqlite("SELECT count(*) FROM job")
            #expect(try #require(Int(present)) >= acknowledged.count)
            let listed = try farm.jobs().compactMap { $0["id"]?.string }
            #expect(acknowledged.suffix(500).allSatisfy { listed.contains($0) })
        }
    }

    /// Runs a script that sees a disk of a megabyte at its third argument.
    private func onSmallDisk(_ farm: FarmFixture, _ script: String, _ more: String) throws -> CommandResult {
        let disk = farm.path + "-disk"
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        return try run(
            "bwrap",
            [
                "--dev-bind", "/", "/", "--size", "1000000", "--tmpfs", disk, "sh", "-c", script, "sh", executable(),
                farm.path, disk, more,
            ])
    }
}
