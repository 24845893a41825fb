import Foundation
import JSON
import TestSupport
import Testing

/// What the documentation says, done.
@Suite struct DocumentationTests {
    @Test("the examples of the API's page work, and there is one for each route")
    func examples() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = String(decoding: try contentOfFile(root.path + "/docs/api.md"), as: UTF8.self)
        let part = try #require(page.components(separatedBy: "## Each route, by example").last)
        let blocks = part.components(separatedBy: "```sh\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
        #expect(blocks.count > 8)
        try await ServedFarm.with(settings: "farm:\n  sealing: plain\n") { farm in
            // The first block says where the farm is and who asks: here they are others.
            let script = "set -eu\nfarm=$1 key=$2\n" + blocks.dropFirst().joined(separator: "\n")
            let folder = farm.fixture.path + "/examples"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let result = try run(
                "/bin/sh", ["-c", script, "sh", farm.url(""), try farm.key(of: "admin")], in: folder)
            #expect(result.status == 0, "\(result.text)\n\(result.errorText)")
            #expect(try farm.fixture.pkgmill("lint", folder + "/lab-1.pkg").status == 0)

            let table = try farm.curl(nil, "GET", "/openapi.json").json
            var missing: [String] = []
            let areLogged = try await eventually {
                missing = try unanswered(table, in: farm.program.errors)
                return missing.isEmpty
            }
            #expect(areLogged, "no example of \(missing)")
        }
    }

    /// The routes of the table of which the log has no request that was answered well.
    private func unanswered(_ table: JSONValue, in log: String) throws -> [String] {
        var missing: [String] = []
        for path in try #require(table["paths"]?.members) {
            for operation in path.value.members ?? [] {
                let pattern = path.name.replacingOccurrences(
                    of: #"\{[a-z]+\}"#, with: "(\\\\{[a-z]+\\\\}|[^ /]+)", options: .regularExpression)
                let line = "\(operation.name.uppercased()) \(pattern) [23][0-9][0-9] "
                if log.range(of: line, options: .regularExpression) == nil {
                    missing.append(operation.name + " " + path.name)
                }
            }
        }
        return missing
    }
}
