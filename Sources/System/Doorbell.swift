import Dispatch
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A named pipe by which processes wake one another: each byte in it is a ring.
///
/// It needs no process of its own, outlives all of them, and has nothing to clean up when one is killed. Of several that
/// wait, one takes the rings and wakes; the others sleep on. A ring that nobody waits for is kept.
public final class Doorbell: Sendable {
    private let descriptor: CInt
    private let path: String
    /// The folder to remove the pipe from in the end; nil for one that stays.
    private let owner: Directory?
    private let name: String

    /// The bell `name` in `folder`, made (0600) when it is not there. Anything else of that name is refused.
    public convenience init(_ name: String, in folder: Directory) throws(SystemError) {
        try folder.makePipe(name, orKeep: true)
        try self.init(opening: name, in: folder, owner: nil)
    }

    fileprivate init(opening name: String, in folder: Directory, owner: Directory?) throws(SystemError) {
        // Open for both directions, so that neither end ever waits for the other.
        descriptor = try folder.openPipe(name, O_RDWR)
        path = folder.path + "/" + name
        self.name = name
        self.owner = owner
    }

    deinit {
        close(descriptor)
        // One that stays behind is removed by whoever rings it next.
        if let owner { _ = try? owner.remove(name) }
    }

    /// Wakes one that waits, or the next to wait. Never blocks: a full pipe means that everybody is awake already.
    public func ring() { ringOnce(descriptor) }

    /// Takes all rings; false when there were none.
    func take() -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            var hasRung = false
            while true {
                let count = readSome(descriptor, buffer.baseAddress, buffer.count)
                if count > 0 { hasRung = true }
                // One that did not fill the buffer was the last of them.
                guard count == buffer.count else { return hasRung }
            }
        }
    }

    /// Waits until one of `bells` rings and no other waiter is quicker, until `limit` has passed, or until the task is
    /// cancelled. True when a bell has rung: its rings are taken then.
    public static func wait(for bells: [Doorbell], atMost limit: Duration) async throws(SystemError) -> Bool {
        let wait = try Wait(bells, min(max(limit, .zero), .seconds(86_400)))
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in wait.begin(continuation) }
        } onCancel: {
            wait.cancel()
        }
    }

    /// One wait, on a thread of its own that does nothing else.
    private final class Wait: Sendable {
        private let bells: [Doorbell]
        private let nanoseconds: UInt64
        /// Readable once the wait is cancelled.
        private let cancelled: CInt
        private let canceller: CInt

        init(_ bells: [Doorbell], _ limit: Duration) throws(SystemError) {
            (cancelled, canceller) = try makePipe()
            self.bells = bells
            nanoseconds =
                UInt64(clamping: limit.components.seconds) * 1_000_000_000
                + UInt64(clamping: limit.components.attoseconds / 1_000_000_000)
        }

        deinit {
            close(cancelled)
            close(canceller)
        }

        func cancel() { ringOnce(canceller) }

        func begin(_ continuation: CheckedContinuation<Bool, Never>) {
            DispatchQueue(label: "doorbell").async { continuation.resume(returning: self.run()) }
        }

        private func run() -> Bool {
            let (end, overflow) = MonotonicClock.nanoseconds().addingReportingOverflow(nanoseconds)
            if bells.contains(where: { $0.take() }) { return true }
            var descriptors = ([cancelled] + bells.map(\.descriptor)).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            while true {
                let now = MonotonicClock.nanoseconds()
                guard now < end, !overflow else { return false }
                // Rounded up: a timer must not end early.
                let count = poll(
                    &descriptors, nfds_t(descriptors.count), CInt(clamping: (end - now + 999_999) / 1_000_000))
                if count > 0, descriptors[0].revents != 0 { return false }
                if count > 0, bells.contains(where: { $0.take() }) { return true }
            }
        }
    }
}

/// Bells of everybody who listens in a folder: one ring reaches all of them.
///
/// Each listener has a pipe of its own there. Whoever rings looks which there are, and removes those whose process is
/// gone.
public final class DoorbellCircle: Sendable {
    private static let prefix = Array("listener-".utf8)
    private let folder: Directory
    private let random: RandomSource
    private let known = Mutex<Listing?>(nil)

    /// The listeners that there were, as long as the folder has not changed since.
    private struct Listing {
        let folderModified: Int128
        let listeners: [String]
    }

    /// The circle of `folder`, which it may share with other files.
    public init(in folder: Directory, random: RandomSource) {
        self.folder = folder
        self.random = random
    }

    /// A bell that every `ring` from now on reaches, until it is let go.
    public func join() throws(SystemError) -> Doorbell {
        let name = random.bytes(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        // Under another name until it is open: a pipe that nobody has open would be taken for a dead one's.
        try folder.makePipe("new-" + name, orKeep: false)
        let opened = try folder.openPipe("new-" + name, O_RDWR)
        defer { close(opened) }
        try folder.rename("new-" + name, to: "listener-" + name, replacing: false)
        return try Doorbell(opening: "listener-" + name, in: folder, owner: folder)
    }

    /// Wakes all that have joined. Whoever cannot be reached looks by itself after a while, so that no error counts.
    public func ring() {
        guard let names = try? listeners() else { return }
        for name in names {
            do throws(SystemError) {
                let descriptor = try folder.openPipe(name, O_WRONLY)
                ringOnce(descriptor)
                close(descriptor)
            } catch {
                if error.code == ENXIO { _ = try? folder.remove(name) }  // nobody reads: its process is gone
            }
        }
    }

    /// Who has joined. The folder is listed only when it has changed, since most rings find nobody there.
    private func listeners() throws(SystemError) -> [String] {
        let modified = try folder.status().modified
        if let known = known.withLock({ $0 }), known.folderModified == modified { return known.listeners }
        let names = try folder.entries(limit: 10_000)
        let listeners = names.filter { $0.starts(with: Self.prefix) }
            .compactMap { String(validating: $0, as: UTF8.self) }
        // Time stamps are coarse: to a clock tick, or to two whole seconds on some file systems. A change soon after
        // another may not show in them.
        let age = Int128(Timestamp.systemClock().milliseconds) * 1_000_000 - modified
        let isSettled = age > (modified % 1_000_000_000 == 0 ? 3_000_000_000 : 100_000_000)
        known.withLock { $0 = isSettled ? Listing(folderModified: modified, listeners: listeners) : nil }
        return listeners
    }
}

private func ringOnce(_ descriptor: CInt) {
    var ring: UInt8 = 1
    _ = writeSome(descriptor, &ring, 1)
}

extension Directory {
    /// Makes the named pipe `name` with mode 0600; one that is there is kept or refused.
    fileprivate func makePipe(_ name: String, orKeep: Bool) throws(SystemError) {
        let (text, full) = try component(Array(name.utf8), .create)
        guard mkfifoat(descriptor, text, 0o600) == 0 else {
            if errno == EEXIST, orKeep { return }
            throw .last("create the pipe", full)
        }
        guard fchmodat(descriptor, text, 0o600, AT_SYMLINK_NOFOLLOW) == 0 else { throw .last("set the mode of", full) }
    }

    /// Opens the named pipe `name` without waiting; anything else is refused.
    fileprivate func openPipe(_ name: String, _ access: CInt) throws(SystemError) -> CInt {
        let (text, full) = try component(Array(name.utf8), .open)
        let opened = openRetrying { openat(descriptor, text, access | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC) }
        guard opened >= 0 else { throw .last("open", full) }
        var status = stat()
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
            close(opened)
            throw SystemError(operation: "open as a pipe", path: full, code: EINVAL)
        }
        return opened
    }
}
