import HTTP
import JSON
import QueueModel
import Synchronization
import System

/// Reads the queue's events once for everybody who follows them: for streams, however many there are, for those who wait for
/// one job, and for the answers that events make wrong.
final class EventHub: Sendable {
    private struct State {
        /// The number of the last event that was given out; nil while none are heard.
        var place: Int64?
        var readers: [ObjectIdentifier: Reader] = [:]
        /// Those who wait for a job.
        var waiters: [Job.ID: [Int: AsyncStream<Void>.Continuation]] = [:]
        var waiterCount = 0
    }

    private struct Reader {
        let stream: ByteStream
        /// The number of the last event that it has.
        var place: Int64
    }

    private let queue: any JobQueue
    private let answers: JobAnswers
    private let metrics: JobMetrics
    private let state = Mutex(State())

    private static let heartbeat = Duration.seconds(15)
    /// What one stream may be behind before it is given more of the past.
    private static let mostPending = 64 * 1024

    init(queue: any JobQueue, answers: JobAnswers, metrics: JobMetrics = JobMetrics()) {
        self.queue = queue
        self.metrics = metrics
        self.answers = answers
    }

    // MARK: Hearing

    /// Hears events until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            do { try await hear() } catch {
                // The store is away: nobody knows what changes.
                silence()
                try? await Task.sleep(for: .seconds(1))
            }
        }
        silence()
    }

    /// Streams end; whoever has read one comes again, with the number of the last event that they have.
    private func silence() {
        answers.dropAll(isHeard: false)
        metrics.forget()
        let (readers, waiters) = state.withLock { state in
            defer { state = State(waiterCount: state.waiterCount) }
            return (state.readers.values, state.waiters.values)
        }
        for reader in readers { reader.stream.finish() }
        for waiter in waiters.lazy.flatMap(\.values) { waiter.finish() }
    }

    private func hear() async throws {
        var page = try await queue.events(after: nil, limit: 1)
        answers.dropAll(isHeard: true)
        state.withLock { $0.place = page.next }
        while !Task.isCancelled {
            page = try await queue.events(after: page.next, limit: 1000)
            let heard = ContinuousClock.now
            if page.needsResync {
                answers.dropAll(isHeard: true)
                metrics.forget()
            }
            metrics.count(page.events)
            for event in page.events { if let job = event.change.job { answers.drop(job.description) } }
            wake(page)
            let count = give(page)
            if page.events.isEmpty {
                try await queue.waitForEvents(after: page.next, atMost: Self.heartbeat)
                continue
            }
            // Where much happens it is heard together, and the more there are who follow, the more is given to each at a time.
            if page.events.count > 8 || count > 0 {
                let pause: Duration = min(.milliseconds(50), max(.milliseconds(5), .microseconds(50 * count)))
                try await Task.sleep(until: heard + pause, clock: .continuous)
            }
        }
    }

    /// Gives a page to all streams; how many there are.
    private func give(_ page: EventPage) -> Int {
        let (before, readers) = state.withLock { state in
            defer {
                state.place = page.next
                for key in state.readers.keys { state.readers[key]?.place = page.next }
            }
            return (state.place ?? 0, Array(state.readers.values))
        }
        guard !readers.isEmpty else { return 0 }
        let bytes = Self.bytes(of: page)
        for reader in readers {
            var its = bytes
            // One that has just come may have read further by itself.
            if reader.place > before, !page.needsResync {
                var rest = page
                rest.events.removeAll { $0.sequence <= reader.place }
                its = Self.bytes(of: rest)
            }
            if !reader.stream.write(its) { leave(reader.stream) }
        }
        return readers.count
    }

    // MARK: Waiting

    /// Says when something happens to the job, from now on, until nobody listens; it ends when events are no longer heard. nil
    /// where they are not heard now.
    func changes(of id: Job.ID) -> AsyncStream<Void>? {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state -> Int? in
            guard state.place != nil else { return nil }
            state.waiterCount += 1
            state.waiters[id, default: [:]][state.waiterCount] = continuation
            return state.waiterCount
        }
        guard let number else { return nil }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { state in
                state.waiters[id]?[number] = nil
                if state.waiters[id]?.isEmpty == true { state.waiters[id] = nil }
            }
        }
        return stream
    }

    /// Wakes those who wait for the jobs of a page; where events were missed, all of them.
    private func wake(_ page: EventPage) {
        let waiters = state.withLock { state in
            if state.waiters.isEmpty { return [AsyncStream<Void>.Continuation]() }
            if page.needsResync { return state.waiters.values.flatMap(\.values) }
            return Set(page.events.compactMap(\.change.job)).flatMap { id in
                state.waiters[id].map { Array($0.values) } ?? []
            }
        }
        for waiter in waiters { waiter.yield() }
    }

    // MARK: Following

    /// Writes the events after that number into `stream`, and then those that come, until nobody reads it; from now on where
    /// there is no number.
    func follow(_ stream: ByteStream, after sequence: Int64?) async {
        stream.onClose { [weak self] in self?.leave(stream) }
        stream.write(Array("retry: 2000\n\n".utf8))
        var place = sequence
        while !Task.isCancelled, !stream.isClosed {
            if join(stream, at: place) { return }
            do {
                let page = try await queue.events(after: place, limit: 1000)
                if !page.events.isEmpty || page.needsResync { stream.write(Self.bytes(of: page)) }
                place = page.next
                // As fast as it is read.
                repeat { try await Task.sleep(for: .milliseconds(2)) } while stream.pendingByteCount > Self.mostPending
            } catch { break }
        }
        stream.finish()
    }

    /// Gives `stream` what comes; false where it has not seen all that the hub has given out.
    private func join(_ stream: ByteStream, at place: Int64?) -> Bool {
        let isJoined = state.withLock { state in
            guard let heard = state.place, (place ?? heard) >= heard else { return false }
            state.readers[ObjectIdentifier(stream)] = Reader(stream: stream, place: place ?? heard)
            return true
        }
        if isJoined, stream.isClosed { leave(stream) }
        return isJoined
    }

    private func leave(_ stream: ByteStream) { state.withLock { $0.readers[ObjectIdentifier(stream)] = nil } }

    private static func bytes(of page: EventPage) -> [UInt8] {
        var bytes: [UInt8] = []
        if page.needsResync { bytes += "event: resync\nid: \(page.next)\ndata: {}\n\n".utf8 }
        for event in page.events {
            bytes += "id: \(event.sequence)\nevent: \(FarmDocument.name(event.change))\ndata: ".utf8
            bytes += FarmDocument.json(event).bytes()
            bytes += "\n\n".utf8
        }
        if page.events.isEmpty, !page.needsResync { bytes += ": still here\n\n".utf8 }
        return bytes
    }
}
