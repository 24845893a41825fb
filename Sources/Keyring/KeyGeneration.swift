public import Crypto
public import System

/// One numbered set of the secrets that an installer carries. Jobs name its number and never hold what is in it.
public struct KeyGeneration: Sendable, Equatable {
    /// Where a generation stands in its life: `pending → current → previous → retired`.
    public enum State: String, Sendable, CaseIterable {
        /// Stored, to be made known to the servers before it is used.
        case pending
        /// The one that new jobs are given; there is at most one.
        case current
        /// Was current: jobs that name it are still built, nodes that have it are still served.
        case previous
        /// Refused, and its secrets are gone.
        case retired
    }

    /// A generation without its secrets: what may be listed, logged and shown.
    public struct Summary: Sendable, Equatable {
        /// From 1, growing; a number may be left out where two processes added at once.
        public let number: Int
        /// Where it stands.
        public let state: State
        /// When it was added.
        public let created: Timestamp
    }

    /// The generation without its secrets.
    public let summary: Summary
    /// The secrets by configuration name, such as `cluster.redis_password`.
    public let secrets: [String: SecretBytes]

    /// See `Summary`.
    public var number: Int { summary.number }
    /// See `Summary`.
    public var state: State { summary.state }
    /// See `Summary`.
    public var created: Timestamp { summary.created }
}
