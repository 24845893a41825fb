import RedisLink
import System

extension RedisJobQueue {
    /// See `JobQueue`.
    public func status(of id: Job.ID) async throws(QueueError) -> Job? { try await find(id)?.job.job }

    /// See `JobQueue`.
    public func standing(of id: Job.ID) async throws(QueueError) -> Standing? {
        var command = words()
        command.append(id.bytes)
        command.append(rules.workerTimeout.wholeMilliseconds)
        command.append(QueueLimits.countedPlaces)
        command.append(LaneHistory.sampleCount)
        let (now, rest) = try await run(.standing, command)
        if rest.isEmpty { return nil }
        let parts = Array(rest)
        guard parts.count == 8 else { throw .unexpected("standing") }
        let job: Job
        switch try RedisJob.read(parts[0]) {
        case .readable(let found): job = found.job
        case .unreadable(let reason): throw .parked(id, detail: reason)
        }
        guard let lane = RedisLane(parts[1]) else { return nil }
        let pause =
            parts[2].bytes.map { LaneHold(.paused, lane: nil, $0) }
            ?? parts[3].bytes.map { LaneHold(.paused, lane: job.lane, $0) }
        let workers = parts[6].array?.compactMap { reply in reply.array.flatMap { WorkerRecord($0) } } ?? []
        let times = parts[7].array?.compactMap { reply -> Duration? in
            guard let start = reply.array?.first?.integer, let end = reply.array?.last?.integer else { return nil }
            return Timestamp(milliseconds: end) - Timestamp(milliseconds: start)
        }
        let outlook = LaneOutlook(
            policy: lane.policy, meter: lane.meter, pause: pause, running: Int(clamping: parts[4].integer ?? 0),
            workerCount: workers.count { $0.serves(job.lane) }, history: LaneHistory(durations: times ?? []))
        return try outlook.standing(of: job, place: Int(clamping: parts[5].integer ?? 1), now: now)
    }

    /// See `JobQueue`.
    public func list(_ filter: JobFilter, after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage {
        try validatePage(limit: limit)
        var page = JobPage(jobs: [], next: nil)
        var before = cursor?.position
        var seen = before
        var byteCount = 0
        while true {
            var command = words()
            command.append(before.map { String($0) } ?? "")
            command.append(limit - page.jobs.count - page.parked.count)
            command.append(max(0, QueueLimits.pageByteCount - byteCount))
            command.append(filter.state.map { String($0.code) } ?? "")
            command.append(filter.lane?.name ?? "")
            let rest = Array(try await run(.page, command).rest)
            guard rest.count >= 2, let last = rest[1].integer else { throw .unexpected("page") }
            for index in stride(from: 2, to: rest.count - 1, by: 2) {
                seen = rest[index].integer
                switch try RedisJob.read(rest[index + 1]) {
                case .readable(let found):
                    page.jobs.append(found.job)
                    byteCount += found.job.request.count
                case .unreadable(let reason):
                    if filter == .all { page.parked.append(ParkedJob(rest[index + 1], prefix, reason)) }
                }
            }
            if rest[0].integer == 1 {
                page.next = JobCursor(position: seen ?? last)
                return page
            }
            if last == 0 { return page }
            before = last
        }
    }

    /// See `JobQueue`.
    public func counts(of lanes: [Lane]?, dueWithin duration: Duration) async throws(QueueError) -> QueueCounts {
        var command = words()
        command.append(Self.names(of: lanes))
        command.append(duration.wholeMilliseconds)
        let counts = try await run(.counts, command).rest.map { Int(clamping: $0.integer ?? 0) }
        guard counts.count == 5 else { throw .unexpected("counts") }
        return QueueCounts(
            scheduled: counts[0], dueSoon: counts[1], queued: counts[2], running: counts[3], parked: counts[4])
    }

    /// See `JobQueue`.
    public func lanes() async throws(QueueError) -> [LaneStatus] {
        try await allLanes().status.filter { status in
            status.isConfigured || status.queued > 0 || status.scheduled > 0 || status.running > 0
        }
    }

    /// See `JobQueue`.
    public func policies() async throws(QueueError) -> [LanePolicy] {
        try await allLanes().status.filter(\.isConfigured).map(\.policy)
    }

    /// All lanes as they stand, those without jobs that the configuration no longer names as well.
    func allLanes() async throws(QueueError) -> (now: Timestamp, status: [LaneStatus]) {
        var command = words()
        command.append(QueueLimits.countedPlaces)
        let (now, rest) = try await run(.lanes, command)
        let holds = Self.holds(rest.first)
        var found: [LaneStatus] = []
        for reply in rest.dropFirst() {
            guard let parts = reply.array, parts.count == 7, let lane = RedisLane(parts[0]) else { continue }
            var oldest: LaneStatus.Oldest?
            if let id = parts[5].bytes.flatMap({ Job.ID(bytes: $0) }), let created = parts[6].integer {
                oldest = LaneStatus.Oldest(id: id, created: Timestamp(milliseconds: created))
            }
            func count(_ index: Int) -> Int { Int(clamping: parts[index].integer ?? 0) }
            found.append(
                LaneStatus(
                    policy: lane.policy, isConfigured: lane.isConfigured,
                    holds: holds.filter { $0.concerns(lane.policy.lane) }, queued: count(1), scheduled: count(2),
                    running: count(3), failed: count(4), oldest: oldest))
        }
        return (now, found)
    }

    private static func holds(_ reply: RedisReply?) -> [LaneHold] {
        let flat = reply?.array ?? []
        var holds: [LaneHold] = []
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            // `paused/LANE`, or `paused/` for all.
            guard let field = flat[index].bytes, let slash = field.firstIndex(of: UInt8(ascii: "/")),
                let kind = LaneHold.Kind(rawValue: String(decoding: field[..<slash], as: UTF8.self))
            else { continue }
            let name = String(decoding: field[(slash + 1)...], as: UTF8.self)
            let lane = Lane(name)
            guard lane != nil || name.isEmpty else { continue }
            holds.append(LaneHold(kind, lane: lane, flat[index + 1].bytes ?? []))
        }
        return holds.sorted { LaneHold.comesFirst($0, $1) }
    }

