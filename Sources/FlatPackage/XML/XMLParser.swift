import System

/// Reads one XML 1.0 document, as much of the language as packages use and no more.
///
/// - No document type, hence no entities of its own and nothing to expand or fetch: only the five predefined ones and
///   numeric references.
/// - UTF-8 only; only characters that XML allows; no attribute twice.
/// - At most `maximumDepth` levels and `maximumNodeCount` elements and attributes. Nothing here calls itself.
/// - Comments, CDATA sections and processing instructions are read and, but for CDATA, dropped.
struct XMLParser {
    static let maximumDepth = 64
    static let maximumNodeCount = 250_000

    /// - Parameter part: what the document is, for errors, as is `place`.
    /// - Throws: `.malformed` or `.exceedsLimit`.
    static func parse(_ bytes: [UInt8], _ part: PackagePart, place: String) throws(PackageError) -> XMLElement {
        var parser = XMLParser(bytes: bytes, part: part, place: place)
        return try parser.document()
    }

    private let bytes: [UInt8]
    private let part: PackagePart
    private let place: String
    private var position = 0
    private var nodeCount = 0
    private var open: [XMLElement] = []
    private var root: XMLElement?

    private init(bytes: [UInt8], part: PackagePart, place: String) {
        self.bytes = bytes
        self.part = part
        self.place = place
    }

    private mutating func document() throws(PackageError) -> XMLElement {
        try checkCharacters()
        _ = takes("\u{FEFF}")  // a byte-order mark says what is required anyway
        if isAt("<?xml ") { try declaration() }
        while position < bytes.count {
            if takes("<!--") {
                try comment()
            } else if takes("<![CDATA[") {
                try characterData()
            } else if takes("<!") {
                throw malformed("it has a document type, which is not read because it can define entities")
            } else if takes("<?") {
                try instruction()
            } else if takes("</") {
                try endTag()
            } else if takes("<") {
                try startTag()
            } else {
                try text()
            }
        }
        guard open.isEmpty else { throw malformed("it ends inside <\(open.last?.name.text ?? "")>") }
        guard let root else { throw malformed("it has no element") }
        return root
    }

    // MARK: Around elements

