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

/// Text from outside, made safe for a terminal or a log line.
public enum Printable {
    /// `text` with control characters, line ends, bidirectional marks and other invisible scalars written as `\u{…}`,
    /// cut after `limit` scalars: what an attacker types cannot forge a line or recolour a terminal.
    public static func text(_ text: String, limit: Int = 200) -> String {
        var safe = ""
        var count = 0
        for scalar in text.unicodeScalars {
            if count == limit { return safe + "…" }
            count += 1
            if isPlain(scalar) {
                safe.unicodeScalars.append(scalar)
            } else {
                safe += "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
        return safe
    }

    /// Bytes that should be UTF-8; what is not is shown as `\xNN`.
    public static func text(_ bytes: [UInt8], limit: Int = 200) -> String {
        if let string = String(validating: bytes, as: UTF8.self) { return text(string, limit: limit) }
        var safe = ""
        for byte in bytes.prefix(limit) {
            if (0x20...0x7E).contains(byte) {
                safe.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                safe += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return bytes.count > limit ? safe + "…" : safe
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        // Fillers and selectors are letters and marks by their category, and cannot be seen either.
        if scalar.properties.isDefaultIgnorableCodePoint { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return false
        default: return true
        }
    }
}
