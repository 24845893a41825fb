import QueueModel
import System

/// How the farm is at one moment.
struct FarmMetrics {
    let lanes: [LaneStatus]
    let workers: [WorkerStatus]
    /// nil where nobody knows.
    let freeBytes: Int64?
    let degradations: [String]
    let now: Timestamp

    func write(to text: inout MetricsText) {
        func lane(_ status: LaneStatus) -> MetricsText.Labels { [("lane", status.policy.lane.name)] }
        text.family(
            .gauge, "farm_queue_depth", "Jobs that wait for a worker.", lanes.map { (lane($0), Double($0.queued)) })
        text.family(
            .gauge, "farm_queue_oldest_seconds", "How long the oldest job has waited; 0 where none does.",
            lanes.map { (lane($0), $0.oldest.map { seconds(since: $0.created) } ?? 0) })
        text.family(
            .gauge, "farm_jobs", "Jobs by state; of those that failed, the ones that were not retried.",
            lanes.flatMap { status in
                [
                    ("queued", status.queued), ("scheduled", status.scheduled), ("running", status.running),
                    ("failed", status.failed),
                ].map { (lane(status) + [("state", $0)], Double($1)) }
            })
        text.family(
            .gauge, "farm_lane_held", "Whether somebody holds the lane.",
            lanes.map { (lane($0), $0.holds.isEmpty ? 0 : 1) })
        text.family(
            .gauge, "farm_workers", "Workers of the last day.",
            [
                ([("state", "alive")], Double(workers.count { $0.isAlive })),
                ([("state", "silent")], Double(workers.count { !$0.isAlive })),
            ])
        if let freeBytes {
            text.family(.gauge, "farm_artifact_free_bytes", "Room for artifacts.", [([], Double(freeBytes))])
        }
        text.family(
            .gauge, "farm_durability_degraded", "Whether what was acknowledged may be lost.",
            [([], degradations.isEmpty ? 0 : 1)])
    }

    private func seconds(since time: Timestamp) -> Double {
        Double(max(0, now.milliseconds - time.milliseconds)) / 1000
    }
}
