import Foundation
import System
import TestSupport
import Testing

/// Other people's clients on our API.
@Suite(.enabled(if: CurrentProcess.environment("WITHOUT_API_CLIENTS") != "1")) struct APIClientTests {
    private var root: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
    }

    /// These programs are waited for, some for minutes.
    private func withServedFarm(workers: Int = 1, _ body: (ServedFarm) async throws -> Void) async throws {
        try await onOwnThreads { try await ServedFarm.with(workers: workers, body) }
    }

    @Test("a program in Python submits, polls, pages and fetches as its library has it")
    func requests() async throws {
        try await withServedFarm { farm in
            let result = try run(
                root + "/.build/api-clients/bin/python",
                [
                    root + "/scripts/api-clients/requests_client.py", farm.url(""), try farm.key(of: "admin"),
                    farm.fixture.path,
                ])
            #expect(result.status == 0 && result.text.contains("all is well"), "\(result.errorText)")
        }
    }

    @Test("requests made up from the description are answered as it says, and none is an error of the server")
    func schemathesis() async throws {
        try await withServedFarm(workers: 0) { farm in
            let result = try run(
                root + "/.build/api-clients/bin/schemathesis",
                [
                    "--config-file", root + "/scripts/api-clients/schemathesis.toml", "run", farm.url("/openapi.json"),
                    "-H", "Authorization: Bearer \(try farm.key(of: "admin"))", "--max-examples",
                    "\(rounds(reduced: 10, full: 200))", "--seed", "1", "--exclude-path", "/v1/events",
                    // It waits for a worker, of which there is none.
                    "--exclude-path", "/api/fleet/build-cluster-package", "--request-timeout", "60", "--no-color",
                ], in: farm.fixture.path)
            #expect(result.status == 0, "\(result.text.suffix(6000))\n\(result.errorText)")
            #expect(!farm.program.errors.contains("trouble:"), "\(farm.program.errors.suffix(2000))")
            #expect(farm.program.isRunning)
        }
    }

    @Test("clients that say nothing, drip, or go away hold no thread and no memory, and keep nobody from being served")
    func slowClients() async throws {
        try await withServedFarm(workers: 0) { farm in
            let result = try run(
                root + "/.build/api-clients/bin/python",
                [
                    root + "/scripts/api-clients/slow_clients.py", farm.host, try farm.key(of: "admin"),
                    "\(rounds(reduced: 2000, full: 10_000))",
                ])
            #expect(result.status == 0 && result.text.contains("all is well"), "\(result.text)\n\(result.errorText)")
            #expect(farm.program.isRunning)
            #expect(!farm.program.errors.contains("trouble:"), "\(farm.program.errors.suffix(2000))")
            let status = String(decoding: try contentOfFile("/proc/\(farm.program.identifier)/status"), as: UTF8.self)
            let most = status.firstMatch(of: /VmHWM:\s+(\d+) kB/).flatMap { Int($0.1) } ?? .max
            #expect(most < 600 * 1024, "the server has used \(most) kB")
        }
    }
}
