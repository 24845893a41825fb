import Artifacts
import Configuration
import Crypto
import Enqueuer
import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let token = Command(
        syntax: CommandSyntax(
            "token", summary: "Print a download token for a job's package",
            discussion: "Whoever has the token may fetch this one file until it expires. Treat it as a secret.",
            operands: [.init("JOB-ID")],
            options: [
                .init(
                    "expires", "DURATION",
                    help: "how long it is good: 90s, 30m, 1h, 7d (default from the configuration)"),
                .init("max-uses", "N", help: "how many finished downloads it allows (default: any number)"),
                .json,
            ] + remoteOptions)
    ) { invocation, console in
        let lifetime = try invocation.value("expires").map { text in try duration(text, of: "expires") }
        let maxUses = try invocation.number("max-uses", in: 1...1_000_000).map { Int($0) }
        let id = try jobID(invocation)
        let token: String
        if let remote = try Remote(invocation) {
            token = try await remote.token(for: id, lifetime: lifetime, maxUses: maxUses)
        } else {
            let farm = try await Farm.open(invocation)
            let configured = Duration.seconds(farm.configuration.farm.tokenLifetimeSeconds)
            token = try await farm.delivery.token(for: id, lifetime: lifetime ?? configured, maxUses: maxUses)
        }
        console.print(invocation.has("json") ? JSONValue.object([.init("token", .string(token))]).text() : token)
        return .success
    }

    static let fetch = Command(
        syntax: CommandSyntax(
            "fetch", summary: "Write a job's package to a file that appears only when its checksum is right",
            discussion:
                "From a server, a download that was cut goes on where it was, also when the command is given again.",
            operands: [.init("JOB-ID|TOKEN|URL")],
            options: [
                .init("output", "FILE", help: "where to (required)"),
                .init("force", help: "replace FILE"),
                .json,
            ] + remoteOptions)
    ) { invocation, console in
        guard let path = invocation.value("output") else {
            throw UsageError.missingValue(option: "output", expected: "FILE")
        }
        let subject = invocation.operand(0) ?? ""
        let isForced = invocation.has("force")
        let content: ArtifactContent
        if let link = try Remote.link(subject, invocation) {
            content = try await link.remote.fetch(path: link.path, to: path, replacing: isForced)
        } else if let id = Job.ID(subject) {
            let source = try await jobSource(invocation)
            content = try await source.fetch(id, to: path, replacing: isForced)
        } else if let remote = try Remote(invocation, needsKey: false) {
            content = try await remote.fetch(token: subject, to: path, replacing: isForced)
        } else {
            let farm = try await Farm.open(invocation)
            let grant = try await farm.delivery.grant(for: subject)
            content = try await farm.deliver(grant.content, use: grant, to: path, replacing: isForced)
        }
        if invocation.has("json") {
            console.print([
                "path": .string(path), "sha256": .string(content.digest.hex), "size": .integer(content.byteCount),
            ])
        } else {
            console.note(deliveryText(content, path))
        }
        return .success
    }

    /// What was fetched, in one line.
    static func deliveryText(_ content: ArtifactContent, _ path: String) -> String {
        "\(path): \(Printable.byteCount(content.byteCount)), SHA-256 \(content.digest), verified"
    }

    /// `90s`, `30m`, `1h`, `7d`: a whole number and a unit, from one second to 366 days.
    static func duration(_ text: String, of option: String) throws(UsageError) -> Duration {
        let units: [UInt8: Int64] = [0x73: 1, 0x6D: 60, 0x68: 3600, 0x64: 86_400]
        let digits = text.utf8.dropLast()
        guard let last = text.utf8.last, let unit = units[last], (1...9).contains(digits.count),
            digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int64(String(decoding: digits, as: UTF8.self)),
            (1...31_622_400).contains(number * unit)
        else {
            throw .badValue(
                option: option, value: text, expected: "a duration such as 90s, 30m, 1h or 7d, at most 366d")
        }
        return .seconds(number * unit)
    }
}
