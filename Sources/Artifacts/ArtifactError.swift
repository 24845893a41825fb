public import Crypto
public import Records
public import System

/// Why an artifact cannot be stored, found or handed out.
public enum ArtifactError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The store has no such content.
    case notFound(SHA256Digest)
    /// The store has something under this digest that is not it; `detail` says how it differs.
    case damaged(SHA256Digest, detail: String)
    /// Something stands at a place of the store that is not what belongs there: a link, a pipe, a second name.
    case unexpectedKind(path: String, found: String, expected: String)
    /// A folder of the store lets others in; `mode` are its permission bits.
    case exposed(path: String, mode: UInt16)
    /// The disk refused; the error has operation, path and cause.
    case disk(SystemError)
    /// This incoming artifact was finished or discarded before.
    case alreadyFinished(path: String)

    /// The job has no published artifact.
    case notPublished(job: String)
    /// The job has an artifact already, and for ever: it was to get another.
    case alreadyPublished(job: String, digest: SHA256Digest, refused: SHA256Digest)
    /// A file name that cannot be offered to a browser or written to a disk.
    case badFileName(String, reason: String)
    /// A token's lifetime or number of uses is out of range.
    case badTokenRequest(String)
    /// Not the id of a download token: 32 lower-case hexadecimal digits.
    case badTokenID
    /// A download token that opens nothing.
    case refused(TokenRefusal)

    /// No signing key of this id, or one that this was already done to, or the active one.
    case badTokenKey(id: String, reason: String)
    /// The key of this id does not open with the sealing key.
    case tokenKeyDoesNotOpen(id: String)
    /// A record says what no version of this program wrote.
    case unreadable(record: String, detail: String)
    /// Other processes were first every time; `what` is a record or a file.
    case contended(what: String, tries: Int)
    /// The record store refused or failed.
    case records(RecordError)
    /// libcrypto failed.
    case crypto(CryptoError)

    /// One sentence, with what to do where that can be said.
    public var description: String {
        switch self {
        case .notFound(let digest): "the artifact store has no \(digest)"
        case .damaged(let digest, let detail):
            "the stored artifact \(digest) is damaged (\(detail)); build it again, which replaces it"
        case .unexpectedKind(let path, let found, let expected):
            "\(Printable.text(path)) is a \(found), expected \(expected); remove it"
        case .exposed(let path, let mode):
            "\(Printable.text(path)) has mode \(String(mode, radix: 8)), so other users can reach artifacts; "
                + "run chmod 700 on it"
        case .disk(let error): error.description
        case .alreadyFinished(let path): "\(Printable.text(path)) was finished or discarded before"
        case .notPublished(let job): "job \(Printable.text(job)) has no published artifact"
        case .alreadyPublished(let job, let digest, let refused):
            "job \(Printable.text(job)) has published \(digest) and cannot publish \(refused)"
        case .badFileName(let name, let reason): "the file name \"\(Printable.text(name))\" \(reason)"
        case .badTokenRequest(let reason): reason
        case .badTokenID: "a download token's id is 32 lower-case hexadecimal digits"
        case .refused(let refusal): refusal.description
        case .badTokenKey(let id, let reason): "the download token key \(Printable.text(id)) \(reason)"
        case .tokenKeyDoesNotOpen(let id):
            "the master key does not open the download token key \(id): its record was changed, or belongs to another "
                + "master key or farm; restore the key file or the store from a backup"
        case .unreadable(let record, let detail):
            "the record \(record) cannot be read (\(detail)); it was written by another version of pkgmill"
        case .contended(let what, let tries):
            "other processes changed \(what) \(tries) times in between; try again"
        case .records(let error): error.description
        case .crypto(let error): error.description
        }
    }
}

/// Why a download token opens nothing. Holds no part of the token but its id.
public enum TokenRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not a token of the form that the farm writes.
    case malformed(reason: String)
    /// Signed, it says, with a key that this farm does not have, or has retired.
    case foreignKey
    /// The signature is not this key's of this text.
    case wrongSignature
    /// Signed by the farm, for another use or another farm.
    case otherPurpose
    /// It, or its artifact, could be used until this moment.
    case expired(at: Timestamp)
    /// It can be used from this moment on.
    case notYetValid(until: Timestamp)
    /// It is for another artifact, or for other content than the job's artifact has.
    case otherArtifact
    /// It, or every token of its artifact up to then, was revoked.
    case revoked
    /// It has been used as often as it may.
    case usedUp

    /// One sentence, with what to do.
    public var description: String {
        switch self {
        case .malformed(let reason): "this is no download token: \(reason); copy it again, whole"
        case .foreignKey: "the download token is of another farm, or of a key that was retired; ask for a new one"
        case .wrongSignature: "the download token was changed, or was not made by this farm; copy it again, whole"
        case .otherPurpose: "the token is not for downloads from this farm"
        case .expired(let moment):
            "the download token expired at \(moment.wholeSecondsText); ask for a new one with pkgmill token"
        case .notYetValid(let moment):
            "the download token is valid from \(moment.wholeSecondsText) on; check the clocks"
        case .otherArtifact: "the download token is for another artifact"
        case .revoked: "the download token was revoked; ask for a new one"
        case .usedUp: "the download token has been used as often as it may; ask for a new one"
        }
    }
}
