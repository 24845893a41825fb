import Enqueuer
import QueueModel
import System
import Terminal

/// A job in words, for people.
enum JobText {
    /// One line of a list.
    static func line(_ job: Job, _ standing: Standing?, palette: Palette) -> String {
        let name = job.state.name.rawValue
        let padding = String(repeating: " ", count: max(0, 10 - name.utf8.count))
        let about =
            job.result?.fileName ?? standing?.text ?? running(job) ?? job.life.lastFailure?.message ?? ""
        return "\(job.id)  \(colour(job.state, palette)(name))\(padding)  \(job.lane.name)  "
            + "\(job.created.wholeSecondsText)  \(Printable.text(about, limit: 80))"
    }

    /// Where a running job is and how far; nil for any other.
    static func running(_ job: Job) -> String? {
        guard let lease = job.lease else { return nil }
        guard let progress = job.life.progress else { return "at \(Printable.text(lease.worker))" }
        let share = progress.total > 0 ? " \(Int(Double(progress.done) / Double(progress.total) * 100)) %" : ""
        return "\(Printable.text(progress.stage))\(share) at \(Printable.text(lease.worker))"
    }

    /// Everything about one job.
    static func page(_ job: Job, _ standing: Standing?, palette: Palette) -> String {
        var rows = [
            ("job", job.id.description), ("state", colour(job.state, palette)(job.state.name.rawValue)),
            ("lane", job.lane.name),
            ("attempt", "\(job.attempt) of \(job.maxAttempts)"), ("created", job.created.wholeSecondsText),
        ]
        if let standing { rows.append(("waits", standing.text)) }
        if let progress = job.life.progress, !job.state.name.isFinal {
            rows.append(("progress", "\(progress.stage) \(progress.done) of \(progress.total) bytes"))
        }
        if let lease = job.lease {
            rows.append(("worker", "\(Printable.text(lease.worker)), lease until \(lease.until)"))
        }
        if let failure = job.life.lastFailure {
            rows.append(("error", "\(Printable.text(failure.message, limit: 2000)) [\(failure.code)]"))
        }
        if let result = job.result {
            rows += [("artifact", result.fileName), ("size", byteText(result.byteCount)), ("sha256", result.sha256)]
        }
        if let finished = job.life.finished { rows.append(("finished", finished.wholeSecondsText)) }
        if job.life.lostLeases > 0 { rows.append(("lost leases", "\(job.life.lostLeases)")) }
        if let batch = job.batch { rows.append(("batch", "\(batch.batch), row \(batch.row)")) }
        if let earlier = job.retryOf { rows.append(("retry of", earlier.description)) }
        if let later = job.life.retriedAs { rows.append(("retried as", later.description)) }
        return table(rows)
    }

    /// How a job ended, in one line.
    static func outcome(_ job: Job, palette: Palette) -> String {
        if let result = job.result {
            return
                "\(palette.good("succeeded")): \(result.fileName), \(byteText(result.byteCount)), SHA-256 \(result.sha256)"
        }
        let reason = job.life.lastFailure.map { ": \(Printable.text($0.message, limit: 2000))" } ?? ""
        return "\(palette.bad(job.state.name.rawValue))\(reason)"
    }

    private static func colour(_ state: Job.State, _ palette: Palette) -> (String) -> String {
        switch state {
        case .succeeded: palette.good
        case .failed, .cancelled: palette.bad
        case .scheduled: palette.warning
        case .queued, .running: palette.strong
        }
    }
}
