import RedisLink
import Synchronization
import System

extension RedisJobQueue {
    /// See `JobQueue`.
    public func configure(_ lanes: [LanePolicy]) async throws(QueueError) { try await configure(lanes, ifNone: false) }

    /// The same; with `ifNone` only where no lanes are configured by then.
    func configure(_ lanes: [LanePolicy], ifNone: Bool) async throws(QueueError) {
        try LanePolicy.validate(lanes)
        var command = words()
        command.append(ifNone ? "1" : "0")
        command.append(lanes.count)
        for policy in lanes {
            command.append(policy.lane.name)
            let (count, period) = (policy.rate?.count ?? 0, policy.rate?.period.wholeMilliseconds ?? 0)
            command.append("\(policy.weight) \(policy.concurrency ?? 0) \(count) \(period)")
        }
        _ = try await run(.configure, command)
    }

    /// See `JobQueue`.
    public func hold(_ kind: LaneHold.Kind, _ lane: Lane?, by: String, reason: String) async throws(QueueError) {
        try validateName("by", by)
        try validateReason(reason)
        var command = words()
        command.append(kind.rawValue)
        command.append(lane?.name ?? "")
        command.append(by)
        command.append(reason)
        command.append(EventCoding.encode([.held(kind, lane, by: by, reason: reason)]))
        try await requireKnown(lane, try await run(.hold, command).rest)
    }

    /// See `JobQueue`.
    @discardableResult
    public func resume(_ lane: Lane?, by: String) async throws(QueueError) -> [LaneHold] {
        try validateName("by", by)
        var command = words()
        command.append(lane?.name ?? "")
        command.append(EventCoding.encode([.resumed(lane, by: by)]))
        let rest = try await run(.resume, command, .once).rest
        try await requireKnown(lane, rest)
        return rest.dropFirst().compactMap { reply in
            guard let parts = reply.array, parts.count == 2,
                let kind = parts[0].text.flatMap({ LaneHold.Kind(rawValue: $0) })
            else { return nil }
            return LaneHold(kind, lane: lane, parts[1].bytes ?? [])
        }
    }

    private func requireKnown(_ lane: Lane?, _ rest: ArraySlice<RedisReply>) async throws(QueueError) {
        if rest.first?.text == "ok" { return }
        guard let lane else { throw .unexpected("hold") }
        throw .noSuchLane(lane, known: try await policies().map(\.lane))
    }

    /// See `JobQueue`. A call looks at a bounded number of jobs; the next one goes on where it ended.
    public func prune(_ retention: Retention) async throws(QueueError) -> Int {
        var place = memory.withLock { $0.prunePlace }
        var command = words()
        command.append(place.finished == Timestamp(milliseconds: .min) ? "-inf" : String(place.finished.milliseconds))
        command.append(place.row)
        command.append(PrunePlace.lookLimit)
        let (now, rest) = try await run(.ended, command)
        guard let count = rest.first?.integer, let newest = rest.dropFirst().first?.integer else {
            throw .unexpected("ended")
        }
        let ids = place.choose(
            among: rest.dropFirst(2).compactMap { EndedJob($0) }, retention,
            tooMany: max(0, Int(clamping: count) - retention.count), newest: newest, at: now)
        memory.withLock { $0.prunePlace = place }
        func before(_ age: Duration) -> Int64 { (now + (.zero - age)).milliseconds }
        command = words()
        command.append(before(max(retention.ended, retention.failed)))
        command.append(before(retention.abandoned))
        for id in ids { command.append(id) }
        _ = try await run(.drop, command)
        return ids.count
    }
}

extension EndedJob<[UInt8]> {
    /// The job of a reply of `JobScript.ended`; nil for what that does not answer.
    fileprivate init?(_ reply: RedisReply) {
        guard let parts = reply.array, parts.count == 6, let id = parts[0].bytes, let finished = parts[1].integer,
            let row = parts[2].integer
        else { return nil }
        self.init(
            key: id, row: row, finished: Timestamp(milliseconds: finished),
            hasFailed: parts[3].integer == Job.State.Name.failed.code,
            openSince: parts[5].integer.map { Timestamp(milliseconds: $0) }, isRetryOfPresent: parts[4].integer == 1)
    }
}
