import System

/// Events of one moment as the bytes of `event.body`: one after another, each a kind and its fields.
///
/// | kind | event          | fields                                             |
/// |-----:|----------------|----------------------------------------------------|
/// |    1 | state          | state code, attempt, id                            |
/// |    2 | progress       | id, done, total, stage                             |
/// |    3 | batch finished | id                                                 |
/// |    4 | held           | kind code, lane or empty, by, reason               |
/// |    5 | resumed        | lane or empty, by                                  |
///
/// An id is 16 bytes, a number is LEB128, a text its number of bytes and UTF-8.
enum EventCoding {
    /// Events that one row holds at the most.
    static let perRow = 1000

    static func encode(_ changes: some Sequence<QueueEvent.Change>) -> [UInt8] {
        var bytes: [UInt8] = []
        for change in changes { append(change, to: &bytes) }
        return bytes
    }

    /// nil for bytes that no version of ours has written.
    static func decode(_ bytes: [UInt8]) -> [QueueEvent.Change]? {
        var reader = Reader(rest: bytes[...])
        var changes: [QueueEvent.Change] = []
        while !reader.rest.isEmpty {
            guard let change = reader.change() else { return nil }
            changes.append(change)
        }
        return changes
    }

    private static func append(_ change: QueueEvent.Change, to bytes: inout [UInt8]) {
        switch change {
        case .state(let id, let state, let attempt):
            bytes.append(1)
            append(UInt64(clamping: state.code), to: &bytes)
            append(UInt64(clamping: attempt), to: &bytes)
            bytes += id.bytes
        case .progress(let id, let progress):
            bytes.append(2)
            bytes += id.bytes
            append(UInt64(clamping: progress.done), to: &bytes)
            append(UInt64(clamping: progress.total), to: &bytes)
            append(progress.stage, to: &bytes)
        case .batchFinished(let id):
            bytes.append(3)
            bytes += id.bytes
        case .held(let kind, let lane, let by, let reason):
            bytes.append(4)
            append(UInt64(clamping: kind.code), to: &bytes)
            append(lane?.name ?? "", to: &bytes)
            append(by, to: &bytes)
            append(reason, to: &bytes)
        case .resumed(let lane, let by):
            bytes.append(5)
            append(lane?.name ?? "", to: &bytes)
            append(by, to: &bytes)
        }
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        append(UInt64(text.utf8.count), to: &bytes)
        bytes += text.utf8
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func change() -> QueueEvent.Change? {
            switch rest.popFirst() {
            case 1:
                guard let state = number().flatMap({ Job.State.Name(code: Int64(clamping: $0)) }),
                    let attempt = number(), let id = jobID()
                else { return nil }
                return .state(id, state, attempt: Int(clamping: attempt))
            case 2:
                guard let id = jobID(), let done = number(), let total = number(), let stage = text() else {
                    return nil
                }
                return .progress(
                    id, Job.Progress(stage: stage, done: Int64(clamping: done), total: Int64(clamping: total)))
            case 3:
                guard let id = take(16).flatMap({ Batch.ID(bytes: $0) }) else { return nil }
                return .batchFinished(id)
            case 4:
                guard let kind = number().flatMap({ LaneHold.Kind(code: Int64(clamping: $0)) }), let lane = lane(),
                    let by = text(), let reason = text()
                else { return nil }
                return .held(kind, lane.lane, by: by, reason: reason)
            case 5:
                guard let lane = lane(), let by = text() else { return nil }
                return .resumed(lane.lane, by: by)
            default: return nil
            }
        }

        private mutating func take(_ count: Int) -> [UInt8]? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }

        private mutating func number() -> UInt64? {
            var number: UInt64 = 0
            for shift in stride(from: 0 as UInt64, through: 63, by: 7) {
                guard let byte = rest.popFirst(), shift < 63 || byte <= 1 else { return nil }
                number |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return number }
            }
            return nil
        }

        private mutating func text() -> String? {
            guard let count = number(), count <= 4096, let bytes = take(Int(count)) else { return nil }
            return String(validating: bytes, as: UTF8.self)
        }

        private mutating func jobID() -> Job.ID? { take(16).flatMap { Job.ID(bytes: $0) } }

        /// A lane's name, or the empty one for all lanes.
        private mutating func lane() -> (lane: Lane?, Void)? {
            guard let name = text() else { return nil }
            if name.utf8.isEmpty { return (nil, ()) }
            return Lane(name).map { ($0, ()) }
        }
    }
}
