import System
import Testing

@Suite struct PrintableTests {
    @Test(
        "what forges a line, colours a terminal or cannot be seen is spelled out",
        arguments: [
            ("a\nb", "a\\u{a}b"), ("a\r\nb", "a\\u{d}\\u{a}b"), ("\u{1B}[31mred", "\\u{1b}[31mred"),
            ("\0", "\\u{0}"), ("a\tb", "a\\u{9}b"), ("\u{7F}", "\\u{7f}"), ("\u{85}", "\\u{85}"),
            ("\u{9B}31m", "\\u{9b}31m"), ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"), ("x\u{202E}y", "x\\u{202e}y"),
            ("\u{2066}\u{2069}", "\\u{2066}\\u{2069}"), ("\u{FEFF}", "\\u{feff}"), ("\u{200B}", "\\u{200b}"),
            ("a\u{AD}b", "a\\u{ad}b"), ("\u{E0041}", "\\u{e0041}"), ("\u{E000}", "\\u{e000}"),
            ("\u{378}", "\\u{378}"), ("\u{FFFE}", "\\u{fffe}"), ("a\u{34F}b", "a\\u{34f}b"),
            ("\u{3164}\u{115F}\u{FFA0}", "\\u{3164}\\u{115f}\\u{ffa0}"), ("a\u{FE0F}", "a\\u{fe0f}"),
            ("\u{E0100}", "\\u{e0100}"), ("\u{200D}", "\\u{200d}"),
        ])
    func hostile(text: String, shown: String) { #expect(Array(Printable.text(text).utf8) == Array(shown.utf8)) }

    @Test(
        "what people write is left as it is",
        arguments: ["plain text", "é", "e\u{301}", "日本語", "$(x)`y`'\"\\", "🔑", "a\u{A0}b", "٣"])
    func harmless(text: String) { #expect(Array(Printable.text(text).utf8) == Array(text.utf8)) }

    @Test("a text is cut after as many scalars as were asked for, and says so")
    func cut() {
        #expect(Printable.text("abcdef", limit: 3) == "abc…")
        #expect(Printable.text("abc", limit: 3) == "abc")
        #expect(Printable.text("\n\n\n", limit: 2) == "\\u{a}\\u{a}…")
        #expect(Printable.text("", limit: 0) == "")
        #expect(Printable.text("a", limit: 0) == "…")
        // One visible character of a million scalars is cut as well.
        let zalgo = "a" + String(repeating: "\u{301}", count: 1_000_000)
        #expect(Printable.text(zalgo).unicodeScalars.count == 201)
    }

    @Test("every scalar there is gives text without a control, a line end or an invisible mark")
    func everyScalar() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            for shown in Printable.text(String(Character(scalar))).unicodeScalars {
                let isSafe: Bool =
                    switch shown.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator: false
                    default: !shown.properties.isDefaultIgnorableCodePoint
                    }
                #expect(isSafe, "U+\(String(value, radix: 16))")
            }
        }
    }

    @Test(
        "bytes that are not UTF-8 are shown one by one",
        arguments: [
            ([0x61, 0xFF, 0x0A, 0x5C, 0x7F], "a\\xff\\x0a\\\\x7f"), ([0xC0, 0xAF], "\\xc0\\xaf"),
            ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"),
            ([0xF4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"),
        ] as [([UInt8], String)])
    func notUTF8(bytes: [UInt8], shown: String) { #expect(Printable.text(bytes) == shown) }

    @Test("bytes that are UTF-8 are shown as text, and both are cut")
    func bytes() {
        #expect(Printable.text(Array("a\né".utf8)) == "a\\u{a}é")
        #expect(Printable.text([UInt8](repeating: 0x61, count: 300), limit: 4) == "aaaa…")
        #expect(Printable.text([UInt8](repeating: 0xFF, count: 300), limit: 2) == "\\xff\\xff…")
        #expect(Printable.text([0xFF], limit: 1) == "\\xff")
        #expect(Printable.text([UInt8]()) == "")
    }

    @Test("an error of the system names operation, path and reason, and what to do about the common ones")
    func errors() {
        func text(_ code: Int32, _ path: String = "/a") -> String {
            SystemError(operation: "open", path: path, code: code).description
        }
        #expect(text(2) == "cannot open /a: No such file or directory")
        #expect(text(2, "/a\nb") == "cannot open /a\\u{a}b: No such file or directory")
        #expect(text(13) == "cannot open /a: Permission denied; run this as the user who owns it")
        #expect(text(28) == "cannot open /a: No space left on device; free some space on that disk and try again")
        #expect(text(30) == "cannot open /a: Read-only file system; the file system is mounted read-only")
    }

    @Test("an error of the system is told by its cause")
    func causes() {
        let claims: [(Int32, KeyPath<SystemError, Bool>)] = [
            (2, \.isNotFound), (17, \.isAlreadyThere), (40, \.isLink), (20, \.isNotDirectory), (75, \.isTooMany),
            (28, \.isFull), (122, \.isFull), (30, \.isReadOnly),
        ]
        for (code, claim) in claims {
            let error = SystemError(operation: "x", path: "y", code: code)
            let all: [KeyPath<SystemError, Bool>] = [
                \.isNotFound, \.isAlreadyThere, \.isLink, \.isNotDirectory, \.isTooMany, \.isFull, \.isReadOnly,
            ]
            #expect(all.filter { error[keyPath: $0] } == [claim])
        }
    }

    @Test("bytes are told in decimal units")
    func byteCounts() {
        let cases: [(Int64, String)] = [
            (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"),
            (14_234_567, "14.2 MB"), (Int64.max, "9223372.0 TB"),
        ]
        for (count, text) in cases { #expect(Printable.byteCount(count) == text) }
    }
}
