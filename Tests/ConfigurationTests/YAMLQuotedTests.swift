import Crypto
import Foundation
import TestSupport
import Testing

@testable import Configuration

@Suite("A quoted scalar") struct YAMLQuotedTests {
    /// Whatever some reader of YAML could take for something else, cut, fold or refuse.
    static let awkward: [String] =
        PlainScalarTests.ambiguous + [
            "", " ", "  a  ", "a", "~", "null", "Null", "NULL", "'", "''", "\"", "\"\"", "\\", "\\\\", "\\n", "\\\"",
            "\\x41", "%", "%s",
            "%YAML 1.1", "${HOSTNAME}", "$HOME", "$(id)", "`id`", "{{ x }}", "#", "a #b", "a: b", ": ", "- a", "-",
            "--", "---", "...", "?",
            "? a", "[", "]", "{", "}", ",", "&a", "*a", "!", "!a", "!!str a", "|", ">", "|-", "@", "<", ">", "a\nb",
            "\n", "a\n", "\na", "\n\n",
            "a\r\nb", "\r", "\t", "a\tb", "\t a", "\u{0}", "a\u{0}b", "\u{1}", "\u{7}", "\u{8}", "\u{B}", "\u{C}",
            "\u{1B}[31m", "\u{1F}",
            "\u{7F}", "\u{80}", "\u{85}", "a\u{85}b", "\u{9F}", "\u{A0}", "\u{AD}", "\u{FF}", "\u{100}", "\u{2028}",
            "a\u{2028}b", "\u{2029}",
            "\u{200B}", "\u{202E}", "\u{FEFF}", "\u{FEFF}a", "a\u{FEFF}", "\u{FFFD}", "\u{D7FF}", "\u{E000}",
            "\u{1F600}", "👨‍👩‍👧", "\u{10FFFF}",
            "caf\u{E9}", "cafe\u{301}", "日本語", String(repeating: "x", count: 4096),
            String(repeating: "\" \\ % 😀\n", count: 512),
            String(repeating: " ", count: 4096), String(decoding: (0...0x7F).map { UInt8($0) }, as: UTF8.self),
        ]

    @Test("is one line of printable ASCII, and comes back as it was", arguments: awkward)
    func roundTrip(_ text: String) {
        let quoted = YAML.quoted(text)
        #expect(quoted.utf8.allSatisfy { (0x20...0x7E).contains($0) })
        for document in [quoted, "[\(quoted), x]"] {
            let root = YAML.parse(Array(document.utf8))
            #expect(root.mistakes == [])
            let scalar: YAMLNode? =
                if case .sequence(let nodes)? = root.root?.content { nodes.first } else { root.root }
            #expect(scalar?.content == .scalar(Array(text.utf8), isPlain: false))
        }
        let key = YAML.parse(Array("? \(quoted)\n: \(quoted)\n".utf8))
        #expect(
            key.root?.content
                == .mapping([
                    .init(
                        key: Array(text.utf8), line: 1,
                        value: .init(content: .scalar(Array(text.utf8), isPlain: false), line: 2))
                ]))
    }

    @Test("comes back from a configuration as a secret", arguments: awkward)
    func secret(_ text: String) throws {
        let written = file("server.api_key", YAML.quoted(text))
        if text.utf8.isEmpty || text.utf8.contains(0) {
            #expect(answers(written).count == 1)
        } else {
            #expect(try configuration(written).secrets == ["server.api_key": SecretBytes(text)])
        }
    }

    @Test("is spelled with the shortest escape that every reader knows")
    func spelling() {
        #expect(YAML.quoted("a\"\\b\n\t\r") == #""a\"\\b\n\t\r""#)
        #expect(YAML.quoted("\0\u{7F}\u{85}\u{E9}") == #""\x00\x7F\x85\xE9""#)
        #expect(YAML.quoted("\u{2028}\u{FEFF}\u{1F600}") == #""\u2028\uFEFF\U0001F600""#)
    }

    @Test("is none of bytes that are not UTF-8", arguments: [[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80]])
    func noText(_ bytes: [UInt8]) {
        #expect(YAML.quoted(bytes) == nil)
        #expect(YAML.quoted(Array("é".utf8)) == #""\xE9""#)
    }

    @Test("is read by PyYAML as it was meant, with any of its loaders")
    func foreignReader() throws {
        let document = Self.awkward.map { "- \(YAML.quoted($0))\n" }.joined()
        let reader = """
            import json, sys, yaml
            text = sys.stdin.buffer.read()
            loaders = [yaml.SafeLoader, yaml.BaseLoader, yaml.FullLoader]
            loaders += [yaml.CSafeLoader] if yaml.__with_libyaml__ else []
            for loader in loaders:
                print(json.dumps([[ord(c) for c in value] for value in yaml.load(text, Loader=loader)]))
            """
        let result = try run("/usr/bin/python3", ["-c", reader], input: Array(document.utf8))
        try #require(result.status == 0, "\(result.errorText)")
        let readings = result.text.split(separator: "\n")
        #expect(readings.count >= 3)
        for reading in readings {
            let values = try JSONDecoder().decode([[UInt32]].self, from: Data(reading.utf8))
            #expect(values.count == Self.awkward.count)
            for (text, value) in zip(Self.awkward, values) {
                let isSame = value == text.unicodeScalars.map(\.value)
                #expect(isSame, "\(YAML.quoted(text))")
            }
        }
    }
}
