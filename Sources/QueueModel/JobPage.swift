/// Which jobs to list.
public struct JobFilter: Sendable, Equatable {
    /// Only those in this state.
    public var state: Job.State.Name?
    /// Only those of this lane.
    public var lane: Lane?

    /// All jobs, the parked ones too.
    public static let all = JobFilter()

    /// Those that fit what is not nil.
    public init(state: Job.State.Name? = nil, lane: Lane? = nil) {
        self.state = state
        self.lane = lane
    }

    func takes(_ job: Job) -> Bool {
        (state == nil || state == job.state.name) && (lane == nil || lane == job.lane)
    }
}

/// A place in a list: all jobs before it have been seen. Opaque to whoever carries it from page to page.
public struct JobCursor: Sendable, Equatable, CustomStringConvertible {
    /// Order of arrival of the last job that was seen; newer ones have higher numbers.
    let position: Int64

    init(position: Int64) { self.position = position }

    /// The cursor that a page gave out as text.
    ///
    /// - Throws: `.invalid` for any other text.
    public init(_ text: String) throws(QueueError) {
        let bytes = Array(text.utf8)
        let digits = bytes.dropFirst()
        guard bytes.first == 0x61, (1...16).contains(digits.count), digits.first != 0x30,
            digits.allSatisfy({ hexadecimalValue(of: $0) != nil }),
            let position = Int64(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw .invalid(field: "cursor", value: text, expected: "a cursor as a page of the list gave it out") }
        self.position = position
    }

    /// The text.
    public var description: String { "a" + String(position, radix: 16) }
}

/// Some jobs of a list, newest first.
public struct JobPage: Sendable, Equatable {
    /// The jobs, in order of arrival, the newest first.
    public var jobs: [Job]
    /// Rows between them that this version cannot read. Only a list of all jobs holds any.
    public var parked: [ParkedJob]
    /// Where the next page begins; nil when this was the last.
    public var next: JobCursor?

    /// A page of those.
    public init(jobs: [Job], parked: [ParkedJob] = [], next: JobCursor?) {
        self.jobs = jobs
        self.parked = parked
        self.next = next
    }
}

/// A job that this version cannot read: kept, shown, claimed by nobody.
public struct ParkedJob: Sendable, Equatable {
    /// Its id; nil where even that cannot be read.
    public let id: Job.ID?
    /// Where it lies in the store.
    public let place: String
    /// What cannot be read.
    public let reason: String
}

/// How many jobs there are in each state that is not final.
public struct QueueCounts: Sendable, Equatable {
    /// Waiting for their time.
    public var scheduled: Int
    /// Those among `scheduled` whose time comes within the duration that was asked about, or has come.
    public var dueSoon: Int
    /// Waiting for a worker.
    public var queued: Int
    /// At a worker, or at one that was lost and not yet noticed.
    public var running: Int
    /// Those that this version cannot read.
    public var parked: Int

    /// Nothing is queued, running or due soon.
    public var isDrained: Bool { queued == 0 && running == 0 && dueSoon == 0 }

    /// Those counts.
    public init(scheduled: Int = 0, dueSoon: Int = 0, queued: Int = 0, running: Int = 0, parked: Int = 0) {
        self.scheduled = scheduled
        self.dueSoon = dueSoon
        self.queued = queued
        self.running = running
        self.parked = parked
    }
}
