import Synchronization
import System
import TestSupport
import Testing

/// A resource that one at a time uses.
@Suite struct ExclusiveTests {
    /// Not safe for two at once.
    private final class Counter {
        var value = 0
        func next() -> Int {
            let before = value
            BlockingExecutor.letOthersRun()
            value = before + 1
            return value
        }
    }

    private struct Trouble: Error {}

    @Test("callers take turns, those who are in a hurry as well, and each gets its own answer")
    func turns() async throws {
        let exclusive = Exclusive(Counter(), on: BlockingExecutor("test"))
        let numbers = await withTaskGroup(of: Int.self) { group in
            for index in 0..<2000 {
                group.addTask {
                    index % 2 == 0 ? await exclusive.use { $0.next() } : await exclusive.useBriefly { $0.next() }
                }
            }
            return await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(numbers.sorted() == Array(1...2000))
    }

    @Test("a free resource is used where the caller is, one in use on its own thread")
    func places() async throws {
        let thread = BlockingExecutor("test")
        let exclusive = Exclusive(Counter(), on: thread)
        #expect(await exclusive.use { _ in thread.isCurrent })
        #expect(await exclusive.useBriefly { _ in !thread.isCurrent })
        let begun = Mutex(false)
        let end = Mutex(false)
        async let long: Void = exclusive.use { _ in
            begun.withLock { $0 = true }
            while !end.withLock({ $0 }) { BlockingExecutor.pause(.milliseconds(1)) }
        }
        while !begun.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(1)) }
        async let short = exclusive.useBriefly { _ in thread.isCurrent }
        try await Task.sleep(for: .milliseconds(5))
        end.withLock { $0 = true }
        #expect(await short)
        await long
    }

    @Test("an error goes to whoever has asked")
    func errors() async throws {
        let exclusive = Exclusive(Counter(), on: BlockingExecutor("test"))
        await #expect(throws: Trouble.self) { try await exclusive.use { _ throws(Trouble) in throw Trouble() } }
        await #expect(throws: Trouble.self) { try await exclusive.useBriefly { _ throws(Trouble) in throw Trouble() } }
        #expect(await exclusive.use { $0.next() } == 1)
    }
}
