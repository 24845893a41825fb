public import System

extension Job {
    /// A worker's time-limited right to a job.
    public struct Lease: Sendable, Equatable {
        /// Who has it, by the worker's name.
        public let worker: String
        /// Grows with each lease of the job: the fencing number.
        public let epoch: Int64
        /// Made for this lease alone.
        public let claimID: ClaimID
        /// How long it holds without renewal.
        public let duration: Duration
        /// When it was given or last renewed.
        public let from: Timestamp
        /// When it runs out unless it is renewed: `from` and `duration`, or sooner where the job's time is up.
        public let until: Timestamp

        /// A lease of those facts.
        public init(
            worker: String, epoch: Int64, claimID: ClaimID, duration: Duration, from: Timestamp, until: Timestamp
        ) {
            self.worker = worker
            self.epoch = epoch
            self.claimID = claimID
            self.duration = duration
            self.from = from
            self.until = until
        }
    }

    /// 128 random bits that tell one lease from another even where a lost write has rewound the epoch.
    public struct ClaimID: Hashable, Sendable {
        /// The 16 bytes.
        public let bytes: [UInt8]

        /// A new one.
        public init(random: RandomSource) { bytes = random.bytes(16) }

        /// 16 bytes that are one; nil for another number of them.
        public init?(bytes: [UInt8]) {
            guard bytes.count == 16 else { return nil }
            self.bytes = bytes
        }
    }

    /// What a worker names in everything it writes about a job. Refused unless all three are the current ones.
    public struct Claim: Sendable, Hashable {
        /// The job.
        public let job: ID
        /// The epoch of the lease.
        public let epoch: Int64
        /// The random part of the lease.
        public let claimID: ClaimID

        /// The claim of those facts.
        public init(job: ID, epoch: Int64, claimID: ClaimID) {
            self.job = job
            self.epoch = epoch
            self.claimID = claimID
        }
    }
}
