import System

extension EventPage {
    /// Adds the events of one moment, the last of which has the number `last`, as far as they are wanted.
    mutating func add(last: Int64, time: Timestamp, _ body: [UInt8], limit: Int) {
        guard events.count < limit else { return }
        guard let changes = EventCoding.decode(body), !changes.isEmpty, Int64(changes.count) <= last else {
            needsResync = true
            next = last
            return
        }
        let first = last - Int64(changes.count) + 1
        if first > next + 1 { needsResync = true }
        for (offset, change) in changes.enumerated() where first + Int64(offset) > next && events.count < limit {
            next = first + Int64(offset)
            events.append(QueueEvent(sequence: next, time: time, change: change))
        }
    }
}
