#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// What the operating system refused: the call in plain words, the path it was about, and `errno`.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was tried, as a verb: "open", "write", "rename".
    public let operation: String
    /// The file or folder it was about.
    public let path: String
    /// The value of `errno`.
    public let code: CInt

    /// An error with the given facts; `code` is an `errno` value.
    public init(operation: String, path: String, code: CInt) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// The error of the call that has just failed.
    static func last(_ operation: String, _ path: String) -> SystemError {
        SystemError(operation: operation, path: path, code: errno)
    }

    /// The file or folder is not there.
    public var isNotFound: Bool { code == ENOENT }
    /// The name is taken already.
    public var isAlreadyThere: Bool { code == EEXIST }
    /// A symbolic link stood where none is followed.
    public var isLink: Bool { code == ELOOP }
    /// A file stood where a folder was expected. Linux says so of a symbolic link to a folder, too.
    public var isNotDirectory: Bool { code == ENOTDIR }
    /// There is more than the caller's limit.
    public var isTooMany: Bool { code == EOVERFLOW }
    /// The disk or the quota is full.
    public var isFull: Bool { code == ENOSPC || code == EDQUOT }
    /// The file system is mounted read-only.
    public var isReadOnly: Bool { code == EROFS }

    /// One sentence: what failed, on what, why, and for the common causes what to do.
    public var description: String {
        let advice =
            switch code {
            case ENOSPC, EDQUOT: "; free some space on that disk and try again"
            case EROFS: "; the file system is mounted read-only"
            case EACCES, EPERM: "; run this as the user who owns it"
            default: ""
            }
        return "cannot \(operation) \(Printable.text(path)): \(String(cString: strerror(code)))\(advice)"
    }
}