    private func checkCharacters() throws(PackageError) {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw malformed("it is not UTF-8") }
        for index in bytes.indices {
            let byte = bytes[index]
            let isAllowed =
                byte >= 0x20
                ? byte != 0xEF
                    || !bytes[index...].starts(with: [0xEF, 0xBF, 0xBE])
                        && !bytes[index...].starts(with: [0xEF, 0xBF, 0xBF])
                : byte == 0x09 || byte == 0x0A || byte == 0x0D
            guard isAllowed else { throw malformed("it has a character that XML forbids at byte \(index)") }
        }
    }

    private mutating func declaration() throws(PackageError) {
        _ = takes("<?xml")
        let attributes = try attributes(endingAt: "?>")
        for attribute in attributes where attribute.name.equals("encoding") {
            let encoding = attribute.value.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
            guard encoding.equals("utf-8") else { throw malformed("its encoding is not UTF-8") }
        }
        guard takes("?>") else { throw malformed("its XML declaration has no end") }
    }

    private mutating func comment() throws(PackageError) {
        try skip(past: "--", "a comment")
        guard takes(">") else { throw malformed("a comment has two hyphens inside") }
    }

    private mutating func instruction() throws(PackageError) {
        let target = try name()
        let isReserved = target.count == 3 && target.map { $0 | 0x20 }.equals("xml")
        guard !isReserved else { throw malformed("it has an XML declaration that is not at its start") }
        try skip(past: "?>", "a processing instruction")
    }

    private mutating func characterData() throws(PackageError) {
        guard !open.isEmpty else { throw malformed("it has text outside its root element") }
        let start = position
        try skip(past: "]]>", "a CDATA section")
        try appendText(Self.withPlainLineEnds(bytes[start..<(position - 3)]))
    }

    // MARK: Elements

    private mutating func startTag() throws(PackageError) {
        guard open.count < Self.maximumDepth else {
            throw .exceedsLimit(place: place, what: "the nesting of its elements", limit: Int64(Self.maximumDepth))
        }
        guard root == nil else { throw malformed("it has a second root element") }
        try countNode()
        let name = try name()
        let element = XMLElement(name: name, attributes: try attributes(endingAt: ">"))
        if takes("/>") {
            close(element)
        } else if takes(">") {
            open.append(element)
        } else {
            throw malformed("the tag <\(name.text)> has no end")
        }
    }

    private mutating func endTag() throws(PackageError) {
        let name = try name()
        skipSpace()
        guard takes(">") else { throw malformed("the tag </\(name.text)> has no end") }
        guard let element = open.popLast(), element.name == name else {
            throw malformed("</\(name.text)> ends nothing that is open")
        }
        close(element)
    }

    private mutating func close(_ element: XMLElement) {
        if open.isEmpty {
            root = element
        } else {
            open[open.count - 1].children.append(element)
        }
    }

    /// Attributes up to `end` or `/` `end`, which stay to be taken.
    private mutating func attributes(endingAt end: StaticString) throws(PackageError) -> [XMLElement.Attribute] {
        var attributes: [XMLElement.Attribute] = []
        while true {
            let hadSpace = skipSpace()
            if position >= bytes.count || isAt(end) || isAt("/>") { return attributes }
            guard hadSpace else { throw malformed("an attribute does not follow a space at byte \(position)") }
            try countNode()
            let name = try name()
            skipSpace()
            guard takes("=") else { throw malformed("the attribute \(name.text) has no value") }
            skipSpace()
            guard !attributes.contains(where: { $0.name == name }) else {
                throw malformed("the attribute \(name.text) occurs twice in an element")
            }
            guard attributes.count < Self.maximumDepth else {
                throw .exceedsLimit(
                    place: place, what: "the number of attributes of an element", limit: Int64(Self.maximumDepth))
            }
            attributes.append(XMLElement.Attribute(name: name, value: try attributeValue()))
        }
    }

    private mutating func attributeValue() throws(PackageError) -> [UInt8] {
        let quote: UInt8
        if takes("\"") {
            quote = 0x22
        } else if takes("'") {
            quote = 0x27
        } else {
            throw malformed("an attribute's value is not in quotes at byte \(position)")
        }
        var value: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case quote: return value
            case 0x26: value += try reference()
            case 0x3C: throw malformed("an attribute's value holds < at byte \(position - 1)")
            case 0x0D where position < bytes.count && bytes[position] == 0x0A: break
            case 0x09, 0x0A, 0x0D: value.append(0x20)
            default: value.append(byte)
            }
        }
        throw malformed("an attribute's value has no end")
    }

    // MARK: Text

    private mutating func text() throws(PackageError) {
        var text: [UInt8] = []
        while position < bytes.count, bytes[position] != 0x3C {
            if takes("&") {
                text += try reference()
                continue
            }
            let start = position
            while position < bytes.count, bytes[position] != 0x3C, bytes[position] != 0x26 {
                guard bytes[position] != 0x5D || !isAt("]]>") else { throw malformed("its text holds ]]>") }
                position += 1
            }
            text += Self.withPlainLineEnds(bytes[start..<position])
        }
        try appendText(text)
    }

    private mutating func appendText(_ text: [UInt8]) throws(PackageError) {
        if open.isEmpty {
            let isBlank = text.allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x09 }
            guard isBlank else { throw malformed("it has text outside its root element") }
        } else {
            open[open.count - 1].text += text
        }
    }

    /// What the reference means whose `&` has just been taken.
    private mutating func reference() throws(PackageError) -> [UInt8] {
        let start = position
        if takes("#") { return try numericReference() }
        if takes("amp;") { return [0x26] }
        if takes("lt;") { return [0x3C] }
        if takes("gt;") { return [0x3E] }
        if takes("quot;") { return [0x22] }
        if takes("apos;") { return [0x27] }
        throw malformed("it refers to an unknown entity at byte \(start - 1)")
    }

    private mutating func numericReference() throws(PackageError) -> [UInt8] {
        let start = position
        let radix: UInt32 = takes("x") ? 16 : 10
        var value: UInt32 = 0
        var digitCount = 0
        while position < bytes.count, let digit = Self.digit(bytes[position], radix), digitCount < 8 {
            value = value &* radix &+ digit
            digitCount += 1
            position += 1
        }
        let isAllowed = value >= 0x20 ? value & 0xFFFE != 0xFFFE : value == 0x09 || value == 0x0A || value == 0x0D
        guard digitCount > 0, takes(";"), isAllowed, let scalar = Unicode.Scalar(value),
            let encoded = UTF8.encode(scalar)
        else { throw malformed("it has a bad character reference at byte \(start - 2)") }
        return Array(encoded)
    }

    private static func digit(_ byte: UInt8, _ radix: UInt32) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46 where radix == 16: UInt32(byte - 0x41 + 10)
        case 0x61...0x66 where radix == 16: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }

    private static func withPlainLineEnds(_ text: ArraySlice<UInt8>) -> [UInt8] {
        guard text.contains(0x0D) else { return Array(text) }
        var result: [UInt8] = []
        var previous: UInt8 = 0
        for byte in text {
            if byte == 0x0D {
                result.append(0x0A)
            } else if byte != 0x0A || previous != 0x0D {
                result.append(byte)
            }
            previous = byte
        }
        return result
    }

    // MARK: Small steps

    private mutating func name() throws(PackageError) -> [UInt8] {
        let start = position
        while position < bytes.count, Self.isNameByte(bytes[position], first: position == start) { position += 1 }
        guard position > start else { throw malformed("a name was expected at byte \(start)") }
        return Array(bytes[start..<position])
    }

    /// Letters, `_` and `:`, after the first also digits, `-` and `.`. Beyond ASCII anything goes: such a name is none
    /// that we look for.
    private static func isNameByte(_ byte: UInt8, first: Bool) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x5F, 0x3A, 0x80...0xFF: true
        case 0x30...0x39, 0x2D, 0x2E: !first
        default: false
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    private mutating func countNode() throws(PackageError) {
        nodeCount += 1
        guard nodeCount <= Self.maximumNodeCount else {
            throw .exceedsLimit(
                place: place, what: "the number of its elements and attributes", limit: Int64(Self.maximumNodeCount))
        }
    }

    @discardableResult
    private mutating func skipSpace() -> Bool {
        let start = position
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
        return position > start
    }

    private mutating func skip(past end: StaticString, _ what: String) throws(PackageError) {
        while position < bytes.count {
            if takes(end) { return }
            position += 1
        }
        throw malformed("\(what) has no end")
    }

    private mutating func takes(_ text: StaticString) -> Bool {
        guard isAt(text) else { return false }
        position += text.utf8CodeUnitCount
        return true
    }

    private func isAt(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard length <= bytes.count - position else { return false }
        for index in 0..<length where bytes[position + index] != text.utf8Start[index] { return false }
        return true
    }

    private func malformed(_ reason: String) -> PackageError {
        .malformed(part, place: place, reason: "as XML, " + Printable.text(reason))
    }
}
