import JSON

/// What was sent of one content, in parts, until all of it was.
///
/// Of a transfer that was cut off nobody knows how far the client got. Where it goes on tells: it has what lies before.
struct TransferParts: Equatable {
    private struct Part: Equatable {
        let start: Int64
        let end: Int64
        let isWhole: Bool
    }

    private var parts: [Part] = []

    /// So many parts are one use, whatever they were: whoever asks for the same part again and again has it.
    private static let mostParts = 64

    init() {}

    /// Adds the bytes from `start` to before `end` of `total`; true when all were sent, and nothing is left to be known.
    mutating func add(_ start: Int64, _ end: Int64, isWhole: Bool, of total: Int64) -> Bool {
        parts.append(Part(start: start, end: end, isWhole: isWhole))
        return parts.count >= Self.mostParts || isComplete(total)
    }

    private func isComplete(_ total: Int64) -> Bool {
        var position: Int64 = 0
        while position < total {
            // As far as what was sent wholly reaches; else to the next beginning within what was cut off.
            let whole = parts.lazy.filter { $0.isWhole && $0.start <= position }.map(\.end).max() ?? 0
            let cut = parts.lazy.filter { !$0.isWhole && $0.start <= position }.map(\.end).max() ?? 0
            let next = parts.lazy.map(\.start).filter { position < $0 && $0 <= cut }.min() ?? 0
            let reached = max(whole, next)
            guard reached > position else { return false }
            position = reached
        }
        return true
    }

    /// `[[start, end, isWhole], ...]`.
    var json: JSONValue {
        .array(parts.map { .array([.integer($0.start), .integer($0.end), .bool($0.isWhole)]) })
    }

    /// What `json` has written; nil for anything else.
    init?(_ value: JSONValue) {
        guard let items = value.array, items.count < Self.mostParts else { return nil }
        for item in items {
            guard let part = item.array, part.count == 3, let start = part[0].integer, let end = part[1].integer,
                let isWhole = part[2].bool, 0 <= start, start <= end
            else { return nil }
            parts.append(Part(start: start, end: end, isWhole: isWhole))
        }
    }
}
