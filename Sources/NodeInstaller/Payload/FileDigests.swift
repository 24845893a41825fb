import Crypto
import Synchronization
public import System

/// The digests of files that were read before, so that a payload which stays as it is need not be read for every order.
///
/// A file is taken for what it was only while device, inode, size and both times are the same, and only if it had been left alone
/// for a while when it was read: one that is written within a clock tick of being read could look the same afterwards. Nobody
/// can set a file's time of change but by setting the clock. Kept in memory, for one payload.
public final class FileDigests: Sendable {
    private struct State {
        var known: [FileKey: Entry] = [:]
        /// What the walk that goes on has met.
        var met: [FileKey: Entry] = [:]
    }

    private struct Entry { let identity: FileIdentity, digest: SHA256Digest }

    private let state = Mutex(State())
    private let now: @Sendable () -> Timestamp

    /// How long a file must have been left alone: coarse clocks of file systems tick every two seconds.
    private static let rest = Int128(5_000_000_000)

    /// None yet.
    public init(now: @escaping @Sendable () -> Timestamp) { self.now = now }

    /// The digest of a file that is what it was when it was read.
    func digest(of identity: FileIdentity) -> SHA256Digest? {
        state.withLock { state in
            guard let entry = state.known[identity.key], entry.identity == identity else { return nil }
            state.met[identity.key] = entry
            return entry.digest
        }
    }

    /// When reading begins; to be given to `keep`.
    func moment() -> Timestamp { now() }

    /// Keeps the digest of a file whose reading began at `time`.
    func keep(_ digest: SHA256Digest, of identity: FileIdentity, readAt time: Timestamp) {
        guard Int128(time.milliseconds) * 1_000_000 - identity.lastTouched > Self.rest else { return }
        state.withLock { $0.met[identity.key] = Entry(identity: identity, digest: digest) }
    }

    /// A walk has ended: what it has not met is forgotten.
    func endWalk() {
        state.withLock { state in
            state.known = state.met
            state.met = [:]
        }
    }
}
