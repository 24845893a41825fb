import Access
import Crypto
import Enqueuer
import JSON
import System
import Terminal

extension Command {
    static let user = Command(
        syntax: CommandSyntax(
            "user", summary: "Manage who may use the farm over HTTP",
            discussion: """
                list       all of them
                add NAME   a new one, with --role; prints its password once
                role NAME  gives it the role of --role
                password NAME   gives it a new password, which is printed once; its sessions end
                disable NAME, enable NAME, remove NAME
                Roles: viewer sees jobs; submitter asks for installers and fetches its own; operator manages everybody's jobs and
                lanes; admin manages users and keys.
                """,
            operands: [
                .init("ACTION", choices: ["list", "add", "role", "password", "disable", "enable", "remove"]),
                .init("NAME", isOptional: true),
            ],
            options: [.init("role", "ROLE", help: "viewer, submitter, operator or admin"), .json])
    ) { invocation, console in
        let action = invocation.operand(0) ?? ""
        let farm = try await Farm.open(invocation)
        try await farm.makeFirstAdmin()
        let by = "cli:\(CurrentProcess.userName)"
        if action == "list" {
            for user in try await farm.users.list() {
                let state = user.isDisabled ? "disabled" : "enabled"
                if invocation.has("json") {
                    console.print([
                        "name": .string(user.name), "role": .string(user.role.rawValue),
                        "disabled": .bool(user.isDisabled),
                        "created": .string(user.created.description),
                    ])
                } else {
                    console.print("\(user.name)  \(user.role.rawValue)  \(state)")
                }
            }
            return .success
        }
        guard let name = invocation.operand(1) else {
            throw UsageError.missingOperand("NAME", command: "user \(action)")
        }
        var details: JSONValue = .null
        switch action {
        case "add":
            let role = try role(invocation, ifNone: .submitter)
            let password = newPassword()
            try await farm.users.add(name, role: role, password: password)
            details = ["role": .string(role.rawValue)]
            show(password, of: name, invocation, console)
        case "role":
            let role = try role(invocation, ifNone: nil)
            try await farm.users.change(name, role: role)
            details = ["role": .string(role.rawValue)]
        case "password":
            let password = newPassword()
            try await farm.users.change(name, password: password)
            show(password, of: name, invocation, console)
        case "disable": try await farm.users.change(name, isDisabled: true)
        case "enable": try await farm.users.change(name, isDisabled: false)
        default: try await farm.users.remove(name)
        }
        try await farm.audit.add("user.\(action)", by: by, subject: name, details: details)
        return .success
    }

    static let key = Command(
        syntax: CommandSyntax(
            "key", summary: "Manage API keys",
            discussion: """
                list [USER]   those of USER, or all
                add USER      a new one, which is printed once: send it as 'Authorization: Bearer KEY'
                revoke ID     makes one good for nothing, within a second
                Scopes: \(Permission.allCases.map(\.rawValue).joined(separator: ", "))
                """,
            operands: [.init("ACTION", choices: ["list", "add", "revoke"]), .init("USER|ID", isOptional: true)],
            options: [
                .init("label", "TEXT", help: "what to call it (default: the user's name)"),
                .init("scopes", "A,B", help: "what it may do of what its user may (default: all)"),
                .init("expires", "DURATION", help: "how long it is good: 30m, 1h, 90d (default: for ever)"),
                .json,
            ])
    ) { invocation, console in
        let action = invocation.operand(0) ?? ""
        let farm = try await Farm.open(invocation)
        try await farm.makeFirstAdmin()
        let by = "cli:\(CurrentProcess.userName)"
        switch action {
        case "list":
            for key in try await farm.keys.list(of: invocation.operand(1)) {
                if invocation.has("json") {
                    console.print(KeyDocument.json(key))
                } else {
                    let scopes = key.scopes.map { $0.map(\.rawValue).sorted().joined(separator: ",") } ?? "all"
                    let used = key.lastUsed.map { "used \($0)" } ?? "never used"
                    console.print("\(key.id)  \(key.user)  \(scopes)  \(used)  \(Printable.text(key.label))")
                }
            }
        case "add":
            guard let user = invocation.operand(1) else { throw UsageError.missingOperand("USER", command: "key add") }
            let lifetime = try invocation.value("expires").map { text in try duration(text, of: "expires") }
            let (key, secret) = try await farm.keys.issue(
                to: user, label: invocation.value("label") ?? user, scopes: try scopes(invocation), lifetime: lifetime)
            try await farm.audit.add("key.issue", by: by, subject: key.id, details: ["user": .string(user)])
            let text = String(decoding: secret.copyBytes(), as: UTF8.self)
            if invocation.has("json") {
                console.print(["id": .string(key.id), "key": .string(text)])
            } else {
                console.print(text)
            }
        default:
            guard let id = invocation.operand(1) else { throw UsageError.missingOperand("ID", command: "key revoke") }
            try await farm.keys.revoke(id, of: nil)
            try await farm.audit.add("key.revoke", by: by, subject: id)
        }
        return .success
    }

