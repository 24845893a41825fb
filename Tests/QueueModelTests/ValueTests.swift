import System
import TestSupport
import Testing

@testable import QueueModel

@Suite struct ValueTests {
    @Test("an id is a UUID of version 7 that begins with its time and has one spelling")
    func idForm() throws {
        let id = Job.ID(at: Timestamp(milliseconds: 0x0192_3456_789A), random: SeededRandom(seed: 1).source)
        let text = id.description
        #expect(text.hasPrefix("01923456-789a-7"))
        #expect(text.utf8.count == 36)
        #expect(Job.ID(text) == id)
        #expect(Job.ID(bytes: id.bytes) == id)
        #expect(Job.ID("01923456-789a-7abc-8def-0123456789ab")?.description == "01923456-789a-7abc-8def-0123456789ab")
    }

    @Test("ids of later times are greater, and times outside the format make ids all the same")
    func idOrder() {
        let random = SeededRandom(seed: 1).source
        let times: [Int64] = [.min, 0, 1, 1_800_000_000_000, 1 << 48 - 1]
        let ids = times.map { Job.ID(at: Timestamp(milliseconds: $0), random: random) }
        for (earlier, later) in zip(ids.dropFirst(), ids.dropFirst(2)) {
            #expect(earlier.bytes.lexicographicallyPrecedes(later.bytes))
        }
        let far = Job.ID(at: Timestamp(milliseconds: .max), random: random)
        #expect(far.description.hasPrefix("ffffffff-ffff-7"))
        #expect(ids[0].description.hasPrefix("00000000-0000-7"))
    }

    @Test(
        "any other text is no id",
        arguments: [
            "", "01923456-789a-7abc-8def-0123456789a", "01923456-789a-7abc-8def-0123456789abc",
            "01923456-789A-7abc-8def-0123456789ab", "01923456789a7abc8def0123456789ab",
            "01923456-789a-4abc-8def-0123456789ab", "01923456-789a-7abc-cdef-0123456789ab",
            "01923456-789a-7abc-0def-0123456789ab", "{1923456-789a-7abc-8def-0123456789ab",
            " 1923456-789a-7abc-8def-0123456789ab", "01923456-789a-7abc-8def-0123456789a\u{301}",
            "01923456_789a-7abc-8def-0123456789ab", "+1923456-789a-7abc-8def-0123456789ab",
        ])
    func noID(text: String) { #expect(Job.ID(text) == nil) }

    @Test(
        "lanes have plain names", arguments: ["a", "interactive", "batch-2", "x" + String(repeating: "0", count: 31)])
    func lane(name: String) { #expect(Lane(name)?.name == name) }

    @Test(
        "other names are no lanes",
        arguments: ["", "A", "2a", "-a", "a b", "a_b", "ä", "a\u{301}", "a\n", String(repeating: "a", count: 33)])
    func noLane(name: String) { #expect(Lane(name) == nil) }

    @Test("progress that makes no sense is brought to what does")
    func progress() {
        let long = Job.Progress(stage: String(repeating: "ä", count: 40), done: 9, total: 3)
        #expect(long.stage.utf8.count == 64)
        #expect(long.done == 3)
        #expect(Job.Progress(stage: "x", done: -1, total: .max) == Job.Progress(stage: "x", done: 0, total: .max))
        #expect(Job.Progress(stage: "x", done: 5, total: -5) == Job.Progress(stage: "x", done: 0, total: 0))
    }

    @Test("a failure's texts are cut between characters")
    func failure() {
        let text = "a" + String(repeating: "\u{1F511}", count: 1000)
        let failure = Job.Failure(code: text, message: text, isRetryable: true)
        #expect(failure.code == "a" + String(repeating: "\u{1F511}", count: 15))
        #expect(failure.message == "a" + String(repeating: "\u{1F511}", count: 499))
    }

    @Test("a result that cannot be one is refused by field")
    func result() throws {
        let digest = String(repeating: "0f", count: 32)
        _ = try Job.Result(sha256: digest, byteCount: 0, fileName: String(repeating: "x", count: 255))
        let upper = String(repeating: "0F", count: 32)
        #expect(
            throws: QueueError.invalid(field: "sha256", value: upper, expected: "64 lower-case hexadecimal digits")
        ) { try Job.Result(sha256: upper, byteCount: 0, fileName: "x") }
        #expect(throws: QueueError.invalid(field: "size", value: "-1", expected: "a number of bytes from 0")) {
            try Job.Result(sha256: digest, byteCount: -1, fileName: "x")
        }
        for name in ["", "a/b", "a\0b", String(repeating: "x", count: 256)] {
            #expect(
                throws: QueueError.invalid(field: "fileName", value: name, expected: "a file name of 1 to 255 bytes")
            ) { try Job.Result(sha256: digest, byteCount: 0, fileName: name) }
        }
    }

    @Test("a cursor is what a page gave out, in one spelling")
    func cursor() throws {
        for position in [Int64(1), 255, .max] {
            let cursor = JobCursor(position: position)
            #expect(try JobCursor(cursor.description) == cursor)
        }
        for text in ["", "a", "a0", "a01", "1", "b1", "aFF", "a-1", "a+1", "affffffffffffffff", "a1 ", "a1\u{301}"] {
            #expect(
                throws: QueueError.invalid(
                    field: "cursor", value: text, expected: "a cursor as a page of the list gave it out")
            ) { try JobCursor(text) }
        }
    }

    @Test("the wait doubles up to its cap and lies anywhere below it")
    func backoff() {
        let backoff = Backoff(base: .seconds(2), cap: .seconds(60))
        let limits = [1, 2, 3, 4, 5, 6, 100, .max].map { backoff.limit(afterAttempt: $0) }
        #expect(limits == [2, 4, 8, 16, 32, 60, 60, 60].map { .seconds($0) })
        #expect(backoff.delay(afterAttempt: 3, chance: 0) == .zero)
        #expect(backoff.delay(afterAttempt: 3, chance: 1 << 63) == .seconds(4))
        #expect(backoff.delay(afterAttempt: 3, chance: .max) == .milliseconds(7999))
        let random = SeededRandom(seed: 3)
        let waits = (0..<1000).map { _ in backoff.delay(afterAttempt: 1, chance: random.next()) }
        #expect(waits.allSatisfy { $0 >= .zero && $0 < .seconds(2) })
        let mean = waits.reduce(.zero, +) / 1000
        #expect(mean > .milliseconds(900) && mean < .milliseconds(1100))
    }

    @Test("odd bounds make odd waits and no trap")
    func oddBackoff() {
        #expect(Backoff(base: .zero, cap: .zero).delay(afterAttempt: 9, chance: .max) == .zero)
        #expect(Backoff(base: .seconds(-5), cap: .seconds(9)).delay(afterAttempt: .min, chance: .max) == .zero)
        let huge = Backoff(base: .seconds(Int64.max / 4), cap: .seconds(Int64.max))
        #expect(huge.delay(afterAttempt: 100, chance: .max) > .seconds(1))
    }

    @Test("errors say what to do, and show nothing that could forge a line")
    func errorText() {
        let error = QueueError.invalid(field: "requestedBy", value: "a\nb", expected: "1 to 256 bytes")
        #expect(error.description == #"requestedBy is "a\u{a}b"; expected 1 to 256 bytes"#)
        let ended = QueueError.wrongState(.sample(1), state: .succeeded, verb: "cancel")
        #expect(
            ended.description
                == "cannot cancel job \(Job.ID.sample(1)), which is succeeded; it has ended, and stays as it is")
    }
}
