import Synchronization

/// Something that one caller at a time may use, and that may block: a database connection.
///
/// It has a thread of its own, on which callers take their turns. What is done in some microseconds need not go there: a caller
/// who finds it free uses it where they are, since waking another thread and being woken by it costs more than the work.
public final class Exclusive<Resource>: Sendable {
    private let resource: Mutex<Resource>
    private let thread: BlockingExecutor

    /// `resource`, and the thread on which it may block.
    public init(_ resource: consuming sending Resource, on thread: BlockingExecutor) {
        self.resource = Mutex(resource)
        self.thread = thread
    }

    /// Uses it on its thread.
    public func use<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable (Resource) throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
            thread.run { continuation.resume(returning: self.resource.withLock { Self.run(body, $0) }) }
        }
        return try result.get()
    }

    /// Uses it here and now where nobody else does, else on its thread. For what takes microseconds and waits for nobody: the
    /// caller's thread may be one of the few that all tasks share.
    public func useBriefly<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable (Resource) throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        if let result = resource.withLockIfAvailable({ Self.run(body, $0) }) { return try result.get() }
        return try await use(body)
    }

    private static func run<Value, Failure: Error>(
        _ body: (Resource) throws(Failure) -> Value, _ resource: Resource
    ) -> Result<Value, Failure> {
        do throws(Failure) { return .success(try body(resource)) } catch { return .failure(error) }
    }
}
