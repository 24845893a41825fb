import Enqueuer
import QueueModel
import System
import Terminal

/// A job in words, for people.
enum JobText {
    /// One line of a list.
    static func line(_ job: Job, palette: Palette) -> String {
        let name = job.state.name.rawValue
        let padding = String(repeating: " ", count: max(0, 10 - name.utf8.count))
        let about =
            job.result?.fileName ?? job.life.lastFailure?.message ?? JobDocument.waitingReason(job) ?? job.life
            .progress?.stage ?? ""
        return "\(job.id)  \(colour(job.state, palette)(name))\(padding)  \(job.lane.name)  "
            + "\(job.created.wholeSecondsText)  \(Printable.text(about, limit: 80))"
    }

    /// Everything about one job.
    static func page(_ job: Job, palette: Palette) -> String {
        var rows = [
            ("job", job.id.description), ("state", colour(job.state, palette)(job.state.name.rawValue)),
            ("lane", job.lane.name),
            ("attempt", "\(job.attempt) of \(job.maxAttempts)"), ("created", job.created.wholeSecondsText),
        ]
        if let reason = JobDocument.waitingReason(job) { rows.append(("waits", reason)) }
        if let progress = job.life.progress, !job.state.name.isFinal {
            rows.append(("progress", "\(progress.stage) \(progress.done) of \(progress.total) bytes"))
        }
        if let lease = job.lease { rows.append(("worker", "\(lease.worker), lease until \(lease.until)")) }
        if let failure = job.life.lastFailure {
            rows.append(("error", "\(Printable.text(failure.message, limit: 2000)) [\(failure.code)]"))
        }
        if let result = job.result {
            rows += [("artifact", result.fileName), ("size", byteText(result.byteCount)), ("sha256", result.sha256)]
        }
        if let finished = job.life.finished { rows.append(("finished", finished.wholeSecondsText)) }
        if let earlier = job.retryOf { rows.append(("retry of", earlier.description)) }
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
