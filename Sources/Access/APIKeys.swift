public import Crypto
import JSON
public import Records
public import System

/// Keys by which programs prove whose they are.
///
/// `pkmkey_` ID `_` SECRET: 16 hexadecimal digits, and 56 of which the last 8 are a checksum, so that scanners of secrets find
/// keys and nothing else. The secret has 192 bits and is kept as its SHA-256 only.
public struct APIKeys: Sendable {
    /// What is known of a key.
    public struct Key: Sendable, Equatable {
        /// The public part of it, which may be shown and logged.
        public let id: String
        /// Whose it is.
        public let user: String
        /// What its owner calls it.
        public let label: String
        /// What it may do of what its owner may; nil for all.
        public let scopes: Set<Permission>?
        /// When it was made.
        public let created: Timestamp
        /// From when on it is good for nothing; nil: never.
        public let expires: Timestamp?
        /// When it was used last, to the minute.
        public let lastUsed: Timestamp?
        fileprivate let digest: SHA256Digest
    }

    private let documents: Documents
    private let users: Users
    private let now: @Sendable () -> Timestamp
    private let random: RandomSource
    private let recent = RecentProofs()

    /// The keys in `records` of users in `users`.
    public init(
        records: any RecordStore, users: Users, now: @escaping @Sendable () -> Timestamp, random: RandomSource
    ) {
        documents = Documents(collection: "api-key", records: records)
        self.users = users
        self.now = now
        self.random = random
    }

    private static let prefix = "pkmkey_"
    private static let byteCount = prefix.utf8.count + 16 + 1 + 56

    /// Makes a key, which is shown this once and never again.
    public func issue(
        to user: String, label: String, scopes: Set<Permission>?, lifetime: Duration?
    ) async throws(AccessError) -> (key: Key, secret: SecretBytes) {
        guard (1...100).contains(label.utf8.count),
            label.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else { throw .badKeyRequest("a key's label: expected 1 to 100 bytes without control characters") }
        if let lifetime {
            guard lifetime >= .seconds(60), lifetime <= .seconds(3650 * 86_400) else {
                throw .badKeyRequest("a key is good for 1 minute to 10 years")
            }
        }
        guard try await users.user(user) != nil else { throw .noSuchUser(user) }
        let id = Hex.encode(random.bytes(8))
        let body = Self.prefix + id + "_" + Hex.encode(random.bytes(24))
        let text = body + Self.checksum(of: body)
        let key = Key(
            id: id, user: user, label: label, scopes: scopes, created: now(), expires: lifetime.map { now() + $0 },
            lastUsed: nil, digest: SHA256Digest(of: Array(text.utf8)))
        try await documents.change(id, expires: key.expires) { found throws(AccessError) in
            guard found == nil else { throw .contended(what: "API keys") }
            return Self.document(key)
        }
        return (key, SecretBytes(text))
    }

    /// Whose key that is, if it was found good within the last second; nil says nothing.
    public func recall(_ text: [UInt8]) -> Principal? {
        guard text.count == Self.byteCount else { return nil }
        return recent.recall(SHA256Digest(of: text), at: now())
    }

    /// Whose key that is; nil for one that is good for nothing.
    public func principal(_ text: [UInt8]) async throws(AccessError) -> Principal? {
        guard let id = Self.id(in: text), let key = try await key(id) else { return nil }
        let digest = SHA256Digest(of: text)
        guard constantTimeEqual(digest.bytes, key.digest.bytes) else { return nil }
        let time = now()
        if let expires = key.expires, time >= expires { return nil }
        guard let user = try await users.user(key.user), !user.isDisabled else { return nil }
        let principal = Principal(name: user.name, role: user.role, scopes: key.scopes, proof: .key(id: id))
        recent.keep(principal, digest, at: time, until: key.expires)
        if key.lastUsed.map({ time >= $0 + .seconds(60) || time < $0 }) ?? true,
            recent.mustNote(digest, every: .seconds(60), at: time)
        {
            do { try await documents.update(id) { $0.setting("lastUsed", .integer(time.milliseconds)) } } catch {
                // Others write the same at the same time. Whoever has shown a good key is let in.
                guard case .contended = error else { throw error }
            }
        }
        return principal
    }

    /// The keys of `user`, nil for everybody's, in no order that means anything.
    public func list(of user: String?) async throws(AccessError) -> [Key] {
        var keys: [Key] = []
        var after: String?
        while true {
            let page = try await documents.list(after: after)
            for (name, value) in page {
                guard let key = Self.key(name, value) else { throw documents.unreadable(name) }
                if user.map({ $0.utf8.elementsEqual(key.user.utf8) }) ?? true { keys.append(key) }
            }
            guard let last = page.last?.name, page.count == 1000 else { return keys }
            after = last
        }
    }

    /// Makes a key good for nothing, within a second everywhere. `user` nil: whoever's it is.
    public func revoke(_ id: String, of user: String?) async throws(AccessError) {
        guard Self.isID(id), let key = try await key(id), user.map({ $0.utf8.elementsEqual(key.user.utf8) }) ?? true,
            try await documents.remove(id)
        else { throw .noSuchKey }
        recent.forget(key.digest)
    }

    private func key(_ id: String) async throws(AccessError) -> Key? {
        guard let found = try await documents.read(id) else { return nil }
        guard let key = Self.key(id, found.value) else { throw documents.unreadable(id) }
        return key
    }

    // MARK: Texts

    private static func checksum(of body: String) -> String {
        Hex.encode(Array(SHA256Digest(of: Array(body.utf8)).bytes.prefix(4)))
    }

    /// The id of what may be a key; nil for what is none.
    private static func id(in text: [UInt8]) -> String? {
        guard text.count == byteCount, text.starts(with: prefix.utf8) else { return nil }
        let rest = text.dropFirst(prefix.utf8.count)
        let id = String(decoding: Array(rest.prefix(16)), as: UTF8.self)
        guard isID(id), rest.dropFirst(16).first == UInt8(ascii: "_") else { return nil }
        let body = String(decoding: Array(text.dropLast(8)), as: UTF8.self)
        return constantTimeEqual(Array(checksum(of: body).utf8), Array(text.suffix(8))) ? id : nil
    }

    private static func isID(_ text: String) -> Bool { Hex.decode(text)?.count == 8 }

    // MARK: Documents

    private static func document(_ key: Key) -> JSONValue {
        [
            "user": .string(key.user), "label": .string(key.label),
            "scopes": key.scopes.map { .array($0.map(\.rawValue).sorted().map { .string($0) }) } ?? .null,
            "created": .integer(key.created.milliseconds), "expires": JSONValue(key.expires?.milliseconds),
            "digest": .string(key.digest.hex),
        ]
    }

    private static func key(_ id: String, _ value: JSONValue) -> Key? {
        guard let user = value["user"]?.string, let label = value["label"]?.string,
            let created = value["created"]?.integer,
            let digest = value["digest"]?.string.flatMap({ SHA256Digest(hex: $0) }),
            let scopes = value["scopes"], scopes == .null || scopes.array != nil
        else { return nil }
        return Key(
            id: id, user: user, label: label, scopes: scopes.array.map(Self.scopes),
            created: Timestamp(milliseconds: created),
            expires: value["expires"]?.integer.map { Timestamp(milliseconds: $0) },
            lastUsed: value["lastUsed"]?.integer.map { Timestamp(milliseconds: $0) }, digest: digest)
    }

    /// A scope that this version does not know allows nothing.
    private static func scopes(_ names: [JSONValue]) -> Set<Permission> {
        Set(names.compactMap { $0.string.flatMap(Permission.init(rawValue:)) })
    }
}
