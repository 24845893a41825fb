public import Crypto
public import Records
public import System

/// The farm's secrets in numbered generations, sealed at rest under the master key.
///
/// A generation's secrets are one sealed record that never changes; a second record, the index, says which generation
/// is current. Only the index decides, and it is changed by compare-and-set, so several processes may add, adopt and
/// retire at once.
///
/// Each sealed record is bound to farm, collection and name: it opens nowhere else.
public struct Keyring: Sendable {
    static let indexName = "the list of key generations"
    private static let collection = "key-generation"
    private static let indexCollection = "keyring"
    private static let indexRecord = "index"
    /// Far more than there are processes; each lost round means that another one got through.
    private static let maximumTries = 100

    private let records: SealedRecords
    private let master: MasterKey
    private let farm: String
    private let now: @Sendable () -> Timestamp

    /// The keyring of the farm named `farm` in `store`, under `master`. Nothing is read yet.
    public init(
        store: any RecordStore, master: MasterKey, farm: String, now: @escaping @Sendable () -> Timestamp,
        random: RandomSource = .system
    ) throws(KeyringError) {
        let key = master.derive(purpose: "keyring/seal/1")
        records = try SealedRecords(store: store, key: key, farm: farm, random: random)
        self.master = master
        self.farm = farm
        self.now = now
    }

    // MARK: Reading

    /// The generation that new jobs are given.
    public func current() async throws(KeyringError) -> KeyGeneration {
        guard let current = try await readIndex().index.current else { throw .noGeneration }
        return try await open(current)
    }

    /// The generation `number`: pending, current or previous.
    ///
    /// - Throws: `.versionGone` when it was retired or never existed: a job pinned to it is not built with another.
    public func generation(_ number: Int) async throws(KeyringError) -> KeyGeneration {
        guard let summary = try await readIndex().index.entry(number) else { throw .versionGone(number) }
        return try await open(summary)
    }

    /// All generations in ascending order of number, without their secrets.
    public func list() async throws(KeyringError) -> [KeyGeneration.Summary] { try await readIndex().index.entries }

    /// Secret bytes for one purpose, the same each time: for what must be unguessable and yet equal when a job is built
    /// again, such as the keys and nonces inside a package. `purpose` names the job and the use.
    public func derive(purpose: String, byteCount: Int = 32) -> SecretBytes {
        master.derive(purpose: SealedRecords.words("keyring/derive/1", farm, purpose), byteCount: byteCount)
    }

    // MARK: Changing

    /// Adds a generation with exactly these secrets and makes it current; the former current one becomes previous.
    @discardableResult
    public func add(_ secrets: [String: SecretBytes]) async throws(KeyringError) -> KeyGeneration {
        try await add(secrets, as: .current)
    }

    /// Adds a generation with exactly these secrets that no job is given before it is promoted.
    public func prepare(_ secrets: [String: SecretBytes]) async throws(KeyringError) -> KeyGeneration {
        try await add(secrets, as: .pending)
    }

    /// Takes the secrets that the configuration gives: where one differs from the current generation's, or is missing
    /// there, a new current generation is made with all of them merged in. Of several processes that adopt the same,
    /// one makes it.
    ///
    /// - Returns: the current generation, and whether it was made for them.
    /// - Throws: `.noGeneration` where there are none to make one of.
    @discardableResult
    public func adopt(
        _ configured: ConfiguredSecrets
    ) async throws(KeyringError) -> (current: KeyGeneration.Summary, isNew: Bool) {
        for _ in 0..<Self.maximumTries {
            let (index, revision) = try await readIndex()
            var kept: [String: SecretBytes] = [:]
            if let current = index.current {
                if configured.areKnown(in: current) { return (current, false) }
                kept = try await open(current).secrets
                if configured.secrets.allSatisfy({ name, value in kept[name].map { $0 == value } ?? false }) {
                    configured.note(current)
                    return (current, false)
                }
            }
            guard !configured.secrets.isEmpty else { throw .noGeneration }
            let merged = kept.merging(configured.secrets) { _, new in new }
            if let made = try await tryAdding(merged, as: .current, to: index, at: revision) {
                return (made.summary, true)
            }
        }
        throw .contended(tries: Self.maximumTries)
    }

