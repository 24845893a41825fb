import Synchronization
import System
import Testing

/// Calls that are brought together.
@Suite struct GathererTests {
    private struct Trouble: Error, Equatable { let number: Int }

    /// Numbers calls by their beginning.
    private final class Begun: Sendable {
        let count = Mutex(0)
        var now: Int { count.withLock { $0 } }
        func next() -> Int {
            count.withLock { count in
                count += 1
                return count
            }
        }
    }

    @Test("whoever asks is answered by a call that was begun after they asked, and many who ask at once share it")
    func sharing() async throws {
        let begun = Begun()
        let calls = Gatherer<Int, (request: Int, call: Int), Trouble>(limit: 100, unanswered: Trouble(number: -1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<500 {
                group.addTask {
                    for round in 0..<4 {
                        let before = begun.now
                        let answer = try await calls.call(task * 4 + round) { requests in
                            #expect(requests.count <= 100)
                            let number = begun.next()
                            try? await Task.sleep(for: .milliseconds(1))
                            return requests.map { .success(($0, number)) }
                        }
                        #expect(answer.request == task * 4 + round)
                        #expect(answer.call > before)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(begun.now < 1000)
    }

    @Test("a failure is its own caller's, and who gets no answer is told so")
    func failures() async throws {
        let calls = Gatherer<Int, Int, Trouble>(limit: 10, unanswered: Trouble(number: -1))
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let result: Result<Int, Trouble>
                    do throws(Trouble) {
                        result = .success(
                            try await calls.call(number) { requests in
                                try? await Task.sleep(for: .milliseconds(1))
                                return requests.prefix(4).map {
                                    $0 % 2 == 0 ? .success($0) : .failure(Trouble(number: $0))
                                }
                            })
                    } catch { result = .failure(error) }
                    switch result {
                    case .success(let answer): #expect(answer == number && number % 2 == 0)
                    case .failure(let error): #expect([number, -1].contains(error.number))
                    }
                }
            }
        }
        await #expect(throws: Trouble(number: -1)) { try await calls.call(1) { _ in [] } }
        #expect(try await calls.call(2) { $0.map { .success($0) } } == 2)
    }
}
