public import Crypto
import Synchronization

/// The secrets that a configuration gives, and which generation of one keyring is known to hold them: its secrets never change,
/// so they need not be opened for every job.
public final class ConfiguredSecrets: Sendable {
    /// By configuration name.
    let secrets: [String: SecretBytes]
    private let holder = Mutex<KeyGeneration.Summary?>(nil)

    /// Those secrets, of which nothing is known.
    public init(_ secrets: [String: SecretBytes]) { self.secrets = secrets }

    /// Whether that generation was found to hold them all.
    func areKnown(in generation: KeyGeneration.Summary) -> Bool { holder.withLock { $0 == generation } }

    /// That generation holds them all.
    func note(_ generation: KeyGeneration.Summary) { holder.withLock { $0 = generation } }
}