    /// See `JobQueue`.
    public func parked(limit: Int) async throws(QueueError) -> [ParkedJob] {
        try validatePage(limit: limit)
        var command = words()
        command.append(limit)
        return try await run(.parked, command).rest.map { reply throws(QueueError) in
            switch try RedisJob.read(reply) {
            case .readable: ParkedJob(reply, prefix, "it was parked")
            case .unreadable(let reason): ParkedJob(reply, prefix, reason)
            }
        }
    }

    /// See `JobQueue`.
    public func workers() async throws(QueueError) -> [WorkerStatus] {
        var command = words()
        command.append(QueueLimits.workerMemory.wholeMilliseconds)
        let (now, rest) = try await run(.workers, command)
        guard let workers = rest.first?.array, let leases = rest.dropFirst().first?.array else {
            throw .unexpected("workers")
        }
        var jobs: [[UInt8]: [(row: Int64, id: Job.ID)]] = [:]
        for lease in leases {
            guard let parts = lease.array, parts.count == 3, let worker = parts[0].bytes,
                let id = parts[1].bytes.flatMap({ Job.ID(bytes: $0) })
            else { continue }
            jobs[worker, default: []].append((parts[2].integer ?? 0, id))
        }
        return workers.compactMap { reply -> WorkerStatus? in
            guard let parts = reply.array, parts.count == 3, let beat = parts[1].integer,
                let record = WorkerRecord([parts[0], parts[2]]),
                let started = parts[2].field("started")?.integer
            else { return nil }
            let lastBeat = Timestamp(milliseconds: beat)
            let held = jobs[Array(record.name.utf8)] ?? []
            return WorkerStatus(
                record: record, started: Timestamp(milliseconds: started), lastBeat: lastBeat,
                isAlive: lastBeat.isWithin(rules.workerTimeout, of: now),
                jobs: held.sorted { $0.row < $1.row }.map(\.id))
        }.sorted { $0.record.name.utf8.lexicographicallyPrecedes($1.record.name.utf8) }
    }

    /// See `JobQueue`.
    public func batch(_ id: Batch.ID) async throws(QueueError) -> Batch? {
        var command = words()
        command.append(id.bytes)
        return try await run(.batch, command).rest.first.flatMap { reply throws(QueueError) in try Batch(id, reply) }
    }

    /// See `JobQueue`.
    public func items(of batch: Batch.ID, after row: Int, limit: Int) async throws(QueueError) -> [Batch.Item] {
        try validatePage(limit: limit)
        var items: [Batch.Item] = []
        var byteCount = 0
        var after = Int64(max(row, 0))
        while true {
            var command = words()
            command.append(batch.bytes)
            command.append(after)
            command.append(limit - items.count)
            command.append(max(0, QueueLimits.pageByteCount - byteCount))
            let rest = Array(try await run(.items, command).rest)
            guard rest.first?.text == "ok", rest.count >= 3, let last = rest[1].integer else {
                throw .noSuchBatch(batch)
            }
            for reply in rest.dropFirst(3) {
                guard let parts = reply.array, parts.count == 3, let row = parts[0].integer else { continue }
                let item = try Batch.Item(row: Int(clamping: row), outcome: outcome(parts))
                if case .job(let job) = item.outcome { byteCount += job.request.count }
                items.append(item)
            }
            guard rest[2].integer == 1 else { return items }
            after = last
        }
    }

