/// Numbers as Prometheus reads them: its text format 0.0.4, or OpenMetrics 1.0, which differ in the names of counters and in
/// the last line.
struct MetricsText {
    /// What a family's values are.
    enum Kind: String {
        /// Goes up and down.
        case gauge
        /// Only grows, from 0 when the process began.
        case counter
        /// How many values were at most so large.
        case histogram
    }

    /// The labels of a value: names, and values as they are.
    typealias Labels = [(name: String, value: String)]

    let isOpenMetrics: Bool
    private var bytes: [UInt8] = []

    init(isOpenMetrics: Bool) { self.isOpenMetrics = isOpenMetrics }

    /// The type of the document.
    var mediaType: String {
        isOpenMetrics
            ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8"
    }

    /// All of it.
    var document: [UInt8] { isOpenMetrics ? bytes + Array("# EOF\n".utf8) : bytes }

    /// A family with its values. A counter's name has no `_total` here.
    mutating func family(_ kind: Kind, _ name: String, _ help: String, _ values: [(labels: Labels, value: Double)]) {
        head(kind, name, help)
        for (labels, value) in values { line(name + (kind == .counter ? "_total" : ""), labels, value) }
    }

    /// A family of histograms.
    mutating func histograms(_ name: String, _ help: String, _ values: [(labels: Labels, value: Histogram)]) {
        head(.histogram, name, help)
        for (labels, histogram) in values {
            var count = 0
            for (bound, more) in zip(Histogram.bounds, histogram.counts) {
                count += more
                line("\(name)_bucket", labels + [("le", Self.number(bound))], Double(count))
            }
            line("\(name)_bucket", labels + [("le", "+Inf")], Double(histogram.count))
            line("\(name)_sum", labels, histogram.sum)
            line("\(name)_count", labels, Double(histogram.count))
        }
    }

    private mutating func head(_ kind: Kind, _ name: String, _ help: String) {
        let name = kind == .counter && !isOpenMetrics ? "\(name)_total" : name
        bytes += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n".utf8
    }

    private mutating func line(_ name: String, _ labels: Labels, _ value: Double) {
        bytes += name.utf8
        if !labels.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            for (index, label) in labels.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                bytes += label.name.utf8
                bytes += "=\"".utf8
                for byte in label.value.utf8 {
                    switch byte {
                    case 0x0A: bytes += "\\n".utf8
                    case 0x22, 0x5C: bytes += [0x5C, byte]
                    default: bytes.append(byte)
                    }
                }
                bytes.append(UInt8(ascii: "\""))
            }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes += " \(Self.number(value))\n".utf8
    }

    /// Whole numbers without a fraction.
    private static func number(_ value: Double) -> String {
        Int64(exactly: value).map { String($0) } ?? "\(value)"
    }
}

/// How many of some durations were how long, in seconds.
struct Histogram: Sendable, Equatable {
    /// The upper bounds of the buckets, from a quick answer to a long build.
    static let bounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800,
    ]

    /// How many fell into each bucket and into none before it.
    private(set) var counts = [Int](repeating: 0, count: bounds.count)
    private(set) var count = 0
    private(set) var sum = 0.0

    /// Counts a duration; a negative one, as a clock that was set back may give, as none.
    mutating func add(_ seconds: Double) {
        let seconds = max(0, seconds)
        count += 1
        sum += seconds
        if let index = Self.bounds.firstIndex(where: { seconds <= $0 }) { counts[index] += 1 }
    }
}
