import RedisLink

/// A lane as the key `lanes` has it: name, weight, limit, starts and milliseconds of its rate, whether it is configured,
/// credit, meter.
struct RedisLane {
    let policy: LanePolicy
    let meter: StartMeter
    let isConfigured: Bool

    /// The lane; nil where there is none, or it cannot be read: its jobs wait, and no other lane suffers for it.
    init?(_ reply: RedisReply) {
        guard let parts = reply.array, parts.count == 8, let lane = parts[0].text.flatMap({ Lane($0) }) else {
            return nil
        }
        let numbers = parts.dropFirst().compactMap(\.integer)
        guard numbers.count == 7 else { return nil }
        let (limit, count, period) = (numbers[1], numbers[2], numbers[3])
        policy = LanePolicy(
            lane: lane, weight: Int(clamping: numbers[0]), concurrency: limit > 0 ? Int(clamping: limit) : nil,
            rate: count > 0 ? StartRate(count: Int(clamping: count), period: .milliseconds(period)) : nil)
        do { try policy.validate() } catch { return nil }
        meter = StartMeter(fullAt: min(max(numbers[6], -1 << 61), 1 << 61))
        isConfigured = numbers[4] == 1
    }
}
