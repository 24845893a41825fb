import RedisLink
import System

extension RedisJobQueue {
    /// See `JobQueue`.
    public func arrivals(after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage {
        try validatePage(limit: limit)
        var page = JobPage(jobs: [], next: nil)
        var last = cursor?.position ?? 0
        var byteCount = 0
        while true {
            var command = words()
            command.append(last)
            command.append(limit - page.jobs.count - page.parked.count)
            command.append(QueueLimits.pageByteCount - byteCount)
            let rest = Array(try await run(.arrivals, command).rest)
            guard rest.count >= 2, let next = rest[1].integer else { throw .unexpected("arrivals") }
            for reply in stride(from: 3, to: rest.count, by: 2).map({ rest[$0] }) {
                switch try RedisJob.read(reply) {
                case .readable(let found):
                    page.jobs.append(found.job)
                    byteCount += found.job.request.count
                case .unreadable(let reason): page.parked.append(ParkedJob(reply, prefix, reason))
                }
            }
            last = next
            if rest[0].integer == 0 { return page }
            guard page.jobs.count + page.parked.count < limit, byteCount < QueueLimits.pageByteCount else {
                page.next = JobCursor(position: last)
                return page
            }
        }
    }

    /// See `JobQueue`.
    public func batches(after last: Batch?, limit: Int) async throws(QueueError) -> [Batch] {
        try validatePage(limit: limit)
        var command = words()
        command.append(last.map { String($0.created.milliseconds) } ?? "")
        command.append(last?.id.bytes ?? [])
        command.append(limit)
        return try await run(.batches, command).rest.map { reply throws(QueueError) in
            guard let parts = reply.array, parts.count == 2, let id = parts[0].bytes.flatMap({ Batch.ID(bytes: $0) })
            else {
                throw .corrupt(detail: "a batch has no id")
            }
            guard let batch = try Batch(id, parts[1]) else { throw .corrupt(detail: "batch \(id) is not there") }
            return batch
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func restore(_ batch: Batch) async throws(QueueError) -> Bool {
        let counts = batch.counts
        var fields = JobFieldWords()
        fields.put("t", Int64(batch.total))
        fields.put("y", batch.requestedBy)
        fields.put("c", batch.created.milliseconds)
        fields.put("f", batch.finished?.milliseconds)
        for (name, count) in [
            ("ac", counts.accepted), ("rj", counts.rejected), ("su", counts.succeeded), ("fa", counts.failed),
            ("ca", counts.cancelled),
        ] where count > 0 { fields.put(name, Int64(count)) }
        var command = words()
        command.append(batch.id.bytes)
        command.append(batch.created.milliseconds)
        command.append(fields)
        return try await run(.restoreBatch, command).rest.first?.integer == 1
    }

    /// See `JobQueue`.
    public func restore(_ refusals: [Batch.Refusal]) async throws(QueueError) {
        var rest = refusals[...]
        while !rest.isEmpty {
            let some = Array(Self.somePerScript(of: rest, byteCount: \.failure.message.utf8.count))
            rest = rest.dropFirst(some.count)
            var command = words()
            for refusal in some {
                command.append(refusal.place.batch.bytes)
                command.append(refusal.place.row)
                command.append(refusal.failure.packed)
            }
            let answer = Array(try await run(.restoreRefusals, command).rest)
            if answer.first?.text == "ok" { continue }
            guard answer.count >= 2, let number = answer[0].integer, some.indices.contains(Int(clamping: number)) else {
                throw .unexpected("restoreRefusals")
            }
            throw try Self.reason(
                answer[1].text, answer.last, some[Int(clamping: number)].place) ?? .unexpected("restoreRefusals")
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func restore(_ jobs: [Job]) async throws(QueueError) -> Int {
        var count = 0
        var rest = jobs[...]
        while !rest.isEmpty {
            let some = Self.somePerScript(of: rest, byteCount: \.request.count)
            rest = rest.dropFirst(some.count)
            count += try await restore(some)
        }
        return count
    }

    /// Adds as many as one script takes.
    private func restore(_ jobs: ArraySlice<Job>) async throws(QueueError) -> Int {
        var bodies = RedisCommand()
        var sent: [Job] = []
        var refusal: QueueError?
        for job in jobs {
            do throws(QueueError) { try job.validateRestoring() } catch {
                // Unless it is there, which only the server knows.
                if try await find(job.id) != nil { continue }
                refusal = error
                break
            }
            job.appendRestoring(to: &bodies)
            sent.append(job)
        }
        var count = 0
        if !sent.isEmpty {
            var command = words()
            command.append(sent.count)
            command.append(contentsOf: bodies)
            let answers = try await run(.restore, command).rest
            for (job, answer) in zip(sent, answers) {
                if let number = answer.integer {
                    count += Int(clamping: number)
                } else {
                    throw try await reason(answer, job)
                }
            }
            guard answers.count == sent.count else { throw .unexpected("restore") }
        }
        if let refusal { throw refusal }
        return count
    }

    /// Why a job could not be added.
    private func reason(_ answer: RedisReply, _ job: Job) async throws(QueueError) -> QueueError {
        let parts = answer.array ?? []
        let other = parts.dropFirst().first?.bytes.flatMap { Job.ID(bytes: $0) }
        switch parts.first?.text {
        case "key": return .keyTaken(key: job.idempotencyKey ?? "", by: other ?? job.id)
        case "alive": return .alreadyExists(other ?? job.id)
        case "lane": return .noSuchLane(job.lane, known: try await policies().map(\.lane))
        case let word:
            let reason = try job.batch.flatMap { place throws(QueueError) in try Self.reason(word, parts.last, place) }
            return reason ?? .unexpected("restore")
        }
    }

    /// Why a row of a batch could not be added; nil for a word that says nothing of it.
    private static func reason(
        _ word: String?, _ fact: RedisReply?, _ place: Batch.Place
    ) throws(QueueError) -> QueueError? {
        switch word {
        case "batch": return .noSuchBatch(place.batch)
        case "taken": return .rowTaken(place, by: fact?.bytes.flatMap { Job.ID(bytes: $0) })
        case "row":
            try require(place.row, in: 1...Int(clamping: max(1, fact?.integer ?? 1)), "batch row")
            return nil
        default: return nil
        }
    }
}

extension Job {
    /// Adds it to the words of `JobScript.restore`.
    fileprivate func appendRestoring(to command: inout RedisCommand) {
        let submission = Submission(of: self)
        let isAlive = !state.name.isFinal
        command.append(id.bytes)
        command.append(lane.name)
        command.append(state.name.code)
        switch state {
        case .scheduled(let time): command.append(time.milliseconds)
        case .succeeded, .failed, .cancelled: command.append(life.finished.map { String($0.milliseconds) } ?? "")
        case .queued, .running: command.append("")
        }
        command.append(isUnique && isAlive ? inputDigest : [])
        command.append(idempotencyKey ?? "")
        command.append(batch?.batch.bytes ?? [])
        command.append(batch.map { String($0.row) } ?? "")
        command.append(attempt)
        command.append(life.retriedAs == nil ? "0" : "1")
        submission.appendLongRequest(to: &command)
        var fields = submission.lastingFields
        fields.put("t", created.milliseconds)
        if !isAlive { fields.put("s", state.name.code) }
        if attempt != 1 { fields.put("a", Int64(attempt)) }
        if life.lostLeases != 0 { fields.put("ll", Int64(life.lostLeases)) }
        if life.pardons != 0 { fields.put("p", Int64(life.pardons)) }
        if life.epoch != 0 { fields.put("e", life.epoch) }
        fields.put("c", life.claimed?.milliseconds)
        fields.put("g", life.progressed?.milliseconds)
        fields.put("f", life.finished?.milliseconds)
        fields.put("ra", life.retriedAs?.bytes)
        if let progress = life.progress {
            fields.put("ps", progress.stage)
            fields.put("pd", progress.done)
            fields.put("pt", progress.total)
        }
        if let failure = life.lastFailure {
            fields.put("fc", failure.code)
            fields.put("fm", failure.message)
            fields.put("fr", failure.isRetryable ? "1" : "0")
        }
        if case .succeeded(let result) = state {
            fields.put("rh", result.sha256)
            fields.put("rn", result.byteCount)
            fields.put("rf", result.fileName)
        }
        command.append(fields)
    }
}
