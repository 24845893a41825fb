import Artifacts
import Synchronization
import System

/// A disk that notes what is asked of it and fails where a test says.
final class FaultPlan: Sendable {
    struct Failure: Sendable, CustomStringConvertible {
        /// The `errno` value.
        let code: CInt
        /// Whether every operation after it fails, too, as on a disk that is full.
        let lasts: Bool
        var description: String { "errno \(code)\(lasts ? " from then on" : " once")" }
    }

    private struct State {
        var log: [(operation: DiskOperation, path: String)] = []
        var armed: (failure: Failure, countdown: Int)?
        var hasFailed = false
    }

    private let state = Mutex(State())

    var faults: DiskFaults {
        DiskFaults { operation, path throws(SystemError) in
            try self.state.withLock { state throws(SystemError) in
                state.log.append((operation, path))
                guard let (failure, countdown) = state.armed else { return }
                state.armed?.countdown -= 1
                guard countdown == 0 || (countdown < 0 && failure.lasts) else { return }
                state.hasFailed = true
                throw SystemError(operation: operation.rawValue, path: path, code: failure.code)
            }
        }
    }

    /// Lets `count` more operations succeed and then fails as `failure` says.
    func arm(_ failure: Failure, after count: Int) { state.withLock { $0.armed = (failure, count) } }

    /// Heals the disk. True when it has failed since it was armed.
    func disarm() -> Bool {
        state.withLock { state in
            defer { (state.armed, state.hasFailed) = (nil, false) }
            return state.hasFailed
        }
    }

    /// What was asked of the disk since the last call.
    func takeLog() -> [(operation: DiskOperation, path: String)] {
        state.withLock { state in
            defer { state.log = [] }
            return state.log
        }
    }

    /// The syncs, renames and reads among them.
    func takeSteps() -> [String] {
        let steps: Set<DiskOperation> = [.sync, .rename, .read]
        return takeLog().filter { steps.contains($0.operation) }.map { "\($0.operation) \($0.path)" }
    }
}
