import RedisLink
import System

/// What became of submissions that a server may have forgotten.
public struct OutboxReport: Sendable, Equatable {
    /// Submissions that the server had forgotten, and has again.
    public var sentAgain = 0
    /// Why some could not be sent. Those that came otherwise meanwhile are forgotten; others are kept, and tried again.
    public var refused: [QueueError] = []
    /// Entries that are kept on.
    public var pending = 0
}

extension RedisJobQueue {
    /// How long a run of the server must be seen alive after an answer: it syncs every second, and puts that off for two at
    /// the most while it is at it.
    private static let settlingTime = Duration.seconds(5)

    /// The run of the server that will take what is sent from now on, or one before it; nil without an outbox.
    ///
    /// Asked before sending: a server that is started in between only means that something is sent once more in vain.
    func runForOutbox() async throws(QueueError) -> String? {
        if outbox == nil { return nil }
        do throws(RedisError) {
            guard let run = try await link.runID() else {
                throw .unexpected(detail: "this user may not see INFO, without which the outbox is of no use")
            }
            return run
        } catch {
            throw QueueError(error)
        }
    }

    /// Keeps what was taken until the server has it on its disk.
    func keep(_ entries: [SubmissionOutbox.Entry], run: String?) async throws(QueueError) {
        guard let outbox, let run, !entries.isEmpty else { return }
        _ = try await keeping.call(entries.map { ($0, run) }) { requests in
            let result: Result<Bool, QueueError>
            do throws(QueueError) {
                try await outbox.keep(requests.flatMap { $0 })
                result = .success(true)
            } catch {
                result = .failure(error)
            }
            return requests.map { _ in result }
        }
    }

    /// Whether what it answers is kept to be sent again.
    public var hasOutbox: Bool { outbox != nil }

    /// Sends again what another run of the server may have forgotten, and forgets what this one has on its disk. For
    /// whoever opens the queue, and every few seconds for whoever stays.
    ///
    /// Everything is sent under its own id and place, so that what is there changes nothing.
    public func settleOutbox() async throws(QueueError) -> OutboxReport {
        var report = OutboxReport()
        guard let outbox, try await outbox.count > 0 else { return report }
        let server: RedisServerReport
        do throws(RedisError) { server = try await link.inspect() } catch { throw QueueError(error) }
        var last = SubmissionOutbox.Place()
        while true {
            let entries = try await outbox.taken(byOthersThan: server.runID, after: last, limit: 500)
            guard let place = entries.last?.place else { break }
            last = place
            for entry in entries.map(\.entry) {
                do throws(QueueError) {
                    if try await isThere(entry) == false {
                        try await sendAgain(entry)
                        report.sentAgain += 1
                    }
                    try await outbox.keep([(entry, server.runID)])
                } catch {
                    guard error.isRefusal else { throw error }
                    report.refused.append(error)
                    if error.isSuperseded { try await outbox.forget(entry) }
                }
            }
        }
        if !server.owesSyncs { try await outbox.forget(takenBy: server.runID, since: Self.settlingTime) }
        report.pending = try await outbox.count
        return report
    }

    private func isThere(_ entry: SubmissionOutbox.Entry) async throws(QueueError) -> Bool {
        switch entry {
        case .batch(let batch): return try await self.batch(batch.id) != nil
        case .job(let job):
            do throws(QueueError) { return try await status(of: job.id) != nil } catch .parked { return true }
        // Refused once more, it changes nothing.
        case .refusal: return false
        }
    }

    private func sendAgain(_ entry: SubmissionOutbox.Entry) async throws(QueueError) {
        switch entry {
        case .batch(let batch):
            _ = try await announce(batch.id, total: batch.total, requestedBy: batch.requestedBy)
        case .job(let job):
            let answers = try await add([Submission(of: job)], again: true)
            _ = try answers.first?.get()
        case .refusal(let refusal): try await refuse(refusal)
        }
    }
}

extension QueueError {
    /// Somebody has submitted the same otherwise since: sending it again will never help.
    fileprivate var isSuperseded: Bool {
        switch self {
        case .alreadyExists, .keyTaken, .rowTaken, .batchDiffers: true
        default: false
        }
    }
}
