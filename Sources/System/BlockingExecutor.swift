import Dispatch
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A thread of its own for an actor whose work blocks: SQLite, file reads, compression.
///
/// Swift's shared pool has one thread for each core, so a blocked task there stops every other one. An actor that
/// names a `BlockingExecutor` as its executor may block in peace.
public final class BlockingExecutor: SerialExecutor {
    private let queue: DispatchQueue
    private static let current = DispatchSpecificKey<ObjectIdentifier>()

    /// An executor whose thread carries `label` in debuggers.
    public init(_ label: String) {
        queue = DispatchQueue(label: label)
        queue.setSpecific(key: Self.current, value: ObjectIdentifier(queue))
    }

    /// Runs `job` after those enqueued before it.
    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        queue.async { unowned.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    /// Runs `work` on the thread, after what was enqueued before it.
    public func run(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    /// Runs `work` on the thread, `delay` from now or later; other work goes on meanwhile.
    public func run(after delay: Duration, _ work: @escaping @Sendable () -> Void) {
        let (seconds, attoseconds) = min(max(delay, .zero), .seconds(86_400)).components
        let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        queue.asyncAfter(deadline: .now() + .nanoseconds(nanoseconds), execute: work)
    }

    /// Does `other` on the thread and `here` on the caller's at the same time; what both have returned, when both have. Blocks, so
    /// not to be called on the thread itself.
    public func beside<Other: Sendable, Here>(
        _ other: @escaping @Sendable () -> Other, _ here: () -> Here
    ) -> (other: Other, here: Here) {
        precondition(!isCurrent, "a thread cannot wait for itself")
        let kept = Kept<Other>()
        let work = DispatchWorkItem { kept.value.withLock { $0 = other() } }
        queue.async(execute: work)
        let mine = here()
        work.wait()
        guard let theirs = kept.value.withLock({ $0 }) else { preconditionFailure("work has ended without a result") }
        return (theirs, mine)
    }

    /// Lets another thread that wants to run go first; returns at once when there is none.
    public static func letOthersRun() { sched_yield() }

    /// Holds this thread for a while.
    public static func pause(_ duration: Duration) {
        let (seconds, attoseconds) = min(max(duration, .zero), .seconds(60)).components
        usleep(UInt32(seconds) * 1_000_000 + UInt32(attoseconds / 1_000_000_000_000))
    }

    /// Whether the code that asks runs on the thread.
    public var isCurrent: Bool { DispatchQueue.getSpecific(key: Self.current) == ObjectIdentifier(queue) }

    /// The reference by which an actor names this executor.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

/// What another thread has come to.
private final class Kept<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}
