public import Crypto
public import JSON
public import Records
import Synchronization
public import System

/// What was done by whom: lines that are only ever added, each sealed together with the one before.
///
/// A line's code is an HMAC, under a key of the farm's, of its number, its text and the code of the line before. A line that was
/// changed, removed, added or moved by somebody without the key is found. So is a log whose end was cut off, since the number of
/// its last line is kept beside it under a code of its own; between a line and that note a process may be killed, so that the
/// log may be longer than the note says, and never shorter.
///
/// Lines that come at the same time are written at the same time, in one record, which is named by the first of them. A line
/// that comes after a tenth of a second without any is noted before it is acknowledged; where many come, the note follows within
/// that time.
public final class AuditLog: Sendable {
    /// One line.
    public struct Line: Sendable, Equatable {
        /// From 1, without gaps.
        public let number: Int64
        /// When.
        public let time: Timestamp
        /// Who; nil for the farm itself.
        public let actor: String?
        /// What was done, such as `job.submit` or `login.fail`.
        public let action: String
        /// To what.
        public let subject: String?
        /// Where the request came from.
        public let address: String?
        /// More of it; nothing secret.
        public let details: JSONValue
    }

    /// A line that is to be written.
    public struct Entry: Sendable {
        fileprivate let action: String
        fileprivate let actor: String?
        fileprivate let subject: String?
        fileprivate let address: String?
        fileprivate let details: JSONValue

        /// See `Line`.
        public init(
            _ action: String, by actor: String?, subject: String? = nil, from address: String? = nil,
            details: JSONValue = .null
        ) {
            self.action = action
            self.actor = actor
            self.subject = subject
            self.address = address
            self.details = details
        }

        fileprivate func text(at time: Timestamp) -> JSONValue {
            [
                "time": .integer(time.milliseconds), "actor": JSONValue(actor), "action": .string(action),
                "subject": JSONValue(subject), "address": JSONValue(address), "details": details,
            ]
        }
    }

    /// What `verify` found wrong.
    public struct Damage: Sendable, Equatable {
        /// At which line.
        public let number: Int64
        /// What.
        public let detail: String
    }

    private let records: any RecordStore
    private let key: SecretBytes
    private let now: @Sendable () -> Timestamp
    private let lines = Gatherer<[JSONValue], [Int64], AccessError>(
        limit: mostLines, unanswered: .contended(what: "the audit log"))
    private let state = Mutex(State())

    private struct State {
        /// How far this process knows the log, which others write as well.
        var last: (number: Int64, code: [UInt8])?
        /// When this process wrote its last line.
        var lastTime: Timestamp?
        /// Somebody will note the end soon.
        var isNoteDue = false
    }

    private static let collection = "audit"
    private static let headCollection = "audit-head"
    private static let headName = "last"

    private static let noteDelay = Duration.milliseconds(100)

    /// The most lines of a record.
    static let mostLines = 256

    /// The log in `records`, sealed with `key`, which is nothing else's.
    public init(records: any RecordStore, key: SecretBytes, now: @escaping @Sendable () -> Timestamp) {
        self.records = records
        self.key = key
        self.now = now
    }

    /// Adds a line; it is kept when this returns.
    @discardableResult
    public func add(
        _ action: String, by actor: String?, subject: String? = nil, from address: String? = nil,
        details: JSONValue = .null
    ) async throws(AccessError) -> Int64 {
        let entry = Entry(action, by: actor, subject: subject, from: address, details: details)
        guard let number = try await add([entry]).first else { throw .contended(what: "the audit log") }
        return number
    }

    /// Adds lines, one after another; they are kept when this returns.
    ///
    /// - Returns: their numbers.
    @discardableResult
    public func add(_ entries: [Entry]) async throws(AccessError) -> [Int64] {
        let time = now()
        return try await lines.call(entries.map { $0.text(at: time) }) { await self.append($0) }
    }

    /// Adds what several callers have to say; the numbers of each one's lines.
    private func append(_ callers: [[JSONValue]]) async -> [Result<[Int64], AccessError>] {
        var rest = callers.flatMap(\.self)[...]
        var numbers: [Int64] = []
        do throws(AccessError) {
            while !rest.isEmpty {
                let some = rest.prefix(Self.mostLines)
                rest = rest.dropFirst(some.count)
                // Another process may have written between this record and the one before.
                let first = try await appendRecord(some)
                numbers += some.indices.map { first + Int64($0 - some.startIndex) }
            }
        } catch { return callers.map { _ in .failure(error) } }
        var left = numbers[...]
        return callers.map { lines in
            defer { left = left.dropFirst(lines.count) }
            return .success(Array(left.prefix(lines.count)))
        }
    }

