public import QueueModel
import System

extension Standing {
    /// Why the job waits, in words.
    public var text: String {
        var parts = [reason.text]
        if let place {
            let isLast = place >= QueueLimits.countedPlaces
            parts.append("place \(place)\(isLast ? " or later" : "") in its lane")
        }
        if let estimate { parts.append("about \(Self.words(estimate)) from its start") }
        return parts.joined(separator: "; ")
    }

    private static func words(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        return switch seconds {
        case ..<1: "a second"
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        default: "\(seconds / 3600) h"
        }
    }
}

extension WaitingReason {
    /// The reason in words.
    public var text: String {
        switch self {
        case .paused(let hold): hold.text
        case .laneLimit(let running, let limit): "its lane is at its limit, \(running) of \(limit) jobs run"
        case .startRate(let until): "its lane has started as many jobs as it may until \(until)"
        case .scheduled(let until, let attempt?): "scheduled until \(until) after attempt \(attempt) failed"
        case .scheduled(let until, nil): "scheduled until \(until)"
        case .noWorker: "no worker that serves its lane is alive; start one with 'pkgmill work'"
        case .turn: "waits for a worker"
        }
    }
}

extension LaneHold {
    /// The hold in words.
    public var text: String {
        let what = lane.map { "lane \($0) is" } ?? "all lanes are"
        let why = reason.isEmpty ? "" : ": \(Printable.text(reason, limit: 1000))"
        return "\(what) \(kind.rawValue) by \(Printable.text(by)) since \(since.wholeSecondsText)\(why)"
    }
}