    static let audit = Command(
        syntax: CommandSyntax(
            "audit", summary: "Read the log of what was done by whom, or verify that nobody has changed it",
            discussion: """
                list     its lines, from --since on
                verify   reads all of it; exit code 1 where a line was changed, removed or moved
                """,
            operands: [.init("ACTION", choices: ["list", "verify"])],
            options: [.init("since", "N", help: "lines after number N"), .json])
    ) { invocation, console in
        let farm = try await Farm.open(invocation)
        guard invocation.operand(0) == "verify" else {
            var place = try invocation.number("since", in: 0...Int64.max) ?? 0
            while true {
                let lines = try await farm.audit.lines(after: place, limit: 1000)
                for line in lines { print(line, invocation, console) }
                guard let last = lines.last else { return .success }
                place = last.number
            }
        }
        let (count, damages) = try await farm.audit.verify()
        if invocation.has("json") {
            console.print([
                "lines": .integer(count),
                "damages": .array(damages.map { ["line": .integer($0.number), "detail": .string($0.detail)] }),
            ])
        } else {
            for damage in damages { console.print("line \(damage.number): \(damage.detail)") }
            console.print(
                "\(count) lines, \(damages.isEmpty ? "nothing is wrong" : "\(damages.count) things are wrong")")
        }
        return damages.isEmpty ? .success : .unsuccessful
    }

    private static func print(_ line: AuditLog.Line, _ invocation: Invocation, _ console: Console) {
        if invocation.has("json") {
            console.print(FarmDocument.json(line))
        } else {
            let words = [
                String(line.number), line.time.description, line.actor ?? "the farm", line.action, line.subject ?? "",
                line.address ?? "", line.details == .null ? "" : line.details.text(),
            ]
            console.print(words.filter { !$0.isEmpty }.map { Printable.text($0, limit: 400) }.joined(separator: "  "))
        }
    }

    private static func role(_ invocation: Invocation, ifNone: Role?) throws -> Role {
        guard let text = invocation.value("role") else {
            if let ifNone { return ifNone }
            throw UsageError.missingValue(option: "role", expected: "ROLE")
        }
        guard let role = Role(rawValue: text) else {
            throw UsageError.badValue(
                option: "role", value: text, expected: Role.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return role
    }

    private static func scopes(_ invocation: Invocation) throws -> Set<Permission>? {
        guard let text = invocation.value("scopes") else { return nil }
        return Set(
            try text.utf8.split(separator: 0x2C, omittingEmptySubsequences: false).map { word in
                guard let scope = Permission(rawValue: String(decoding: Array(word), as: UTF8.self)) else {
                    throw UsageError.badValue(
                        option: "scopes", value: text,
                        expected: Permission.allCases.map(\.rawValue).joined(separator: ", "))
                }
                return scope
            })
    }

    private static func newPassword() -> SecretBytes { SecretBytes(Base64URL.encode(RandomSource.system.bytes(18))) }

    private static func show(
        _ password: SecretBytes, of name: String, _ invocation: Invocation, _ console: Console
    ) {
        let text = String(decoding: password.copyBytes(), as: UTF8.self)
        if invocation.has("json") {
            console.print(["name": .string(name), "password": .string(text)])
        } else {
            console.print(text)
        }
    }
}
