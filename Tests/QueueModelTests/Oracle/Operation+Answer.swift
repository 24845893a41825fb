import QueueModel
import System
import TestSupport

extension Operation {
    /// Does it to `queue`; a move of the clock is the caller's.
    func answer(of queue: any JobQueue, _ known: Known, at now: Timestamp) async -> Answer {
        do throws(QueueError) { return try await attempt(queue, known, at: now) } catch { return .refused(error) }
    }

    private func attempt(_ queue: any JobQueue, _ known: Known, at now: Timestamp) async throws(QueueError) -> Answer {
        switch self {
        case .enqueue(let drafts): return .results(try await queue.enqueue(drafts.map { $0.submission(at: now) }))
        case .open(let batch, let total):
            return .batch(try await queue.open(.sample(batch), total: total, requestedBy: "test"))
        case .reject(let batch, let row): try await queue.reject(Batch.Place(batch: .sample(batch), row: row), .lasting)
        case .cancel(let job): return .jobs([try await queue.cancel(known.job(job))])
        case .retry(let job, let number): return .jobs([try await queue.retry(known.job(job), as: .sample(number))])
        case .retryFailed(let lane, let limit): return .jobs(try await queue.retryFailed(of: lane, limit: limit))
        case .claim(let worker, let lanes, let seconds, let limit):
            return .jobs(
                try await queue.claim(by: name(worker), lanes: lanes, for: .seconds(seconds), limit: limit))
        case .renew(let lease, let seconds): try await queue.renew(known.claim(lease), for: .seconds(seconds))
        case .report(let lease, let stage):
            let progress = Job.Progress(stage: "stage", done: Int64(stage), total: 9)
            try await queue.report(progress, known.claim(lease))
        case .complete(let lease):
            let claim = known.claim(lease)
            let digest = String(repeating: "ab", count: 32)
            let result = try Job.Result(sha256: digest, byteCount: claim.epoch, fileName: "node.pkg")
            try await queue.complete(claim, result: result)
        case .fail(let lease, let isRetryable):
            return .state(try await queue.fail(known.claim(lease), isRetryable ? .passing : .lasting))
        case .release(let lease): try await queue.release(known.claim(lease))
        case .beat(let worker, let lanes, let isDraining):
            try await queue.beat(.sample(name(worker), lanes: lanes, isDraining: isDraining))
        case .leave(let worker): try await queue.leave(name(worker))
        case .forsake(let worker): return .ids(try await queue.forsake(name(worker)))
        case .configure(let setting): try await queue.configure(setting.policies)
        case .hold(let kind, let lane, let reason):
            try await queue.hold(kind, lane, by: "ada", reason: "reason \(reason)")
        case .resume(let lane): return .holds(try await queue.resume(lane, by: "bob"))
        case .prune(let ended, let failed, let count):
            let retention = Retention(ended: .seconds(ended), failed: .seconds(failed), count: count)
            return .count(try await queue.prune(retention))
        case .list(let filter, let position, let limit):
            // Positions count arrivals from 1, in hexadecimal.
            let cursor = try position.map { position throws(QueueError) in
                try JobCursor("a" + String(position, radix: 16))
            }
            return .page(try await queue.list(filter, after: cursor, limit: limit))
        case .events(let sequence, let limit): return .events(try await queue.events(after: sequence, limit: limit))
        case .items(let batch, let row, let limit):
            return .items(try await queue.items(of: .sample(batch), after: row, limit: limit))
        case .standing(let job): return .standing(try await queue.standing(of: known.job(job)))
        case .moveClock: break
        }
        return .nothing
    }

    private func name(_ worker: Int) -> String { "worker-\(worker)" }
}
