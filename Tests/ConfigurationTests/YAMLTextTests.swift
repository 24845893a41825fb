import Testing

@testable import Configuration

@Suite("The bytes of a configuration") struct YAMLTextTests {
    @Test(
        "that say nothing give the defaults",
        arguments: ["", "\n", "   ", "# a comment", "---\n", "---\n...\n", "~\n", "null\n", "farm:\n", "cluster: ~\n"])
    func empty(_ text: String) throws {
        #expect(try configuration(text) == configuration(""))
    }

    @Test("may end their lines as Windows does")
    func windowsLineEnds() throws {
        #expect(try configuration("server:\r\n  port: 80\r\n").server.port == 80)
        #expect(answers("server:\r\n  port: x\r\n").first?.hasPrefix("2: server.port: ") == true)
    }

    @Test("are refused with a byte-order mark")
    func byteOrderMark() {
        #expect(
            answers("\u{FEFF}server:\n  port: 80\n") == [
                "1:1: the file begins with a byte-order mark; save it as UTF-8 without one"
            ])
    }

    @Test("are refused as UTF-16, of either order", arguments: [[0xFF, 0xFE, 0x61, 0], [0xFE, 0xFF, 0, 0x61]])
    func wideCharacters(_ bytes: [UInt8]) {
        #expect(answers(bytes: bytes) == ["the file is UTF-16; save it as UTF-8"])
    }

    @Test(
        "are refused where they are not UTF-8",
        arguments: [
            [0xFF], [0xC3], [0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
        ])
    func invalidBytes(_ bytes: [UInt8]) {
        let text = Array("server:\n  db_path: a".utf8) + bytes + Array("\n".utf8)
        #expect(answers(bytes: text) == ["2:13: bytes that are not UTF-8; save the file as UTF-8"])
    }

    @Test("are refused with a carriage return that ends no line", arguments: ["\r  port: 80\n", "\r", "\r\r\n"])
    func loneCarriageReturn(_ end: String) {
        #expect(
            answers("server:" + end) == [
                "1:9: a carriage return that ends no line; save the file with Unix line ends"
            ])
    }

    @Test(
        "are refused with a character that does not show, by its name and what to write",
        arguments: [
            ("\u{0}", "U+0000", "\\x00"), ("\u{1}", "U+0001", "\\x01"), ("\u{B}", "U+000B", "\\x0B"),
            ("\u{1B}", "U+001B", "\\x1B"), ("\u{7F}", "U+007F", "\\x7F"), ("\u{85}", "U+0085", "\\x85"),
            ("\u{9B}", "U+009B", "\\x9B"), ("\u{2028}", "U+2028", "\\u2028"), ("\u{2029}", "U+2029", "\\u2029"),
            ("\u{FEFF}", "U+FEFF", "\\uFEFF"), ("\u{FFFE}", "U+FFFE", "\\uFFFE"), ("\u{FFFF}", "U+FFFF", "\\uFFFF"),
        ])
    func invisible(_ character: String, _ name: String, _ escape: String) {
        let answer =
            "2:14: the character \(name), which does not show in an editor; "
            + "remove it, or put the value in double quotes and write \(escape)"
        #expect(answers("server:\n  db_path: ab\(character)c\n") == [answer])
        #expect(answers("server:\n  # a comm\(character)nt\n").first?.hasPrefix("2:11: the character \(name)") == true)
    }

    @Test("take a character that does not show when it is written as an escape")
    func escaped() throws {
        let path = try configuration(file("server.db_path", #""/a\x85\u2028\uFEFF""#)).server.dbPath
        #expect(path.map { Array($0.utf8) } == Array("/a\u{85}\u{2028}\u{FEFF}".utf8))
    }

    @Test("take any other character as it is")
    func anyCharacter() throws {
        let path = try configuration(file("server.db_path", "/ä/日本/😀/\u{10FFFD}")).server.dbPath
        #expect(path == "/ä/日本/😀/\u{10FFFD}")
    }

    @Test("are told apart by their bytes, not by what looks the same")
    func normalization() throws {
        let composed = try configuration(file("server.db_path", "/caf\u{E9}"))
        let decomposed = try configuration(file("server.db_path", "/cafe\u{301}"))
        #expect(composed.server.dbPath.map { $0.utf8.count } == 6)
        #expect(decomposed.server.dbPath.map { $0.utf8.count } == 7)
    }

    @Test("are refused where a tab indents", arguments: ["server:\n\tport: 80\n", "server:\n  port: 80\n \tttl: 1\n"])
    func tab(_ text: String) {
        let all = answers(text)
        #expect(all.count == 1)
        #expect(all.first?.contains("not valid YAML: ") == true)
        #expect(all.first?.hasSuffix("indent with spaces; this line begins with a tab") == true)
    }

    @Test("are refused beyond 1 MiB before they are parsed")
    func wholeSize() {
        let most = 1 << 20
        #expect(answers(bytes: Array(repeating: 0x23, count: most)) == [])
        #expect(
            answers(bytes: Array(repeating: 0x23, count: most + 1)) == [
                "the file has 1048577 bytes; keep it within 1048576 bytes (1 MiB)"
            ])
        let scalar = "server:\n  api_key: " + String(repeating: "x", count: 4 << 20)
        #expect(answers(scalar) == ["the file has 4194323 bytes; keep it within 1048576 bytes (1 MiB)"])
    }

    @Test("hold values of at most 64 KiB")
    func scalarSize() throws {
        let most = String(repeating: "x", count: 64 << 10)
        #expect(try text(configuration(file("server.api_key", most)).secrets["server.api_key"]) == most)
        #expect(
            answers(file("server.api_key", most + "x")) == [
                "2:12: server.api_key: a value of 65537 bytes; keep a value within 65536 bytes (64 KiB)"
            ])
    }

    @Test("may have one very long line")
    func longLine() throws {
        let spaces = String(repeating: " ", count: 500_000)
        #expect(try configuration("server: {\(spaces) port: 80 \(spaces)}\n").server.port == 80)
    }

    @Test("are refused with a key beyond what libyaml takes, without showing it")
    func longKey() {
        for key in [String(repeating: "k", count: 2_000), "\"" + String(repeating: "k", count: 70_000) + "\""] {
            for text in ["\(key): 1\n", "? \(key)\n: 1\n"] {
                let all = answers(text)
                #expect(!all.isEmpty)
                #expect(!all.joined().contains("kkk"))
            }
        }
    }
}
