/// Writes one XML document, indented by four spaces a level.
///
/// Element and attribute names are ours; values are anybody's and are escaped here. Values must be
/// `XMLWriter.canHold`, which descriptions check before they get this far.
struct XMLWriter {
    /// An attribute of an element.
    typealias Attribute = (name: StaticString, value: String)

    private(set) var bytes: [UInt8] = Array("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".utf8)
    private var depth = 0

    /// Whether XML has a way to write `text`: it has none for most control characters.
    static func canHold(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20
                ? scalar.value & 0xFFFE != 0xFFFE : scalar == "\t" || scalar == "\n" || scalar == "\r"
        }
    }

    /// `<name …/>`, or `<name …>text</name>`.
    mutating func element(_ name: StaticString, _ attributes: [Attribute] = [], text: String? = nil) {
        indent()
        startTag(name, attributes)
        if let text {
            add(">")
            add(escaping: text)
            endTag(name)
        } else {
            add("/>\n")
        }
    }

    /// An element with the elements that `content` writes inside.
    mutating func element(
        _ name: StaticString, _ attributes: [Attribute] = [], content: (inout XMLWriter) -> Void
    ) {
        indent()
        startTag(name, attributes)
        add(">\n")
        depth += 1
        content(&self)
        depth -= 1
        indent()
        endTag(name)
    }

    /// A comment.
    ///
    /// - Precondition: `text` has no two hyphens in a row and does not end in one.
    mutating func comment(_ text: String) {
        indent()
        add("<!-- ")
        bytes += Array(text.utf8)
        add(" -->\n")
    }

    private mutating func startTag(_ name: StaticString, _ attributes: [Attribute]) {
        add("<")
        add(name)
        for attribute in attributes {
            add(" ")
            add(attribute.name)
            add("=\"")
            add(escaping: attribute.value)
            add("\"")
        }
    }

    private mutating func endTag(_ name: StaticString) {
        add("</")
        add(name)
        add(">\n")
    }

    private mutating func indent() { bytes += [UInt8](repeating: 0x20, count: depth * 4) }

    private mutating func add(_ text: StaticString) {
        bytes += UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// Line ends and tabs are written as references too: in an attribute a reader would make spaces of them.
    private mutating func add(escaping text: String) {
        precondition(Self.canHold(text), "a value that XML cannot hold got past its check")
        for byte in text.utf8 {
            switch byte {
            case 0x26: add("&amp;")
            case 0x3C: add("&lt;")
            case 0x3E: add("&gt;")
            case 0x22: add("&quot;")
            case 0x27: add("&apos;")
            case 0x09: add("&#9;")
            case 0x0A: add("&#10;")
            case 0x0D: add("&#13;")
            default: bytes.append(byte)
            }
        }
    }
}
