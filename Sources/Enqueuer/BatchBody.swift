import HTTP
import JSON
import System

/// The body of a batch, in a file: an object of which the member `rows` may be far longer than anybody wants to hold.
///
/// It is read twice, a piece at a time: once to see that all of it can be taken, and once to take it. Each row is read as
/// strictly as any other document, and so is what stands around the rows; only one row is held at a time.
struct BatchBody: Sendable {
    /// How many rows there are.
    let count: Int
    /// The document with an empty object in the place of all rows.
    let frame: JSONValue
    private let file: File
    /// What the member with the rows is called.
    private let name: String

    /// The most bytes of a row, and of all that stands around the rows.
    private static let mostPieceBytes = 64 * 1024

    /// Reads the whole body; `schema` says what the document may hold, and its rows.
    ///
    /// - Throws: 400 for what is no JSON, 422 with every place for what cannot be taken.
    init(_ file: File?, _ schema: BodySchema) throws {
        guard let file else { throw Self.malformed("the text ends where a value was expected", at: 0) }
        let field = schema.fields.first { if case .rows = $0.kind { true } else { false } }
        guard let field, case .rows(let rowSchema, let most) = field.kind else {
            preconditionFailure("a batch's schema without rows")
        }
        var count = 0
        var parts: [Problem.Part] = []
        var reader = RowReader(file, rows: field.name, mostBytes: Self.mostPieceBytes)
        while let row = try reader.next() {
            count += 1
            guard count <= most else { continue }
            if parts.count < BodySchema.mostParts {
                parts += rowSchema.parts(wrongIn: row, at: "/\(field.name)/\(count - 1)")
            }
        }
        frame = try reader.frame()
        (self.count, self.file, name) = (count, file, field.name)
        parts = schema.parts(wrongIn: frame) + parts
        if count > most { parts.insert(.init("/\(field.name)", "expected \(field.kind.words)"), at: 0) }
        try BodySchema.refuse(parts)
    }

    /// The rows again, the first first.
    func rows() -> RowReader { RowReader(file, rows: name, mostBytes: Self.mostPieceBytes) }

    fileprivate static func malformed(_ reason: String, at offset: Int64) -> Problem {
        .malformed(JSONError(reason: reason, offset: Int(clamping: offset)))
    }
}

/// Cuts the elements of one member's list out of a JSON document in a file.
///
/// It knows of JSON what it takes to find their ends: strings, and how deep it is. Whatever it takes for an element or leaves
/// around them is read by the parser, which refuses what is none.
struct RowReader {
    private let file: File
    private let member: [UInt8]
    private let mostBytes: Int

    private var window: [UInt8] = []
    private var index = 0
    /// Where `window` begins in the file.
    private var start: Int64 = 0
    private var isAtEnd = false

    /// The document without what was cut out, and where in it how many bytes were.
    private var outside: [UInt8] = []
    private var cuts: [(place: Int, byteCount: Int64)] = []
    private var depth = 0
    /// The string that has ended last in the outermost object, with its quotes; nil once something other than a colon follows.
    private var name: [UInt8]?
    private var hasColon = false
    private var isInRows = false
    private var rowCount = 0

    init(_ file: File, rows member: String, mostBytes: Int) {
        self.file = file
        self.member = Array(member.utf8)
        self.mostBytes = mostBytes
    }

    /// The next row; nil when there are no more.
    mutating func next() throws -> JSONValue? {
        while true {
            while !isInRows {
                guard try leadIn() else { return nil }
            }
            // nil: the list has ended without one.
            if let row = try nextElement() { return row }
        }
    }