    /// Adds lines as one record; the number of the first.
    private func appendRecord(_ texts: ArraySlice<JSONValue>) async throws(AccessError) -> Int64 {
        for _ in 0..<1000 {
            let last = try await end()
            var (number, code) = last
            var lines: [JSONValue] = []
            for text in texts {
                number += 1
                code = self.code(number, text, after: code)
                lines.append(["line": text, "code": .string(Hex.encode(code))])
            }
            let body = lines.count == 1 ? lines[0] : ["lines": .array(lines)]
            do {
                try await records.write(
                    Self.name(last.number + 1), in: Self.collection, body: body.bytes(), expires: nil, expecting: nil)
            } catch {
                guard error.isConflict else { throw .records(error) }
                // Another process was first; its line is the one before ours now.
                state.withLock { $0.last = nil }
                continue
            }
            let (end, time) = ((number, code), now())
            let isQuiet = state.withLock { state in
                defer { (state.last, state.lastTime) = (end, time) }
                return state.lastTime.map { time < $0 || time - $0 >= Self.noteDelay } ?? true
            }
            if isQuiet { try await noteEnd(number, code) } else { noteEndSoon() }
            return last.number + 1
        }
        throw .contended(what: "the audit log")
    }

    /// Lines after `number`, at most `limit`.
    public func lines(after number: Int64, limit: Int) async throws(AccessError) -> [Line] {
        let limit = min(max(limit, 1), 10_000)
        var lines: [Line] = []
        // The record of the first of them may begin so many lines before.
        var after = max(0, number - Int64(Self.mostLines))
        while lines.count < limit {
            let found: [Record]
            do {
                found = try await records.list(
                    Self.collection, after: after > 0 ? Self.name(after) : nil, limit: min(1000, limit + Self.mostLines)
                )
            } catch { throw .records(error) }
            guard let last = found.last.flatMap({ Int64($0.name) }) else { break }
            for record in found {
                guard let read = Self.read(record) else {
                    throw .unreadable(what: "line \(record.name) of the audit log")
                }
                lines += read.lazy.map(\.line).filter { $0.number > number }
            }
            after = last
        }
        return Array(lines.prefix(limit))
    }

    /// Reads all of it; how many lines there are, and what is wrong with them.
    public func verify() async throws(AccessError) -> (count: Int64, damages: [Damage]) {
        var damages: [Damage] = []
        var expected: Int64 = 1
        // The code of the line before; nil where that is not known, which was told then.
        var before: [UInt8]? = Self.start
        var after: String?
        while true {
            let page: [Record]
            do { page = try await records.list(Self.collection, after: after, limit: 1000) } catch {
                throw .records(error)
            }
            for record in page {
                guard let number = Int64(record.name), number >= expected else {
                    damages.append(Damage(number: expected, detail: "before it is a line that is none"))
                    continue
                }
                if number > expected {
                    damages.append(Damage(number: expected, detail: "from here to \(number - 1), lines are missing"))
                    before = nil
                }
                expected = number + 1
                guard let lines = Self.read(record) else {
                    damages.append(Damage(number: number, detail: "it cannot be read"))
                    before = nil
                    continue
                }
                for (line, text, found) in lines {
                    if let before, !constantTimeEqual(code(line.number, text, after: before), found) {
                        damages.append(
                            Damage(number: line.number, detail: "it, or the code of the line before, was changed"))
                    }
                    before = found
                    expected = line.number + 1
                }
            }
            guard let last = page.last?.name, page.count == 1000 else { break }
            after = last
        }
        let count = expected - 1
        if let damage = try await endDamage(count) { damages.append(damage) }
        return (count, damages)
    }

    // MARK: The end

    private static let start = [UInt8](repeating: 0, count: 32)

    /// The last line's number and code.
    private func end() async throws(AccessError) -> (number: Int64, code: [UInt8]) {
        if let last = state.withLock({ $0.last }) { return last }
        var (last, code) = try await notedEnd() ?? (0, Self.start)
        // What was added and not noted, by a process that was killed, or is just about to.
        while true {
            let more: [Record]
            do {
                more = try await records.list(Self.collection, after: last > 0 ? Self.name(last) : nil, limit: 1000)
            } catch { throw .records(error) }
            guard let newest = more.last else { return (last, code) }
            guard let found = Self.read(newest)?.last else {
                throw .unreadable(what: "line \(newest.name) of the audit log")
            }
            (last, code) = (found.line.number, found.code)
        }
    }