    private func outcome(_ parts: [RedisReply]) throws(QueueError) -> Batch.Item.Outcome {
        if let packed = parts[2].bytes {
            return .rejected(
                Job.Failure(packed: packed)
                    ?? Job.Failure(code: "unknown", message: "the refusal's value is damaged", isRetryable: false))
        }
        switch try RedisJob.read(parts[1]) {
        case .readable(let found): return .job(found.job)
        case .unreadable(let reason): return .parked(ParkedJob(parts[1], prefix, reason))
        }
    }

    /// See `JobQueue`.
    public func events(after sequence: Int64?, limit: Int) async throws(QueueError) -> EventPage {
        try require(limit, in: 1...10_000, "limit")
        let start = max(sequence ?? 0, 0)
        var page = EventPage(events: [], next: start, needsResync: false)
        while page.events.count < limit {
            var command = words()
            command.append(sequence == nil ? "" : String(page.next))
            command.append(min(limit, 500))
            let rest = try await run(.events, command).rest
            guard let last = rest.first?.integer else { throw .unexpected("events") }
            guard let sequence else { return EventPage(events: [], next: last, needsResync: false) }
            guard sequence <= last else { return EventPage(events: [], next: last, needsResync: true) }
            let entries = rest.dropFirst().first?.array ?? []
            if entries.isEmpty { break }
            for entry in entries { page.add(entry, limit: limit) }
        }
        if let sequence, page.next == start { page.next = sequence }
        return page
    }

    /// See `JobQueue`.
    public func waitForEvents(after sequence: Int64, atMost limit: Duration) async throws(QueueError) {
        let wait = max(1, limit.wholeMilliseconds)
        var command = RedisCommand("XREAD", "COUNT", "1", "BLOCK", String(wait + 1000), "STREAMS", prefix + "events")
        command.append("\(max(sequence, 0))-0")
        try await self.wait(command, atMost: .milliseconds(wait))
    }

    /// Waits at the server; what the wait brings is for the caller to look up.
    func wait(_ command: RedisCommand, atMost limit: Duration) async throws(QueueError) {
        do throws(RedisError) { _ = try await link.wait(command, atMost: limit) } catch {
            // One that was cancelled has come to its end: the caller sees it.
            if !Task.isCancelled { throw QueueError(error) }
        }
    }
}

extension EventPage {
    /// Adds the events of an entry of the stream, as far as they are wanted. One that cannot be read is a gap, and told as
    /// one.
    fileprivate mutating func add(_ entry: RedisReply, limit: Int) {
        guard events.count < limit, let parts = entry.array, parts.count == 2,
            let last = parts[0].bytes.flatMap({ RedisReply.bytes(Array($0.prefix { $0 != UInt8(ascii: "-") })).integer }
            )
        else { return }
        add(
            last: last, time: Timestamp(milliseconds: parts[1].field("t")?.integer ?? 0),
            parts[1].field("b")?.bytes ?? [], limit: limit)
    }
}

extension ParkedJob {
    /// The job of a reply of `whole`, which cannot be read.
    init(_ reply: RedisReply, _ prefix: String, _ reason: String) {
        let bytes = reply.array?.first?.bytes ?? []
        self.init(id: Job.ID(bytes: bytes), place: "\(prefix)job:\(Printable.text(bytes))", reason: reason)
    }
}

extension WorkerRecord {
    /// A worker's name and the reply to `HGETALL` for it; nil for what no version of ours writes.
    fileprivate init?(_ parts: [RedisReply]) {
        guard parts.count == 2, let name = parts[0].text, let host = parts[1].field("host")?.text,
            let processID = parts[1].field("pid")?.integer, let version = parts[1].field("version")?.text
        else { return nil }
        let lanes = parts[1].field("lanes")?.bytes.map { names in
            names.split(separator: UInt8(ascii: ",")).compactMap { Lane(String(decoding: $0, as: UTF8.self)) }
        }
        self.init(
            name: name, host: host, processID: Int32(clamping: processID), version: version, lanes: lanes,
            isDraining: parts[1].field("draining")?.text == "1")
    }
}
