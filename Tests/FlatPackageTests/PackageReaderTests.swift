import Foundation
import System
import TestSupport
import Testing

@testable import FlatPackage

@Suite struct PackageReaderTests {
    @Test("a product is read as it was described")
    func product() async throws {
        try await withFile(try await Fixture.productBytes()) { file in
            let reader = try PackageReader(file)
            #expect(reader.kind == .product)
            #expect(!reader.isSigned && !reader.isStapled)
            #expect(reader.creationTime == "2026-09-21T14:13:20")
            #expect(reader.components.map(\.name) == ["server.pkg", "node.pkg"])
            #expect(reader.components.map(\.info.identifier) == ["com.example.server", "com.example.node"])
            #expect(reader.components.map(\.info.scripts.count) == [2, 2])
            #expect(reader.distribution?.title == "Example <&> \"Server\"")
            #expect(reader.distribution?.hostArchitectures == ["arm64", "x86_64"])
            #expect(reader.distribution?.minimumMacOS == "13.0")
            #expect(reader.distribution?.packages.map(\.name) == ["server.pkg", "node.pkg"])
            #expect(reader.member("server.pkg/Payload")?.encoding == .stored)
            #expect(reader.member("Distribution")?.encoding == .zlib)
            #expect(reader.member("nothing") == nil)
        }
    }

