import Foundation
import JSON
import System
import TestSupport
import Testing

/// A farm whose server runs, and its clients.
struct ServedFarm {
    let fixture: FarmFixture
    let program: RunningProgram
    private let base: String

    /// Makes a farm, serves it, runs `body`, ends the server.
    static func with(
        settings: String = "", workers: Int = 1, _ body: (ServedFarm) async throws -> Void
    ) async throws {
        try await FarmFixture.with { fixture in
            if !settings.isEmpty {
                let text = try contentOfFile(fixture.configurationPath)
                let known = String(decoding: text, as: UTF8.self)
                // The section is there: the setting goes below its name.
                let lines = settings.split(separator: "\n")
                let changed = known.replacingOccurrences(
                    of: "\n\(lines[0])\n", with: "\n\(lines[0])\n\(lines.dropFirst().joined(separator: "\n"))\n")
                try writeFile(fixture.configurationPath, Array(changed.utf8))
            }
            let farm = try await ServedFarm(fixture, workers: workers)
            try await body(farm)
            farm.program.send(SIGTERM)
            _ = try await farm.program.exitStatus()
        }
    }

    init(_ fixture: FarmFixture, workers: Int, _ more: [String] = []) async throws {
        self.fixture = fixture
        let started = try RunningProgram(
            executable(),
            ["serve", "--listen", "127.0.0.1:0", "--workers", "\(workers)", "--config", fixture.configurationPath]
                + more)
        program = started
        let isUp = try await eventually { started.errors.contains("listening on") || !started.isRunning }
        let line = try #require(
            started.errors.split(separator: "\n").first { $0.contains("listening on") }, "\(started.errors)")
        #expect(isUp)
        base = String(try #require(line.split(separator: " ").last))
    }

    /// The value of `Host`.
    var host: String { String(base.drop { $0 != "/" }.dropFirst(2)) }

    /// The address of a path.
    func url(_ path: String) -> String { base + path }

    /// A new API key of a user.
    func key(of user: String, _ more: String...) throws -> String {
        let result = try fixture.pkgmill(["key", "add", user] + more)
        #expect(result.status == 0, "\(result.errorText)")
        return result.text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The arguments of `curl` for a request.
    func words(_ key: String?, _ method: String, _ path: String, _ body: String? = nil, _ fields: String...) -> [String]
    {
        words(key, method, path, body, fields, nil)
    }

    private func words(
        _ key: String?, _ method: String, _ path: String, _ body: String?, _ fields: [String], _ file: String?
    ) -> [String] {
        var words = ["-sS", "-m", "60", "-D", "-"] + (method == "HEAD" ? ["-I"] : ["-X", method])
        if let key { words += ["-H", "Authorization: Bearer \(key)"] }
        if let body { words += ["-H", "Content-Type: application/json", "--data-binary", body] }
        for field in fields { words += ["-H", field] }
        if let file { words += ["-o", file] }
        return words + [base + path]
    }

    /// One request and its answer.
    func curl(
        _ key: String?, _ method: String, _ path: String, _ body: String? = nil, _ fields: String...,
        into file: String? = nil
    ) throws -> HTTPAnswerText {
        try curl(key, method, path, body, fields: fields, into: file)
    }

    func curl(
        _ key: String?, _ method: String, _ path: String, _ body: String? = nil, fields: [String],
        into file: String? = nil
    ) throws -> HTTPAnswerText {
        let result = try run("curl", words(key, method, path, body, fields, file))
        #expect(result.status == 0, "\(method) \(path): \(result.errorText)")
        return HTTPAnswerText(result.output)
    }

    /// Builds an installer; the job's id.
    func build(_ key: String, node: String = "lab-1") throws -> String {
        let answer = try curl(
            key, "POST", "/v1/jobs", #"{"sealing":"plain","nodeName":"\#(node)"}"#, "Prefer: wait=25")
        #expect(answer.json["state"]?.string == "succeeded", "\(answer.text)")
        return try #require(answer.json["id"]?.string)
    }

    /// The events after that number, until a text is among them.
    func events(_ key: String, after number: Int, until text: String) throws -> String {
        let script = "curl -sN -m 30 -H \"$1\" -H \"$2\" \"$3\" | sed \"/$4/q\""
        let result = try run(
            "/bin/sh",
            ["-c", script, "sh", "Authorization: Bearer \(key)", "Last-Event-ID: \(number)", base + "/v1/events", text])
        return result.text
    }

    /// The lines of the audit log.
    func audit() throws -> [JSONValue] {
        let result = try fixture.pkgmill("audit", "list", "--json")
        return try result.text.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
    }
}

/// An answer as `curl -D -` prints it.
struct HTTPAnswerText {
    let status: Int
    let text: String
    private let fields: [(name: String, value: String)]

    init(_ bytes: [UInt8]) {
        let all = String(decoding: bytes, as: UTF8.self)
        var parts = all.components(separatedBy: "\r\n\r\n")
        // What came before is told as well: 100 Continue.
        while parts.count > 2, parts[0].contains(" 100 ") { parts.removeFirst() }
        let lines = parts[0].components(separatedBy: "\r\n")
        status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
        fields = lines.dropFirst().map { line in
            let pair = line.split(separator: ":", maxSplits: 1)
            return (
                pair.first.map { $0.lowercased() } ?? "",
                pair.last.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
            )
        }
        text = parts.dropFirst().joined(separator: "\r\n\r\n")
    }

    var json: JSONValue { (try? JSONValue(parsing: Array(text.utf8))) ?? .null }

    /// The value of a field; where there are several, they are one list.
    func field(_ name: String) -> String? {
        let values = fields.filter { $0.name == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }
}
