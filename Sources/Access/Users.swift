public import Crypto
import JSON
public import Records
public import System

/// The people and programs that may use the farm.
public struct Users: Sendable {
    /// One of them.
    public struct User: Sendable, Equatable {
        /// The name by which it logs in.
        public let name: String
        /// What it may do.
        public let role: Role
        /// Whether it may do nothing for now.
        public let isDisabled: Bool
        /// When it was made.
        public let created: Timestamp
        /// Grows with each change of the password: sessions of another one are over.
        public let passwordVersion: Int64
        fileprivate let password: PasswordHash
    }

    private let documents: Documents
    private let hashing: Hashing
    private let cost: PasswordHash.Cost
    private let now: @Sendable () -> Timestamp
    private let random: RandomSource

    /// The users in `records`.
    ///
    /// - Parameter cost: lower in tests alone.
    public init(
        records: any RecordStore, now: @escaping @Sendable () -> Timestamp, random: RandomSource,
        cost: PasswordHash.Cost = .standard
    ) {
        documents = Documents(collection: "user", records: records)
        hashing = Hashing(atOnce: 2)
        self.cost = cost
        self.now = now
        self.random = random
    }

    /// Makes a user.
    public func add(_ name: String, role: Role, password: SecretBytes) async throws(AccessError) {
        guard UserLimits.isName(name) else { throw .badName(name) }
        let hash = try await hash(password)
        let user = User(
            name: name, role: role, isDisabled: false, created: now(), passwordVersion: 1, password: hash)
        try await documents.change(UserLimits.recordName(name)) { found throws(AccessError) in
            guard found == nil else { throw .nameTaken(name) }
            return Self.document(user)
        }
    }

    /// The user of that name; nil where there is none.
    public func user(_ name: String) async throws(AccessError) -> User? {
        guard UserLimits.isName(name), let found = try await documents.read(UserLimits.recordName(name)) else {
            return nil
        }
        guard let user = Self.user(found.value) else { throw documents.unreadable(name) }
        return user
    }

    /// All of them, by name.
    public func list() async throws(AccessError) -> [User] {
        var users: [User] = []
        for (name, value) in try await documents.list(limit: 10_000) {
            guard let user = Self.user(value) else { throw documents.unreadable(name) }
            users.append(user)
        }
        return users
    }

    /// Whether anybody is there: a farm without users takes its first admin from the configuration.
    public func areNone() async throws(AccessError) -> Bool { try await documents.list(limit: 1).isEmpty }

    /// Gives a user another role, or lets it do nothing. One admin who may do something always stays.
    public func change(_ name: String, role: Role? = nil, isDisabled: Bool? = nil) async throws(AccessError) {
        if role.map({ $0 != .admin }) == true || isDisabled == true { try await checkNotLast(name) }
        try await change(name) { user in
            User(
                name: user.name, role: role ?? user.role, isDisabled: isDisabled ?? user.isDisabled,
                created: user.created, passwordVersion: user.passwordVersion, password: user.password)
        }
    }

    /// Gives a user another password; its sessions are over.
    public func change(_ name: String, password: SecretBytes) async throws(AccessError) {
        let hash = try await hash(password)
        try await change(name) { user in
            User(
                name: user.name, role: user.role, isDisabled: user.isDisabled, created: user.created,
                passwordVersion: user.passwordVersion &+ 1, password: hash)
        }
    }

    /// Removes a user; its keys and sessions are good for nothing from then on.
    public func remove(_ name: String) async throws(AccessError) {
        try await checkNotLast(name)
        guard UserLimits.isName(name), try await documents.remove(UserLimits.recordName(name)) else {
            throw .noSuchUser(name)
        }
    }

    /// The user of that name, if the password is right and it may do something; nil for all else, after the same time.
    public func user(_ name: String, password: SecretBytes) async throws(AccessError) -> User? {
        let user = try await user(name)
        // One who is not there costs as much as one who is.
        let hash: PasswordHash
        if let user { hash = user.password } else { hash = Self.nobody(cost) }
        guard password.count <= UserLimits.password.upperBound else { return nil }
        let isRight = try await hashing.run { () throws(CryptoError) in try hash.matches(password) }
        guard isRight, let user, !user.isDisabled else { return nil }
        return user
    }

    private func hash(_ password: SecretBytes) async throws(AccessError) -> PasswordHash {
        guard UserLimits.password.contains(password.count) else { throw .badPassword(byteCount: password.count) }
        let (salt, cost) = (random.bytes(16), cost)
        return try await hashing.run { () throws(CryptoError) in try PasswordHash(password, salt: salt, cost: cost) }
    }

    /// A hash of that cost which no password has.
    private static func nobody(_ cost: PasswordHash.Cost) -> PasswordHash {
        let text =
            "scrypt$\(cost.exponent)$\(cost.blockSize)$\(cost.parallelism)$"
            + Base64URL.encode([UInt8](repeating: 0, count: 16)) + "$"
            + Base64URL.encode([UInt8](repeating: 0, count: 32))
        guard let hash = PasswordHash(text) else { preconditionFailure("a cost that was checked is read again") }
        return hash
    }

    private func checkNotLast(_ name: String) async throws(AccessError) {
        let admins = try await list().filter { $0.role == .admin && !$0.isDisabled }
        if admins.count == 1, admins[0].name.utf8.elementsEqual(name.utf8) { throw .lastAdmin(name) }
    }

    private func change(_ name: String, _ next: (User) -> User) async throws(AccessError) {
        guard UserLimits.isName(name) else { throw .noSuchUser(name) }
        try await documents.change(UserLimits.recordName(name)) { found throws(AccessError) in
            guard let found else { throw .noSuchUser(name) }
            guard let user = Self.user(found) else { throw documents.unreadable(name) }
            return Self.document(next(user))
        }
    }

    private static func document(_ user: User) -> JSONValue {
        [
            "name": .string(user.name), "role": .string(user.role.rawValue), "disabled": .bool(user.isDisabled),
            "created": .integer(user.created.milliseconds), "passwordVersion": .integer(user.passwordVersion),
            "password": .string(user.password.description),
        ]
    }

    private static func user(_ value: JSONValue) -> User? {
        guard let name = value["name"]?.string, let role = value["role"]?.string.flatMap(Role.init(rawValue:)),
            let isDisabled = value["disabled"]?.bool, let created = value["created"]?.integer,
            let version = value["passwordVersion"]?.integer,
            let password = value["password"]?.string.flatMap({ PasswordHash($0) })
        else { return nil }
        return User(
            name: name, role: role, isDisabled: isDisabled, created: Timestamp(milliseconds: created),
            passwordVersion: version, password: password)
    }
}

/// Hashes of passwords, a few at once: each takes 128 MiB, whoever asks for it.
actor Hashing {
    private var left: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private let threads: [BlockingExecutor]
    private var next = 0

    init(atOnce count: Int) {
        left = count
        threads = (0..<count).map { BlockingExecutor("password-\($0)") }
    }

    func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws(CryptoError) -> Value
    ) async throws(AccessError) -> Value {
        if left > 0 { left -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
        defer { if waiting.isEmpty { left += 1 } else { waiting.removeFirst().resume() } }
        next = (next + 1) % threads.count
        let thread = threads[next]
        let result: Result<Value, CryptoError> = await withCheckedContinuation { continuation in
            thread.run { continuation.resume(returning: Result { () throws(CryptoError) in try work() }) }
        }
        do { return try result.get() } catch { throw .crypto(detail: error.description) }
    }
}
