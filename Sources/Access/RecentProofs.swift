import Crypto
import Synchronization
import System

/// Who has proven who they are within the last second, so that somebody who asks thousands of times is looked up once a second.
final class RecentProofs: Sendable {
    private struct Entry { let principal: Principal, until: Timestamp }

    private let entries = Mutex<[SHA256Digest: Entry]>([:])
    /// When the use of each was last written down.
    private let noted = Mutex<[SHA256Digest: Timestamp]>([:])

    private static let memory = Duration.seconds(1)

    /// Whose proof that is; nil says nothing. A clock that was set back makes none last longer.
    func recall(_ digest: SHA256Digest, at time: Timestamp) -> Principal? {
        entries.withLock { entries in
            guard let entry = entries[digest] else { return nil }
            return time < entry.until && entry.until <= time + Self.memory ? entry.principal : nil
        }
    }

    /// Remembers a proof for a second, and not past `end`.
    func keep(_ principal: Principal, _ digest: SHA256Digest, at time: Timestamp, until end: Timestamp?) {
        let until = time + Self.memory
        entries.withLock { entries in
            if entries.count > 10_000 { entries = [:] }
            entries[digest] = Entry(principal: principal, until: end.map { min($0, until) } ?? until)
        }
    }

    /// Whether the caller is to write down that a proof was used: of many who use it at once one is, and no more than once in
    /// `interval`.
    func mustNote(_ digest: SHA256Digest, every interval: Duration, at time: Timestamp) -> Bool {
        noted.withLock { noted in
            if let last = noted[digest], last <= time, time < last + interval { return false }
            if noted.count > 10_000 { noted = [:] }
            noted[digest] = time
            return true
        }
    }

    /// It is good for nothing from now on.
    func forget(_ digest: SHA256Digest) { entries.withLock { $0[digest] = nil } }
}
