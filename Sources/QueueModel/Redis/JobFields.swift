import RedisLink
import System

/// The fields of a job's hash. What is not there has its usual value: a job that waits has few.
///
/// | field           | what                                                        |
/// |-----------------|-------------------------------------------------------------|
/// | `v`             | format; not there: 1                                        |
/// | `r` `l` `t`     | row, lane, created                                          |
/// | `q`             | request, where it is short; else a key of its own           |
/// | `d` `y`         | digest of the input, requested by                           |
/// | `x` `sf`        | attempts in all (not there: 3), scheduled for               |
/// | `tl` `il`       | time limits of an attempt: in all, without progress         |
/// | `u`             | 1 for a unique one                                          |
/// | `k` `cp` `tr`   | idempotency key, campaign, trace                            |
/// | `ro` `ra`       | the job that it repeats, the one that repeats it            |
/// | `b` `n`         | batch and row in it                                         |
/// | `s` `f`         | final state, finished; not there before the end             |
/// | `a` `ll` `p`    | attempt (not there: 1), lost leases, pardons                |
/// | `e` `c` `g`     | epoch, claimed, progressed (not there: when it was claimed) |
/// | `w` `ci` `ln` `lf` | lease: worker, claim id, length, begin (not there: when it was claimed); its end is in the sorted set |
/// | `lc`            | 1 while it counts against a limit of its lane                |
/// | `ps` `pd` `pt`  | progress: stage, done, total                                |
/// | `fc` `fm` `fr`  | last failure: code, message, 1 when retryable               |
/// | `rh` `rn` `rf`  | result: digest, length, file name                           |
///
/// Numbers are decimal, times milliseconds since 1970, ids their 16 bytes.
struct JobFields {
    private var values: [UInt16: [UInt8]] = [:]

    /// The fields of a reply to `HGETALL`; nil for any other reply.
    init?(_ reply: RedisReply) {
        guard let flat = reply.array else { return nil }
        values.reserveCapacity(flat.count / 2)
        var index = 0
        while index + 1 < flat.count {
            guard let name = flat[index].bytes, let value = flat[index + 1].bytes else { return nil }
            if let key = Self.key(name) { values[key] = value }
            index += 2
        }
    }

    /// A field's name as a number; nil for names of other versions.
    private static func key(_ name: some Collection<UInt8>) -> UInt16? {
        guard let first = name.first, name.count <= 2 else { return nil }
        return UInt16(first) << 8 | UInt16(name.dropFirst().first ?? 0)
    }

    /// The value of a field; nil where it is not there.
    subscript(_ name: StaticString) -> [UInt8]? {
        let bytes = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        return Self.key(bytes).flatMap { values[$0] }
    }

    var isEmpty: Bool { values.isEmpty }

    func text(_ name: StaticString) throws(QueueError) -> String? {
        guard let bytes = self[name] else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .corrupt(detail: "\(name) is no text")
        }
        return text
    }

    func integer(
        _ name: StaticString, in range: ClosedRange<Int64> = Int64.min...Int64.max
    ) throws(QueueError) -> Int64? {
        guard let bytes = self[name] else { return nil }
        guard let value = RedisReply.bytes(bytes).integer, range.contains(value) else {
            throw .corrupt(detail: "\(name) is \(Printable.text(bytes, limit: 40))")
        }
        return value
    }

    func time(_ name: StaticString) throws(QueueError) -> Timestamp? {
        try integer(name).map { Timestamp(milliseconds: $0) }
    }

    func limit(_ name: StaticString) throws(QueueError) -> Duration? {
        try integer(name, in: 1...QueueLimits.timeLimit.wholeMilliseconds).map { .milliseconds($0) }
    }

    func id<Subject>(_ name: StaticString) throws(QueueError) -> TimeOrderedID<Subject>? {
        guard let bytes = self[name] else { return nil }
        guard let id = TimeOrderedID<Subject>(bytes: bytes) else { throw .corrupt(detail: "\(name) is no id") }
        return id
    }

    /// What must be there.
    func needed<Value>(_ name: StaticString, _ value: Value?) throws(QueueError) -> Value {
        guard let value else { throw .corrupt(detail: "\(name) is missing") }
        return value
    }
}

/// Fields of a job's hash as words of a script: their number with their values, names and values in turn.
struct JobFieldWords {
    fileprivate var words = RedisCommand()
    fileprivate var count = 0

    /// Adds a field; nothing for nil.
    mutating func put(_ name: String, _ value: [UInt8]?) {
        guard let value else { return }
        words.append(name)
        words.append(value)
        count += 2
    }

    mutating func put(_ name: String, _ value: String?) { put(name, value.map { Array($0.utf8) }) }
    mutating func put(_ name: String, _ value: Int64?) { put(name, value.map { String($0) }) }
}

extension RedisCommand {
    /// Adds the number of words and the words.
    mutating func append(_ fields: JobFieldWords) {
        append(fields.count)
        append(contentsOf: fields.words)
    }
}
