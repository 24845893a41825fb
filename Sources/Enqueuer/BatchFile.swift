public import JSON
import System

/// The rows of a batch, as people keep them: a table with commas, as spreadsheets write it (RFC 4180), or JSON.
///
/// A table's first line names its columns: `nodeName`, `packageName`, and `label:KEY` for each label. JSON is a list of objects
/// with `nodeName`, `packageName` and `labels`, or an object with that list as `rows`. What is empty was not said.
public struct BatchFile: Sendable, Equatable {
    /// One installer.
    public struct Row: Sendable, Equatable {
        /// The node's host name; nil lets the Mac name itself.
        public var nodeName: String?
        /// The package's file name; nil for the default.
        public var packageName: String?
        /// Keys and values in their order.
        public var labels: [Label] = []

        /// A label.
        public struct Label: Sendable, Equatable {
            /// What it is called.
            public let key: String
            /// What it says.
            public let value: String
        }
    }

    /// In their order.
    public let rows: [Row]
    /// How secrets are sealed; nil for the farm's choice.
    public var sealing: String?
    /// The lane; nil for `batch`.
    public var lane: String?

    /// The most rows that a file may have.
    public static let mostRows = 10_000
    /// The most bytes.
    public static let mostBytes = 64 << 20

    /// Reads a file's content.
    public init(parsing bytes: [UInt8]) throws(BatchFileError) {
        // Spreadsheets put a mark at the beginning.
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        guard String(validating: content, as: UTF8.self) != nil else { throw .notText }
        let first = content.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        let isJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        rows = isJSON ? try Self.json(Array(content)) : try Self.table(content)
        guard !rows.isEmpty else { throw .empty }
        guard rows.count <= Self.mostRows else { throw .tooManyRows(rows.count) }
    }

    /// The rows as orders.
    public func orders(requestedBy requester: String) -> [InstallerOrder] {
        rows.map { row in
            InstallerOrder(
                nodeName: row.nodeName, packageName: row.packageName, sealing: sealing,
                labels: row.labels.map { "\($0.key)=\($0.value)" }, lane: lane, requestedBy: requester)
        }
    }

