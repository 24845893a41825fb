public import System

/// Many submissions that belong together: as many rows as were announced, each of them a job or a refusal, and one
/// end.
public struct Batch: Sendable, Equatable, Identifiable {
    /// Its name.
    public let id: ID
    /// Rows in all, as announced when it was opened; it ends when so many have come to an end.
    public let total: Int
    /// Who opened it.
    public let requestedBy: String
    /// When it was opened.
    public let created: Timestamp
    /// What has become of the rows so far.
    public var counts = Counts()
    /// When the last row came to its end.
    public var finished: Timestamp?

    /// How many rows have come, and how they ended. Exact: each is counted in the transaction that changes it.
    public struct Counts: Sendable, Equatable {
        /// Rows that became jobs.
        public var accepted = 0
        /// Rows that were refused.
        public var rejected = 0
        /// Jobs that ended so.
        public var succeeded = 0
        /// Jobs that ended so.
        public var failed = 0
        /// Jobs that ended so.
        public var cancelled = 0

        /// Those counts.
        public init(accepted: Int = 0, rejected: Int = 0, succeeded: Int = 0, failed: Int = 0, cancelled: Int = 0) {
            self.accepted = accepted
            self.rejected = rejected
            self.succeeded = succeeded
            self.failed = failed
            self.cancelled = cancelled
        }

        /// Rows that have come to an end.
        public var ended: Int { rejected + succeeded + failed + cancelled }
        /// Jobs that have not.
        public var pending: Int { accepted - succeeded - failed - cancelled }

        /// One job more has ended as `state`, which is final.
        mutating func count(_ state: Job.State.Name) {
            switch state {
            case .succeeded: succeeded += 1
            case .failed: failed += 1
            case .cancelled: cancelled += 1
            case .scheduled, .queued, .running: break
            }
        }
    }

    /// The place of one job in a batch.
    public struct Place: Sendable, Hashable {
        /// The batch.
        public let batch: ID
        /// The row, from 1 to the batch's total. The same row again is the same submission.
        public let row: Int

        /// A place.
        public init(batch: ID, row: Int) {
            self.batch = batch
            self.row = row
        }
    }

    /// A row that did not become a job.
    public struct Refusal: Sendable, Equatable {
        /// The row.
        public let place: Place
        /// Why.
        public let failure: Job.Failure

        /// A refusal.
        public init(place: Place, failure: Job.Failure) {
            self.place = place
            self.failure = failure
        }
    }

    /// One row and what has become of it.
    public struct Item: Sendable, Equatable {
        /// The row, from 1.
        public let row: Int
        /// What it is.
        public let outcome: Outcome

        /// What became of a row.
        public enum Outcome: Sendable, Equatable {
            /// A job, as it is now.
            case job(Job)
            /// A row that could not become one.
            case rejected(Job.Failure)
            /// A job that this version cannot read.
            case parked(ParkedJob)
        }
    }

    /// The most rows that a batch may have.
    public static let maximumTotal = 1_000_000
}

extension Batch {
    /// Ended when every row has, `now` being the moment of the last one; nil unless this is that moment.
    mutating func finishIfDone(at now: Timestamp) -> Bool {
        guard finished == nil, counts.ended >= total else { return false }
        finished = now
        return true
    }
}
