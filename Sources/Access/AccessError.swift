public import Records
import System

/// Why somebody is not let in, or a change of users and keys not made.
public enum AccessError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No user of that name with that password; nothing says which.
    case wrongPassword
    /// Too many failures: not before that time.
    case tooManyFailures(retryAfter: Duration)
    /// A user's name that is none.
    case badName(String)
    /// A password that is too short or too long; it is not shown.
    case badPassword(byteCount: Int)
    /// A user of that name is there.
    case nameTaken(String)
    /// There is none.
    case noSuchUser(String)
    /// The last admin cannot be removed, nor be another role.
    case lastAdmin(String)
    /// No such key.
    case noSuchKey
    /// A key's lifetime or its label is out of range.
    case badKeyRequest(String)
    /// Others change the same thing all the time.
    case contended(what: String)
    /// Something kept is damaged.
    case unreadable(what: String)
    /// The store failed.
    case records(RecordError)
    /// libcrypto failed.
    case crypto(detail: String)

    /// One sentence.
    public var description: String {
        switch self {
        case .wrongPassword: "the name or the password is wrong"
        case .tooManyFailures(let delay):
            "too many failed logins; try again in \(max(1, delay.components.seconds)) seconds"
        case .badName(let name):
            "user name '\(Printable.text(name, limit: 80))': expected 1 to 64 lower-case letters, digits and . _ - @, "
                + "beginning with a letter"
        case .badPassword(let count):
            "the password has \(count) bytes; expected \(UserLimits.password.lowerBound) to \(UserLimits.password.upperBound)"
        case .nameTaken(let name): "there is a user '\(name)' already"
        case .noSuchUser(let name): "there is no user '\(Printable.text(name, limit: 80))'"
        case .lastAdmin(let name): "'\(name)' is the last admin; make another one first"
        case .noSuchKey: "there is no such API key"
        case .badKeyRequest(let detail): detail
        case .contended(let what): "others change \(what) all the time; try again"
        case .unreadable(let what): "\(what) is damaged; restore the store from a backup"
        case .records(let error): error.description
        case .crypto(let detail): detail
        }
    }
}

/// The bounds of what is asked for.
enum UserLimits {
    static let password = 12...1024

    static func isName(_ text: String) -> Bool {
        guard (1...64).contains(text.utf8.count), let first = text.utf8.first, (0x61...0x7A).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x61...0x7A, 0x2D, 0x2E, 0x40, 0x5F: true
            default: false
            }
        }
    }

    /// A user's name where records have no `@`.
    static func recordName(_ name: String) -> String {
        String(decoding: name.utf8.map { $0 == 0x40 ? 0x3A : $0 }, as: UTF8.self)
    }
}