    /// The next element of the list; nil where it is empty.
    private mutating func nextElement() throws -> JSONValue? {
        let place = offset
        var row: [UInt8] = []
        var inner = 0
        var string = StringScan()
        while let byte = try take() {
            if !string.takes(byte) {
                switch byte {
                case 0x5B, 0x7B: inner += 1
                case 0x5D where inner == 0:
                    isInRows = false
                    let isNone = rowCount == 0 && row.allSatisfy(Self.isSpace)
                    if !isNone { rowCount += 1 }
                    let substitute: [UInt8] = rowCount > 0 ? [0x7B, 0x7D] : []
                    cuts.append((outside.count, offset - 1 - place - Int64(substitute.count)))
                    outside += substitute
                    outside.append(0x5D)
                    if isNone { return nil }
                    return try parsed(row, at: place)
                case 0x5D, 0x7D: inner -= 1
                case 0x2C where inner == 0:
                    rowCount += 1
                    cuts.append((outside.count, offset - place))
                    return try parsed(row, at: place)
                default: break
                }
            }
            guard row.count < mostBytes else {
                throw Problem.invalid(
                    "/\(String(decoding: member, as: UTF8.self))/\(rowCount)",
                    "a row may have at most \(mostBytes) bytes")
            }
            row.append(byte)
        }
        throw BatchBody.malformed("the text ends within a list", at: offset)
    }

    /// What stands around the rows, once all of them were read.
    func frame() throws -> JSONValue {
        do { return try JSONValue(parsing: outside) } catch {
            let cut = cuts.reduce(0) { $1.place <= error.offset ? $0 + $1.byteCount : $0 }
            throw BatchBody.malformed(error.reason, at: Int64(error.offset) + cut)
        }
    }

    private func parsed(_ row: [UInt8], at place: Int64) throws -> JSONValue {
        // As deep as a document may be, of which a row is two levels down.
        do { return try JSONValue(parsing: row, depth: 30) } catch {
            throw BatchBody.malformed(error.reason, at: place + Int64(error.offset))
        }
    }

    /// Goes on outside of the rows until they begin, true, or the document ends.
    private mutating func leadIn() throws -> Bool {
        var string = StringScan()
        var text: [UInt8] = []
        while let byte = try take() {
            guard outside.count < mostBytes else {
                throw Problem.invalid("", "beside its rows, a batch may have at most \(mostBytes) bytes")
            }
            outside.append(byte)
            if string.takes(byte) {
                text.append(byte)
                if !string.isOpen {
                    (name, hasColon) = (depth == 1 ? text : nil, false)
                    text = []
                }
                continue
            }
            if Self.isSpace(byte) { continue }
            if byte == 0x3A, name != nil, !hasColon {
                hasColon = true
                continue
            }
            let isRows = byte == 0x5B && depth == 1 && hasColon && name.map(isMember) ?? false
            (name, hasColon) = (nil, false)
            if isRows {
                isInRows = true
                return true
            }
            switch byte {
            case 0x5B, 0x7B: depth += 1
            case 0x5D, 0x7D: depth -= 1
            default: break
            }
        }
        return false
    }

    /// Whether a string with its quotes spells the member's name, in whatever way.
    private func isMember(_ text: [UInt8]) -> Bool {
        (try? JSONValue(parsing: text))?.string?.utf8.elementsEqual(member) ?? false
    }

    // MARK: The file

    private var offset: Int64 { start + Int64(index) }

    private mutating func take() throws -> UInt8? {
        if index == window.count, !isAtEnd {
            start += Int64(window.count)
            window = try file.read(64 * 1024, at: start)
            index = 0
            isAtEnd = window.isEmpty
        }
        guard index < window.count else { return nil }
        defer { index += 1 }
        return window[index]
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
}

/// Where strings begin and end in JSON.
private struct StringScan {
    /// The byte that was looked at last is within a string, or has begun one.
    private(set) var isOpen = false
    private var isEscaped = false

    /// Whether `byte`, the next one, is a part of a string, its quotes among them.
    mutating func takes(_ byte: UInt8) -> Bool {
        guard isOpen else {
            isOpen = byte == 0x22
            return isOpen
        }
        if isEscaped { isEscaped = false } else if byte == 0x5C { isEscaped = true } else { isOpen = byte != 0x22 }
        return true
    }
}

/// Reads the bodies of batches, which may be long, on a thread of its own.
actor BatchReader {
    private let executor = BlockingExecutor("batch-reader")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// The batch in `file`, all of which can be taken.
    func read(_ file: File?, _ schema: BodySchema) throws -> BatchBody { try BatchBody(file, schema) }
}
