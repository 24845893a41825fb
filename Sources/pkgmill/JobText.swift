import Enqueuer
import JSON
import QueueModel
import System
import Terminal

/// A job in words, for people: out of its document, which is the same from this machine's farm and from a server.
enum JobText {
    /// One line of a list.
    static func line(_ job: JSONValue, palette: Palette) -> String {
        let state = text(job["state"])
        let padding = String(repeating: " ", count: max(0, 10 - state.utf8.count))
        let about =
            job["artifact"]?["fileName"]?.string ?? job["waitingReason"]?.string ?? running(job)
            ?? job["error"]?["message"]?.string ?? ""
        return "\(text(job["id"]))  \(colour(state, palette)(state))\(padding)  \(text(job["lane"]))  "
            + "\(time(job["created"]))  \(Printable.text(about, limit: 80))"
    }

    /// Where a running job is and how far; nil for any other.
    static func running(_ job: JSONValue) -> String? {
        guard let worker = job["worker"]?.string.map({ Printable.text($0) }) else { return nil }
        guard let stage = job["progress"]?["stage"]?.string else { return "at \(worker)" }
        let (done, total) = progress(job)
        let share = total > 0 ? " \(Int(Double(done) / Double(total) * 100)) %" : ""
        return "\(Printable.text(stage))\(share) at \(worker)"
    }

    /// How many bytes of how many are done at the stage where it is; zeros where nobody knows.
    static func progress(_ job: JSONValue) -> (done: Int64, total: Int64) {
        (job["progress"]?["done"]?.integer ?? 0, job["progress"]?["total"]?.integer ?? 0)
    }

    /// Whether nothing more comes of it.
    static func isFinal(_ job: JSONValue) -> Bool {
        job["state"]?.string.flatMap { Job.State.Name(rawValue: $0) }?.isFinal ?? false
    }

    /// Everything about one job.
    static func page(_ job: JSONValue, palette: Palette) -> String {
        let state = text(job["state"])
        var rows = [
            ("job", text(job["id"])), ("state", colour(state, palette)(state)), ("lane", text(job["lane"])),
            ("attempt", "\(job["attempt"]?.integer ?? 0) of \(job["maxAttempts"]?.integer ?? 0)"),
            ("created", time(job["created"])),
        ]
        func add(_ name: String, _ value: String?) { if let value { rows.append((name, value)) } }
        add("waits", job["waitingReason"]?.string.map { Printable.text($0, limit: 300) })
        if let stage = job["progress"]?["stage"]?.string, !isFinal(job) {
            let (done, total) = progress(job)
            add("progress", "\(Printable.text(stage)) \(done) of \(total) bytes")
        }
        add("worker", job["worker"]?.string.map { Printable.text($0) })
        add(
            "error",
            job["error"]?["message"]?.string.map {
                "\(Printable.text($0, limit: 2000)) [\(text(job["error"]?["code"]))]"
            })
        if let artifact = job["artifact"], artifact != .null {
            add("artifact", text(artifact["fileName"]))
            add("size", Printable.byteCount(artifact["size"]?.integer ?? 0))
            add("sha256", text(artifact["sha256"]))
        }
        add("finished", job["finished"]?.string.map { _ in time(job["finished"]) })
        if let lost = job["lostLeases"]?.integer, lost > 0 { add("lost leases", "\(lost)") }
        if job["batch"]?.string != nil {
            add("batch", "\(text(job["batch"])), row \(job["row"]?.integer ?? 0)")
        }
        if job["retryOf"]?.string != nil { add("retry of", text(job["retryOf"])) }
        if job["retriedAs"]?.string != nil { add("retried as", text(job["retriedAs"])) }
        return table(rows)
    }

    /// How a job ended, in one line.
    static func outcome(_ job: JSONValue, palette: Palette) -> String {
        if let artifact = job["artifact"], artifact != .null {
            return "\(palette.good("succeeded")): \(text(artifact["fileName"])), "
                + "\(Printable.byteCount(artifact["size"]?.integer ?? 0)), SHA-256 \(text(artifact["sha256"]))"
        }
        let reason = job["error"]?["message"]?.string.map { ": \(Printable.text($0, limit: 2000))" } ?? ""
        return "\(palette.bad(text(job["state"])))\(reason)"
    }

    private static func text(_ value: JSONValue?) -> String { Printable.text(value?.string ?? "", limit: 300) }

    private static func time(_ value: JSONValue?) -> String {
        value?.string.flatMap { Timestamp($0) }?.wholeSecondsText ?? ""
    }

    private static func colour(_ state: String, _ palette: Palette) -> (String) -> String {
        switch Job.State.Name(rawValue: state) {
        case .succeeded: palette.good
        case .failed, .cancelled: palette.bad
        case .queued, .running: palette.strong
        case .scheduled, nil: palette.warning
        }
    }
}
