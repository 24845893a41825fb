import RedisLink
import Synchronization

/// The Lua scripts of the queue: one for each transition, each a single step for everybody else.
///
/// | KEYS | what |
/// |-----:|------|
/// | 1    | the farm's prefix, `{NAME}:`, which also says where the keys are in a cluster |
///
/// ARGV 1 is the time in milliseconds, empty for the server's own; ARGV 2 the number of events to keep. The rest is told
/// where each script is. Every answer begins with the time.
///
/// Scripts that make room, or go on with what is there already, may run on a full server: it could not be drained
/// otherwise.
enum JobScript: String, CaseIterable {
    case enqueue, open, reject, claim, renew, complete, release, change, job, lost, beat, leave
    case configure, hold, resume, ended, drop, page, items, standing, lanes, counts, parked, park, workers, batch
    case failed, events, next, arrivals, batches, restore, restoreBatch, restoreRefusals
    case check, checkEntries

    /// The script as the server takes it; put together when it is first needed.
    var script: RedisScript {
        Self.known.withLock { known in
            if let script = known[self] { return script }
            let script = RedisScript(
                name: rawValue, text: Self.whole(text),
                runsWhenFull: !Self.growing.contains(self) && !Self.reading.contains(self))
            known[self] = script
            return script
        }
    }

    private static let known = Mutex<[JobScript: RedisScript]>([:])

    /// Those that take something in, which a full server must refuse.
    private static let growing: Set<JobScript> = [.enqueue, .open, .restore, .restoreBatch, .restoreRefusals]

    /// Those that change nothing.
    private static let reading: Set<JobScript> = [
        .job, .lost, .ended, .page, .items, .standing, .lanes, .counts, .parked, .workers, .batch, .failed, .events,
        .next, .arrivals, .batches, .check, .checkEntries,
    ]

    /// Those whose answer promises something to a person, so that replicas are to have it where that is asked for.
    private static let promising: Set<JobScript> = [
        .enqueue, .open, .reject, .configure, .hold, .resume, .restore, .restoreBatch, .restoreRefusals,
    ]

    /// Whether its answer promises something to a person.
    var promises: Bool { Self.promising.contains(self) }

    private var text: String {
        switch self {
        case .enqueue: Self.enqueueText
        case .open: Self.openText
        case .reject: Self.rejectText
        case .claim: Self.claimText
        case .renew: Self.renewText
        case .complete: Self.completeText
        case .release: Self.releaseText
        case .change: Self.changeText
        case .job: Self.jobText
        case .lost: Self.lostText
        case .beat: Self.beatText
        case .leave: Self.leaveText
        case .configure: Self.configureText
        case .hold: Self.holdText
        case .resume: Self.resumeText
        case .ended: Self.endedText
        case .drop: Self.dropText
        case .page: Self.pageText
        case .items: Self.itemsText
        case .standing: Self.standingText
        case .lanes: Self.lanesText
        case .counts: Self.countsText
        case .parked: Self.parkedText
        case .park: Self.parkText
        case .workers: Self.workersText
        case .batch: Self.batchText
        case .failed: Self.failedText
        case .events: Self.eventsText
        case .next: Self.nextText
        case .arrivals: Self.arrivalsText
        case .batches: Self.batchesText
        case .restore: Self.restoreText
        case .restoreBatch: Self.restoreBatchText
        case .restoreRefusals: Self.restoreRefusalsText
        case .check: Self.checkText
        case .checkEntries: Self.checkEntriesText
        }
    }
}
