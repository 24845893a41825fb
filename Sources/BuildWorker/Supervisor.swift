public import QueueModel
import Synchronization
public import System

/// What a supervisor tells those who watch it.
public enum SupervisorEvent: Sendable, Equatable {
    /// A worker process runs.
    case started(worker: String, processID: Int32)
    /// It ended as it should.
    case ended(worker: String)
    /// It died; those were its jobs, which others may have from now on.
    case died(worker: String, ChildProcess.Exit, jobs: [Job.ID])
    /// It could not be started, or its death could not be told to the queue, whose leases end that by themselves.
    case trouble(String)
}

/// A parent that does nothing but keep worker processes: each runs on its own, so that one that dies takes no other
/// with it, and the parent, which sees it die, hands its job on at once.
public struct Supervisor: Sendable {
    private let count: Int
    private let isDraining: Bool
    private let drainLimit: Duration
    private let queue: any JobQueue
    private let start: @Sendable (_ worker: String) throws -> ChildProcess
    private let newName: @Sendable () -> String
    private let report: @Sendable (SupervisorEvent) -> Void

    /// A supervisor of `count` processes.
    ///
    /// - Parameters:
    ///   - isDraining: each ends when there is nothing left to do, and is not replaced then.
    ///   - drainLimit: how long they may take to end once they were told to.
    ///   - newName: a worker's name that was never used before.
    ///   - start: starts the process of the worker of that name.
    ///   - report: called as things happen, from any thread.
    public init(
        count: Int, isDraining: Bool, drainLimit: Duration, queue: any JobQueue,
        newName: @escaping @Sendable () -> String,
        start: @escaping @Sendable (_ worker: String) throws -> ChildProcess,
        report: @escaping @Sendable (SupervisorEvent) -> Void
    ) {
        self.count = count
        self.isDraining = isDraining
        self.drainLimit = drainLimit
        self.queue = queue
        self.newName = newName
        self.start = start
        self.report = report
    }

    /// Keeps the processes until `stop` is asked for, or until each has ended by itself as it should.
    public func run(stop: Worker.Stop) async {
        let children = Children()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await withTaskGroup(of: Void.self) { slots in
                    for _ in 0..<count { slots.addTask { await keepOne(children, stop: stop) } }
                }
            }
            group.addTask { await passOn(stop, to: children) }
            await group.next()
            group.cancelAll()
        }
    }

    /// One process after another, until one ends as it should or no more are wanted.
    private func keepOne(_ children: Children, stop: Worker.Stop) async {
        var pause = Self.shortestPause
        while !stop.gently.isRequested {
            let begun = ContinuousClock.now
            // One that somebody has ended is replaced, unless it has done all there was.
            if await runOne(children), isDraining { return }
            // One that dies as soon as it is started would die again: not too often.
            pause = ContinuousClock.now - begun > .seconds(10) ? Self.shortestPause : min(pause * 2, Self.longestPause)
            await stop.gently.wait(atMost: pause)
        }
    }

    private static let shortestPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(30)

    /// True when the process ended as it should.
    private func runOne(_ children: Children) async -> Bool {
        let name = newName()
        let child: ChildProcess
        do { child = try start(name) } catch {
            report(.trouble("cannot start a worker: \(error)"))
            return false
        }
        report(.started(worker: name, processID: child.identifier))
        // Told to end while this one was being started: what was passed on meanwhile has not reached it.
        if !children.add(child) { child.letGo() }
        let exit = await child.ended()
        children.remove(child)
        if exit == .code(0) {
            report(.ended(worker: name))
            return true
        }
        do throws(QueueError) {
            report(.died(worker: name, exit, jobs: try await queue.forsake(name)))
        } catch {
            report(.died(worker: name, exit, jobs: []))
            report(.trouble(error.description))
        }
        return false
    }

    /// Tells the processes to end when this one is told to, and ends those that do not.
    private func passOn(_ stop: Worker.Stop, to children: Children) async {
        await stop.gently.wait(atMost: nil)
        if Task.isCancelled { return }
        children.end()
        await stop.atOnce.wait(atMost: drainLimit)
        if Task.isCancelled { return }
        // The one word by which a child knows that it is at once: a SIGTERM may have come from a service manager, too.
        children.send(.interrupt)
        // They have had their time; what they still hold goes to others when they are gone.
        try? await Task.sleep(for: .seconds(5))
        if !Task.isCancelled { children.kill() }
    }

    /// The processes that run.
    private final class Children: Sendable {
        private struct State {
            var running: [Int32: ChildProcess] = [:]
            var isEnding = false
        }

        private let state = Mutex(State())

        /// False when all were told to end before this one was here.
        func add(_ child: ChildProcess) -> Bool {
            state.withLock { state in
                state.running[child.identifier] = child
                return !state.isEnding
            }
        }

        func remove(_ child: ChildProcess) { state.withLock { $0.running[child.identifier] = nil } }

        /// Tells all to end that are here.
        func end() {
            state.withLock { state in
                state.isEnding = true
                // Not by a signal: whatever ends a service may have sent one already, and two would mean at once.
                for child in state.running.values { child.letGo() }
            }
        }

        // Under the lock: a process that was waited for is no longer here, so no signal goes to its number's next owner.
        func send(_ signal: Signals.Kind) { state.withLock { for child in $0.running.values { child.send(signal) } } }

        func kill() { state.withLock { for child in $0.running.values { child.kill9() } } }
    }
}
