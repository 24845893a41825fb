import SQLiteStore
import Synchronization
import System

/// What one transaction has done beside its rows, and what it has looked up.
struct JobContext: Sendable {
    /// The store's clock, read once for all that happens together.
    let now: Timestamp
    /// Events, in their order; written right before the commit.
    private(set) var changes: [QueueEvent.Change] = []
    /// Lanes in which a worker may find something now; rung right after the commit.
    private(set) var rung: Set<Int64> = []
    /// Credits of the lanes; kept for the next transaction when this one is committed.
    var rotation: LaneRotation
    /// Lanes and holds as they were looked up last; kept likewise.
    private(set) var lanes: KnownLanes
    /// A job has come to its end: seen by anybody, that must not be taken back by a power cut.
    private(set) var hasEnded = false
    /// Lost leases were taken back and due jobs queued.
    var isTidied = false
    /// The clock was set back: leases may begin in the future.
    let mustCorrect: Bool
    /// Nobody else has changed the database since the lanes were looked up, or they are looked up anew.
    private var isCurrent = false

    init(now: Timestamp, rotation: LaneRotation, lanes: KnownLanes, mustCorrect: Bool) {
        self.now = now
        self.rotation = rotation
        self.lanes = lanes
        self.mustCorrect = mustCorrect
    }

    mutating func note(_ change: QueueEvent.Change) {
        changes.append(change)
        if case .state(_, let state, _) = change, state.isFinal { hasEnded = true }
    }

    mutating func ring(_ lane: Int64) { rung.insert(lane) }

    /// Lanes and holds have changed: what was looked up is out of date.
    mutating func forgetLanes() { (lanes.all, lanes.holds) = (nil, nil) }

    /// All lanes, by code.
    mutating func lanes(_ transaction: borrowing JobTransaction) throws(QueueError) -> [StoredLane] {
        try lookWhetherCurrent(transaction)
        if let known = lanes.all { return known }
        let found = try transaction.lanes()
        lanes.all = found
        let configured = found.filter(\.isConfigured).map(\.policy)
        if configured != lanes.configured {
            // What was saved up or owed by other weights says nothing about these, whoever has changed them.
            rotation = LaneRotation()
            lanes.configured = configured
        }
        return found
    }

    private mutating func lookWhetherCurrent(_ transaction: borrowing JobTransaction) throws(QueueError) {
        if isCurrent { return }
        isCurrent = true
        let version = try transaction.integer(.dataVersion)
        if version == nil || version != lanes.dataVersion { forgetLanes() }
        lanes.dataVersion = version
    }

    mutating func lane(_ code: Int64, _ transaction: borrowing JobTransaction) throws(QueueError) -> StoredLane? {
        try lanes(transaction).first { $0.code == code }
    }

    mutating func lane(_ lane: Lane, _ transaction: borrowing JobTransaction) throws(QueueError) -> StoredLane? {
        try lanes(transaction).first { $0.policy.lane == lane }
    }

    /// What holds `lane` in this way.
    mutating func hold(
        _ kind: LaneHold.Kind, _ lane: Lane, _ transaction: borrowing JobTransaction
    ) throws(QueueError) -> LaneHold? {
        let all = try lanes(transaction)
        if lanes.holds == nil { lanes.holds = try transaction.holds(among: all) }
        return lanes.holds?.first { $0.kind == kind && $0.concerns(lane) }
    }

    /// A job of this lane has started.
    mutating func meter(
        _ lane: StoredLane, _ rate: StartRate, _ transaction: borrowing JobTransaction
    ) throws(QueueError) {
        var metered = lane
        metered.meter.start(rate, now: now)
        try transaction.run(.meterLane, .integer(lane.code), .integer(metered.meter.fullAt))
        lanes.all = lanes.all?.map { $0.code == lane.code ? metered : $0 }
    }
}

/// What one handle knows of lanes and of what holds them.
struct KnownLanes: Sendable {
    /// All lanes, by code; nil when they must be looked up.
    var all: [StoredLane]?
    /// nil when they must be looked up.
    var holds: [LaneHold]?
    /// The lanes by which credits are counted.
    var configured: [LanePolicy] = []
    /// SQLite's number for what other connections have made of the database by then.
    var dataVersion: Int64?
}

