import Testing

@testable import FlatPackage

@Suite struct XMLTests {
    private func parse(_ text: String) throws(PackageError) -> XMLElement {
        try XMLParser.parse(bytes(text), .distribution, place: "test")
    }

    @Test("elements, attributes, references, comments, CDATA and instructions are read")
    func reading() throws {
        let root = try parse(
            """
            \u{FEFF}<?xml version='1.0' encoding="utf-8" standalone="no"?>
            <!-- a comment --><?target data?>
            <root a="1 &lt;&#x41;&#66;&quot;" b='"'>text&amp;<child/><![CDATA[<&>]]> é
            <child c = "x">inner</child></root>
            <!-- after -->
            """)
        #expect(root.attribute("a") == "1 <AB\"")
        #expect(root.attribute("b") == "\"")
        #expect(root.trimmedText == "text&<&> é")
        #expect(root.children("child").map { $0.attribute("c") } == [nil, "x"])
        #expect(root.text(of: "child")?.isEmpty == true)
        #expect(root.descendants("child").last?.trimmedText == "inner")
    }

    @Test("line ends become line feeds, and spaces inside attributes")
    func lineEnds() throws {
        let root = try parse("<a b=\"1\r\n2\t3\">x\r\ny\rz</a>")
        #expect(root.attribute("b") == "1 2 3")
        #expect(root.text == bytes("x\ny\nz"))
    }

    @Test(
        "what is not well-formed, or could mean more than it says, is refused",
        arguments: [
            "", " ", "text", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a/>text", "text<a/>", "<a", "<a b", "<a b=",
            "<a b=1/>", "<a b=\"1/>", "<a b=\"<\"/>", "<a b=\"1\"c=\"2\"/>", "<a b='1' b='2'/>", "<1/>", "< a/>",
            "<a>&</a>", "<a>&amp</a>", "<a>&nbsp;</a>", "<a>&#0;</a>", "<a>&#x1F;</a>", "<a>&#xD800;</a>",
            "<a>&#x110000;</a>", "<a>&#xFFFE;</a>", "<a>&#;</a>", "<a>&#x;</a>", "<a>&#99999999999;</a>", "<a>]]></a>",
            "<a><!-- -- --></a>", "<a><!-- </a>", "<a><![CDATA[</a>", "<![CDATA[]]><a/>",
            "<a><?xml version='1.0'?></a>",
            " <?xml version=\"1.0\"?><a/>", "<?xml version=\"1.0\" encoding=\"latin1\"?><a/>", "<a>\u{1}</a>",
            "<a>\u{FFFF}</a>", "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
            "<a><!ELEMENT b ANY></a>", "<a/ >", "<a/",
        ])
    func refused(text: String) throws {
        let error = #expect(throws: PackageError.self) { try parse(text) }
        guard case .malformed(.distribution, place: "test", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a document that defines entities of entities is refused before anything expands")
    func billionLaughs() {
        var text = "<!DOCTYPE lolz [<!ENTITY lol \"lol\">"
        for level in 1...9 {
            text += "<!ENTITY lol\(level) \"\(String(repeating: "&lol\(level - 1);", count: 10))\">"
        }
        #expect(throws: PackageError.self) { try parse(text + "]><lolz>&lol9;</lolz>") }
    }

    @Test("nesting is bounded, at the limit and far beyond it", arguments: [65, 1000, 100_000])
    func nesting(depth: Int) {
        let text = String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        #expect(
            throws: PackageError.exceedsLimit(place: "test", what: "the nesting of its elements", limit: 64)
        ) { try parse(text) }
    }

    @Test("64 levels are taken")
    func deepest() throws {
        _ = try parse(String(repeating: "<a>", count: 64) + String(repeating: "</a>", count: 64))
    }

    @Test("the number of attributes of an element is bounded")
    func manyAttributes() {
        let text = "<a" + (0..<65).map { " a\($0)=''" }.joined() + "/>"
        #expect(
            throws: PackageError.exceedsLimit(
                place: "test", what: "the number of attributes of an element", limit: 64)
        ) { try parse(text) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func notUTF8() {
        #expect(throws: PackageError.malformed(.tableOfContents, place: "t", reason: "as XML, it is not UTF-8")) {
            try XMLParser.parse([0x3C, 0x61, 0x3E, 0xC3, 0x28], .tableOfContents, place: "t")
        }
    }

    @Test("every truncation of a document is refused")
    func truncations() throws {
        let text = bytes("<?xml version=\"1.0\"?><a b=\"&lt;\"><c>x<![CDATA[y]]></c><!-- z --><d/></a>")
        for length in 0..<text.count {
            #expect(throws: PackageError.self) {
                try XMLParser.parse(Array(text.prefix(length)), .distribution, place: "test")
            }
        }
    }

    @Test("what is written is read back as it was, whatever it holds")
    func roundTrip() throws {
        let value = "<&>\"'\t\n\r]]> é \u{1F511} \u{2028}"
        var writer = XMLWriter()
        writer.element("root", [("a", value)]) { $0.element("child", text: value) }
        let root = try XMLParser.parse(writer.bytes, .distribution, place: "test")
        #expect(root.attribute("a").map { bytes($0) } == bytes(value))
        #expect(root.first("child")?.text == bytes(value))
    }

    @Test("a document is written indented and escaped")
    func writing() {
        var writer = XMLWriter()
        writer.element("a", [("b", "<\"")]) { writer in
            writer.element("c")
            writer.element("d", text: "&\n")
        }
        #expect(
            writer.bytes.text == """
                <?xml version="1.0" encoding="utf-8"?>
                <a b="&lt;&quot;">
                    <c/>
                    <d>&amp;&#10;</d>
                </a>

                """)
    }

    @Test("control characters have no form in XML", arguments: ["\0", "\u{1}", "\u{B}", "\u{1F}", "\u{FFFE}"])
    func unwritable(text: String) {
        #expect(!XMLWriter.canHold(text))
    }
}
