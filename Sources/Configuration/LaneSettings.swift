/// A lane as `farm.lanes` describes it.
public struct LaneSettings: Sendable, Equatable {
    /// Its name: a lower-case letter, then lower-case letters, digits and hyphens; 32 at most.
    public let name: String
    /// Its share of the starts while other lanes have work too.
    public let weight: Int
    /// The most jobs of it that run at once; nil for any number.
    public let concurrency: Int?
    /// How often jobs of it are started; nil for any number.
    public let rate: Rate?

    /// At most `count` starts in any `seconds`.
    public struct Rate: Sendable, Equatable {
        /// Starts.
        public let count: Int
        /// The stretch.
        public let seconds: Int
    }

    static let standard = [
        LaneSettings(name: "interactive", weight: 8, concurrency: nil, rate: nil),
        LaneSettings(name: "batch", weight: 3, concurrency: nil, rate: nil),
        LaneSettings(name: "campaign", weight: 1, concurrency: nil, rate: nil),
    ]

    /// As it is written: `batch weight=3 concurrency=2 rate=30/60s`.
    var written: String {
        var words = [name, "weight=\(weight)"]
        if let concurrency { words.append("concurrency=\(concurrency)") }
        if let rate { words.append("rate=\(rate.count)/\(rate.seconds)s") }
        return words.joined(separator: " ")
    }

    init(name: String, weight: Int, concurrency: Int?, rate: Rate?) {
        self.name = name
        self.weight = weight
        self.concurrency = concurrency
        self.rate = rate
    }

    /// What the words of an element say.
    init(_ text: String) throws(Refusal) {
        let words = Array(text.utf8).split(separator: 0x20).map { String(decoding: Array($0), as: UTF8.self) }
        guard let name = words.first, Self.isName(name) else {
            throw Refusal(of: text, "begins with no lane's name")
        }
        var numbers: [String: Int] = [:]
        var rate: Rate?
        for word in words.dropFirst() {
            let parts = word.utf8.split(separator: 0x3D, maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(decoding: Array(parts[0]), as: UTF8.self)
            let value = parts.count == 2 ? String(decoding: Array(parts[1]), as: UTF8.self) : ""
            switch key {
            case "weight": numbers[key] = try Self.number(value, in: 1...1000, of: key, text)
            case "concurrency": numbers[key] = try Self.number(value, in: 1...100_000, of: key, text)
            case "rate": rate = try Self.rate(value, text)
            default: throw Refusal(of: text, "has the unknown word \(Mistake.shown(key))")
            }
        }
        self.init(name: name, weight: numbers["weight"] ?? 1, concurrency: numbers["concurrency"], rate: rate)
    }

    private static func isName(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard (1...32).contains(bytes.count), let first = bytes.first, (0x61...0x7A).contains(first) else {
            return false
        }
        return bytes.allSatisfy { (0x61...0x7A).contains($0) || isASCIIDigit($0) || $0 == 0x2D }
    }

    private static func number(
        _ value: String, in range: ClosedRange<Int>, of key: String, _ text: String
    ) throws(Refusal) -> Int {
        let digits = Array(value.utf8)
        guard (1...9).contains(digits.count), digits.allSatisfy(isASCIIDigit), digits.first != 0x30,
            let number = Int(value), range.contains(number)
        else {
            throw Refusal(
                of: text, "has no good \(key)",
                instead: "write \(key)=N with N from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func rate(_ value: String, _ text: String) throws(Refusal) -> Rate {
        let parts = value.utf8.split(separator: 0x2F, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].last == 0x73 else {
            throw Refusal(of: text, "has no good rate", instead: "write rate=N/Ss: at most N starts in S seconds")
        }
        let seconds = String(decoding: Array(parts[1].dropLast()), as: UTF8.self)
        return Rate(
            count: try number(String(decoding: Array(parts[0]), as: UTF8.self), in: 1...1_000_000, of: "rate", text),
            seconds: try number(seconds, in: 1...86_400, of: "rate", text))
    }
}

extension SettingType where Value == [LaneSettings] {
    /// Lanes, each once.
    static var lanes: Self {
        let expected =
            "a list of lanes, each a name and, as far as wanted, weight=N, concurrency=N and rate=N/Ss (N starts in S "
            + "seconds)"
        return .list(
            expected, written: { lanes in "[" + lanes.map(\.written).joined(separator: ", ") + "]" }
        ) { (elements) throws(Refusal) in
            guard elements.count <= 100 else {
                throw Refusal("the list has \(elements.count) elements", instead: "write at most 100")
            }
            var lanes: [LaneSettings] = []
            for element in elements {
                let lane = try LaneSettings(element)
                guard !lanes.contains(where: { $0.name.utf8.elementsEqual(lane.name.utf8) }) else {
                    throw Refusal(of: lane.name, "is there twice", instead: "remove one of the two")
                }
                lanes.append(lane)
            }
            return lanes
        }
    }
}
