import Synchronization
import System

/// How the processes on one queue wake one another: a bell for each lane, which wakes one worker, and a circle of those
/// who follow events, which wakes all. They lie in a folder beside the database.
final class QueueBells: Sendable {
    private let folder: Directory
    private let circle: DoorbellCircle
    private let lanes = Mutex<[Int64: Doorbell]>([:])

    init(besides path: String, random: RandomSource) throws(SystemError) {
        folder = try Directory.openOrCreate(path + "-bells")
        circle = DoorbellCircle(in: folder, random: random)
    }

    /// Wakes all who follow events.
    func ringCircle(_ context: JobContext) {
        if !context.changes.isEmpty { circle.ring() }
    }

    /// Wakes one worker of each lane in which there may be work. A bell that cannot be rung is no error: workers look by
    /// themselves, too.
    func ringLanes(_ context: JobContext) {
        for lane in context.rung { (try? bell(lane))?.ring() }
    }

    /// Returns when one of the lanes rings (true), after `limit`, or when the task is cancelled.
    func wait(in lanes: [Int64], atMost limit: Duration) async throws(SystemError) -> Bool {
        // A bell that cannot be heard is no error either: whoever waits looks again after `limit`.
        let bells = lanes.compactMap { try? bell($0) }
        return try await Doorbell.wait(for: bells, atMost: limit)
    }

    /// A bell that rings with every event.
    func join() throws(SystemError) -> Doorbell { try circle.join() }

    private func bell(_ lane: Int64) throws(SystemError) -> Doorbell {
        try lanes.withLock { lanes throws(SystemError) in
            if let bell = lanes[lane] { return bell }
            let bell = try Doorbell("lane-\(lane)", in: folder)
            lanes[lane] = bell
            return bell
        }
    }
}
