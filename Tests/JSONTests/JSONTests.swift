import JSON
import Testing

@Suite struct JSONTests {
    @Test("a value is written as the same bytes, members in their order")
    func writing() {
        let value: JSONValue = ["b": 1, "a": [true, nil, "é\n\"\\\u{2028}"], "n": .number(1.5)]
        #expect(value.text() == #"{"b":1,"a":[true,null,"é\n\"\\\u2028"],"n":1.5}"#)
    }

    @Test("what was written is read back as it was")
    func roundTrip() throws {
        let value: JSONValue = ["text": "\u{1F511} \u{7F}\t", "list": [1, -2, .number(0.25), [:], []], "none": nil]
        #expect(try JSONValue(parsing: value.bytes()) == value)
    }

    @Test("escapes and surrogate pairs are read")
    func escapes() throws {
        #expect(try JSONValue(parsing: Array(#""\ud83d\udd11\u0041\/\b""#.utf8)) == .string("\u{1F511}A/\u{8}"))
    }

    @Test(
        "what has two readings, or none, is refused",
        arguments: [
            #"{"a":1,"a":2}"#, "[1,]", "\u{FEFF}{}", #""\u0000""#, #""\ud800""#, #""\udc00""#, "1e400",
            "9223372036854775808",
            "// c\n1", "1 2", "{} {}", "[", #"{"a""#, #"{"a":}"#, "01", "+1", "1.", ".5", "nul", "'a'", "\"a\nb\"", "",
            " ",
            #""\x41""#, #""\u12g4""#, "-", "--1", "1e", "{a:1}", "NaN", "Infinity",
        ])
    func refused(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func notUTF8() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xC3, 0x28, 0x22]) }
    }

    @Test("nesting is bounded, at the limit and far beyond it", arguments: [33, 600, 100_000])
    func nesting(depth: Int) {
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test("32 levels are taken")
    func deepest() throws {
        let text = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
        _ = try JSONValue(parsing: Array(text.utf8))
    }

    @Test("every truncation of a document is refused")
    func truncations() {
        let bytes = Array(#"{"a":[1,-2.5e3,"x\u00e9"],"b":{"c":null,"d":true}}"#.utf8)
        for length in 0..<bytes.count {
            #expect(throws: JSONError.self) { try JSONValue(parsing: Array(bytes.prefix(length))) }
        }
    }
}
