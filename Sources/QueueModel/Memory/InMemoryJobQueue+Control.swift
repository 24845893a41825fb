import System

extension InMemoryJobQueue {
    /// See `JobQueue`.
    public func configure(_ policies: [LanePolicy]) throws(QueueError) {
        try LanePolicy.validate(policies)
        guard policies != laneEntries.filter(\.isConfigured).map(\.policy) else { return }
        // What was saved up or owed by other weights says nothing about these.
        rotation = LaneRotation()
        var before = laneEntries
        laneEntries = []
        for policy in policies {
            let known = before.firstIndex { $0.policy.lane == policy.lane }.map { before.remove(at: $0) }
            laneEntries.append(LaneEntry(policy: policy, meter: known?.meter ?? StartMeter(fullAt: 0)))
        }
        for var dropped in before {
            dropped.isConfigured = false
            laneEntries.append(dropped)
        }
    }

    /// See `JobQueue`.
    public func policies() -> [LanePolicy] { laneEntries.filter(\.isConfigured).map(\.policy) }

    /// See `JobQueue`.
    public func hold(_ kind: LaneHold.Kind, _ lane: Lane?, by: String, reason: String) throws(QueueError) {
        try validateName("by", by)
        try validateReason(reason)
        try requireKnown(lane)
        let now = now()
        let since = holds.first { $0.kind == kind && $0.lane == lane }?.since ?? now
        holds.removeAll { $0.kind == kind && $0.lane == lane }
        holds.append(LaneHold(kind: kind, lane: lane, by: by, reason: reason, since: since))
        holds.sort { LaneHold.comesFirst($0, $1) }
        note(.held(kind, lane, by: by, reason: reason), at: now)
    }

    /// See `JobQueue`.
    @discardableResult
    public func resume(_ lane: Lane?, by: String) throws(QueueError) -> [LaneHold] {
        try validateName("by", by)
        try requireKnown(lane)
        let lifted = holds.filter { $0.lane == lane }
        guard !lifted.isEmpty else { return [] }
        holds.removeAll { $0.lane == lane }
        note(.resumed(lane, by: by), at: now())
        return lifted
    }

    /// See `JobQueue`.
    public func prune(_ retention: Retention) throws(QueueError) -> Int {
        let now = now()
        let ended = jobs.filter { $0.job.state.name.isFinal }.sorted {
            ($0.job.life.finished ?? now, $0.position) < ($1.job.life.finished ?? now, $1.position)
        }
        let newest = jobs.last?.position
        let present = Set(jobs.map(\.job.id))
        let beyondCount = max(0, ended.count - retention.count)
        let old = ended.enumerated().filter { number, entry in
            let age = entry.job.state.name == .failed ? retention.failed : retention.ended
            guard let finished = entry.job.life.finished, entry.position != newest else { return false }
            guard number < beyondCount || finished + age <= now else { return false }
            if let repeated = entry.job.retryOf, present.contains(repeated) { return false }
            guard let place = entry.job.batch else { return true }
            guard let batch = batches.first(where: { $0.batch.id == place.batch })?.batch else { return true }
            return batch.finished != nil || batch.created + retention.abandoned <= now
        }.prefix(Retention.perCall)
        let removed = Set(old.map(\.element.position))
        jobs.removeAll { removed.contains($0.position) }
        pruneBatches(retention, at: now)
        return removed.count
    }

    private func pruneBatches(_ retention: Retention, at now: Timestamp) {
        let needed = Set(jobs.compactMap(\.job.batch?.batch))
        let age = max(retention.ended, retention.failed)
        batches.removeAll { entry in
            let batch = entry.batch
            // One that ended before it was opened, by a clock that was set back, is as old as its opening.
            let isOver = batch.finished.map { max($0, batch.created) + age <= now }
            return (isOver ?? (batch.created + retention.abandoned <= now)) && !needed.contains(batch.id)
        }
    }

    private func requireKnown(_ lane: Lane?) throws(QueueError) {
        guard let lane, !laneEntries.contains(where: { $0.policy.lane == lane }) else { return }
        throw .noSuchLane(lane, known: laneEntries.filter(\.isConfigured).map(\.policy.lane))
    }
}

extension LanePolicy {
    /// Throws unless these can be the lanes of a farm.
    static func validate(_ policies: [LanePolicy]) throws(QueueError) {
        try require(policies.count, in: 1...100, "lanes")
        for policy in policies { try policy.validate() }
        guard Set(policies.map(\.lane)).count == policies.count else {
            throw .invalid(
                field: "lanes", value: policies.map(\.lane.name).joined(separator: ", "), expected: "each lane once")
        }
    }
}

extension LaneHold {
    /// Orders for all come before those for a lane, pauses before closures.
    static func comesFirst(_ left: LaneHold, _ right: LaneHold) -> Bool {
        let first = (left.lane?.name ?? "", left.kind == .paused ? 0 : 1)
        return first < (right.lane?.name ?? "", right.kind == .paused ? 0 : 1)
    }
}
