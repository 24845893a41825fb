public import System

/// A file as the configuration reads it: what it is, who may read it, and its bytes.
public struct ConfigurationFile: Sendable {
    /// What kind of thing lies at the path, links followed.
    public let kind: FileStatus.Kind
    /// Permission bits.
    public let mode: UInt16
    /// Size in bytes.
    public let byteCount: Int64
    /// The content; empty unless it is a regular file of at most the size that was asked for.
    public let bytes: [UInt8]

    /// A file with the given facts, for tests and for files that are made of something else.
    public init(kind: FileStatus.Kind = .regular, mode: UInt16 = 0o600, bytes: [UInt8]) {
        self.kind = kind
        self.mode = mode
        self.bytes = bytes
        byteCount = Int64(bytes.count)
    }

    /// Looks at the file at `path` and reads it when it is regular and has at most `limit` bytes. Nothing but a regular
    /// file is ever read: a named pipe would never end.
    public init(reading path: String, limit: Int) throws(SystemError) {
        let file = try File.open(path)
        let status = try file.status()
        kind = status.kind
        mode = status.mode
        byteCount = status.byteCount
        bytes = kind == .regular && byteCount <= Int64(limit) ? try file.readAll(limit: limit) : []
    }

    /// Reads a file with a secret: at most 64 KiB.
    public static func secret(_ path: String) throws(SystemError) -> ConfigurationFile {
        try ConfigurationFile(reading: path, limit: YAML.Limit.scalarByteCount)
    }

    /// What is wrong with who may reach this file, when it holds a secret.
    var exposure: Exposure {
        if mode & 0o007 != 0 { return .refused("every user of this machine may reach it (mode \(octal))") }
        if mode & 0o020 != 0 { return .refused("its group may change it (mode \(octal))") }
        // A group of its own is how packages and Kubernetes hand a secret to a service: worth a word, not a refusal.
        if mode & 0o050 != 0 { return .warned("its group may read it (mode \(octal))") }
        return .none
    }

    /// How far a secret in a file is open to others.
    enum Exposure: Equatable {
        case none
        case warned(String)
        case refused(String)
    }

    private var octal: String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}
