public import System

/// Records as files in a folder that several machines may share.
///
/// | file                          | what                                                                    |
/// |-------------------------------|-------------------------------------------------------------------------|
/// | `COLLECTION/NAME`             | a line `pkgmill-record 1 REVISION EXPIRES LENGTH`, then the body        |
/// | `COLLECTION.lock`             | locked by whoever writes to the collection                              |
/// | `COLLECTION.last`             | the highest revision of a record that is gone, as such a line           |
///
/// Names are written so that no file system takes two for one, and a mark tells a record's file from the others'. A write
/// locks its collection, compares, syncs a new file and renames it into place; readers lock nothing. The folder must be on a
/// file system with locks that all its machines keep: a local one, or NFS.
public actor DirectoryRecordStore: RecordStore {
    /// The thread on which this actor may block.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let executor: BlockingExecutor
    private let root: Directory
    private let now: @Sendable () -> Timestamp
    /// The file after which to look for expired records next, by collection.
    private var swept: [String: [UInt8]] = [:]

    /// Opens the store in the folder at `path`, making it, mode 0700, where it is not there.
    public static func open(
        _ path: String, faults: DiskFaults = .none, now: @escaping @Sendable () -> Timestamp
    ) async throws(RecordError) -> DirectoryRecordStore {
        do throws(SystemError) {
            let root = try Directory.openOrCreate(path, faults: faults)
            return DirectoryRecordStore(root: root, now: now)
        } catch {
            throw .backend(operation: "open its folder", detail: error.description)
        }
    }

    private init(root: Directory, now: @escaping @Sendable () -> Timestamp) {
        executor = BlockingExecutor("directory-records")
        self.root = root
        self.now = now
    }

    /// See `RecordStore`.
    public func read(_ name: String, in collection: String) throws(RecordError) -> Record? {
        try RecordRules.check(collection: collection, name: name)
        return try attempt("read a record") { () throws(DirectoryFailure) in
            guard let folder = try folder(of: collection) else { return nil }
            return try living(name, collection, folder, at: now())
        }
    }

    /// See `RecordStore`.
    @discardableResult
    public func write(
        _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
    ) throws(RecordError) -> Record {
        try RecordRules.check(collection: collection, name: name)
        try RecordRules.check(body: body, collection: collection, name: name)
        return try attempt("write a record") { () throws(DirectoryFailure) in
            try locked(collection) { (folder) throws(DirectoryFailure) in
                try compare(name, collection, folder, with: expecting)
                // One that has expired is still there, and its revision must not come back.
                let last = max(
                    try stored(name, collection, folder)?.revision ?? 0, try lastRevision(of: collection))
                guard last < Int64.max else {
                    throw .record(
                        .unreadable(collection: collection, name: name, detail: "there is no higher revision"))
                }
                let record = Record(
                    collection: collection, name: name, revision: last + 1, body: body, expires: expires)
                try replace(RecordFileName.text(of: name), in: folder, with: RecordFile.bytes(of: record))
                // What was asked for is done; what cannot be swept now is looked at again.
                try? sweep(collection, folder)
                return record
            }
        }
    }

    /// See `RecordStore`.
    public func delete(_ name: String, in collection: String, expecting: Int64) throws(RecordError) {
        try RecordRules.check(collection: collection, name: name)
        try attempt("delete a record") { () throws(DirectoryFailure) in
            try locked(collection) { (folder) throws(DirectoryFailure) in
                try compare(name, collection, folder, with: expecting)
                try forget(name, revision: expecting, collection, folder)
            }
        }
    }

    /// See `RecordStore`.
    public func list(_ collection: String, after: String?, limit: Int) throws(RecordError) -> [Record] {
        try RecordRules.check(collection: collection, name: after)
        try RecordRules.check(limit: limit)
        return try attempt("list records") { () throws(DirectoryFailure) in
            guard let folder = try folder(of: collection) else { return [] }
            var names: [[UInt8]] = []
            for entry in try disk({ () throws(SystemError) in try folder.entries() }) {
                guard let name = RecordFileName.name(of: entry) else { continue }
                if let after, !after.utf8.lexicographicallyPrecedes(name) { continue }
                names.append(name)
            }
            names.sort { $0.lexicographicallyPrecedes($1) }
            let time = now()
            var records: [Record] = []
            for name in names where records.count < limit {
                let text = String(decoding: name, as: UTF8.self)
                if let record = try living(text, collection, folder, at: time) { records.append(record) }
            }
            return records
        }
    }

    /// See `RecordStore`.
    public func collections() throws(RecordError) -> [String] {
        try attempt("list collections") { () throws(DirectoryFailure) in
            let entries = try disk { () throws(SystemError) in try root.entries() }
            return entries.compactMap { RecordFileName.name(of: $0) }
                .sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Looks at a few records with each write and removes those that have expired, so that they never pile up.
    private func sweep(_ collection: String, _ folder: Directory) throws(DirectoryFailure) {
        let entries = try disk { () throws(SystemError) in try folder.entries() }
        let last = swept[collection] ?? []
        let some = entries.filter { last.lexicographicallyPrecedes($0) }.prefix(8)
        swept[collection] = some.count < 8 ? [] : some.last
        let time = now()
        for entry in some {
            guard let name = RecordFileName.name(of: entry).map({ String(decoding: $0, as: UTF8.self) }),
                let record = try stored(name, collection, folder), !record.isAlive(at: time)
            else { continue }
            try forget(name, revision: record.revision, collection, folder)
        }
    }

    // MARK: Files

    private func folder(of collection: String) throws(DirectoryFailure) -> Directory? {
        do throws(SystemError) { return try root.directory(RecordFileName.text(of: collection)) } catch {
            if error.isNotFound { return nil }
            throw .disk(error)
        }
    }

    /// Runs `body` while nobody else writes to the collection.
    private func locked<Value>(
        _ collection: String, _ body: (Directory) throws(DirectoryFailure) -> Value
    ) throws(DirectoryFailure) -> Value {
        let name = RecordFileName.text(of: collection)
        let lock = try disk { () throws(SystemError) in try root.openOrCreateFile(name + ".lock") }
        _ = try disk { () throws(SystemError) in try lock.lock(waiting: true) }
        defer { lock.unlock() }
        if let folder = try folder(of: collection) { return try body(folder) }
        let made = try disk { () throws(SystemError) in
            try root.makeDirectory(name)
            try root.sync()
            return try root.directory(name)
        }
        return try body(made)
    }

    private func compare(
        _ name: String, _ collection: String, _ folder: Directory, with expected: Int64?
    ) throws(DirectoryFailure) {
        let found = try living(name, collection, folder, at: now())?.revision
        guard found == expected else {
            throw .record(.conflict(collection: collection, name: name, expected: expected, found: found))
        }
    }

    private func living(
        _ name: String, _ collection: String, _ folder: Directory, at time: Timestamp
    ) throws(DirectoryFailure) -> Record? {
        guard let record = try stored(name, collection, folder), record.isAlive(at: time) else { return nil }
        return record
    }

    /// The record in its file, be it expired or not; nil where there is none.
    private func stored(
        _ name: String, _ collection: String, _ folder: Directory
    ) throws(DirectoryFailure) -> Record? {
        guard let bytes = try content(RecordFileName.text(of: name), in: folder) else { return nil }
        do throws(RecordFileFault) { return try RecordFile.record(of: bytes, name, in: collection) } catch {
            throw .record(.unreadable(collection: collection, name: name, detail: error.detail))
        }
    }

    private func content(_ file: String, in folder: Directory) throws(DirectoryFailure) -> [UInt8]? {
        do throws(SystemError) {
            return try folder.openFile(file).readAll(limit: Record.maximumBodyByteCount + RecordFile.headByteCount)
        } catch {
            if error.isNotFound { return nil }
            throw .disk(error)
        }
    }

    /// The highest revision that a record which is gone has had.
    private func lastRevision(of collection: String) throws(DirectoryFailure) -> Int64 {
        let name = RecordFileName.text(of: collection) + ".last"
        guard let bytes = try content(name, in: root) else { return 0 }
        do throws(RecordFileFault) { return try RecordFile.record(of: bytes, "last", in: collection).revision } catch {
            throw .record(
                .unreadable(collection: collection, name: name, detail: "the store has lost its revision"))
        }
    }

    /// Removes a record's file; what its revision was is written down before.
    private func forget(
        _ name: String, revision: Int64, _ collection: String, _ folder: Directory
    ) throws(DirectoryFailure) {
        if try lastRevision(of: collection) < revision {
            let note = Record(collection: collection, name: "last", revision: revision, body: [], expires: nil)
            try replace(RecordFileName.text(of: collection) + ".last", in: root, with: RecordFile.bytes(of: note))
        }
        try disk { () throws(SystemError) in
            try folder.remove(RecordFileName.text(of: name))
            try folder.sync()
        }
    }

    /// Writes a file anew: it is the old one or the new one, whole, whenever somebody looks.
    private func replace(_ name: String, in folder: Directory, with bytes: [UInt8]) throws(DirectoryFailure) {
        // Under the lock nobody else has this name; one that a killed process has left is in nobody's way.
        let hidden = ".new-" + name
        try disk { () throws(SystemError) in
            try folder.remove(hidden)
            let file = try folder.createFile(hidden)
            do throws(SystemError) {
                try file.write(bytes)
                try file.sync()
                try folder.rename(hidden, to: name, replacing: true)
            } catch {
                _ = try? folder.remove(hidden)  // tidiness only
                throw error
            }
            try folder.sync()
        }
    }

    private func disk<Value>(_ body: () throws(SystemError) -> Value) throws(DirectoryFailure) -> Value {
        do throws(SystemError) { return try body() } catch { throw .disk(error) }
    }

    private func attempt<Value>(
        _ operation: String, _ body: () throws(DirectoryFailure) -> Value
    ) throws(RecordError) -> Value {
        do throws(DirectoryFailure) { return try body() } catch {
            switch error {
            case .record(let error): throw error
            case .disk(let error): throw .backend(operation: operation, detail: error.description)
            }
        }
    }
}

/// What can end a call: the disk, or a rule of `RecordStore`.
private enum DirectoryFailure: Error {
    case disk(SystemError)
    case record(RecordError)
}

/// How names are written as names of files: some file systems do not tell capitals from small letters, and some know no
/// colon.
enum RecordFileName {
    private static let mark = "r-"

    /// The file's name: `r-`, then `.` as `+`, `:` as `,` and a capital after a `=`. One that would be too long for a file
    /// system is `x-` and its bytes in base 32.
    static func text(of name: String) -> String {
        var text: [UInt8] = Array(mark.utf8)
        for byte in name.utf8 {
            switch byte {
            case 0x2E: text.append(0x2B)
            case 0x3A: text.append(0x2C)
            case 0x41...0x5A: text += [0x3D, byte + 0x20]
            default: text.append(byte)
            }
        }
        // Room for what others of its names have besides.
        return String(decoding: text.count <= 230 ? text : Array("x-".utf8) + base32(Array(name.utf8)), as: UTF8.self)
    }

    /// The name of which `file` is the one spelling; nil for any other file.
    static func name(of file: [UInt8]) -> [UInt8]? {
        let name: [UInt8]
        if file.starts(with: mark.utf8) {
            var bytes: [UInt8] = []
            var isCapital = false
            for byte in file.dropFirst(2) {
                switch byte {
                case 0x3D where !isCapital:
                    isCapital = true
                    continue
                case 0x2B: bytes.append(0x2E)
                case 0x2C: bytes.append(0x3A)
                case 0x61...0x7A where isCapital: bytes.append(byte - 0x20)
                default: bytes.append(byte)
                }
                isCapital = false
            }
            name = bytes
        } else {
            guard file.starts(with: "x-".utf8), let bytes = decoded(Array(file.dropFirst(2))) else { return nil }
            name = bytes
        }
        guard let text = String(validating: name, as: UTF8.self), RecordRules.isName(text),
            Array(Self.text(of: text).utf8) == file
        else { return nil }
        return name
    }

    private static let digits = Array("0123456789abcdefghijklmnopqrstuv".utf8)

    private static func base32(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        var (held, bits) = (UInt32(0), UInt32(0))
        for byte in bytes {
            held = held << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(digits[Int(held >> bits & 31)])
            }
            held &= (1 << bits) - 1
        }
        if bits > 0 { text.append(digits[Int(held << (5 - bits) & 31)]) }
        return text
    }

    private static func decoded(_ text: [UInt8]) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (held, bits) = (UInt32(0), UInt32(0))
        for digit in text {
            guard let value = digits.firstIndex(of: digit) else { return nil }
            held = held << 5 | UInt32(value)
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(held >> bits))
                held &= (1 << bits) - 1
            }
        }
        return bytes
    }
}

