public import System

/// Something that happened in a queue, in the order in which it happened.
public struct QueueEvent: Sendable, Equatable {
    /// Counts events from 1, without gaps.
    public let sequence: Int64
    /// When, by the store's clock.
    public let time: Timestamp
    /// What.
    public let change: Change

    /// What happened.
    public enum Change: Sendable, Equatable {
        /// A job has come to this state; `attempt` as the job has it then.
        case state(Job.ID, Job.State.Name, attempt: Int)
        /// A running job has come this far.
        case progress(Job.ID, Job.Progress)
        /// Every row of a batch has ended. Said once.
        case batchFinished(Batch.ID)
        /// Somebody holds a lane, or all.
        case held(LaneHold.Kind, Lane?, by: String, reason: String)
        /// Somebody has lifted what held a lane, or what held all.
        case resumed(Lane?, by: String)

        /// The job that it is about, if any.
        public var job: Job.ID? {
            switch self {
            case .state(let id, _, _), .progress(let id, _): id
            case .batchFinished, .held, .resumed: nil
            }
        }
    }
}

/// Some events, oldest first.
public struct EventPage: Sendable, Equatable {
    /// The events.
    public var events: [QueueEvent]
    /// What to ask for next: the number of the last event seen.
    public var next: Int64
    /// Events between the one that was asked for and the first of these are no longer kept: whoever goes by events must
    /// look at the jobs themselves again.
    public var needsResync: Bool

    /// A page.
    public init(events: [QueueEvent], next: Int64, needsResync: Bool) {
        self.events = events
        self.next = next
        self.needsResync = needsResync
    }
}
