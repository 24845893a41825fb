/// What moving a queue into another store takes. For one that nobody takes jobs in or works them off meanwhile.
public protocol QueueMoving: Sendable {
    /// A page of all jobs in order of arrival, with those between them that cannot be read: at most `limit`, fewer where
    /// their requests are large.
    func arrivals(after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage

    /// The first `limit` batches of those opened after `last` (those of one moment in order of their ids).
    func batches(after last: Batch?, limit: Int) async throws(QueueError) -> [Batch]

    /// Adds a batch as it was in another store, with its counts. One that is there already stays as it is.
    ///
    /// - Returns: whether it is new.
    @discardableResult
    func restore(_ batch: Batch) async throws(QueueError) -> Bool

    /// Adds refused rows of batches that were restored, which count them already. A row that was refused before stays as
    /// it is.
    ///
    /// - Throws: for the first that cannot be added, and those before it may have been: `.noSuchBatch`; `.rowTaken` when
    ///   the row is a job; `.invalid` for a row beyond the batch's total.
    func restore(_ refusals: [Batch.Refusal]) async throws(QueueError)

    /// Adds jobs as they were in another store, with all that has happened to them, behind those that are there and in
    /// this order. One that is there already by its id stays as it is; the batch of one that is new does not count it again.
    /// A lane takes them whether it is closed or not. When this returns, they are on the disk.
    ///
    /// - Returns: how many are new.
    /// - Throws: for the first that cannot be added, and those before it may have been: `.wrongState` for one that runs;
    ///   `.noSuchLane` for a lane that the farm never had; `.noSuchBatch`; `.keyTaken`, `.rowTaken` or (for a unique
    ///   one whose like waits or runs) `.alreadyExists`; `.invalid`.
    @discardableResult
    func restore(_ jobs: [Job]) async throws(QueueError) -> Int
}

extension Job {
    /// Throws unless a queue can take it over from another one.
    func validateRestoring() throws(QueueError) {
        try Submission(of: self).validate()
        guard state.name != .running else { throw .wrongState(id, state: .running, verb: "restore") }
    }
}
