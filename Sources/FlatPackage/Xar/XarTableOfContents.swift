import System

/// What a table of contents says: members, checksum, signatures. Offsets and sizes are checked against the heap.
struct XarTableOfContents: Sendable {
    /// A checksum or signature that lies in the heap.
    struct Slot: Sendable {
        /// The element's `style` in lower case: `sha1`, `rsa`, `cms`.
        let style: String
        let slice: HeapSlice
    }

    /// As written, nothing checked.
    let creationTime: String?
    let checksum: Slot?
    let signatures: [Slot]
    /// In document order, folders before what they hold.
    let members: [PackageMember]

    /// - Parameter heapByteCount: bytes of the file after the table of contents.
    init(_ xml: [UInt8], heapByteCount: Int64, place: String) throws(PackageError) {
        let root = try XMLParser.parse(xml, .tableOfContents, place: place)
        guard root.name.equals("xar"), let table = root.first("toc") else {
            throw .malformed(.tableOfContents, place: place, reason: "it has no xar element with a toc in it")
        }
        creationTime = table.text(of: "creation-time")
        var reader = TableReader(heapByteCount: heapByteCount, place: place)
        checksum = try table.first("checksum").map { (element) throws(PackageError) in try reader.slot(element) }
        signatures = try (table.children("signature") + table.children("x-signature")).map {
            (element) throws(PackageError) in try reader.slot(element)
        }
        for file in table.children("file") { try reader.add(file, below: "") }
        members = reader.members
    }
}

/// Turns elements of the table of contents into members.
private struct TableReader {
    let heapByteCount: Int64
    let place: String
    private(set) var members: [PackageMember] = []
    private var identifiers: Set<Int64> = []
    private var paths: Set<[UInt8]> = []

    init(heapByteCount: Int64, place: String) {
        self.heapByteCount = heapByteCount
        self.place = place
    }

    /// Calls itself for folders; the XML parser's limit of depth bounds that.
    mutating func add(_ file: XMLElement, below prefix: String) throws(PackageError) {
        guard let identifier = Self.number(file.attribute("id")), identifiers.insert(identifier).inserted else {
            throw malformed("a file's id is missing, no number, or used twice")
        }
        let path = prefix + (try name(of: file))
        guard paths.insert(Array(path.utf8)).inserted else { throw malformed("\(path) occurs twice") }
        let kind = try kind(of: file, path)
        members.append(try member(file, path, kind))
        let children = file.children("file")
        guard children.isEmpty || kind == .directory else { throw malformed("\(path) holds files and is no folder") }
        for child in children { try add(child, below: path + "/") }
    }

    func slot(_ element: XMLElement) throws(PackageError) -> XarTableOfContents.Slot {
        let style = (element.attribute("style") ?? "").lowercased()
        return XarTableOfContents.Slot(style: style, slice: try slice(element, "size", "the \(style) slot"))
    }

    /// The last `name` element: pkgbuild of macOS 12.3 and later writes the same one twice.
    private func name(of file: XMLElement) throws(PackageError) -> String {
        let elements = file.children("name")
        guard let name = elements.last?.text, elements.allSatisfy({ $0.text == name }) else {
            throw malformed("a file has no name, or two different ones")
        }
        guard elements.allSatisfy({ $0.attribute("enctype") == nil }) else {
            throw .unsupported(place: place, what: "a member's name in base64")
        }
        let isPlain = !name.isEmpty && !name.contains(0x2F) && !name.equals(".") && !name.equals("..")
        guard isPlain, name.count <= ArchiveTree.maximumNameByteCount else {
            throw malformed("\"\(name.text)\" is no name of a file")
        }
        return name.text
    }

    private func kind(of file: XMLElement, _ path: String) throws(PackageError) -> PackageMember.Kind {
        guard let type = file.text(of: "type") else { throw malformed("\(path) has no type") }
        let bytes = Array(type.utf8)
        return bytes.equals("file") ? .file : bytes.equals("directory") ? .directory : .other(type)
    }

    private func member(
        _ file: XMLElement, _ path: String, _ kind: PackageMember.Kind
    ) throws(PackageError) -> PackageMember {
        var attributes: [HeapSlice] = []
        for element in file.children("ea") {
            // One that does not fit the file is left out, as macOS does not look at them either.
            if let slice = try? slice(element, "length", path) { attributes.append(slice) }
        }
        guard let data = file.first("data") else {
            return PackageMember(
                path: path, kind: kind, encoding: .stored, byteCount: 0, archivedByteCount: 0, heapOffset: 0,
                archivedChecksum: nil, contentChecksum: nil, attributeSlices: attributes)
        }
        let slice = try slice(data, "length", path)
        guard let byteCount = Self.number(data.text(of: "size")) else { throw malformed("\(path) has no size") }
        let encoding = data.first("encoding")?.attribute("style").map(MemberEncoding.init(mediaType:)) ?? .stored
        return PackageMember(
            path: path, kind: kind, encoding: encoding, byteCount: byteCount, archivedByteCount: slice.byteCount,
            heapOffset: slice.offset, archivedChecksum: Self.checksum(data.first("archived-checksum")),
            contentChecksum: Self.checksum(data.first("extracted-checksum")), attributeSlices: attributes)
    }

    private static func checksum(_ element: XMLElement?) -> StatedChecksum? {
        guard let element, let style = element.attribute("style") else { return nil }
        return StatedChecksum(style: style.lowercased(), hex: element.trimmedText.lowercased())
    }

    private func slice(
        _ element: XMLElement, _ sizeName: StaticString, _ what: String
    ) throws(PackageError) -> HeapSlice {
        guard let offset = Self.number(element.text(of: "offset")), let count = Self.number(element.text(of: sizeName))
        else { throw malformed("\(what) has no offset or no length") }
        guard offset <= heapByteCount, count <= heapByteCount - offset else {
            throw .malformed(
                .heap, place: place, reason: "\(Printable.text(what)) reaches beyond the file's end; is it cut short?")
        }
        return HeapSlice(offset: offset, byteCount: count)
    }

    /// Decimal digits that `Int64` holds.
    private static func number(_ text: String?) -> Int64? {
        guard let text, !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }

    private func malformed(_ reason: String) -> PackageError {
        .malformed(.tableOfContents, place: place, reason: Printable.text(reason))
    }
}
