import Access
import Crypto
import HTTP
import JSON
import System

extension FarmAPI {
    static let accessRoutes: [Router<APIRoute>.Route] = [
        .init(.get, "/v1/me", showMe), .init(.get, "/v1/api-keys", listKeys), .init(.post, "/v1/api-keys", makeKey),
        .init(.delete, "/v1/api-keys/{id}", revokeKey), .init(.get, "/v1/audit", readAudit),
    ]

    private static let showMe = APIRoute(summary: "Who one is, and what one may do", access: .anybodyKnown) { _, call in
        HTTPResponse(.ok, json: json(try call.caller))
    }

    static func json(_ caller: Principal) -> JSONValue {
        var csrf: String?
        if case .session(let token) = caller.proof { csrf = token }
        return [
            "name": .string(caller.name), "role": .string(caller.role.rawValue),
            "permissions": .array(caller.permissions.map(\.rawValue).sorted().map { .string($0) }),
            "csrf": JSONValue(csrf),
        ]
    }

    private static let listKeys = APIRoute(
        summary: "The API keys of oneself, and of everybody for whoever manages users", access: .anybodyKnown
    ) { api, call in
        let caller = try call.caller
        let keys = try await api.parts.keys.list(of: caller.may(.manageUsers) ? nil : caller.name)
        return HTTPResponse(.ok, json: ["keys": .array(keys.map { KeyDocument.json($0) })])
    }

    private static let makeKey = APIRoute(
        summary: "Make an API key for oneself; it is shown this once", access: .anybodyKnown,
        body: BodySchema(
            .init("label", .text(most: 100), isRequired: true, "what to call it"),
            .init("scopes", .list(most: 32), "what it may do of what its owner may (default: all of it)"),
            .init("expiresSeconds", .integer(60...315_360_000), "for how long it is good (default: for ever)")),
        success: .created
    ) { api, call in
        let caller = try call.caller
        var scopes: Set<Permission>?
        if let names = call.body["scopes"]?.array?.compactMap(\.string) {
            let found = names.compactMap { Permission(rawValue: $0) }
            guard found.count == names.count else {
                let known = Permission.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem.invalid("/scopes", "expected some of \(known)")
            }
            scopes = Set(found)
        }
        // A key makes no key that may do more than itself.
        if case .key = caller.proof { scopes = (scopes ?? caller.role.permissions).intersection(caller.permissions) }
        let (key, secret) = try await api.parts.keys.issue(
            to: caller.name, label: call.body["label"]?.string ?? "", scopes: scopes,
            lifetime: call.body["expiresSeconds"]?.integer.map { .seconds($0) })
        try await api.parts.audit.add("key.issue", by: caller.label, subject: key.id, from: call.request.peer)
        let members =
            (KeyDocument.json(key).members ?? []) + [
                .init("key", .string(String(decoding: secret.copyBytes(), as: UTF8.self)))
            ]
        return HTTPResponse(.created, json: .object(members))
    }

    private static let revokeKey = APIRoute(
        summary: "Make an API key good for nothing", access: .anybodyKnown, success: .noContent
    ) { api, call in
        let caller = try call.caller
        try await api.parts.keys.revoke(call.parameter("id"), of: caller.may(.manageUsers) ? nil : caller.name)
        try await api.parts.audit.add(
            "key.revoke", by: caller.label, subject: call.parameter("id"), from: call.request.peer)
        return HTTPResponse(.noContent)
    }

    private static let readAudit = APIRoute(
        summary: "Read the audit log", access: .permission(.readAudit),
        query: [
            .number("after", 0...Int.max, "the number of a line; those after it follow"),
            .number("limit", 1...1000, "at most so many (default: 100)"),
        ]
    ) { api, call in
        let after = try number(call.request.target["after"], "after", in: 0...Int.max) ?? 0
        let limit = try number(call.request.target["limit"], "limit", in: 1...1000) ?? 100
        let lines = try await api.parts.audit.lines(after: Int64(after), limit: limit)
        return HTTPResponse(
            .ok,
            json: [
                "lines": .array(lines.map { FarmDocument.json($0) })
            ])
    }
}