/// The bytes of a record's file.
enum RecordFile {
    /// The most bytes of the line.
    static let headByteCount = 100

    static func bytes(of record: Record) -> [UInt8] {
        let expires = record.expires.map { String($0.milliseconds) } ?? "never"
        return Array("pkgmill-record 1 \(record.revision) \(expires) \(record.body.count)\n".utf8) + record.body
    }

    /// The record of those bytes. Anybody may have written them, so nothing in them is trusted.
    static func record(
        of bytes: [UInt8], _ name: String, in collection: String
    ) throws(RecordFileFault) -> Record {
        guard let end = bytes.prefix(headByteCount).firstIndex(of: 0x0A) else {
            throw RecordFileFault(detail: "its file does not begin with a line")
        }
        let words = bytes[..<end].split(separator: 0x20, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard words.count == 5, words[0] == "pkgmill-record", words[1] == "1", let revision = Int64(words[2]),
            revision > 0, let count = Int(words[4])
        else { throw RecordFileFault(detail: "its file begins with no line of a record") }
        let body = Array(bytes[(end + 1)...])
        guard body.count == count, count <= Record.maximumBodyByteCount else {
            throw RecordFileFault(detail: "its file has \(body.count) bytes after the line, which says \(count)")
        }
        var expires: Timestamp?
        if words[3] != "never" {
            guard let time = Int64(words[3]) else { throw RecordFileFault(detail: "its expiry is no time") }
            expires = Timestamp(milliseconds: time)
        }
        return Record(collection: collection, name: name, revision: revision, body: body, expires: expires)
    }
}

/// What is wrong with a record's file.
struct RecordFileFault: Error { let detail: String }