    /// The body by which a server is asked.
    public var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init(
                "rows",
                .array(
                    rows.map { row in
                        var members: [JSONValue.Member] = []
                        if let name = row.nodeName { members.append(.init("nodeName", .string(name))) }
                        if let name = row.packageName { members.append(.init("packageName", .string(name))) }
                        if !row.labels.isEmpty {
                            members.append(
                                .init("labels", .object(row.labels.map { .init($0.key, .string($0.value)) })))
                        }
                        return .object(members)
                    }))
        ]
        if let sealing { members.append(.init("sealing", .string(sealing))) }
        if let lane { members.append(.init("lane", .string(lane))) }
        return .object(members)
    }

    // MARK: JSON

    private static func json(_ bytes: [UInt8]) throws(BatchFileError) -> [Row] {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch { throw .malformed(error.description) }
        if let members = value.members, let other = members.first(where: { $0.name != "rows" }) {
            throw .malformed("'\(Printable.text(other.name, limit: 40))' is no member of a batch; it has 'rows'")
        }
        guard let items = value.array ?? value["rows"]?.array else { throw .malformed("expected a list of rows") }
        var rows: [Row] = []
        for (index, item) in items.enumerated() {
            guard let members = item.members else { throw .row(index + 1, "expected an object") }
            var row = Row()
            for member in members where member.value != .null {
                switch member.name {
                case "nodeName", "packageName":
                    guard let text = member.value.string else {
                        throw .row(index + 1, "\(member.name): expected a text")
                    }
                    if member.name == "nodeName" { row.nodeName = text } else { row.packageName = text }
                case "labels":
                    guard let labels = member.value.members else {
                        throw .row(index + 1, "labels: expected an object of texts")
                    }
                    for label in labels {
                        guard let text = label.value.string else {
                            throw .row(index + 1, "labels: expected an object of texts")
                        }
                        row.labels.append(Row.Label(key: label.name, value: text))
                    }
                default: throw .row(index + 1, unknown(member.name, ["nodeName", "packageName", "labels"]))
                }
            }
            rows.append(row)
        }
        return rows
    }

    // MARK: Tables

    private enum Column {
        case nodeName, packageName
        case label(String)
    }

    private static func table(_ bytes: ArraySlice<UInt8>) throws(BatchFileError) -> [Row] {
        var lines = try fields(bytes)
        guard let head = lines.first else { throw .empty }
        lines.removeFirst()
        var columns: [Column] = []
        var seen: Set<[UInt8]> = []
        for name in head.fields {
            let text = name.utf8
            guard seen.insert(Array(text)).inserted else {
                throw .malformed("the column '\(Printable.text(name, limit: 40))' is there twice")
            }
            if ["nodeName", "node_name", "node-name"].contains(where: { text.elementsEqual($0.utf8) }) {
                columns.append(.nodeName)
            } else if ["packageName", "package_name", "package-name"].contains(where: { text.elementsEqual($0.utf8) }) {
                columns.append(.packageName)
            } else if text.starts(with: "label:".utf8), text.count > 6 {
                columns.append(.label(String(decoding: text.dropFirst(6), as: UTF8.self)))
            } else {
                throw .malformed(unknown(name, ["nodeName", "packageName", "label:KEY"]))
            }
        }
        var rows: [Row] = []
        for line in lines {
            guard line.fields.count == columns.count else {
                throw .row(
                    rows.count + 1,
                    "line \(line.number) has \(line.fields.count) fields, and there are \(columns.count) columns")
            }
            var row = Row()
            for (column, field) in zip(columns, line.fields) where !field.isEmpty {
                switch column {
                case .nodeName: row.nodeName = field
                case .packageName: row.packageName = field
                case .label(let key): row.labels.append(Row.Label(key: key, value: field))
                }
            }
            rows.append(row)
        }
        return rows
    }

    /// Lines of fields, without those that are empty. A field in quotes may hold commas, ends of lines and, doubled, quotes.
    private static func fields(
        _ bytes: ArraySlice<UInt8>
    ) throws(BatchFileError) -> [(number: Int, fields: [String])] {
        let (quote, comma, newline, carriageReturn) = (UInt8(0x22), UInt8(0x2C), UInt8(0x0A), UInt8(0x0D))
        var lines: [(number: Int, fields: [String])] = []
        var (fields, field): ([String], [UInt8]) = ([], [])
        var (number, start) = (1, 1)
        var (isQuoted, wasQuoted) = (false, false)
        var index = bytes.startIndex
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            if isQuoted {
                if byte == newline { number += 1 }
                if byte != quote {
                    field.append(byte)
                } else if index < bytes.endIndex, bytes[index] == quote {
                    field.append(quote)
                    index += 1
                } else {
                    (isQuoted, wasQuoted) = (false, true)
                }
                continue
            }
            switch byte {
            case quote where field.isEmpty && !wasQuoted: isQuoted = true
            case comma:
                fields.append(text(field))
                (field, wasQuoted) = ([], false)
            case carriageReturn where index < bytes.endIndex && bytes[index] == newline: continue
            case newline:
                if !fields.isEmpty || !field.isEmpty || wasQuoted { lines.append((start, fields + [text(field)])) }
                (fields, field, wasQuoted) = ([], [], false)
                number += 1
                start = number
            case _ where byte < 0x20 && byte != 0x09:
                throw .malformed("line \(number) holds a control character")
            case _ where wasQuoted || byte == quote:
                throw .malformed("line \(number): a quote must begin and end its field")
            default: field.append(byte)
            }
            if lines.count > mostRows + 1 { throw .tooManyRows(lines.count - 1) }
        }
        guard !isQuoted else { throw .malformed("the quotes that line \(start) opens are not closed") }
        if !fields.isEmpty || !field.isEmpty || wasQuoted { lines.append((start, fields + [text(field)])) }
        return lines
    }

    private static func unknown(_ name: String, _ known: [String]) -> String {
        let hint =
            NearestName.of(name, among: known).map { "did you mean '\($0)'?" }
            ?? "known are \(known.joined(separator: ", "))"
        return "'\(Printable.text(name, limit: 40))' is not known here; \(hint)"
    }
}

/// Why a file is no batch.
public enum BatchFileError: Error, Equatable, Sendable, CustomStringConvertible {
    case notText
    case empty
    case tooManyRows(Int)
    case malformed(String)
    case row(Int, String)

    /// One sentence.
    public var description: String {
        switch self {
        case .notText: "the file is not UTF-8 text; save it as UTF-8"
        case .empty: "the file has no rows"
        case .tooManyRows: "the file has more than \(BatchFile.mostRows) rows; make several files of it"
        case .malformed(let detail): "the file is no batch: \(detail)"
        case .row(let row, let detail): "row \(row): \(detail)"
        }
    }
}
