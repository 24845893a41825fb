public import Crypto
public import System

/// The farm's root secret: 32 random bytes, from which every other key of the farm is derived by purpose.
///
/// It lies in a file of 64 lower-case hexadecimal digits and a newline, mode 0600, in a folder of mode 0700, and never
/// leaves the machines that build.
public struct MasterKey: Sendable {
    private static let byteCount = 32
    /// Two digits a byte and the newline.
    private static let fileByteCount = byteCount * 2 + 1

    private let secret: SecretBytes

    private init(secret: SecretBytes) { self.secret = secret }

    /// Makes a new key and its file at `path`, with the folder when that is missing; returns when it is on the disk.
    ///
    /// - Throws: `.keyFileAlreadyThere` when anything is at that name: a key is never overwritten.
    public static func create(
        at path: String, random: RandomSource = .system, faults: DiskFaults = .none
    ) throws(KeyringError) -> MasterKey {
        let (parent, name) = splitPath(path)
        let secret = SecretBytes(random.bytes(byteCount))
        let folder = try disk { () throws(SystemError) in
            try Directory.openOrCreate(parent, mode: 0o700, faults: faults)
        }
        try refuseExposed(folder)
        let file: File
        do {
            file = try folder.createFile(name, mode: 0o600)
        } catch {
            throw error.isAlreadyThere ? .keyFileAlreadyThere(path: path) : .disk(error)
        }
        do throws(SystemError) {
            try file.write(Array(Hex.encode(secret.copyBytes()).utf8) + [0x0A])
            try file.sync()
            try folder.sync()
        } catch {
            // Half a key must not look like one. If removing it fails too, loading says that it is cut short.
            _ = try? folder.remove(name)
            throw .disk(error)
        }
        return MasterKey(secret: secret)
    }

    /// Reads the key at `path`.
    ///
    /// - Parameter owner: the user id that the file must belong to.
    /// - Throws: when the file or its folder grants anything to others, is a link or otherwise no plain file, belongs to
    ///   another user, or does not hold exactly one key.
    public static func load(
        from path: String, owner: UInt32 = CurrentProcess.userIdentifier, faults: DiskFaults = .none
    ) throws(KeyringError) -> MasterKey {
        let (parent, name) = splitPath(path)
        let folder: Directory
        let file: File
        do {
            folder = try Directory.open(parent, faults: faults)
            file = try folder.openFile(name)
        } catch {
            if error.isNotFound { throw .keyFileMissing(path: path) }
            if error.isLink { throw .notAPlainFile(path: path, found: FileStatus.Kind.symbolicLink.rawValue) }
            throw .disk(error)
        }
        try refuseExposed(folder)
        return try read(file, path: path, owner: owner)
    }

    /// `byteCount` bytes that only this key and this purpose give (HKDF-SHA256); they tell nothing of the key or of
    /// another purpose. A purpose begins with the room that uses it and ends with a version: `artifacts/tokens/1`.
    public func derive(purpose: String, byteCount: Int = 32) -> SecretBytes {
        deriveKey(secret, purpose: purpose, byteCount: byteCount)
    }

    private static func read(_ file: File, path: String, owner: UInt32) throws(KeyringError) -> MasterKey {
        // The open file is asked, not its name: what is checked is what is read.
        let status = try disk { () throws(SystemError) in try file.status() }
        guard status.kind == .regular else { throw .notAPlainFile(path: path, found: status.kind.rawValue) }
        guard status.linkCount == 1 else { throw .notAPlainFile(path: path, found: "file with several names") }
        guard status.owner == owner else { throw .wrongOwner(path: path, found: status.owner, expected: owner) }
        guard status.mode & 0o077 == 0 else { throw .exposed(path: path, mode: status.mode, expected: 0o600) }
        guard status.byteCount == Int64(fileByteCount) else {
            throw .malformedKeyFile(path: path, byteCount: status.byteCount)
        }
        let text = try disk { () throws(SystemError) in try file.readAll(limit: fileByteCount) }
        guard text.count == fileByteCount, text.last == 0x0A,
            let bytes = Hex.decode(String(decoding: text.dropLast(), as: UTF8.self)), bytes.count == byteCount
        else { throw .malformedKeyFile(path: path, byteCount: Int64(text.count)) }
        return MasterKey(secret: SecretBytes(bytes))
    }

    private static func refuseExposed(_ folder: Directory) throws(KeyringError) {
        let mode = try disk { () throws(SystemError) in try folder.status() }.mode
        guard mode & 0o077 == 0 else { throw .exposed(path: folder.path, mode: mode, expected: 0o700) }
    }

    private static func disk<Result>(_ call: () throws(SystemError) -> Result) throws(KeyringError) -> Result {
        do { return try call() } catch { throw .disk(error) }
    }
}