    /// Notes the end that there is a tenth of a second from now. One that cannot be noted is with the next line.
    private func noteEndSoon() {
        let isFirst = state.withLock { state in
            defer { state.isNoteDue = true }
            return !state.isNoteDue
        }
        guard isFirst else { return }
        Task {
            try? await Task.sleep(for: Self.noteDelay)
            let last = state.withLock { state in
                state.isNoteDue = false
                return state.last
            }
            if let last { try? await noteEnd(last.number, last.code) }
        }
    }

    private func noteEnd(_ number: Int64, _ code: [UInt8]) async throws(AccessError) {
        for _ in 0..<1000 {
            let found: Record?
            do { found = try await records.read(Self.headName, in: Self.headCollection) } catch {
                throw .records(error)
            }
            let noted = found.flatMap { try? JSONValue(parsing: $0.body) }?["number"]?.integer ?? 0
            if noted >= number { return }
            let body: JSONValue = [
                "number": .integer(number), "code": .string(Hex.encode(endCode(number, code))),
                "line": .string(Hex.encode(code)),
            ]
            do {
                try await records.write(
                    Self.headName, in: Self.headCollection, body: body.bytes(), expires: nil, expecting: found?.revision
                )
                return
            } catch { if !error.isConflict { throw .records(error) } }
        }
        throw .contended(what: "the end of the audit log")
    }

    private func notedEnd() async throws(AccessError) -> (number: Int64, line: [UInt8])? {
        let found: Record?
        do { found = try await records.read(Self.headName, in: Self.headCollection) } catch { throw .records(error) }
        guard let found else { return nil }
        guard let value = try? JSONValue(parsing: found.body), let number = value["number"]?.integer,
            let line = value["line"]?.string.flatMap({ Hex.decode($0) }),
            let code = value["code"]?.string.flatMap({ Hex.decode($0) }), constantTimeEqual(code, endCode(number, line))
        else { throw .unreadable(what: "the note of the audit log's end") }
        return (number, line)
    }

    private func endDamage(_ count: Int64) async throws(AccessError) -> Damage? {
        do {
            guard let noted = try await notedEnd() else {
                return count > 0 ? Damage(number: count, detail: "the note of its end is missing") : nil
            }
            guard noted.number <= count else {
                return Damage(number: count + 1, detail: "lines up to \(noted.number) were written and are missing")
            }
            return nil
        } catch {
            guard case .unreadable = error else { throw error }
            return Damage(number: count, detail: "the note of its end was changed")
        }
    }

    // MARK: Codes and texts

    private func code(_ number: Int64, _ text: JSONValue, after before: [UInt8]) -> [UInt8] {
        hmacSHA256(key: key, Array("line \(number)\n".utf8) + before + text.bytes())
    }

    private func endCode(_ number: Int64, _ line: [UInt8]) -> [UInt8] {
        hmacSHA256(key: key, Array("end \(number)\n".utf8) + line)
    }

    /// Numbers as names that sort as they count.
    private static func name(_ number: Int64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 19 - digits.utf8.count)) + digits
    }

    /// The lines of a record, one at least; nil for what is none.
    private static func read(_ record: Record) -> [(line: Line, text: JSONValue, code: [UInt8])]? {
        guard let first = Int64(record.name), let value = try? JSONValue(parsing: record.body) else { return nil }
        let items = value["lines"]?.array ?? [value]
        guard (1...mostLines).contains(items.count) else { return nil }
        var lines: [(line: Line, text: JSONValue, code: [UInt8])] = []
        for (index, item) in items.enumerated() {
            guard let text = item["line"], let code = item["code"]?.string.flatMap({ Hex.decode($0) }),
                code.count == 32, let time = text["time"]?.integer, let action = text["action"]?.string
            else { return nil }
            let line = Line(
                number: first + Int64(index), time: Timestamp(milliseconds: time), actor: text["actor"]?.string,
                action: action, subject: text["subject"]?.string, address: text["address"]?.string,
                details: text["details"] ?? .null)
            lines.append((line, text, code))
        }
        return lines
    }
}
