import QueueModel
import Synchronization
import System

/// Counts what this server hears of the farm's jobs, whoever has changed them: on several servers each counts them all.
final class JobMetrics: Sendable {
    private enum Stage: String, CaseIterable { case wait, build }

    private struct State {
        var changes: [Job.State.Name: Int] = [:]
        var durations: [Stage: Histogram] = [:]
        var cutAttempts = 0
        /// Since when jobs are queued or running, as far as that was heard.
        var since: [Job.ID: (state: Job.State.Name, time: Timestamp)] = [:]
    }

    private let state = Mutex(State())
    private static let mostJobs = 100_000

    /// Counts events, in their order.
    func count(_ events: [QueueEvent]) {
        state.withLock { state in
            for event in events {
                guard case .state(let id, let name, _) = event.change else { continue }
                state.changes[name, default: 0] += 1
                let before = state.since.removeValue(forKey: id)
                if let before, let stage = Self.stage(from: before.state, to: name) {
                    let seconds = Double((event.time - before.time).wholeMilliseconds) / 1000
                    state.durations[stage, default: Histogram()].add(seconds)
                }
                if before?.state == .running, name == .queued { state.cutAttempts += 1 }
                if name == .queued || name == .running {
                    // Those that wait for days are not counted rather than kept for ever.
                    if state.since.count >= Self.mostJobs { state.since = [:] }
                    state.since[id] = (name, event.time)
                }
            }
        }
    }

    /// Events were missed.
    func forget() { state.withLock { $0.since = [:] } }

    private static func stage(from before: Job.State.Name, to after: Job.State.Name) -> Stage? {
        switch (before, after) {
        case (.queued, .running): .wait
        case (.running, .succeeded): .build
        default: nil
        }
    }

    func write(to text: inout MetricsText) {
        let state = state.withLock { $0 }
        text.family(
            .counter, "farm_job_changes", "Jobs that came to a state, as far as this server has heard.",
            Job.State.Name.allCases.map { ([("state", $0.rawValue)], Double(state.changes[$0] ?? 0)) })
        text.family(
            .counter, "farm_attempts_cut",
            "Running jobs that went back to their lane: a lease was lost, or a worker was stopped.",
            [([], Double(state.cutAttempts))])
        text.histograms(
            "farm_job_seconds", "How long jobs waited for a worker, and how long those that succeeded were built.",
            Stage.allCases.map { ([("stage", $0.rawValue)], state.durations[$0] ?? Histogram()) })
    }
}
