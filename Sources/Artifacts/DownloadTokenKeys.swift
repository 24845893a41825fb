public import Crypto
import JSON
public import Records
public import System

/// The farm's Ed25519 keys for download tokens, sealed at rest.
///
/// One index record names the active key, which signs; the others verify until they are retired. A key's id is the
/// beginning of its public half's digest.
public struct DownloadTokenKeys: Sendable {
    private static let collection = "token-key"
    private static let indexCollection = "token-keys"
    private static let indexName = "active"
    private static let maximumTries = 100
    private static let maximumCount = 1000

    private let records: any RecordStore
    private let sealingKey: SecretBytes
    private let random: RandomSource

    /// Keys in `records`, sealed under `sealingKey` (32 bytes, for nothing else).
    public init(records: any RecordStore, sealingKey: SecretBytes, random: RandomSource) {
        self.records = records
        self.sealingKey = sealingKey
        self.random = random
    }

    struct Key: Sendable {
        let id: String
        let privateKey: Ed25519.PrivateKey
    }

    /// The key that signs; the first one is made when there is none.
    func active() async throws(ArtifactError) -> Key {
        for _ in 0..<Self.maximumTries {
            if let id = try await activeID()?.id {
                guard let key = try await all().first(where: { $0.id == id }) else {
                    throw .badTokenKey(id: id, reason: "is named as the active one and is not there")
                }
                return key
            }
            try await makeActive(expecting: nil)
        }
        throw .contended(what: "the download token keys", tries: Self.maximumTries)
    }

    /// Makes a first key when there is none.
    public func prepare() async throws(ArtifactError) { _ = try await active() }

    /// Makes a new key the active one; the former one goes on verifying. Returns the new key's id.
    @discardableResult
    public func rotate() async throws(ArtifactError) -> String {
        for _ in 0..<Self.maximumTries {
            let revision = try await activeID()?.revision
            if let id = try await makeActive(expecting: revision) { return id }
        }
        throw .contended(what: "the download token keys", tries: Self.maximumTries)
    }

    /// Ends a key: every token that it signed opens nothing from now on. The active one cannot be retired.
    public func retire(_ id: String) async throws(ArtifactError) {
        guard try await activeID()?.id != id else {
            throw .badTokenKey(id: id, reason: "is the active one; make another one active first")
        }
        guard let record = try await stored().first(where: { $0.name == id }) else {
            throw .badTokenKey(id: id, reason: "is not there")
        }
        do { try await records.delete(id, in: Self.collection, expecting: record.revision) } catch {
            throw .records(error)
        }
    }

    /// All keys that verify.
    func all() async throws(ArtifactError) -> [Key] {
        var keys: [Key] = []
        for record in try await stored() { keys.append(try open(record)) }
        return keys
    }

    private func stored() async throws(ArtifactError) -> [Record] {
        do { return try await records.list(Self.collection, after: nil, limit: Self.maximumCount) } catch {
            throw .records(error)
        }
    }

    private func activeID() async throws(ArtifactError) -> (id: String, revision: Int64)? {
        do {
            guard let record = try await records.read(Self.indexName, in: Self.indexCollection) else { return nil }
            return (String(decoding: record.body, as: UTF8.self), record.revision)
        } catch { throw .records(error) }
    }

    /// The new key's id; nil when another process changed the active key first, and then nothing is left behind.
    @discardableResult
    private func makeActive(expecting revision: Int64?) async throws(ArtifactError) -> String? {
        let seed = SecretBytes(random.bytes(32))
        let id: String
        let sealed: [UInt8]
        do {
            id = Self.id(of: try Ed25519.PrivateKey(seed: seed).publicKey)
            sealed = try AuthenticatedCipher(key: sealingKey).seal(
                seed, context: Self.context(id), nonce: random.bytes(12))
        } catch { throw .crypto(error) }
        do throws(RecordError) {
            let record = try await records.write(id, in: Self.collection, body: sealed, expires: nil, expecting: nil)
            do throws(RecordError) {
                try await records.write(
                    Self.indexName, in: Self.indexCollection, body: Array(id.utf8), expires: nil, expecting: revision)
                return id
            } catch {
                guard error.isConflict else { throw error }
                try await records.delete(id, in: Self.collection, expecting: record.revision)
                return nil
            }
        } catch { throw .records(error) }
    }

    private func open(_ record: Record) throws(ArtifactError) -> Key {
        do throws(CryptoError) {
            let seed = try AuthenticatedCipher(key: sealingKey).open(record.body, context: Self.context(record.name))
            let key = try Ed25519.PrivateKey(seed: seed)
            guard Self.id(of: key.publicKey) == record.name else { throw .authenticationFailed }
            return Key(id: record.name, privateKey: key)
        } catch {
            throw error == .authenticationFailed ? .tokenKeyDoesNotOpen(id: record.name) : .crypto(error)
        }
    }

    private static func id(of key: Ed25519.PublicKey) -> String { String(SHA256Digest(of: key.bytes).hex.prefix(16)) }
    private static func context(_ id: String) -> String { "artifacts/token-key/1/" + id }
}
