#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// This process as its surroundings see it. Read once, in the executable; below it nobody looks.
public enum CurrentProcess {
    /// Lets this process open as many files and connections as it may; how many that is.
    public static func raiseDescriptorLimit() -> Int { System.raiseDescriptorLimit() }

    /// The arguments after the program's name.
    public static var arguments: [String] { Array(CommandLine.arguments.dropFirst()) }

    /// The value of an environment variable; nil when it is not set.
    public static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// All environment variables whose name starts with `prefix`.
    public static func environment(prefix: String) -> [String: String] {
        var found: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let bytes = Array(UnsafeBufferPointer(start: entry, count: strlen(entry))).map { UInt8(bitPattern: $0) }
            if let equals = bytes.firstIndex(of: 0x3D), bytes.starts(with: prefix.utf8) {
                let name = String(decoding: bytes[..<equals], as: UTF8.self)
                found[name] = String(decoding: bytes[(equals + 1)...], as: UTF8.self)
            }
            next += 1
        }
        return found
    }

    /// All environment variables, as `NAME=VALUE`.
    public static var environmentEntries: [String] {
        var entries: [String] = []
        var next = environ
        while let entry = next.pointee {
            entries.append(String(cString: entry))
            next += 1
        }
        return entries
    }

    /// The path of the program that runs here: the very file, also when another lies at its place by now, where the
    /// system can tell.
    public static var executablePath: String {
        #if canImport(Darwin)
            var size: UInt32 = 0
            _NSGetExecutablePath(nil, &size)
            var path = [CChar](repeating: 0, count: Int(size) + 1)
            return _NSGetExecutablePath(&path, &size) == 0
                ? String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                : CommandLine.arguments[0]
        #else
            // By its name, for those who look at the list of processes, as long as that is still the same file.
            let link = "/proc/self/exe"
            var (here, there) = (stat(), stat())
            var path = [CChar](repeating: 0, count: 4097)
            let count = readlink(link, &path, path.count - 1)
            guard count > 0, stat(link, &here) == 0, stat(path, &there) == 0, here.st_ino == there.st_ino,
                here.st_dev == there.st_dev
            else { return link }
            return String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #endif
    }

    /// The process id.
    public static var identifier: Int32 { getpid() }

    /// The effective user id.
    public static var userIdentifier: UInt32 { geteuid() }

    /// The name of the effective user; the number where it has none.
    public static var userName: String {
        guard let entry = getpwuid(geteuid()), let name = entry.pointee.pw_name else { return "\(userIdentifier)" }
        return String(cString: name)
    }

    /// The folder in which the process runs, absolute.
    public static var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "." }
        defer { free(path) }
        return String(cString: path)
    }

    /// The name of this machine.
    public static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// First thing in a program: files are private unless said otherwise, no core is dumped, a closed pipe is an error
    /// and not the end.
    public static func harden() {
        umask(0o077)
        forbidDumps()
        signal(SIGPIPE, SIG_IGN)
    }

    /// Ends the process.
    public static func exit(_ code: Int32) -> Never { endProcess(code) }
}

/// The three streams that every process has.
public enum StandardStream: Int32, Sendable {
    case input = 0
    case output = 1
    case error = 2

    /// Whether a person sits at the other end.
    public var isTerminal: Bool { isatty(rawValue) == 1 }

    /// Columns of the terminal; nil when there is none.
    public var terminalWidth: Int? {
        var size = winsize()
        guard ioctl(rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Writes all of `text`; false when the other end is gone.
    @discardableResult
    public func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    /// Writes all of `bytes`; false when the other end is gone.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                writeSome(rawValue, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    /// Everything up to the stream's end, at most `limit` bytes; EFBIG beyond.
    public func readAll(limit: Int) throws(SystemError) -> [UInt8] {
        let name =
            switch self {
            case .input: "standard input"
            case .output: "standard output"
            case .error: "standard error"
            }
        return try readStream(rawValue, name: name, limit: limit)
    }
}

/// Everything up to the end of a stream, at most `limit` bytes; `name` is for messages.
func readStream(_ descriptor: CInt, name: String, limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
        var failure: SystemError?
        let piece = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, filled in
            var count = read(descriptor, buffer.baseAddress, buffer.count)
            while count < 0, errno == EINTR { count = read(descriptor, buffer.baseAddress, buffer.count) }
            if count < 0 { failure = .last("read", name) }
            filled = max(0, count)
        }
        if let failure { throw failure }
        if piece.isEmpty { return bytes }
        bytes += piece
        guard bytes.count <= limit else { throw SystemError(operation: "read", path: name, code: EFBIG) }
    }
}
