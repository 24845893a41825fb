import Foundation
import JSON
import TestSupport
import Testing

/// `pkgmill serve` as its clients meet it.
@Suite struct ServeTests {
    @Test("a client submits, polls and fetches, and what it was promised holds")
    func wholeWay() async throws {
        try await ServedFarm.with { farm in
            let admin = try farm.key(of: "admin")
            let submitted = try farm.curl(
                admin, "POST", "/v1/jobs", #"{"nodeName":"lab-1","sealing":"plain","labels":{"office":"north"}}"#,
                "Prefer: wait=25", "Idempotency-Key: \"one\"")
            #expect(submitted.status == 202)
            let id = try #require(submitted.json["id"]?.string)
            #expect(submitted.field("location") == "/v1/jobs/\(id)" && submitted.field("preference-applied") == "wait")
            #expect(
                submitted.field("retry-after") != nil && submitted.field("link")?.contains("rel=\"status\"") == true)
            #expect(submitted.json["state"]?.string == "succeeded", "\(submitted.text)")
            // The same key is the same job, and no other.
            let again = try farm.curl(
                admin, "POST", "/v1/jobs", #"{"labels":{"office":"north"},"sealing":"plain","nodeName":"lab-1"}"#,
                "Idempotency-Key: one")
            #expect(again.status == 202 && again.json["id"]?.string == id)
            let other = try farm.curl(
                admin, "POST", "/v1/jobs", #"{"nodeName":"lab-2","sealing":"plain"}"#, "Idempotency-Key: one")
            #expect(other.status == 422 && other.json["type"]?.string == "/problems/idempotency-key-reused")

            let shown = try farm.curl(admin, "GET", "/v1/jobs/\(id)")
            let tag = try #require(shown.field("etag"))
            #expect(shown.status == 200 && shown.field("link") == "</v1/artifacts/\(id)>; rel=\"item\"")
            #expect(try farm.curl(admin, "GET", "/v1/jobs/\(id)", nil, "If-None-Match: \(tag)").status == 304)
            let listed = try farm.curl(admin, "GET", "/v1/jobs?state=succeeded&limit=1")
            #expect(listed.json["jobs"]?.array?.first?["id"]?.string == id)

            let package = farm.fixture.path + "/a.pkg"
            let fetched = try farm.curl(admin, "GET", "/v1/artifacts/\(id)", nil, into: package)
            #expect(fetched.status == 200 && fetched.field("accept-ranges") == "bytes")
            let checksum = try farm.curl(admin, "GET", "/v1/artifacts/\(id)/sha256").text
            try writeFile(
                farm.fixture.path + "/sums",
                Array(checksum.replacingOccurrences(of: "FleetServerClusterNode", with: "a").utf8))
            #expect(try run("sha256sum", ["-c", "sums"], in: farm.fixture.path).status == 0)
            let lint = try farm.fixture.pkgmill("lint", package)
            #expect(lint.status == 0, "\(lint.text)")
            let part = try farm.curl(admin, "GET", "/v1/artifacts/\(id)", nil, "Range: bytes=0-3")
            #expect(part.status == 206 && part.text == "xar!")
            #expect(part.field("repr-digest") == fetched.field("repr-digest"))
        }
    }

    @Test(
        "what would make more jobs wait than may is refused for now, alone and in a batch, and taken when there is room"
    )
    func overload() async throws {
        try await ServedFarm.with(settings: "farm:\n  most_waiting: 3", workers: 0) { farm in
            let admin = try farm.key(of: "admin")
            func submit(_ name: String) throws -> HTTPAnswerText {
                try farm.curl(admin, "POST", "/v1/jobs", "{\"sealing\":\"plain\",\"nodeName\":\"\(name)\"}")
            }
            for number in 0..<3 { #expect(try submit("n-\(number)").status == 202) }
            let refused = try submit("n-3")
            #expect(
                refused.status == 503 && refused.field("retry-after") != nil && refused.json["retryable"]?.bool == true)
            let batch = try farm.curl(
                admin, "POST", "/v1/batches", #"{"sealing":"plain","rows":[{"nodeName":"b-1"},{"nodeName":"b-2"}]}"#)
            #expect(batch.status == 503)
            let local = try farm.fixture.pkgmill("submit", "--sealing", "plain", "--node-name", "n-4")
            #expect(local.status != 0 && local.errorText.contains("farm.most_waiting"), "\(local.errorText)")
            let listed = try farm.curl(admin, "GET", "/v1/jobs").json["jobs"]?.array ?? []
            #expect(listed.count == 3)
            #expect(
                try farm.curl(admin, "POST", "/v1/jobs/\(listed[0]["id"]?.string ?? "")/cancel").status == 200)
            #expect(try await eventually { try submit("n-5").status == 202 })
            #expect(try submit("n-6").status == 503)
        }
    }

