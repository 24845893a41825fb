import Testing

@testable import FlatPackage

@Suite struct CPIOTests {
    private func read(_ archive: [UInt8]) throws(PackageError) -> [(name: String, content: [UInt8])] {
        let reader = CPIOReader(BytesStream(archive), place: "Payload")
        var found: [(name: String, content: [UInt8])] = []
        while let member = try reader.next() {
            var content: [UInt8] = []
            try reader.forEachPiece { (piece) throws(PackageError) in content.append(contentsOf: piece) }
            found.append((member.name.text, content))
        }
        return found
    }

    @Test("a header is 76 octal digits in the order of the standard")
    func header() throws {
        let header = CPIOHeader(
            inode: 5, mode: 0o100644, owner: 1, group: 2, linkCount: 1, modified: 0o12345670123, nameByteCount: 7,
            byteCount: 0o77777777777)
        let text =
            "070707" + "000000" + "000005" + "100644" + "000001" + "000002" + "000001" + "000000"
            + "12345670123" + "000007" + "77777777777"
        #expect(header.encoded.text == text)
        #expect(try header.encoded.withUnsafeBytes { try CPIOHeader($0) } == header)
    }

    @Test("members are read in order with their content")
    func reading() throws {
        let archive = Forge.cpio([
            .init(path: "", kind: .directory), .init(path: "a", content: bytes("abc")),
            .init(path: "b", content: noise(600_000)),
        ])
        let found = try read(archive)
        #expect(found.map(\.name) == [".", "./a", "./b"])
        #expect(found.last?.content == noise(600_000))
    }

    @Test("content that nobody takes is skipped")
    func skipping() throws {
        let reader = CPIOReader(
            BytesStream(Forge.cpio([.init(path: "a", content: noise(600_000)), .init(path: "b")])), place: "Payload")
        #expect(try reader.next()?.name == bytes("./a"))
        #expect(try reader.next()?.name == bytes("./b"))
        #expect(try reader.next() == nil)
    }

    @Test("every truncation is refused, up to the padding")
    func truncations() throws {
        let archive = Forge.cpio([.init(path: "a", content: bytes("abc"))])
        let end = 76 + 4 + 3 + 76 + 11
        for length in 0..<end {
            #expect(throws: PackageError.self) { try read(Array(archive.prefix(length))) }
        }
        #expect(try read(Array(archive.prefix(end))).count == 1)
    }

    @Test(
        "a header or a name that is none is refused",
        arguments: [
            (0, UInt8(ascii: "1")),  // magic
            (20, UInt8(ascii: "8")),  // no octal digit
            (64, UInt8(ascii: "0")),  // a name without length
            (79, UInt8(ascii: "x")),  // a name without NUL
            (77, 0),  // a NUL within
            (300, 1),  // something in the padding
        ])
    func malformed(offset: Int, byte: UInt8) throws {
        var archive = Forge.cpio([.init(path: "a", content: bytes("abc"))])
        archive[offset] = byte
        #expect(throws: PackageError.self) { try read(archive) }
    }

    @Test("padding without end is refused")
    func padding() throws {
        let archive = Forge.cpio([.init(path: "a")]) + [UInt8](repeating: 0, count: (1 << 20) + 1)
        #expect(throws: PackageError.self) { try read(archive) }
    }
}
