import Crypto
import JSON
import Records
import System

/// Records whose bodies are sealed: what is handed in and out is open, what the store sees is not.
///
/// Each is bound to farm, collection and name, so that one put in the place of another does not open. Every write takes a
/// fresh random nonce of 96 bits; a farm writes a few thousand, far from where two could meet.
struct SealedRecords: Sendable {
    private let store: any RecordStore
    private let cipher: AuthenticatedCipher
    private let farm: String
    private let random: RandomSource

    init(store: any RecordStore, key: SecretBytes, farm: String, random: RandomSource) throws(KeyringError) {
        self.store = store
        do { cipher = try AuthenticatedCipher(key: key) } catch { throw .crypto(error) }
        self.farm = farm
        self.random = random
    }

    /// The opened record and the revision it is at; nil when it is not there. `what` names it in errors.
    func read(
        _ name: String, in collection: String, what: String
    ) async throws(KeyringError) -> (message: SecretBytes, revision: Int64)? {
        let record: Record?
        do { record = try await store.read(name, in: collection) } catch { throw .records(error) }
        guard let record else { return nil }
        do {
            return (try cipher.open(record.body, context: context(name, in: collection)), record.revision)
        } catch .authenticationFailed {
            throw .doesNotOpen(what: what)
        } catch { throw .crypto(error) }
    }

    /// The revision that was written; nil when somebody else was first. After any other error it is not known whether
    /// the write was kept.
    func write(
        _ message: SecretBytes, as name: String, in collection: String, expecting: Int64?
    ) async throws(KeyringError) -> Int64? {
        let sealed: [UInt8]
        do {
            sealed = try cipher.seal(message, context: context(name, in: collection), nonce: random.bytes(12))
        } catch { throw .crypto(error) }
        do {
            return try await store.write(name, in: collection, body: sealed, expires: nil, expecting: expecting)
                .revision
        } catch  where error.isConflict {
            return nil
        } catch { throw .records(error) }
    }

    /// Deletes the record, at `revision` when one is given; one that is gone or changed is left alone.
    func delete(_ name: String, in collection: String, at revision: Int64? = nil) async throws(KeyringError) {
        do {
            var revision = revision
            if revision == nil { revision = try await store.read(name, in: collection)?.revision }
            guard let revision else { return }
            try await store.delete(name, in: collection, expecting: revision)
        } catch  where error.isConflict {
            // Somebody else deleted it: that is what was wanted.
        } catch { throw .records(error) }
    }

    private func context(_ name: String, in collection: String) -> String {
        Self.words("keyring/record/1", farm, collection, name)
    }

    /// Several words as one text that no other words give.
    static func words(_ words: String...) -> String { JSONValue.array(words.map { .string($0) }).text() }
}
