import RedisLink
import System

/// What the keys of a farm say of a job, or of an entry, that is not so.
enum RedisFault: String, CaseIterable {
    case foreign, missing, unreadable, key, place, request, unique
    case endedInLine = "ended-in-line"
    case endedUnlisted = "ended-unlisted"
    case failedUnlisted = "failed-unlisted"
    case inNoLine = "in-no-line"
    case inTwoLines = "in-two-lines"
    case aliveAmongEnded = "alive-among-ended"

    /// What it means, behind the name of a job.
    var text: String {
        switch self {
        case .foreign: "has a key of another kind than a job's"
        case .missing: "is named by its row, and is not there"
        case .unreadable: "does not say which row and which of the farm's lanes it has"
        case .key: "has an idempotency key that leads elsewhere"
        case .place: "has a row of a batch that leads elsewhere"
        case .request: "has no request"
        case .unique: "is unique, and its like could be submitted beside it"
        case .endedInLine: "has ended, and waits or runs as well"
        case .endedUnlisted: "has ended, and would never be removed"
        case .failedUnlisted: "has failed, and 'retry --failed' would not find it"
        case .inNoLine: "has not ended, and is in no line: it would wait for ever; cancel and retry it"
        case .inTwoLines: "is in two lines at once"
        case .aliveAmongEnded: "has not ended, and is among those that have"
        }
    }
}

extension RedisJobQueue {
    /// Looks at all that the farm's keys say of each other, and says what is not so; nothing where all is well. Everybody works
    /// on meanwhile. Parked jobs are known already and not told again.
    ///
    /// - Returns: at most a thousand findings.
    public func check() async throws(QueueError) -> [String] {
        var findings: [String] = []
        try await checkJobs(&findings)
        for lane in try await allLanes().status.map(\.policy.lane.name) {
            for kind in ["waiting", "returned", "scheduled", "leases", "failed"] {
                try await checkEntries(kind, lane, &findings)
            }
        }
        for kind in ["ended", "unique", "keys"] { try await checkEntries(kind, "", &findings) }
        return findings
    }

    private static let mostFindings = 1000
    /// Rows, or entries, of one step: a long one would keep everybody else waiting.
    private static let looksAtOnce = 100

    private func checkJobs(_ findings: inout [String]) async throws(QueueError) {
        var row: Int64 = 0
        while findings.count < Self.mostFindings {
            var command = words()
            command.append(row)
            command.append(Self.looksAtOnce)
            let rest = try await run(.check, command).rest
            for reply in rest.dropFirst() {
                guard let parts = reply.array, parts.count == 2 else { throw .unexpected("check") }
                let fault = parts[1].text.flatMap { RedisFault(rawValue: $0) }
                findings.append("job \(Self.name(parts[0])) \(fault?.text ?? "is not as it should be")")
            }
            guard let next = rest.first?.integer else { return }
            row = next
        }
    }

    private func checkEntries(_ kind: String, _ lane: String, _ findings: inout [String]) async throws(QueueError) {
        let key = prefix + kind + (lane.isEmpty ? "" : ":\(lane)")
        var (place, lastRow) = ("0", Int64(0))
        while findings.count < Self.mostFindings {
            var command = words()
            for word in [kind, lane, place, String(Self.looksAtOnce), String(lastRow)] { command.append(word) }
            let rest = Array(try await run(.checkEntries, command).rest)
            guard rest.count >= 2 else { throw .unexpected("checkEntries") }
            for reply in rest.dropFirst(2) {
                findings.append(
                    "\(key) has an entry for job \(Self.name(reply.array?.first)) that does not belong there")
            }
            lastRow = rest[1].integer ?? 0
            guard let next = rest[0].text ?? rest[0].integer.map({ String($0) }) else { return }
            place = next
        }
    }

    private static func name(_ reply: RedisReply?) -> String {
        let bytes = reply?.bytes ?? []
        return Job.ID(bytes: bytes)?.description ?? Printable.text(bytes, limit: 40)
    }
}
