import JSON

/// One measurement of a queue: what was measured, and what came out in each round.
struct BenchFigure: Sendable {
    /// What is measured. The raw values are its names in JSON.
    enum Measure: String, Sendable {
        case enqueueByOne = "enqueue-1"
        case enqueueBySixteen = "enqueue-16"
        case bulk = "enqueue-bulk"
        case drain = "drain"
        case drainByOne = "drain-1"
        case latencyMedian = "latency-p50"
        case latencyTail = "latency-p99"
        case latenessMedian = "delayed-p50"
        case latenessTail = "delayed-p99"
        case claimAmongFew = "claim-short"
        case claimAmongMany = "claim-long"
        case claimRatio = "claim-ratio"
        case memory = "memory"
        case httpRead = "http-read"
        case httpNotModified = "http-not-modified"
        case httpSubmit = "http-submit"
        case httpPollMedian = "http-poll-p50"
        case httpPollTail = "http-poll-p99"
        case httpWatchMedian = "http-watch-p50"
        case httpWatchTail = "http-watch-p99"
        case httpEvents = "http-events"
        case httpBuildMedian = "http-build-p50"
        case httpBuildTail = "http-build-p99"

        /// For people.
        var title: String {
            switch self {
            case .enqueueByOne: "enqueue, 1 caller"
            case .enqueueBySixteen: "enqueue, 16 callers"
            case .bulk: "bulk enqueue, 1000 a call"
            case .drain: "drain, one worker process"
            case .drainByOne: "drain, one worker process, one job a claim"
            case .latencyMedian: "idle enqueue to start in another process, p50"
            case .latencyTail: "idle enqueue to start in another process, p99"
            case .latenessMedian: "delayed job, start after its time, p50"
            case .latenessTail: "delayed job, start after its time, p99"
            case .claimAmongFew: "claim, 1000 queued"
            case .claimAmongMany: "claim, all jobs queued"
            case .claimRatio: "claim rate, all jobs queued / 1000 queued"
            case .memory: "memory of a queued job above its request"
            case .httpRead: "one job, 64 connections"
            case .httpNotModified: "one job that its clients have, 64 connections"
            case .httpSubmit: "submit, 64 connections"
            case .httpPollMedian: "pollers, from the time of a request to its answer, p50"
            case .httpPollTail: "pollers, from the time of a request to its answer, p99"
            case .httpWatchMedian: "watchers, from an event to its arrival, p50"
            case .httpWatchTail: "watchers, from an event to its arrival, p99"
            case .httpEvents: "events for the watchers"
            case .httpBuildMedian: "order to artifact, idle farm, p50"
            case .httpBuildTail: "order to artifact, idle farm, p99"
            }
        }

        /// Empty for a ratio.
        var unit: String {
            switch self {
            case .enqueueByOne, .enqueueBySixteen, .bulk, .drain, .drainByOne, .claimAmongFew, .claimAmongMany,
                .httpRead, .httpNotModified, .httpSubmit, .httpEvents:
                "/s"
            case .httpPollMedian, .httpPollTail, .httpWatchMedian, .httpWatchTail, .httpBuildMedian, .httpBuildTail:
                "ms"
            case .latencyMedian, .latencyTail, .latenessMedian, .latenessTail: "ms"
            case .claimRatio: ""
            case .memory: "bytes"
            }
        }
    }

    let measure: Measure
    /// One for each round, in order of size.
    private(set) var values: [Double]
    /// Operations or samples behind each value.
    let count: Int

    init(_ measure: Measure, _ value: Double, count: Int) {
        self.measure = measure
        values = [value]
        self.count = count
    }

    var median: Double {
        let middle = values.count / 2
        return values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
    }

    /// Takes in what came out in another round.
    mutating func add(_ other: BenchFigure) { values = (values + other.values).sorted() }

    /// One line for people.
    var text: String {
        let unit = measure.unit.isEmpty || measure.unit == "/s" ? measure.unit : " " + measure.unit
        let range = values.count > 1 ? " (\(rounded(values.first ?? 0)) to \(rounded(values.last ?? 0)))" : ""
        return "\(measure.title): \(rounded(median))\(unit)\(range)"
    }

    var json: JSONValue {
        [
            "measure": .string(measure.rawValue), "unit": .string(measure.unit), "median": .number(median),
            "least": .number(values.first ?? 0), "most": .number(values.last ?? 0),
            "rounds": .integer(Int64(values.count)), "count": .integer(Int64(count)),
        ]
    }

    private func rounded(_ value: Double) -> String {
        value >= 100 ? "\(Int64(value.rounded()))" : "\((value * 1000).rounded() / 1000)"
    }
}