    @Test("a token opens one file, as often as it may, and looks at its head cost nothing")
    func tokens() async throws {
        try await ServedFarm.with { farm in
            let admin = try farm.key(of: "admin")
            let id = try farm.build(admin)
            let made = try farm.curl(admin, "POST", "/v1/artifacts/\(id)/tokens", #"{"maxUses":2}"#)
            let path = try #require(made.json["path"]?.string)
            #expect(made.status == 201)
            for _ in 0..<5 { #expect(try farm.curl(nil, "HEAD", path).status == 200) }
            #expect(try farm.curl(nil, "GET", path, nil, "Range: bytes=0-99").status == 206)
            for count in 1...2 {
                #expect(try farm.curl(nil, "GET", path, nil, into: "/dev/null").status == 200)
                // A use counts when the last byte has gone, which is just after the client has it.
                let isCounted = try await eventually {
                    try farm.audit().filter { $0["action"]?.string == "artifact.download" }.count == count
                }
                #expect(isCounted)
            }
            let refused = try farm.curl(nil, "GET", path)
            #expect(refused.status == 410 && refused.json["cause"]?.string == "token-used-up")
            #expect(!refused.text.contains(path.dropFirst(3)))
            let other = try farm.curl(admin, "POST", "/v1/artifacts/\(id)/tokens", "{}")
            #expect(try farm.curl(admin, "DELETE", "/v1/tokens/\(other.json["id"]?.string ?? "")").status == 204)
            let revoked = try farm.curl(nil, "GET", other.json["path"]?.string ?? "")
            #expect(revoked.status == 410 && revoked.json["cause"]?.string == "token-revoked")
            #expect(try farm.curl(nil, "GET", "/d/nonsense").status == 403)
            // The log has seen the token's path a dozen times, and holds none.
            #expect(!farm.program.errors.contains(path.dropFirst(3).prefix(40)))
            #expect(farm.program.errors.contains("/d/{token}"))
        }
    }

    @Test("the first version's way: one request that waits and answers with the package")
    func buildAndFetch() async throws {
        try await ServedFarm.with(settings: "farm:\n  sealing: plain\n") { farm in
            let admin = try farm.key(of: "admin")
            let package = farm.fixture.path + "/b.pkg"
            let built = try farm.curl(
                admin, "POST", "/api/fleet/build-cluster-package", #"{"node_name":"lab-1","package_name":"../lab.pkg"}"#
            )
            #expect(built.status == 422 && built.json["errors"]?.array?.first?["pointer"]?.string == "/package_name")
            let good = try farm.curl(
                admin, "POST", "/api/fleet/build-cluster-package", #"{"node_name":"lab-1","package_name":"lab.pkg"}"#,
                into: package)
            #expect(good.status == 200 && good.field("content-disposition")?.contains("filename=\"lab.pkg\"") == true)
            #expect(try farm.fixture.pkgmill("lint", package).status == 0)
            let later = try farm.curl(
                admin, "POST", "/api/fleet/build-cluster-package", "{}", "Prefer: respond-async")
            #expect(later.status == 202 && later.field("preference-applied") == "respond-async")
        }
    }

    @Test("P30: every row of the table lets in who may, and nobody else, with every method")
    func everyRowAndRole() async throws {
        try await ServedFarm.with { farm in
            var keys: [String: String] = ["admin": try farm.key(of: "admin")]
            for role in ["viewer", "submitter", "operator"] {
                #expect(try farm.fixture.pkgmill("user", "add", role, "--role", role).status == 0)
                keys[role] = try farm.key(of: role)
            }
            keys["scoped"] = try farm.key(of: "admin", "--scopes", "jobs:read")
            keys["revoked"] = try farm.key(of: "admin")
            let revoked = try #require(keys["revoked"]).split(separator: "_")[1]
            #expect(try farm.fixture.pkgmill("key", "revoke", String(revoked)).status == 0)
            let table = try farm.curl(nil, "GET", "/openapi.json").json
            let permissions: [String: Set<String>] = try keys.filter { $0.key != "revoked" }.mapValues { key in
                Set(try #require(farm.curl(key, "GET", "/v1/me").json["permissions"]?.array).compactMap(\.string))
            }
            #expect(permissions["viewer"] == ["jobs:read", "metrics:read"] && permissions["scoped"] == ["jobs:read"])
            let known = "01a229b5-b5a7-79e0-94f8-00c3b0722186"
            var count = 0
            for path in try #require(table["paths"]?.members) {
                let address = path.name.replacingOccurrences(of: "{id}", with: known)
                    .replacingOccurrences(of: "{lane}", with: "interactive").replacingOccurrences(
                        of: #"\{(token|name|short)\}"#, with: "nobody", options: .regularExpression)
                // It would stream for ever, or take a while.
                if path.name == "/v1/events" { continue }
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                    let operation = path.value[method.lowercased()]
                    for (who, key) in [("nobody", nil)] + keys.map({ ($0.key, Optional($0.value)) }) {
                        let answer = try farm.curl(key, method, address, operation?["requestBody"] == nil ? nil : "{}")
                        count += 1
                        let place = "\(method) \(path.name) by \(who): \(answer.status) \(answer.text)"
                        guard let operation else {
                            #expect(answer.status == 405, "\(place)")
                            continue
                        }
                        let isOpen = operation["security"]?.array?.isEmpty == true
                        let needed = operation["x-permission"]?.string
                        if who == "revoked" {
                            #expect(answer.status == 401, "\(place)")
                        } else if isOpen {
                            #expect(answer.status != 401, "\(place)")
                        } else if who == "nobody" {
                            #expect(answer.status == 401, "\(place)")
                        } else if let needed, permissions[who]?.contains(needed) != true {
                            #expect(answer.status == 403, "\(place)")
                        } else {
                            #expect(answer.status != 401 && answer.status < 500, "\(place)")
                            #expect(answer.status != 403 || needed == "jobs:submit", "\(place)")
                        }
                    }
                }
            }
            #expect(count > 600)
        }
    }

    @Test("what is one's own is one's own: others' installers are not there, their jobs not to be cancelled")
    func ownership() async throws {
        try await ServedFarm.with { farm in
            for (name, role) in [("ann", "operator"), ("bob", "submitter"), ("eve", "submitter")] {
                #expect(try farm.fixture.pkgmill("user", "add", name, "--role", role).status == 0)
            }
            let (ann, bob, eve) = (try farm.key(of: "ann"), try farm.key(of: "bob"), try farm.key(of: "eve"))
            let id = try farm.build(ann)
            #expect(try farm.curl(ann, "GET", "/v1/artifacts/\(id)", nil, into: "/dev/null").status == 200)
            for other in [bob, eve] {
                #expect(try farm.curl(other, "GET", "/v1/jobs/\(id)").status == 200)
                for (method, path) in [("GET", "/v1/artifacts/\(id)"), ("GET", "/v1/artifacts/\(id)/sha256")] {
                    let hidden = try farm.curl(other, method, path)
                    let unknown = try farm.curl(
                        other, method, path.replacingOccurrences(of: id, with: "01a229b5-b5a7-79e0-94f8-00c3b0722186"))
                    #expect(hidden.status == 404 && unknown.status == 404)
                    #expect(hidden.json["detail"] == unknown.json["detail"])
                }
                #expect(try farm.curl(other, "POST", "/v1/jobs/\(id)/cancel").status == 403)
                #expect(try farm.curl(other, "POST", "/v1/artifacts/\(id)/tokens", "{}").status == 404)
                // Plain needs more than a submitter.
                let plain = try farm.curl(other, "POST", "/v1/jobs", #"{"sealing":"plain"}"#)
                #expect(plain.status == 403 && plain.text.contains("sealing:plain"))
            }
            let lines = try farm.audit()
            #expect(lines.contains { $0["action"]?.string == "job.submit-plain" && $0["subject"]?.string == id })
            #expect(try farm.fixture.pkgmill("audit", "verify").status == 0)
        }
    }

    @Test("events come as they happen, and go on where a client has stopped listening")
    func events() async throws {
        try await ServedFarm.with { farm in
            let admin = try farm.key(of: "admin")
            let id = try farm.build(admin)
            let first = try farm.events(admin, after: 0, until: "succeeded")
            #expect(first.contains("\"job\":\"\(id)\",\"state\":\"queued\"") && first.contains("event: state"))
            let last = try #require(first.split(separator: "\n").last { $0.hasPrefix("id: ") }?.dropFirst(4))
            let next = try farm.build(admin, node: "other")
            let second = try farm.events(admin, after: Int(last) ?? 0, until: "succeeded")
            #expect(second.contains(next) && !second.contains(id))
        }
    }

    @Test("P44: SIGTERM ends the server with code 0, and what was acknowledged is there afterwards")
    func stops() async throws {
        try await ServedFarm.with(workers: 0) { farm in
            let admin = try farm.key(of: "admin")
            let submitted = try farm.curl(admin, "POST", "/v1/jobs", #"{"sealing":"plain"}"#)
            let id = try #require(submitted.json["id"]?.string)
            farm.program.send(SIGTERM)
            #expect(try await farm.program.exitStatus() == 0)
            #expect(try farm.fixture.state(of: id) == "queued")
        }
    }

    @Test("P1: a server that is killed has lost nothing that it has acknowledged, and a key gives the same job again")
    func killed() async throws {
        try await FarmFixture.with { fixture in
            var acknowledged: [String: String] = [:]
            for cycle in 0..<rounds(reduced: 20, full: 200) {
                let farm = try await ServedFarm(fixture, workers: 0)
                let admin = try farm.key(of: "admin")
                for number in 0..<3 {
                    let name = "k\(cycle)-\(number)"
                    let words = farm.words(
                        admin, "POST", "/v1/jobs", #"{"sealing":"plain","nodeName":"\#(name)"}"#,
                        "Idempotency-Key: \(name)")
                    let client = try RunningProgram("curl", words)
                    if number == 2 {
                        usleep(UInt32(cycle % 10) * 3000)
                        farm.program.send(SIGKILL)
                    }
                    _ = try await client.exitStatus()
                    let answer = HTTPAnswerText(try contentOfFile(client.outputPath))
                    if answer.status == 202, let id = answer.json["id"]?.string { acknowledged[name] = id }
                }
            }
            #expect(acknowledged.count >= 2 * rounds(reduced: 20, full: 200))
            let farm = try await ServedFarm(fixture, workers: 0)
            let admin = try farm.key(of: "admin")
            for (name, id) in acknowledged {
                #expect(try farm.curl(admin, "GET", "/v1/jobs/\(id)").status == 200, "\(name) is lost")
            }
            for (name, id) in acknowledged.prefix(20) {
                let again = try farm.curl(
                    admin, "POST", "/v1/jobs", #"{"sealing":"plain","nodeName":"\#(name)"}"#, "Idempotency-Key: \(name)"
                )
                #expect(again.json["id"]?.string == id)
            }
            farm.program.send(SIGTERM)
            #expect(try await farm.program.exitStatus() == 0)
        }
    }

    @Test("an address that others can reach needs a certificate, or a word for doing without")
    func openAddress() async throws {
        try await FarmFixture.with { fixture in
            let refused = try fixture.pkgmill("serve", "--listen", "0.0.0.0:0", "--workers", "0")
            #expect(refused.status == 5 && refused.errorText.contains("--without-tls"))
            for bad in ["nonsense", "127.0.0.1", "::1:80", "127.0.0.1:99999", ":80"] {
                let result = try fixture.pkgmill("serve", "--listen", bad, "--workers", "0")
                #expect(result.status != 0 && result.errorText.contains("--listen"), "\(bad): \(result.errorText)")
            }
        }
    }
}
