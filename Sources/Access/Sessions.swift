public import Crypto
import JSON
public import Records
public import System

/// Logins of people with a browser.
///
/// A cookie holds 256 random bits; the store knows their SHA-256 only. A session ends when it was not used for its idle time,
/// twelve hours after its login at the latest, at its logout, with its user, or with its user's password.
public struct Sessions: Sendable {
    /// Twelve hours.
    public static let longest = Duration.seconds(12 * 3600)

    private let documents: Documents
    private let users: Users
    private let failures: LoginFailures
    private let idleTime: Duration
    private let now: @Sendable () -> Timestamp
    private let random: RandomSource
    private let recent = RecentProofs()

    /// Sessions in `records` of users in `users`, that end when they were not used for `idleTime`.
    public init(
        records: any RecordStore, users: Users, idleTime: Duration, now: @escaping @Sendable () -> Timestamp,
        random: RandomSource
    ) {
        documents = Documents(collection: "session", records: records)
        failures = LoginFailures(records: records, now: now)
        self.users = users
        self.idleTime = idleTime
        self.now = now
        self.random = random
    }

    /// Logs somebody in: the cookie's value, which is new each time, and who it is.
    ///
    /// - Parameter address: where the request came from; failures count for the name and for the address.
    /// - Throws: `.wrongPassword`, `.tooManyFailures`.
    public func logIn(
        _ name: String, password: SecretBytes, from address: String?
    ) async throws(AccessError) -> (cookie: SecretBytes, principal: Principal) {
        let user = try await confirm(name, password: password, from: address)
        let cookie = Base64URL.encode(random.bytes(32))
        let csrf = Base64URL.encode(random.bytes(24))
        let time = now()
        let digest = SHA256Digest(of: Array(cookie.utf8))
        try await documents.change(digest.hex, expires: time + min(idleTime, Self.longest)) { _ in
            [
                "user": .string(user.name), "csrf": .string(csrf), "begun": .integer(time.milliseconds),
                "used": .integer(time.milliseconds), "passwordVersion": .integer(user.passwordVersion),
            ]
        }
        return (
            SecretBytes(cookie),
            Principal(name: user.name, role: user.role, scopes: nil, proof: .session(csrf: csrf))
        )
    }

    /// The user of that name, if the password is right. Wrong ones count, and too many of them make everybody wait.
    ///
    /// - Throws: `.wrongPassword`, `.tooManyFailures`.
    @discardableResult
    public func confirm(
        _ name: String, password: SecretBytes, from address: String?
    ) async throws(AccessError) -> Users.User {
        let subjects = LoginFailures.subjects(name, address)
        try await failures.check(subjects)
        guard let user = try await users.user(name, password: password) else {
            try await failures.note(subjects)
            throw .wrongPassword
        }
        try await failures.forget(subjects)
        return user
    }

    /// Whose session that is, if it was found good within the last second; nil says nothing.
    public func recall(_ cookie: [UInt8]) -> Principal? {
        guard cookie.count == 43 else { return nil }
        return recent.recall(SHA256Digest(of: cookie), at: now())
    }

    /// Whose session that is; nil for one that is over or never was. To be asked keeps it from being over for its idle time.
    public func principal(_ cookie: [UInt8]) async throws(AccessError) -> Principal? {
        guard cookie.count == 43, Base64URL.decode(cookie) != nil else { return nil }
        let digest = SHA256Digest(of: cookie)
        guard let found = try await documents.read(digest.hex) else { return nil }
        guard let name = found.value["user"]?.string, let csrf = found.value["csrf"]?.string,
            let begun = found.value["begun"]?.integer, let used = found.value["used"]?.integer,
            let version = found.value["passwordVersion"]?.integer
        else { throw documents.unreadable("of a login") }
        let time = now()
        let end = Timestamp(milliseconds: begun) + Self.longest
        guard time < end, let user = try await users.user(name), !user.isDisabled, user.passwordVersion == version
        else {
            return nil
        }
        // A write for every request would be one too many.
        let interval = min(.seconds(60), idleTime / 4)
        if time >= Timestamp(milliseconds: used) + interval, recent.mustNote(digest, every: interval, at: time) {
            do {
                try await documents.change(digest.hex, expires: min(end, time + idleTime)) { value in
                    value?.setting("used", .integer(time.milliseconds))
                }
            } catch {
                // Others write the same at the same time.
                guard case .contended = error else { throw error }
            }
        }
        let principal = Principal(name: user.name, role: user.role, scopes: nil, proof: .session(csrf: csrf))
        recent.keep(principal, digest, at: time, until: end)
        return principal
    }

    /// Ends a session; one that is over already is left alone.
    public func logOut(_ cookie: [UInt8]) async throws(AccessError) {
        guard cookie.count == 43 else { return }
        let digest = SHA256Digest(of: cookie)
        recent.forget(digest)
        _ = try await documents.remove(digest.hex)
    }
}

/// Failed logins of the last quarter of an hour, by name and by address.
struct LoginFailures: Sendable {
    private let documents: Documents
    private let now: @Sendable () -> Timestamp

    private static let window = Duration.seconds(15 * 60)
    private static let free = 5

    init(records: any RecordStore, now: @escaping @Sendable () -> Timestamp) {
        documents = Documents(collection: "login-failure", records: records)
        self.now = now
    }

    /// The records of a name and an address. Names are hashed: whatever was typed there may be a password.
    static func subjects(_ name: String, _ address: String?) -> [String] {
        let texts = ["name " + name] + (address.map { ["address " + $0] } ?? [])
        return texts.map { Hex.encode(Array(SHA256Digest(of: Array($0.utf8)).bytes.prefix(16))) }
    }

    /// - Throws: `.tooManyFailures` where one of them has failed too often and not waited since.
    func check(_ subjects: [String]) async throws(AccessError) {
        for subject in subjects {
            guard let found = try await documents.read(subject), let until = found.value["until"]?.integer else {
                continue
            }
            let left = Timestamp(milliseconds: until) - now()
            // A clock that was set back must not lock anybody out for longer than the rule does.
            if left > .zero, left <= Self.window { throw .tooManyFailures(retryAfter: left) }
        }
    }

    /// One more failure: from the fifth on the next try waits, twice as long each time, a quarter of an hour at most.
    func note(_ subjects: [String]) async throws(AccessError) {
        let time = now()
        for subject in subjects {
            try await documents.change(subject, expires: time + Self.window) { found in
                let count = min((found?["count"]?.integer ?? 0) + 1, 1000)
                let excess = Int(count) - Self.free
                let delay = excess < 0 ? Duration.zero : min(Self.window, .seconds(1 << min(excess, 20)))
                return ["count": .integer(count), "until": .integer((time + delay).milliseconds)]
            }
        }
    }

    func forget(_ subjects: [String]) async throws(AccessError) {
        // An address may be many people's: the name alone has shown that it is right.
        if let name = subjects.first { _ = try await documents.remove(name) }
    }
}
