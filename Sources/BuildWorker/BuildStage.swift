public import QueueModel

/// The steps of one build, in their order; the words stand in a job's progress.
public enum BuildStage: String, Sendable, CaseIterable {
    /// The request is read, its key generation opened, the node's configuration written.
    case render
    /// The two components and the product archive are put together.
    case assemble
    /// The package is read again from its bytes and held against every rule.
    case check
    /// The package goes into the store under its checksum.
    case publish
}

/// What a worker tells those who watch it: a log, a terminal, a test that kills it at an exact moment.
public enum WorkerEvent: Sendable, Equatable {
    case started(worker: String)
    case claimed(Job.ID, attempt: Int)
    case began(BuildStage, Job.ID)
    /// The bytes are in the store; the job does not say so yet.
    case stored(Job.ID, sha256: String)
    case succeeded(Job.ID, Job.Result)
    case failed(Job.ID, Job.Failure, isFinal: Bool)
    /// The job was given back undone, because the worker stops.
    case released(Job.ID)
    /// The job is no longer this worker's; nothing was published.
    case lost(Job.ID)
    /// The farm's store could not be reached; the worker tries again.
    case trouble(String)
    case stopped(worker: String)
}
