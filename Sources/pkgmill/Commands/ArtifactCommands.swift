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
            ])
    ) { invocation, console in
        let lifetime = try invocation.value("expires").map { text in try duration(text, of: "expires") }
        let maxUses = try invocation.number("max-uses", in: 1...1_000_000).map { Int($0) }
        let farm = try await Farm.open(invocation)
        let configured = Duration.seconds(farm.configuration.farm.tokenLifetimeSeconds)
        let token = try await farm.delivery.token(
            for: jobID(invocation), lifetime: lifetime ?? configured, maxUses: maxUses)
        console.print(invocation.has("json") ? JSONValue.object([.init("token", .string(token))]).text() : token)
        return .success
    }

    static let fetch = Command(
        syntax: CommandSyntax(
            "fetch", summary: "Write a job's package to a file that appears only when its checksum is right",
            operands: [.init("JOB-ID|TOKEN")],
            options: [
                .init("output", "FILE", help: "where to (required)"),
                .init("force", help: "replace FILE"),
                .json,
            ])
    ) { invocation, console in
        guard let path = invocation.value("output") else {
            throw UsageError.missingValue(option: "output", expected: "FILE")
        }
        let subject = invocation.operand(0) ?? ""
        let farm = try await Farm.open(invocation)
        let isJSON = invocation.has("json")
        let isForced = invocation.has("force")
        if let id = Job.ID(subject) {
            let result = try await farm.delivery.result(of: id)
            try await deliver(result, to: path, replacing: isForced, farm: farm, console: console, isJSON: isJSON)
        } else {
            let grant = try await farm.delivery.grant(for: subject)
            try await deliver(
                grant.content, use: grant, to: path, replacing: isForced, farm: farm, console: console, isJSON: isJSON)
        }
        return .success
    }

    /// Fetches a job's artifact to `path` and says so.
    static func deliver(
        _ result: Job.Result, to path: String, replacing: Bool, farm: Farm, console: Console, isJSON: Bool = false
    ) async throws {
        guard let digest = SHA256Digest(hex: result.sha256) else {
            throw DeliveryError.damaged(expected: result.sha256, found: "no digest")
        }
        try await deliver(
            ArtifactContent(digest: digest, byteCount: result.byteCount), use: nil, to: path, replacing: replacing,
            farm: farm, console: console, isJSON: isJSON)
    }

    private static func deliver(
        _ content: ArtifactContent, use grant: DownloadTokens.Grant?, to path: String, replacing: Bool, farm: Farm,
        console: Console, isJSON: Bool
    ) async throws {
        var line = ProgressLine()
        try await farm.delivery.copy(content, to: path, replacing: replacing, use: grant) {
            line.show("fetch", done: $0, total: $1)
        }
        line.clear()
        if isJSON {
            console.print([
                "path": .string(path), "sha256": .string(content.digest.hex), "size": .integer(content.byteCount),
            ])
        } else {
            console.note("\(path): \(byteText(content.byteCount)), SHA-256 \(content.digest), verified")
        }
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
