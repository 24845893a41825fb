import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct TLSTests {
    private func identity(_ fixture: CertificateFixture, _ name: String) throws -> HTTPServer.Identity {
        HTTPServer.Identity(
            certificates: try contentOfFile("\(fixture.folder)/\(name).pem"),
            key: try contentOfFile("\(fixture.folder)/\(name).key"))
    }

    @Test("a certificate is changed without a connection that fails, and those that are open go on")
    func reload() async throws {
        try await withTemporaryDirectory { path in
            let fixture = try CertificateFixture(in: path)
            try fixture.issue("first", names: "DNS:localhost,IP:127.0.0.1")
            try fixture.issue("second", names: "DNS:localhost,IP:127.0.0.1")
            try await TestServer.run(identity: try identity(fixture, "first")) { test in
                @Sendable func fetch() throws -> CommandResult {
                    let url = test.url.replacingOccurrences(of: "http:", with: "https:") + "/a"
                    return try run("curl", ["-sSv", "-m", "60", "--cacert", fixture.authority, url])
                }
                let before = try fetch()
                #expect(before.text == "/a" && before.errorText.contains("CN=first"), "\(before.errorText)")
                #expect(test.handler.requests.first?.peer == "127.0.0.1")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<3 {
                        group.addTask {
                            for _ in 0..<rounds(reduced: 10, full: 100) {
                                let result = try fetch()
                                #expect(result.text == "/a", "\(result.errorText)")
                            }
                        }
                    }
                    let (first, second) = (try identity(fixture, "first"), try identity(fixture, "second"))
                    group.addTask {
                        for round in 0..<rounds(reduced: 5, full: 50) {
                            try test.server.reload(round.isMultiple(of: 2) ? second : first)
                            try await Task.sleep(for: .milliseconds(50))  // as long as one is in use
                        }
                    }
                    try await group.waitForAll()
                }
                try test.server.reload(try identity(fixture, "second"))
                let after = try fetch()
                #expect(after.text == "/a" && after.errorText.contains("CN=second"), "\(after.errorText)")
                // One that does not fit changes nothing.
                #expect(throws: HTTPServerError.self) {
                    try test.server.reload(
                        HTTPServer.Identity(certificates: Array("no PEM".utf8), key: Array("no key".utf8)))
                }
                #expect(try fetch().text == "/a")
            }
        }
    }
}
