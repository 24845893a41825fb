import Foundation

/// Runs `body` on threads of its own: for a test that waits for programs and sockets, which would take the threads that all tests
/// share, of which there are as few as the machine has cores.
public func onOwnThreads<Value>(_ body: () async throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(ThreadExecutor()) { try await body() }
}

/// A thread for each step of a task.
private final class ThreadExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