    /// Makes a pending generation the current one; the former current one becomes previous.
    public func promote(_ number: Int) async throws(KeyringError) {
        try await change { index throws(KeyringError) in try index.promoting(number) }
    }

    /// Ends a pending or previous generation: it is refused from now on and its secrets are deleted.
    public func retire(_ number: Int) async throws(KeyringError) {
        try await change { index throws(KeyringError) in try index.retiring(number) }
        // After the index: a crash in between leaves sealed bytes that nobody is given, never a name without its secrets.
        try await records.delete(Self.recordName(number), in: Self.collection)
    }

    // MARK: One change, again until nobody came in between

    private func add(
        _ secrets: [String: SecretBytes], as state: KeyGeneration.State
    ) async throws(KeyringError) -> KeyGeneration {
        for _ in 0..<Self.maximumTries {
            let (index, revision) = try await readIndex()
            if let made = try await tryAdding(secrets, as: state, to: index, at: revision) { return made }
        }
        throw .contended(tries: Self.maximumTries)
    }

    /// Nil, with nothing left behind, when the index is no longer at `revision`.
    private func tryAdding(
        _ secrets: [String: SecretBytes], as state: KeyGeneration.State, to index: GenerationIndex, at revision: Int64?
    ) async throws(KeyringError) -> KeyGeneration? {
        let (number, bodyRevision) = try await writeBody(secrets, after: index.lastNumber)
        let summary = KeyGeneration.Summary(number: number, state: state, created: now())
        guard try await write(index.adding(summary), expecting: revision) else {
            try await records.delete(Self.recordName(number), in: Self.collection, at: bodyRevision)
            return nil
        }
        return KeyGeneration(summary: summary, secrets: secrets)
    }

    private func change(
        _ next: (GenerationIndex) throws(KeyringError) -> GenerationIndex
    ) async throws(KeyringError) {
        for _ in 0..<Self.maximumTries {
            let (index, revision) = try await readIndex()
            if try await write(next(index), expecting: revision) { return }
        }
        throw .contended(tries: Self.maximumTries)
    }

    // MARK: Records

    private func readIndex() async throws(KeyringError) -> (index: GenerationIndex, revision: Int64?) {
        let found = try await records.read(Self.indexRecord, in: Self.indexCollection, what: Self.indexName)
        guard let found else { return (.empty, nil) }
        return (try GenerationIndex(bytes: found.message.copyBytes()), found.revision)
    }

    /// False when somebody else changed the index first.
    private func write(_ index: GenerationIndex, expecting: Int64?) async throws(KeyringError) -> Bool {
        try await records.write(
            SecretBytes(index.bytes), as: Self.indexRecord, in: Self.indexCollection, expecting: expecting) != nil
    }

    /// Stores the secrets under the first number after `last` that has none. A number that has some without being in the
    /// index belongs to another process that is adding right now, or was stopped while it did: it is never written over,
    /// since that process may yet name it.
    private func writeBody(
        _ secrets: [String: SecretBytes], after last: Int
    ) async throws(KeyringError) -> (number: Int, revision: Int64) {
        try SecretBundle.check(secrets)
        let bundle = SecretBundle.encode(secrets)
        for number in (last + 1)...(last + Self.maximumTries) {
            let written = try await records.write(
                bundle, as: Self.recordName(number), in: Self.collection, expecting: nil)
            if let written { return (number, written) }
        }
        throw .contended(tries: Self.maximumTries)
    }

    private func open(_ summary: KeyGeneration.Summary) async throws(KeyringError) -> KeyGeneration {
        guard summary.state != .retired else { throw .versionGone(summary.number) }
        let what = "key generation \(summary.number)"
        let found = try await records.read(Self.recordName(summary.number), in: Self.collection, what: what)
        guard let found else { throw .versionGone(summary.number) }
        guard let secrets = SecretBundle.decode(found.message) else {
            throw .unreadable(what: what, detail: "its secrets are not in the format of this version")
        }
        return KeyGeneration(summary: summary, secrets: secrets)
    }

    /// Padded, so that byte order is the order of numbers.
    private static func recordName(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 10 - digits.utf8.count)) + digits
    }
}
