import Dispatch
import Synchronization

/// Runs `body` on `count` threads at once, each with its number; how many gave true.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) -> Bool) async -> Int {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
            let successes = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: count) { number in
                if body(number) { successes.withLock { $0 += 1 } }
            }
            continuation.resume(returning: successes.withLock { $0 })
        }
    }
}

/// A mark that one thread sets and others see.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}
