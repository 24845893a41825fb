import Artifacts
import Configuration
import Crypto
import JSON
import Keyring
import System
import Terminal

extension Command {
    static let initialise = Command(
        syntax: CommandSyntax(
            "init", summary: "Make a farm: configuration, keys and folders",
            discussion: """
                Writes pkgmill.yaml into DIR (default: this folder), a master key, the first key generation and the folders.
                A farm that is there already is left as it is. The password of the web user is printed once.
                """,
            operands: [.init("DIR", isOptional: true)],
            options: [
                .init("redis", "ADDRESS", help: "keep jobs and records in the Redis at HOST:PORT or /PATH"), .json,
            ])
    ) { invocation, console in
        let directory = absolute(invocation.operand(0) ?? ".")
        let path = directory + "/pkgmill.yaml"
        if try Directory.openOrCreate(directory).status(of: "pkgmill.yaml") != nil {
            throw FarmError.alreadyThere(path: path)
        }
        let template = ConfigurationTemplate.text(
            storagePath: directory + "/cluster", contentDate: Timestamp.systemClock(), payloadVersion: todaysVersion,
            redisAddress: invocation.value("redis"))
        let configuration = try FarmConfiguration(
            parsing: ConfigurationFile(bytes: Array(template.utf8)), path: path,
            environment: CurrentProcess.environment(prefix: "PKGMILL_"))
        for folder in [configuration.farm.payload, directory + "/cluster"] { _ = try Directory.openOrCreate(folder) }
        let farm = try await Farm(configuration, creating: true)
        if try await farm.keyring.list().isEmpty { try await farm.keyring.add(Secrets.fresh(random: .system)) }
        let secrets = try await farm.keyring.current().secrets
        try await farm.tokenKeys.prepare()

        // The configuration comes last: a farm whose making was cut short has none, and 'init' can be repeated.
        let file = try PendingFile(path: path)
        try file.file.write(Array(template.utf8))
        try file.commit()

        let user = text(secrets["server.web_username"])
        let password = text(secrets["server.web_password"])
        if invocation.has("json") {
            console.print([
                "configuration": .string(path), "payload": .string(configuration.farm.payload),
                "webUsername": .string(user), "webPassword": .string(password),
            ])
        } else {
            console.print(
                """
                A farm is in \(directory)
                  configuration   \(path)
                  payload         \(configuration.farm.payload) (put the server's files here)
                  web user        \(user)
                  password        \(password)
                The password is shown only now. Next: 'pkgmill check', then 'pkgmill submit --sealing plain'.
                """)
        }
        return .success
    }

    /// The day as a version: the default for a payload that names none.
    private static var todaysVersion: String {
        Timestamp.systemClock().dateText.split(separator: "-").map { String(Int($0) ?? 0) }.joined(separator: ".")
    }

    private static func absolute(_ path: String) -> String {
        let full = path.utf8.first == 0x2F ? path : CurrentProcess.workingDirectory + "/" + path
        var parts: [Substring] = []
        for part in full.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    private static func text(_ secret: SecretBytes?) -> String {
        String(decoding: secret?.copyBytes() ?? [], as: UTF8.self)
    }
}

/// The secrets that a new farm begins with.
enum Secrets {
    static func fresh(random: RandomSource) -> [String: SecretBytes] {
        [
            "server.api_key": SecretBytes("pkm_" + Base64URL.encode(random.bytes(32))),
            "server.web_username": SecretBytes("admin"),
            "server.web_password": SecretBytes(Base64URL.encode(random.bytes(18))),
            "server.db_encryption_key": SecretBytes(Hex.encode(random.bytes(32))),
            "server.encryption_key": SecretBytes(Hex.encode(random.bytes(32))),
        ]
    }
}