/// What one handle on the queue remembers from transaction to transaction.
final class QueueMemory: Sendable {
    private struct State {
        var rotation = LaneRotation()
        var lanes = KnownLanes()
        /// The latest time that was read here.
        var latest = Timestamp(milliseconds: .min)
        /// Nobody has looked for leases from the future since this handle was opened, or since the clock was set back.
        var mustCorrect = true
        var isWoken = false
        var prunePlace = PrunePlace()

        mutating func read(_ now: Timestamp) {
            if now < latest { mustCorrect = true }
            latest = now
        }
    }

    private let state = Mutex(State())

    func context(at now: Timestamp) -> JobContext {
        state.withLock { state in
            state.read(now)
            return JobContext(
                now: now, rotation: state.rotation, lanes: state.lanes, mustCorrect: state.mustCorrect)
        }
    }

    /// Takes back what a committed transaction has made of it.
    func keep(_ context: JobContext) {
        state.withLock { state in
            state.rotation = context.rotation
            state.lanes = context.lanes
            if context.isTidied, context.mustCorrect { state.mustCorrect = context.now < state.latest }
        }
    }

    /// Where retention goes on.
    var prunePlace: PrunePlace {
        get { state.withLock { $0.prunePlace } }
        set { state.withLock { $0.prunePlace = newValue } }
    }

    /// A bell has rung for the caller of the next claim.
    func wasWoken() { state.withLock { $0.isWoken = true } }

    /// Why a claim should write, whatever a look would find.
    enum ReasonToClaim {
        /// A bell has rung for it: there is work most likely.
        case woken
        /// Leases may begin in the future.
        case clockSetBack
    }

    /// Why a claim at `now` should write; nil when a look must tell.
    func reasonToClaim(at now: Timestamp) -> ReasonToClaim? {
        state.withLock { state in
            state.read(now)
            defer { state.isWoken = false }
            if state.mustCorrect { return .clockSetBack }
            return state.isWoken ? .woken : nil
        }
    }
}

extension SQLiteTransaction<QueueError> {
    /// All lanes in their order. A row that cannot be read is none: its jobs wait, and no other lane suffers for it.
    borrowing func lanes() throws(QueueError) -> [StoredLane] {
        try rows(JobSQL.lanes.rawValue) { row throws(QueueError) in
            ifReadable { () throws(QueueError) in try StoredLane(row) }
        }.compactMap { $0 }
    }

    /// nil where a row's content is such that no version of ours wrote it.
    borrowing func ifReadable<Value>(_ read: () throws(QueueError) -> Value) -> Value? {
        if case .readable(let value) = readable(read) { value } else { nil }
    }

    /// What holds lanes: orders for all first.
    borrowing func holds(among lanes: [StoredLane]) throws(QueueError) -> [LaneHold] {
        let found = try rows(JobSQL.holds.rawValue) { row throws(QueueError) -> LaneHold? in
            let code = try row.integer(0)
            let lane = lanes.first { $0.code == code }?.policy.lane
            guard let kind = LaneHold.Kind(code: try row.integer(1)), code == 0 || lane != nil else { return nil }
            let hold = ifReadable { () throws(QueueError) in
                LaneHold(
                    kind: kind, lane: lane, by: try row.text(2), reason: try row.text(3),
                    since: Timestamp(milliseconds: try row.integer(4)))
            }
            // An order that cannot be read holds all the same.
            return hold
                ?? LaneHold(
                    kind: kind, lane: lane, by: "unknown", reason: "the order's row is damaged",
                    since: Timestamp(milliseconds: 0))
        }
        return found.compactMap { $0 }.sorted { LaneHold.comesFirst($0, $1) }
    }

    /// Writes the events of the transaction and drops those beyond the bound.
    borrowing func writeEvents(_ context: JobContext, keeping limit: Int) throws(QueueError) {
        guard !context.changes.isEmpty else { return }
        let first = try integer(.lastEvent) ?? 0
        var last = first
        var rest = context.changes[...]
        while !rest.isEmpty {
            let some = rest.prefix(EventCoding.perRow)
            rest = rest.dropFirst(some.count)
            last += Int64(some.count)
            try run(
                .addEvents, .integer(last), .integer(context.now.milliseconds), .blob(EventCoding.encode(some)))
        }
        // Not each time: a few rows at a time cost less than one.
        if first >> 6 != last >> 6 { try run(.dropEvents, .integer(last - Int64(limit))) }
    }
}
