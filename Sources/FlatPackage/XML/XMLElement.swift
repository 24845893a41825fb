/// An element of a document that `XMLParser` has read. All bytes are valid UTF-8.
///
/// Names and values stay bytes: `String` compares by meaning (é composed and decomposed are equal), a package does not.
struct XMLElement: Sendable {
    struct Attribute: Sendable {
        let name: [UInt8]
        let value: [UInt8]
    }

    let name: [UInt8]
    let attributes: [Attribute]
    var children: [XMLElement] = []
    /// The character data directly inside, without that of children, references resolved.
    var text: [UInt8] = []

    /// The value of the attribute `name`; nil when there is none.
    func attribute(_ name: StaticString) -> String? { attributes.first { $0.name.equals(name) }?.value.text }

    /// The child elements called `name`, in order.
    func children(_ name: StaticString) -> [XMLElement] { children.filter { $0.name.equals(name) } }

    /// The first child element called `name`.
    func first(_ name: StaticString) -> XMLElement? { children.first { $0.name.equals(name) } }

    /// The text of the first child called `name`, without white space at its ends.
    func text(of name: StaticString) -> String? { first(name)?.trimmedText }

    /// The text without white space at its ends.
    var trimmedText: String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
        let start = text.drop(while: isSpace)
        let end = start.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start.startIndex
        return String(decoding: start[..<end], as: UTF8.self)
    }

    /// Every element called `name` below this one, in document order.
    func descendants(_ name: StaticString) -> [XMLElement] {
        var found: [XMLElement] = []
        var waiting = Array(children.reversed())
        while let next = waiting.popLast() {
            if next.name.equals(name) { found.append(next) }
            waiting.append(contentsOf: next.children.reversed())
        }
        return found
    }
}
