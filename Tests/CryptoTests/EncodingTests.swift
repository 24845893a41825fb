import Crypto
import TestSupport
import Testing

@Suite struct EncodingTests {
    @Test(
        "base64url is RFC 4648's without padding",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"), ("\u{3FF}\u{FFFF}", "z7_vv78"),
        ])
    func base64Vectors(text: String, encoded: String) {
        #expect(Base64URL.encode(Array(text.utf8)) == encoded)
        #expect(Base64URL.decode(encoded.utf8) == Array(text.utf8))
    }

    @Test("base64url of any bytes is what Python makes of them")
    func base64AgainstPython() throws {
        let random = SeededRandom(seed: 3)
        let samples = (0..<500).map { random.bytes($0 % 97) }
        let python = """
            import base64, sys
            for line in sys.stdin:
                print(base64.urlsafe_b64encode(bytes.fromhex(line)).decode().rstrip("="))
            """
        let input = samples.map { Hex.encode($0) + "\n" }.joined()
        let lines = try run("python3", ["-c", python], input: Array(input.utf8)).text.split(
            separator: "\n", omittingEmptySubsequences: false)
        try #require(lines.count == samples.count + 1)
        for (sample, line) in zip(samples, lines) {
            #expect(Base64URL.encode(sample) == line)
            #expect(Base64URL.decode(line.utf8) == sample)
        }
    }

    @Test(
        "base64url has one spelling: padding, other alphabets, white space and stray bits are refused",
        arguments: [
            "Zg==", "Zg=", "Zm8=", "Zm9v====", "=", "Z", "Zm9vY", "Zh", "Zm9", "Zm9vYh", "Zm9v\n", " Zm9v", "Zm 9v",
            "z7+v", "z7/v", "Zm9v\0", "Zm9vé", "Ｚm9v", "Zm9v.", "%5a", "Zg\u{301}",
        ])
    func base64Refused(text: String) { #expect(Base64URL.decode(text.utf8) == nil) }

    @Test("base64 with padding is what it was made of, and has one spelling")
    func paddedBase64() {
        let random = SeededRandom(seed: 8)
        for count in 0..<200 {
            let bytes = random.bytes(count)
            let text = Base64.encode(bytes)
            #expect(text.utf8.count.isMultiple(of: 4) && Base64.decode(text) == bytes)
        }
        #expect(Base64.decode("+/+/") == [0xFB, 0xFF, 0xBF])
        for bad in ["Zg", "Zg=", "Zg===", "Zh==", "Z===", "====", "Zg==Zg==", "-_-_", "Zm9v\n", "Z g=", "Zm9vé"] {
            #expect(Base64.decode(bad) == nil, "\(bad)")
        }
    }

    @Test("no two texts of up to three characters are the same bytes in base64url")
    func base64Unique() {
        let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n".utf8)
        var found: [[UInt8]: [UInt8]] = [:]
        var texts: [[UInt8]] = [[]]
        for length in 0..<3 {
            texts += texts.filter { $0.count == length }.flatMap { text in characters.map { text + [$0] } }
        }
        for text in texts {
            guard let bytes = Base64URL.decode(text) else { continue }
            #expect(Array(Base64URL.encode(bytes).utf8) == text)
            #expect(found.updateValue(text, forKey: bytes) == nil)
        }
        // All of none, one and two bytes.
        #expect(found.count == 1 + 256 + 65_536)
    }

    @Test("hexadecimal digits are lower case, two a byte, and nothing else")
    func hexUnique() {
        var found = 0
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                guard let text = String(validating: [first, second], as: UTF8.self), let bytes = Hex.decode(text) else {
                    continue
                }
                #expect(Array(Hex.encode(bytes).utf8) == [first, second])
                found += 1
            }
        }
        #expect(found == 256)
    }

    @Test(
        "hexadecimal text of odd length, in upper case, or with anything else is refused",
        arguments: ["0", "abc", "AB", "aB", "0x", "0x00", " 00", "00 ", "0g", "+1", "-1", "０0", "00\n", "0\u{301}"])
    func hexRefused(text: String) { #expect(Hex.decode(text) == nil) }

    @Test("bytes come back from hexadecimal digits")
    func hexRoundTrip() {
        let all = (UInt8.min...UInt8.max).map { $0 }
        #expect(Hex.decode(Hex.encode(all)) == all)
        #expect(Hex.encode([0, 15, 16, 255]) == "000f10ff")
        #expect(Hex.decode("") == [])
    }
}
