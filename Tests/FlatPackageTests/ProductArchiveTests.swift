import Crypto
import System
import TestSupport
import Testing

@testable import FlatPackage

@Suite struct ProductArchiveTests {
    private func component(_ identifier: String = "com.example.server") async throws -> ComponentPackage {
        try await withScratch { scratch in
            try ComponentPackage.assemble(Fixture.component(identifier: identifier), scratch: scratch)
        }
    }

    @Test("the header is the 28 bytes of Apple's tools")
    func header() {
        #expect(
            Hex.encode(XarHeader(compressedByteCount: 0x1234, inflatedByteCount: 0x5678).encoded)
                == "78617221" + "001c" + "0001" + "0000000000001234" + "0000000000005678" + "00000001")
    }

    @Test("the table of contents has these bytes, and no time or machine but the content date")
    func table() async throws {
        let package = try await Fixture.smallProductBytes()
        let table = try await withFile(package) { file in
            let archive = try XarReader(file)
            let stream = try InflatingStream(
                BytesStream(archive.compressedTable), .zlib, limit: 1 << 20, part: .tableOfContents, place: "")
            return try stream.readAll(limit: 1 << 20, place: "").text
        }
        #expect(
            table.hasPrefix(
                """
                <?xml version="1.0" encoding="utf-8"?>
                <xar>
                    <toc>
                        <creation-time>2026-09-21T14:13:20</creation-time>
                        <checksum style="sha1">
                            <offset>0</offset>
                            <size>20</size>
                        </checksum>
                        <file id="1">
                            <mode>0755</mode>
                            <type>directory</type>
                            <name>a.pkg</name>
                            <file id="2">
                                <data>
                                    <archived-checksum style="sha1">
                """.trimmingSuffix { $0 == "\n" || $0 == " " }))
        let names = table.split(separator: "<name>").dropFirst().map { $0.prefix { $0 != "<" } }
        #expect(names == ["a.pkg", "Bom", "Payload", "Scripts", "PackageInfo", "Distribution"])
        #expect(table.contains("<file id=\"6\">"))
        #expect(!table.contains("mtime") && !table.contains("inode") && !table.contains("<user>"))
    }

    @Test("the Distribution has these bytes")
    func distribution() async throws {
        let text = Distribution.xml(Fixture.product([("server.pkg", try await component())])).text
        #expect(
            text == """
                <?xml version="1.0" encoding="utf-8"?>
                <!-- flat-package-tests 1 -->
                <installer-gui-script minSpecVersion="2">
                    <title>Example &lt;&amp;&gt; &quot;Server&quot;</title>
                    <product id="com.example.product" version="1.0"/>
                    <options customize="never" require-scripts="false" rootVolumeOnly="true" \
                hostArchitectures="arm64,x86_64"/>
                    <domains enable_anywhere="false" enable_currentUserHome="false" enable_localSystem="true"/>
                    <volume-check>
                        <allowed-os-versions>
                            <os-version min="13.0"/>
                        </allowed-os-versions>
                    </volume-check>
                    <choices-outline>
                        <line choice="default">
                            <line choice="com.example.server"/>
                        </line>
                    </choices-outline>
                    <choice id="default"/>
                    <choice id="com.example.server" visible="false">
                        <pkg-ref id="com.example.server"/>
                    </choice>
                    <pkg-ref id="com.example.server" version="1.0.0" onConclusion="none" \
                installKBytes="2">#server.pkg</pkg-ref>
                </installer-gui-script>

                """)
    }

    @Test("the size is known before anything is written, and nothing follows the last member")
    func size() async throws {
        try await withScratch { scratch in
            let archive = try ProductArchive(Fixture.product([("a.pkg", try await component())]))
            let content = try written(archive, in: scratch)
            #expect(Int64(content.count) == archive.byteCount)
        }
    }

    @Test("equal descriptions give equal bytes")
    func deterministic() async throws {
        #expect(try await Fixture.productBytes() == Fixture.productBytes())
    }

    @Test("progress ends at the size, and can stop the work")
    func progress() async throws {
        try await withScratch { scratch in
            let archive = try ProductArchive(Fixture.product([("a.pkg", try await component())]))
            var last: Int64 = 0
            try archive.write(to: try scratch.createFile("one")) { done, _ in last = done }
            #expect(last == archive.byteCount)
            #expect(throws: PackageError.cancelled) {
                try archive.write(to: try scratch.createFile("two")) { (_, _) throws(PackageError) in throw .cancelled }
            }
        }
    }

    @Test(
        "a component name that could lead elsewhere is refused",
        arguments: ["server", "a/b.pkg", "../a.pkg", ".pkg", "a b.pkg", "é.pkg", "a#.pkg"])
    func names(name: String) async throws {
        let package = try await component()
        let error = #expect(throws: PackageError.self) { try ProductArchive(Fixture.product([(name, package)])) }
        guard case .badValue(field: "component name", value: name, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("two components with one name or one identifier are refused, and none at all")
    func twice() async throws {
        let one = try await component("com.example.one")
        let two = try await component("com.example.two")
        for components in [[("a.pkg", one), ("A.pkg", two)], [("a.pkg", one), ("b.pkg", one)], []] {
            #expect(throws: PackageError.self) { try ProductArchive(Fixture.product(components)) }
        }
    }

    @Test("a title, a macOS, an architecture, a generator or a date of another form is refused")
    func values() async throws {
        let package = try await component()
        func product(
            title: String = "T", macOS: String = "13.0", architectures: [String] = ["arm64"], generator: String = "g",
            date: Timestamp = contentDate
        ) throws {
            _ = try ProductArchive(
                ProductDescription(
                    title: title, identifier: "com.example.p", version: "1", minimumMacOS: macOS,
                    hostArchitectures: architectures, components: [("a.pkg", package)], contentDate: date,
                    generator: generator))
        }
        #expect(throws: Never.self) { try product() }
        for title in ["", "a\u{1}b", "a\nb"] { #expect(throws: PackageError.self) { try product(title: title) } }
        #expect(throws: PackageError.self) { try product(macOS: "thirteen") }
        for list in [[], ["arm64,x86_64"], [""]] {
            #expect(throws: PackageError.self) { try product(architectures: list) }
        }
        for generator in ["", "a--b", "a-", "é", "a\nb"] {
            #expect(throws: PackageError.self) { try product(generator: generator) }
        }
        for seconds in [-1, 1 << 32] as [Int64] {
            #expect(throws: PackageError.self) { try product(date: Timestamp(seconds: seconds)) }
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ predicate: (Character) -> Bool) -> String {
        String(String(reversed().drop(while: predicate)).reversed())
    }
}
