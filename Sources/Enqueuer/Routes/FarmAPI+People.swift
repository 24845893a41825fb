import Access
import Crypto
import HTTP
import JSON
import System

extension FarmAPI {
    static let peopleRoutes: [Router<APIRoute>.Route] = [
        .init(.post, "/v1/session", logIn), .init(.delete, "/v1/session", logOut),
        .init(.put, "/v1/me/password", changeOwnPassword), .init(.get, "/v1/users", listUsers),
        .init(.post, "/v1/users", addUser), .init(.patch, "/v1/users/{name}", changeUser),
        .init(.delete, "/v1/users/{name}", removeUser),
    ]

    private static let logIn = APIRoute(
        summary: "Log in with a browser: a cookie for twelve hours at most", access: .open,
        body: BodySchema(
            .init("name", .text(most: 64), isRequired: true, "the user's name"),
            .init("password", .text(most: 1024), isRequired: true, "the user's password"))
    ) { api, call in
        try SessionCookie.checkOrigin(of: call.request)
        let (name, peer) = (call.body["name"]?.string ?? "", call.request.peer)
        let password = SecretBytes(call.body["password"]?.string ?? "")
        let session: (cookie: SecretBytes, principal: Principal)
        do throws(AccessError) {
            session = try await api.parts.sessions.logIn(name, password: password, from: peer)
        } catch {
            // Not the name: what was typed there may be a password.
            if case .wrongPassword = error { try await api.parts.audit.add("session.refuse", by: nil, from: peer) }
            throw error
        }
        try await api.parts.audit.add("session.begin", by: session.principal.label, from: peer)
        return HTTPResponse(.ok, json: json(session.principal)).with(
            "Set-Cookie", SessionCookie.field(session.cookie))
    }

    private static let logOut = APIRoute(
        summary: "End one's session", access: .anybodyKnown, success: .noContent
    ) { api, call in
        let caller = try call.caller
        guard case .session = caller.proof, let cookie = try SessionCookie.value(in: call.request) else {
            throw Problem(
                .conflict, "no-session", "this is a key and no session; revoke it to make it good for nothing")
        }
        try await api.parts.sessions.logOut(cookie)
        try await api.parts.audit.add("session.end", by: caller.label, from: call.request.peer)
        return HTTPResponse(.noContent).with("Set-Cookie", SessionCookie.none)
    }

    private static let changeOwnPassword = APIRoute(
        summary: "Change one's own password; one's sessions are over then", access: .anybodyKnown,
        body: BodySchema(
            .init("password", .text(most: 1024), isRequired: true, "the password of now"),
            .init("newPassword", .text(most: 1024), isRequired: true, "the one to come, 12 to 1024 bytes")),
        success: .noContent
    ) { api, call in
        let (caller, peer) = (try call.caller, call.request.peer)
        // Whoever has found an open browser, or a key, does not have the password.
        try await api.parts.sessions.confirm(
            caller.name, password: SecretBytes(call.body["password"]?.string ?? ""), from: peer)
        try await api.setPassword(of: caller.name, "newPassword", call)
        try await api.parts.audit.add("user.password", by: caller.label, subject: caller.name, from: peer)
        return HTTPResponse(.noContent)
    }

    private static let listUsers = APIRoute(
        summary: "The users of the farm", access: .permission(.manageUsers)
    ) { api, _ in
        HTTPResponse(.ok, json: ["users": .array(try await api.parts.users.list().map { json($0) })])
    }

    private static let addUser = APIRoute(
        summary: "Make a user", access: .permission(.manageUsers),
        body: BodySchema(
            .init("name", .text(most: 64), isRequired: true, "lower-case letters, digits and . _ - @"),
            .init("role", .text(most: 32), isRequired: true, roleHelp),
            .init("password", .text(most: 1024), isRequired: true, "12 to 1024 bytes")),
        success: .created
    ) { api, call in
        let (name, role) = (call.body["name"]?.string ?? "", try role(call.body["role"]))
        try await api.parts.users.add(
            name, role: role ?? .viewer, password: SecretBytes(call.body["password"]?.string ?? ""))
        try await api.parts.audit.add(
            "user.add", by: try call.caller.label, subject: name, from: call.request.peer,
            details: ["role": JSONValue(role?.rawValue)])
        return HTTPResponse(.created, json: try await api.user(name)).with("Location", "/v1/users/\(name)")
    }

