import Synchronization
import TestSupport
import Testing

@testable import Enqueuer

/// Work that serves many.
@Suite struct SharedWorkTests {
    private final class Counter: Sendable {
        let value = Mutex(0)
        func next() -> Int {
            value.withLock {
                $0 += 1; return $0
            }
        }
    }

    @Test("whoever asks has what was begun after they asked, and many who ask at once share it")
    func sharing() async throws {
        let (work, begun) = (SharedWork<Int>(), Counter())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<500 {
                group.addTask {
                    for _ in 0..<4 {
                        let before = begun.value.withLock { $0 }
                        let found = try await work.next {
                            let number = begun.next()
                            try await Task.sleep(for: .milliseconds(1))
                            return number
                        }
                        #expect(found > before)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(begun.value.withLock { $0 } < 1000)
    }

    @Test("an error is everybody's who waited for it, and nobody's after them")
    func errors() async throws {
        struct Trouble: Error {}
        let work = SharedWork<Int>()
        await #expect(throws: Trouble.self) { try await work.next { throw Trouble() } }
        #expect(try await work.next { 7 } == 7)
    }
}