    @Test("payload entries come with type, mode, owner, size and target")
    func entries() async throws {
        try await withFile(try await Fixture.productBytes()) { file in
            let reader = try PackageReader(file)
            var entries: [PayloadEntry] = []
            try reader.forEachPayloadEntry(of: reader.components[0]) { entries.append($0) }
            #expect(
                entries.map(\.path)
                    == [
                        "", "bin", "bin/run", "bin/start", "share", "share.txt", "share/empty", "share/é.txt",
                    ].map(bytes))
            #expect(
                entries[2]
                    == PayloadEntry(
                        path: bytes("bin/run"), kind: .file, mode: 0o755, owner: 0, group: 0, byteCount: 17,
                        linkTarget: []))
            #expect(entries[3].linkTarget == bytes("run"))
        }
    }

    @Test("a file of a payload and a script are given whole, what is not there is nil")
    func content() async throws {
        try await withFile(try await Fixture.productBytes()) { file in
            let reader = try PackageReader(file)
            let server = reader.components[0]
            #expect(try reader.payloadFile("share/é.txt", of: server) == noise(700))
            #expect(try reader.payloadFile("share/none", of: server) == nil)
            #expect(try reader.script("postinstall", of: server) == bytes("#!/bin/sh\nexit 0\n"))
            #expect(try reader.script("none", of: server) == nil)
            #expect(throws: PackageError.self) { try reader.payloadFile("share/é.txt", of: server, limit: 699) }
        }
    }

    @Test("a component package, as pkgbuild makes it, is read")
    func componentPackage() async throws {
        let package = try Forge.archive(try Forge().componentMembers(folder: ""))
        try await withFile(package) { file in
            let reader = try PackageReader(file)
            #expect(reader.kind == .component)
            #expect(reader.distribution == nil)
            #expect(reader.components.map(\.name) == [""])
            #expect(reader.components[0].payload?.path == "Payload")
        }
        #expect(try await codes(of: package).isEmpty)
    }

    @Test("a name written twice, as pkgbuild of macOS 12.3 and later does, is one name")
    func doubledName() async throws {
        var forge = Forge()
        forge.table = { $0.replacing("<name>Bom</name>", with: "<name>Bom</name><name>Bom</name>") }
        #expect(try await codes(of: try forge.build()).isEmpty)
        forge.table = { $0.replacing("<name>Bom</name>", with: "<name>Bom</name><name>Mob</name>") }
        #expect(try await codes(of: try forge.build()) == ["malformed-toc"])
    }

    @Test(
        "a payload in another compression is listed from the bill, and noted as not examined",
        arguments: ["pbzx", "BZh9"])
    func otherCompression(magic: String) async throws {
        var forge = Forge()
        forge.members = { $0[1].content = bytes(magic) + noise(100) }
        let package = try forge.build()
        #expect(try await codes(of: package) == ["payload-not-examined"])
        try await withFile(package) { file in
            let reader = try PackageReader(file)
            var paths: [[UInt8]] = []
            try reader.forEachPayloadEntry(of: reader.components[0]) { paths.append($0.path) }
            #expect(paths == ["", "a", "d", "d/b"].map(bytes))
        }
    }

    @Test("a payload that is not compressed at all is read")
    func uncompressed() async throws {
        var forge = Forge()
        forge.members = { $0[1].content = Forge.cpio(Forge().listed) }
        #expect(try await codes(of: try forge.build()) == ["payload-not-compressed"])
    }

    @Test("a signature and a stapled ticket are seen, and a ticket is no stray byte")
    func signedAndStapled() async throws {
        var forge = Forge()
        forge.members = { $0[0].isCompressed = true }
        let members = try forge.build()
        // A record is: t8lr, version 1, type, length, zero; all little-endian.
        let ticket = noise(100)
        var trailer = bytes("t8lr") + [1, 0, 1, 0] + [0, 0, 0, 0, 0, 0, 0, 0] + ticket
        trailer += bytes("t8lr") + [1, 0, 2, 0] + [100, 0, 0, 0, 0, 0, 0, 0]
        #expect(try await withFile(members + trailer) { try PackageReader($0).isStapled })
        #expect(try await codes(of: members + trailer).isEmpty)
        #expect(try await codes(of: members + trailer.dropFirst()) == ["stray-bytes"])

        forge.table = {
            $0.replacing(
                "</checksum>", with: "</checksum><signature style=\"RSA\"><offset>0</offset><size>0</size></signature>")
        }
        let signed = try forge.build()
        #expect(try await withFile(signed) { try PackageReader($0).isSigned })
        #expect(try await codes(of: signed) == ["signature-not-verified"])
    }

    @Test("percent escapes in a package's name are resolved")
    func percent() throws {
        let distribution = try Distribution(
            parsing: bytes(
                "<installer-script><pkg-ref id=\"a.b\">#my%20server%2Epkg%zz%</pkg-ref></installer-script>"),
            place: "Distribution")
        #expect(distribution.packages.map(\.name) == ["my server.pkg%zz%"])
    }

    // MARK: What is refused

    @Test("a named pipe, a device without end and a folder are refused at once")
    func notRegular() async throws {
        try await withTemporaryDirectory { path in
            #expect(mkfifo(path + "/pipe", 0o600) == 0)
            for (name, kind) in [
                (path + "/pipe", "named pipe"), ("/dev/zero", "character device"), (path, "directory"),
            ] {
                let file = try File.open(name)
                #expect(throws: PackageError.notARegularFile(path: name, kind: kind)) { try PackageReader(file) }
                #expect(throws: PackageError.notARegularFile(path: name, kind: kind)) {
                    try PackageChecker.check(file)
                }
            }
        }
    }

    @Test("every truncation of a package is refused")
    func truncations() async throws {
        let package = try await Fixture.smallProductBytes()
        try await withScratch { scratch in
            let growing = try scratch.createFile("growing.pkg")
            for byte in package {
                #expect(throws: PackageError.self) { try PackageReader(growing) }
                try growing.write([byte])
            }
            #expect(throws: Never.self) { try PackageReader(growing) }
        }
    }

    @Test(
        "sizes, offsets and lengths that no file has are refused",
        arguments: ["offset", "length"],
        [
            "9223372036854775807", "9223372036854775808", "18446744073709551615", "99999999999999999999", "-1", "+1",
            "", "0x1",
        ])
    func hugeNumbers(element: String, value: String) async throws {
        var forge = Forge()
        forge.table = { table in
            let start = table.ranges(of: "<\(element)>")[1]
            let end = table[start.upperBound...].ranges(of: "</\(element)>")[0]
            return table.replacingCharacters(in: start.upperBound..<end.lowerBound, with: value)
        }
        let found = try await codes(of: try forge.build())
        #expect(!found.isDisjoint(with: ["malformed-toc", "malformed-heap"]))
    }

    @Test("a member that claims 2^63 bytes of content is not believed")
    func hugeContent() async throws {
        var forge = Forge()
        forge.table = {
            $0.replacing(/<size>\d+<\/size><offset>20/, with: "<size>9223372036854775807</size><offset>20")
        }
        #expect(try await codes(of: try forge.build()).contains("exceeds-limit"))
    }

    @Test("a header that announces a table of 2^63 bytes is refused")
    func hugeTable() async throws {
        for value in [UInt64.max, 1 << 63, 1 << 62, 65 << 20] {
            var compressed = XarHeader(compressedByteCount: 10, inflatedByteCount: 10)
            compressed.compressedByteCount = value
            var inflated = XarHeader(compressedByteCount: 10, inflatedByteCount: 10)
            inflated.inflatedByteCount = value
            for header in [compressed, inflated] {
                try await withFile(header.encoded + noise(100)) { file in
                    #expect(throws: PackageError.self) { try XarReader(file) }
                }
            }
        }
    }

    @Test("a table of contents that inflates without end is stopped at its announced size")
    func tableBomb() async throws {
        let compressed = try PackageCompression.zlib([UInt8](repeating: 0x20, count: 32 << 20))
        let header = XarHeader(compressedByteCount: compressed.count, inflatedByteCount: 1000)
        try await withFile(header.encoded + compressed) { file in
            #expect(
                throws: PackageError.exceedsLimit(
                    place: "package.pkg", what: "the number of bytes that it inflates to", limit: 1000)
            ) { try XarReader(file) }
        }
    }

    @Test("a table of contents with a document type or too deep is refused")
    func tableXML() async throws {
        let lol = try Forge.archive(table: "<!DOCTYPE xar [<!ENTITY a \"b\">]><xar><toc>&a;</toc></xar>", heap: [])
        #expect(try await codes(of: lol) == ["malformed-toc"])
        let depth = 100_000
        let deep = String(repeating: "<file id=\"1\">", count: depth) + String(repeating: "</file>", count: depth)
        #expect(
            try await codes(of: try Forge.archive(table: "<xar><toc>\(deep)</toc></xar>", heap: [])) == [
                "exceeds-limit"
            ])
    }

    @Test(
        "names of members that lead elsewhere are refused",
        arguments: ["..", ".", "", "a/b", "/", String(repeating: "n", count: 256)])
    func names(name: String) async throws {
        var forge = Forge()
        forge.table = { $0.replacing("<name>Bom</name>", with: "<name>\(name)</name>") }
        #expect(try await codes(of: try forge.build()) == ["malformed-toc"])
    }

    @Test("an archive without a package in it, and bytes that are no archive, are refused")
    func noPackage() async throws {
        let archive = try Forge.archive([.init(path: "Readme", content: bytes("x"), isCompressed: true)])
        #expect(try await codes(of: archive) == ["malformed-package"])
        for content in [[], bytes("xar!"), bytes("PK\u{3}\u{4}"), noise(1000)] {
            #expect(try await codes(of: content) == ["malformed-xar-header"])
        }
    }
}