    private static let changeUser = APIRoute(
        summary: "Give a user another role or password, or let it do nothing", access: .permission(.manageUsers),
        body: BodySchema(
            .init("role", .text(most: 32), roleHelp), .init("disabled", .flag, "whether it may do nothing"),
            .init("password", .text(most: 1024), "a new password, 12 to 1024 bytes; its sessions are over"))
    ) { api, call in
        let name = call.parameter("name")
        let (role, isDisabled) = (try role(call.body["role"]), call.body["disabled"]?.bool)
        let changesPassword = call.body["password"]?.string != nil
        guard role != nil || isDisabled != nil || changesPassword else {
            throw Problem.invalid("", "expected at least one of role, disabled, password")
        }
        // A password that is refused changes nothing else either.
        if changesPassword { try await api.setPassword(of: name, "password", call) }
        if role != nil || isDisabled != nil {
            try await api.parts.users.change(name, role: role, isDisabled: isDisabled)
        }
        try await api.parts.audit.add(
            "user.change", by: try call.caller.label, subject: name, from: call.request.peer,
            details: [
                "role": JSONValue(role?.rawValue), "disabled": isDisabled.map { .bool($0) } ?? .null,
                "password": .bool(changesPassword),
            ])
        return HTTPResponse(.ok, json: try await api.user(name))
    }

    private static let removeUser = APIRoute(
        summary: "Remove a user; its keys and sessions are good for nothing", access: .permission(.manageUsers),
        success: .noContent
    ) { api, call in
        try await api.parts.users.remove(call.parameter("name"))
        try await api.parts.audit.add(
            "user.remove", by: try call.caller.label, subject: call.parameter("name"), from: call.request.peer)
        return HTTPResponse(.noContent)
    }

    // MARK: Steps

    private static let roleHelp = "one of " + Role.allCases.map(\.rawValue).joined(separator: ", ")

    private static func role(_ value: JSONValue?) throws(Problem) -> Role? {
        guard let text = value?.string else { return nil }
        guard let role = Role(rawValue: text) else { throw .invalid("/role", "expected \(roleHelp)") }
        return role
    }

    private func setPassword(of name: String, _ member: String, _ call: Call) async throws {
        do throws(AccessError) {
            try await parts.users.change(name, password: SecretBytes(call.body[member]?.string ?? ""))
        } catch {
            if case .badPassword = error { throw Problem.invalid("/" + member, error.description) }
            throw error
        }
    }

    private func user(_ name: String) async throws -> JSONValue {
        guard let user = try await parts.users.user(name) else { throw Problem.notFound("user") }
        return Self.json(user)
    }

    private static func json(_ user: Users.User) -> JSONValue {
        [
            "name": .string(user.name), "role": .string(user.role.rawValue), "disabled": .bool(user.isDisabled),
            "created": .string(user.created.description),
        ]
    }
}

/// The cookie by which a browser shows its session.
///
/// Its prefix makes browsers take it from this host alone, over TLS or on the machine itself, and for all paths.
enum SessionCookie {
    private static let name = "__Host-pkgmill"

    /// `Set-Cookie` for a session that begins.
    static func field(_ value: SecretBytes) -> String {
        let text = String(decoding: value.copyBytes(), as: UTF8.self)
        return "\(name)=\(text); Max-Age=\(Sessions.longest.components.seconds); \(attributes)"
    }

    /// `Set-Cookie` for one that is over.
    static let none = "\(name)=; Max-Age=0; \(attributes)"

    private static let attributes = "Path=/; Secure; HttpOnly; SameSite=Strict"

    /// The session's cookie of a request; nil where it has none.
    ///
    /// - Throws: 401 where it has several, of which somebody else may have planted one.
    static func value(in request: HTTPRequest) throws(Problem) -> [UInt8]? {
        var found: [[UInt8]] = []
        for field in request.fields.values("cookie") {
            for pair in field.split(separator: UInt8(ascii: ";")) {
                let pair = pair.drop { $0 == 0x20 }
                guard let mark = pair.firstIndex(of: UInt8(ascii: "=")), pair[..<mark].elementsEqual(name.utf8) else {
                    continue
                }
                found.append(Array(pair[pair.index(after: mark)...]))
            }
        }
        guard found.count <= 1 else {
            throw Problem(.unauthorized, "unauthorized", "the cookie \(name) is there more than once; log in again")
        }
        return found.first
    }

    /// - Throws: 403 for a request that a page of another site has made a browser send.
    static func checkOrigin(of request: HTTPRequest) throws(Problem) {
        let refused = Problem(.forbidden, "other-origin", "Origin: this comes from a page of another site")
        let origins = request.fields.values("origin")
        if let origin = origins.first {
            guard origins.count == 1, let host = request.fields.only("host"),
                ["http://", "https://"].contains(where: { scheme in
                    origin.elementsEqual(scheme.utf8 + host.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 })
                })
            else { throw refused }
            return
        }
        // Old programs send neither; browsers that do not send the one send the other.
        if let site = request.fields.only("sec-fetch-site"),
            !["same-origin", "none"].contains(where: { site.elementsEqual($0.utf8) })
        {
            throw refused
        }
    }
}
