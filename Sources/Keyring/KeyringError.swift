public import Crypto
public import Records
public import System

/// Why a key or a generation of secrets cannot be had. Never holds a secret.
public enum KeyringError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No file at the master key's path.
    case keyFileMissing(path: String)
    /// A new master key was to be made where something is already.
    case keyFileAlreadyThere(path: String)
    /// The file, or the folder it lies in, grants something to others; `mode` are its permission bits.
    case exposed(path: String, mode: UInt16, expected: UInt16)
    /// The file is a link, a pipe, or has a second name; `found` says what.
    case notAPlainFile(path: String, found: String)
    /// The file belongs to another user; both are user ids.
    case wrongOwner(path: String, found: UInt32, expected: UInt32)
    /// The file is not 64 lower-case hexadecimal digits and a newline.
    case malformedKeyFile(path: String, byteCount: Int64)
    /// The disk refused.
    case disk(SystemError)

    /// No generation is current: nothing was ever added.
    case noGeneration
    /// This generation was retired, or never existed.
    case versionGone(Int)
    /// Only a pending generation can be promoted, and only one that is not current can be retired.
    case wrongState(number: Int, state: KeyGeneration.State, operation: String)
    /// A secret that cannot be kept; `name` is its configuration name, the value is not here.
    case badSecret(name: String, reason: String)
    /// The sealed record does not open; `what` names it, such as `generation 3`.
    case doesNotOpen(what: String)
    /// It opened, and says what no version of this program wrote.
    case unreadable(what: String, detail: String)
    /// Other writers were first every time.
    case contended(tries: Int)
    /// The record store refused or failed.
    case records(RecordError)
    /// libcrypto failed.
    case crypto(CryptoError)

    /// One sentence, with what to do.
    public var description: String {
        switch self {
        case .keyFileMissing(let path):
            "there is no master key at \(Printable.text(path)); restore it from a backup, or run pkgmill init for a new "
                + "farm"
        case .keyFileAlreadyThere(let path):
            "there is a file at \(Printable.text(path)) already; a master key is never overwritten"
        case .exposed(let path, let mode, let expected):
            "\(Printable.text(path)) has mode \(Self.octal(mode)), so other users can reach the master key; "
                + "run chmod \(Self.octal(expected)) on it"
        case .notAPlainFile(let path, let found):
            "the master key \(Printable.text(path)) is a \(found), expected a regular file with one name; "
                + "put the file itself there"
        case .wrongOwner(let path, let found, let expected):
            "the master key \(Printable.text(path)) belongs to user \(found), and this is user \(expected); "
                + "run this as its owner, or chown it"
        case .malformedKeyFile(let path, let byteCount):
            "the master key \(Printable.text(path)) is not 64 lower-case hexadecimal digits and a newline "
                + "(\(byteCount) bytes, expected 65); restore it from a backup, or remove it if no farm has used it yet"
        case .disk(let error): error.description
        case .noGeneration: "the farm has no secrets yet; run pkgmill init"
        case .versionGone(let number):
            "version gone: key generation \(number) was retired or never existed; submit the job again with the "
                + "current one"
        case .wrongState(let number, let state, let operation):
            "cannot \(operation) key generation \(number): it is \(state.rawValue)"
        case .badSecret(let name, let reason): "the secret \(Printable.text(name)) cannot be kept: \(reason)"
        case .doesNotOpen(let what):
            "the master key does not open \(what): its record was changed, or belongs to another master key or farm; "
                + "restore the key file or the store from a backup"
        case .unreadable(let what, let detail):
            "\(what) cannot be read (\(detail)); it was written by another version of pkgmill"
        case .contended(let tries): "other processes changed the keys \(tries) times in between; try again"
        case .records(let error): error.description
        case .crypto(let error): error.description
        }
    }

    private static func octal(_ mode: UInt16) -> String { String(mode, radix: 8) }
}