@Suite struct XarHeaderTests {
    private func header(_ algorithm: UInt32, size: UInt16 = 28, rest: [UInt8] = []) -> [UInt8] {
        var bytes = bytes("xar!")
        bytes.append(bigEndian: size)
        bytes.append(bigEndian: UInt16(1))
        bytes += [UInt8](repeating: 0, count: 16)
        bytes.append(bigEndian: algorithm)
        return bytes + rest
    }

    @Test(
        "the numbers of checksums are read in both their meanings",
        arguments: [(0, nil), (1, "sha1"), (2, "md5"), (3, "sha256"), (4, "sha512")] as [(UInt32, String?)])
    func numbers(number: UInt32, style: String?) throws {
        #expect(try XarHeader(decoding: header(number), place: "").checksumStyle == style)
    }

    @Test("a longer header names its checksum itself")
    func named() throws {
        let rest = bytes("sha256") + [UInt8](repeating: 0, count: 30)
        let read = try XarHeader(decoding: header(3, size: 64, rest: rest), place: "")
        #expect(read.checksumStyle == "sha256")
        #expect(read.headerByteCount == 64)
    }

    @Test("an unknown number, another version and a size that cannot be are refused")
    func refused() {
        for bytes in [header(5), header(1, size: 27), header(1, size: 0), header(1, size: 0xFFFF), header(1, size: 64)]
        {
            #expect(throws: PackageError.self) { try XarHeader(decoding: bytes, place: "") }
        }
        var other = header(1)
        other[7] = 2
        #expect(throws: PackageError.self) { try XarHeader(decoding: other, place: "") }
    }
}
