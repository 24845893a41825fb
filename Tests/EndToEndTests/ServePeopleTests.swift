import Foundation
import JSON
import TestSupport
import Testing

/// Logins, users, batches and links, as browsers and scripts meet them.
@Suite struct ServePeopleTests {
    private let password = "correct horse battery"

    @Test("a person logs in, changes something from our page alone, and is out after the logout")
    func session() async throws {
        try await ServedFarm.with(workers: 0) { farm in
            let admin = try farm.key(of: "admin")
            let made = try farm.curl(
                admin, "POST", "/v1/users", #"{"name":"ann@north","role":"operator","password":"\#(password)"}"#)
            #expect(made.status == 201 && made.field("location") == "/v1/users/ann@north", "\(made.text)")
            let login = #"{"name":"ann@north","password":"\#(password)"}"#
            let entered = try farm.curl(nil, "POST", "/v1/session", login)
            #expect(entered.status == 200 && entered.json["role"]?.string == "operator", "\(entered.text)")
            let field = try #require(entered.field("set-cookie"))
            for word in ["__Host-pkgmill=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
                #expect(field.contains(word), "\(field)")
            }
            #expect(!field.contains("Domain"))
            let cookie = "Cookie: theme=dark; " + (field.components(separatedBy: ";").first ?? "")
            let csrf = try #require(entered.json["csrf"]?.string)
            #expect(try farm.curl(nil, "GET", "/v1/me", nil, cookie).json["csrf"]?.string == csrf)
            #expect(try farm.curl(nil, "GET", "/v1/jobs", nil, cookie).status == 200)

            let token = "X-CSRF-Token: \(csrf)"
            let order = #"{"sealing":"plain"}"#
            let host = farm.host
            let refused: [[String]] = [
                [], ["X-CSRF-Token: "], ["X-CSRF-Token: \(csrf)x"], [token, token],
                [token, "Origin: http://evil.example"], [token, "Origin: null"], [token, "Origin;"],
                [token, "Origin: http://\(host).evil.example"], [token, "Origin: http://\(host)/"],
                [token, "Origin: ftp://\(host)"], [token, "Origin: http://\(host)", "Origin: http://\(host)"],
                [token, "Sec-Fetch-Site: cross-site"], [token, "Sec-Fetch-Site: same-site"],
            ]
            for fields in refused {
                let answer = try farm.curl(nil, "POST", "/v1/jobs", order, fields: [cookie] + fields)
                #expect(answer.status == 403, "\(fields): \(answer.text)")
                #expect(!answer.text.contains(csrf))
            }
            for fields in [[token], [token, "Origin: http://\(host)"], [token, "Sec-Fetch-Site: same-origin"]] {
                let answer = try farm.curl(nil, "POST", "/v1/jobs", order, fields: [cookie] + fields)
                #expect(answer.status == 202, "\(fields): \(answer.text)")
            }
            // Another site's page logs nobody in, and of two cookies nobody knows which one is theirs.
            #expect(try farm.curl(nil, "POST", "/v1/session", login, "Origin: http://evil.example").status == 403)
            #expect(try farm.curl(nil, "GET", "/v1/me", nil, cookie, cookie).status == 401)

            let out = try farm.curl(nil, "DELETE", "/v1/session", nil, cookie, token)
            #expect(out.status == 204 && out.field("set-cookie")?.contains("Max-Age=0") == true)
            #expect(try farm.curl(nil, "GET", "/v1/me", nil, cookie).status == 401)
            // One that is over keeps nobody from logging in again.
            #expect(try farm.curl(nil, "POST", "/v1/session", login, cookie).status == 200)
            let actions = try farm.audit().compactMap { $0["action"]?.string }
            for action in ["user.add", "session.begin", "session.end"] { #expect(actions.contains(action)) }
        }
    }

    @Test("wrong passwords are all told the same, and too many of them make everybody wait")
    func throttle() async throws {
        try await ServedFarm.with(workers: 0) { farm in
            let admin = try farm.key(of: "admin")
            #expect(
                try farm.curl(
                    admin, "POST", "/v1/users", #"{"name":"ann","role":"viewer","password":"\#(password)"}"#
                ).status == 201)
            var texts: Set<String> = []
            var last = HTTPAnswerText([])
            // On a busy machine the first pauses may pass between two tries.
            for attempt in 0..<20 where last.status != 429 {
                let name = attempt % 2 == 0 ? "ann" : "nobody-\(attempt)"
                last = try farm.curl(
                    nil, "POST", "/v1/session", #"{"name":"\#(name)","password":"wrong wrong wrong"}"#)
                if last.status == 401 { texts.insert(last.json["detail"]?.string ?? "") }
            }
            #expect(texts.count == 1)
            #expect(last.status == 429 && last.field("retry-after") != nil, "\(last.text)")
            #expect(!last.text.contains("ann") && !last.text.contains("wrong wrong"))
            #expect(!farm.program.errors.contains("wrong wrong"))
            #expect(try farm.audit().contains { $0["action"]?.string == "session.refuse" && $0["actor"] == .null })
        }
    }

    @Test("users are made, changed and removed, and what they had is good for nothing then")
    func users() async throws {
        try await ServedFarm.with(workers: 0) { farm in
            let admin = try farm.key(of: "admin")
            let add = #"{"name":"ann","role":"submitter","password":"\#(password)"}"#
            #expect(try farm.curl(admin, "POST", "/v1/users", add).status == 201)
            #expect(try farm.curl(admin, "POST", "/v1/users", add).status == 409)
            for (body, place) in [
                (#"{"name":"Ann","role":"viewer","password":"\#(password)"}"#, "/name"),
                (#"{"name":"bob","role":"king","password":"\#(password)"}"#, "/role"),
                (#"{"name":"bob","role":"viewer","password":"short"}"#, "/password"),
                (#"{"name":"bob","role":"viewer"}"#, "/password"),
            ] {
                let answer = try farm.curl(admin, "POST", "/v1/users", body)
                #expect(answer.status == 422, "\(answer.text)")
                #expect(answer.json["errors"]?.array?.first?["pointer"]?.string == place, "\(answer.text)")
                #expect(!answer.text.contains(password))
            }
            let key = try farm.key(of: "ann")
            #expect(try farm.curl(key, "GET", "/v1/users").status == 403)
            let listed = try farm.curl(admin, "GET", "/v1/users")
            #expect(listed.json["users"]?.array?.count == 2 && !listed.text.contains("scrypt"))
            // One's own password, by whoever knows the one of now.
            let wrong = #"{"password":"not the password","newPassword":"another horse battery"}"#
            #expect(try farm.curl(key, "PUT", "/v1/me/password", wrong).status == 401)
            let short = try farm.curl(
                key, "PUT", "/v1/me/password", #"{"password":"\#(password)","newPassword":"short"}"#)
            #expect(short.status == 422 && short.json["errors"]?.array?.first?["pointer"]?.string == "/newPassword")
            let right = #"{"password":"\#(password)","newPassword":"another horse battery"}"#
            #expect(try farm.curl(key, "PUT", "/v1/me/password", right).status == 204)
            #expect(
                try farm.curl(nil, "POST", "/v1/session", #"{"name":"ann","password":"another horse battery"}"#).status
                    == 200)
            let promoted = try farm.curl(admin, "PATCH", "/v1/users/ann", #"{"role":"operator"}"#)
            #expect(promoted.json["role"]?.string == "operator")
            #expect(try farm.curl(admin, "PATCH", "/v1/users/ann", "{}").status == 422)
            #expect(try farm.curl(admin, "PATCH", "/v1/users/admin", #"{"role":"viewer"}"#).status == 409)
            #expect(try farm.curl(admin, "DELETE", "/v1/users/admin").status == 409)
            #expect(try farm.curl(admin, "DELETE", "/v1/users/ann").status == 204)
            #expect(try farm.curl(admin, "DELETE", "/v1/users/ann").status == 404)
            let isOut = try await eventually { try farm.curl(key, "GET", "/v1/me").status == 401 }
            #expect(isOut)
            let actions = Set(try farm.audit().compactMap { $0["action"]?.string })
            for action in ["user.add", "user.change", "user.remove", "user.password"] {
                #expect(actions.contains(action))
            }
        }
    }

    @Test("a batch is taken in with its rows, each a job or refused, and the same key is the same batch")
    func batches() async throws {
        try await ServedFarm.with { farm in
            let admin = try farm.key(of: "admin")
            func body(_ names: [String]) -> String {
                let rows = names.map { #"{"nodeName":"\#($0)"}"# }.joined(separator: ",")
                return #"{"sealing":"plain","rows":[\#(rows)]}"#
            }
            let names = (1...20).map { "lab-\($0)" } + ["not a name"] + (21...25).map { "lab-\($0)" }
            let sent = try farm.curl(admin, "POST", "/v1/batches", body(names), "Idempotency-Key: one")
            #expect(sent.status == 202, "\(sent.text)")
            let id = try #require(sent.json["id"]?.string)
            #expect(sent.field("location") == "/v1/batches/\(id)")
            let rows = try #require(sent.json["rows"]?.array)
            #expect(rows.count == 26 && rows[20]["error"]?["message"]?.string?.contains("not a name") == true)
            #expect(rows.compactMap { $0["row"]?.integer } == Array(1...26))
            let again = try farm.curl(admin, "POST", "/v1/batches", body(names), "Idempotency-Key: \"one\"")
            #expect(again.status == 202 && again.json["id"]?.string == id)
            #expect(again.json["rows"]?.array?.map { $0["id"] } == rows.map { $0["id"] })
            for other in [body(names.dropLast()), body(["lab-0"] + names.dropFirst())] {
                let refused = try farm.curl(admin, "POST", "/v1/batches", other, "Idempotency-Key: one")
                #expect(refused.status == 422, "\(refused.text)")
                #expect(refused.json["type"]?.string == "/problems/idempotency-key-reused")
            }
            let isDone = try await eventually {
                try farm.curl(admin, "GET", "/v1/batches/\(id)").json["finished"]?.string != nil
            }
            #expect(isDone)
            let shown = try farm.curl(admin, "GET", "/v1/batches/\(id)")
            #expect(shown.json["counts"]?["succeeded"]?.integer == 25)
            #expect(shown.json["counts"]?["rejected"]?.integer == 1)
            let tag = try #require(shown.field("etag"))
            #expect(try farm.curl(admin, "GET", "/v1/batches/\(id)", nil, "If-None-Match: \(tag)").status == 304)
            var found: [Int64] = []
            var next: String? = "/v1/batches/\(id)/rows?limit=10"
            while let path = next {
                let page = try farm.curl(admin, "GET", path)
                found += page.json["rows"]?.array?.compactMap { $0["row"]?.integer } ?? []
                next = page.field("link").map { String($0.dropFirst().prefix { $0 != ">" }) }
            }
            #expect(found == Array(1...26))
            for (bad, place) in [
                (#"{"rows":[]}"#, "/rows"), (#"{}"#, "/rows"), (#"{"rows":[1]}"#, "/rows/0"),
                (#"{"rows":[{"nodeName":"a"},{"nodename":"b"}]}"#, "/rows/1/nodename"),
            ] {
                let answer = try farm.curl(admin, "POST", "/v1/batches", bad)
                #expect(
                    answer.status == 422 && answer.json["errors"]?.array?.first?["pointer"]?.string == place,
                    "\(answer.text)")
            }
            #expect(try farm.curl(admin, "GET", "/v1/batches/\(rows[0]["id"]?.string ?? "")").status == 404)
        }
    }

    @Test("a batch of many MiB is taken in row by row, from whoever may bring it, and leaves nothing behind")
    func longBatch() async throws {
        try await ServedFarm.with(workers: 0) { farm in
            let admin = try farm.key(of: "admin")
            let label = String(repeating: "v", count: 250)
            let labels = (0..<30).map { "\"k\($0)\":\"\(label)\"" }.joined(separator: ",")
            let count = rounds(reduced: 1200, full: 8000)
            // One in a hundred cannot be built.
            let rows = (0..<count).map { number in
                number % 100 == 7 ? #"{"nodeName":"no name"}"# : "{\"nodeName\":\"n-\(number)\",\"labels\":{\(labels)}}"
            }
            let path = farm.fixture.path + "/batch.json"
            try writeFile(path, Array("{\"rows\":[\(rows.joined(separator: ",\n"))],\"sealing\":\"plain\"}".utf8))
            for key in [nil, String(admin.dropLast(9)) + "000000000"] {
                let refused = try run("curl", farm.words(key, "POST", "/v1/batches", "@\(path)"))
                // One who says nothing hears it before the body; one whose key is looked up may be cut off while it still sends.
                let isCut = key != nil && refused.status != 0
                #expect(refused.text.contains(" 401 ") || isCut, "\(refused.text) \(refused.errorText)")
            }
            let taken = try farm.curl(admin, "POST", "/v1/batches", "@\(path)", "Idempotency-Key: long")
            #expect(taken.status == 202, "\(taken.text.prefix(500))")
            let outcomes = try #require(taken.json["rows"]?.array)
            #expect(outcomes.count == count)
            #expect(outcomes.enumerated().allSatisfy { ($0.element["error"] != nil) == ($0.offset % 100 == 7) })
            let again = try farm.curl(admin, "POST", "/v1/batches", "@\(path)", "Idempotency-Key: long")
            #expect(
                again.json["rows"]?.array?.compactMap { $0["id"]?.string } == outcomes.compactMap { $0["id"]?.string })
            let work = try FileManager.default.contentsOfDirectory(atPath: farm.fixture.path + "/work")
            #expect(work.allSatisfy { !$0.contains("nameless") }, "\(work)")
        }
    }

    @Test("a batch is cancelled as far as it has not ended, by its owner or an operator")
    func cancelledBatch() async throws {
        try await ServedFarm.with(workers: 0) { farm in
            let admin = try farm.key(of: "admin")
            #expect(try farm.fixture.pkgmill("user", "add", "bob", "--role", "submitter").status == 0)
            let sent = try farm.curl(
                admin, "POST", "/v1/batches", #"{"sealing":"plain","rows":[{"nodeName":"a"},{"nodeName":"b"}]}"#)
            let id = try #require(sent.json["id"]?.string)
            #expect(try farm.curl(try farm.key(of: "bob"), "POST", "/v1/batches/\(id)/cancel").status == 403)
            let cancelled = try farm.curl(admin, "POST", "/v1/batches/\(id)/cancel")
            #expect(cancelled.json["cancelledNow"]?.integer == 2 && cancelled.json["finished"]?.string != nil)
        }
    }

    @Test("a short link shows a page, and its button begins one download; who only looks burns nothing")
    func links() async throws {
        try await ServedFarm.with { farm in
            let admin = try farm.key(of: "admin")
            let id = try farm.build(admin)
            let made = try farm.curl(admin, "POST", "/v1/artifacts/\(id)/links", "{}")
            let path = try #require(made.json["path"]?.string)
            for _ in 0..<3 {
                let page = try farm.curl(nil, "GET", path)
                #expect(page.status == 200 && page.text.contains("<button>"))
                #expect(page.field("content-security-policy")?.contains("default-src 'none'") == true)
            }
            let pressed = try farm.curl(nil, "POST", path)
            let place = try #require(pressed.field("location"))
            #expect(pressed.status == 303 && place.hasPrefix("/d/"))
            #expect(try farm.curl(nil, "GET", place, nil, "Sec-Purpose: prefetch;prerender").status == 503)
            let package = farm.fixture.path + "/c.pkg"
            #expect(try farm.curl(nil, "GET", place, nil, into: package).status == 200)
            #expect(try farm.fixture.pkgmill("lint", package).status == 0)
            let isUsed = try await eventually { try farm.curl(nil, "HEAD", place).status == 410 }
            #expect(isUsed)
            #expect(try farm.curl(admin, "DELETE", "/v1/links/\(made.json["id"]?.string ?? "")").status == 204)
            for gone in [path, "/l/0000000000000000", "/l/x"] {
                let page = try farm.curl(nil, "GET", gone)
                #expect(page.status == 404 && page.text.contains("nothing here"))
                #expect(try farm.curl(nil, "POST", gone).status == 404)
            }
            #expect(!farm.program.errors.contains(path.dropFirst(3)))
        }
    }

    @Test("a cut download goes on where it was cut, and is one use")
    func resumed() async throws {
        try await ServedFarm.with { farm in
            let admin = try farm.key(of: "admin")
            let id = try farm.build(admin)
            let made = try farm.curl(admin, "POST", "/v1/artifacts/\(id)/tokens", #"{"maxUses":1}"#)
            let path = try #require(made.json["path"]?.string)
            let whole = farm.fixture.path + "/whole.pkg"
            #expect(try farm.curl(admin, "GET", "/v1/artifacts/\(id)", nil, into: whole).status == 200)
            let package = farm.fixture.path + "/d.pkg"
            let first = try farm.curl(nil, "GET", path, nil, "Range: bytes=0-9999", into: package)
            #expect(first.status == 206)
            let resumed = try run("curl", ["-sS", "-C", "-", "-o", package, farm.url(path)])
            #expect(resumed.status == 0, "\(resumed.errorText)")
            #expect(try contentOfFile(package) == contentOfFile(whole))
            let isUsed = try await eventually { try farm.curl(nil, "GET", path).status == 410 }
            #expect(isUsed)
        }
    }

    @Test("a manifest has every file with its mode and owner, as inspect tells them")
    func manifest() async throws {
        try await ServedFarm.with { farm in
            let admin = try farm.key(of: "admin")
            let id = try farm.build(admin)
            let answer = try farm.curl(admin, "GET", "/v1/artifacts/\(id)/manifest")
            let files = try #require(answer.json["components"]?.array).flatMap { $0["files"]?.array ?? [] }
            let package = farm.fixture.path + "/e.pkg"
            #expect(try farm.curl(admin, "GET", "/v1/artifacts/\(id)", nil, into: package).status == 200)
            let inspected = try farm.fixture.json("inspect", package, "--files")["files"]?.members ?? []
            #expect(inspected.flatMap { $0.value.array ?? [] } == files && files.count > 5)
            let tag = try #require(answer.field("etag"))
            #expect(
                try farm.curl(admin, "GET", "/v1/artifacts/\(id)/manifest", nil, "If-None-Match: \(tag)").status == 304)
        }
    }
}
