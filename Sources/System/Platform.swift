// Where the systems differ. Everything else in the farm is written once.

#if canImport(Darwin)
    import Darwin
#else
    import CSystem
    import Glibc
#endif

/// Renames `from` to `to` below two directories, refusing with EEXIST when `to` is there already.
func renameExclusively(_ fromDirectory: CInt, _ from: [CChar], _ toDirectory: CInt, _ to: [CChar]) -> CInt {
    #if canImport(Darwin)
        renameatx_np(fromDirectory, from, toDirectory, to, UInt32(RENAME_EXCL))
    #else
        csystem_rename_exclusively(fromDirectory, from, toDirectory, to)
    #endif
}

/// A pipe that no program which is started inherits: its reading and its writing end.
///
/// On Linux it is so from its first moment on. On macOS a program that another thread starts at the same moment may get
/// it; it holds the pipe open then.
func makePipe() throws(SystemError) -> (readEnd: CInt, writeEnd: CInt) {
    var ends: [CInt] = [-1, -1]
    #if canImport(Darwin)
        guard pipe(&ends) == 0 else { throw .last("make", "a pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    #else
        guard csystem_private_pipe(&ends) == 0 else { throw .last("make", "a pipe") }
    #endif
    return (ends[0], ends[1])
}

/// Fills `buffer` from the kernel's generator. Returns false where the kernel has none, which ends the process.
func fillFromKernel(_ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    var filled = 0
    while filled < buffer.count {
        let count = min(256, buffer.count - filled)
        guard let base = buffer.baseAddress, getentropy(base + filled, count) == 0 else { return false }
        filled += count
    }
    return true
}

/// No debugger of the same user may attach, and no core file is written: both would hold keys.
func forbidDumps() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    #if canImport(Darwin)
        setrlimit(RLIMIT_CORE, &none)
    #else
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = csystem_forbid_dumps()
    #endif
}

/// Lets this process open as many files and connections as whoever runs the machine lets it; how many that is.
func raiseDescriptorLimit() -> Int {
    var limit = rlimit()
    #if canImport(Darwin)
        let resource = RLIMIT_NOFILE
    #else
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #endif
    guard getrlimit(resource, &limit) == 0 else { return 0 }
    let now = limit.rlim_cur
    limit.rlim_cur = limit.rlim_max
    return Int(clamping: setrlimit(resource, &limit) == 0 ? limit.rlim_max : now)
}

/// Seconds and nanoseconds of a file's last change of content.
func modificationTime(_ status: stat) -> (seconds: Int, nanoseconds: Int) {
    #if canImport(Darwin)
        (status.st_mtimespec.tv_sec, status.st_mtimespec.tv_nsec)
    #else
        (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    #endif
}

/// Seconds and nanoseconds of a file's last change of content, mode, owner or links.
func changeTime(_ status: stat) -> (seconds: Int, nanoseconds: Int) {
    #if canImport(Darwin)
        (status.st_ctimespec.tv_sec, status.st_ctimespec.tv_nsec)
    #else
        (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
    #endif
}

// `System.open` would mean this room's own module; these names reach the C functions from inside types that have
// methods of the same name.

func openPath(_ path: String, _ flags: CInt) -> CInt { open(path, flags) }

func writeSome(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(descriptor, bytes, count) }

func readSome(_ descriptor: CInt, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}

/// Sends without the signal that would end the process where the other side has closed.
func sendSome(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Darwin)
        send(descriptor, bytes, count, 0)  // the socket has SO_NOSIGPIPE
    #else
        send(descriptor, bytes, count, CInt(MSG_NOSIGNAL))
    #endif
}

func receiveSome(_ descriptor: CInt, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    recv(descriptor, bytes, count, 0)
}

func pollDescriptors(_ entries: UnsafeMutablePointer<pollfd>?, _ count: nfds_t, _ milliseconds: CInt) -> CInt {
    poll(entries, count, milliseconds)
}

func connectSocket(_ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> CInt {
    connect(descriptor, address, length)
}

/// The type of a stream socket, which the C libraries declare differently.
var streamType: CInt {
    #if canImport(Darwin)
        SOCK_STREAM
    #else
        CInt(SOCK_STREAM.rawValue)
    #endif
}

/// A stream socket that no program which is started inherits; on macOS that is so once the caller has said it, too.
func openSocket(_ family: CInt) -> CInt {
    #if canImport(Darwin)
        socket(family, streamType, 0)
    #else
        socket(family, streamType | CInt(SOCK_CLOEXEC.rawValue), 0)
    #endif
}

/// Lends the address of a socket file to `call`; nil where no socket can have that path.
func withUnixAddress<Result, Failure: Error>(
    _ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) throws(Failure) -> Result
) throws(Failure) -> Result? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, !bytes.contains(0), bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
        return nil
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return try withUnsafePointer(to: &address) { pointer throws(Failure) in
        try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer throws(Failure) in
            try call(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}

func endProcess(_ code: CInt) -> Never { exit(code) }
