import JSON
import TestSupport
import Testing

/// Whatever bytes there are, they are one document, or none, and nothing traps.
@Suite struct JSONFuzzTests {
    private static let seeds = [
        #"{"nodeName":"lab-1","labels":{"a":"b"},"n":[1,-2.5e3,true,false,null,"\u00e9\ud83d\udd11"]}"#, "[[[[]]]]",
        #""\\\/\b\f\n\r\t""#, "-0.0e-0", "9223372036854775807", "{\"a\":{\"a\":{}}}",
    ]
    private static let bits = [
        "\\u", "\\ud800", "\\u0000", "1e400", "9223372036854775808", ",", ",,", "}", "]", "[", "{", "\"", "//",
        "\u{FEFF}", "NaN",
        "-", "+1", ".5", "0x1", "00", "é",
    ]

    @Test("what is read is written as something that is read as the same")
    func anyBytes() throws {
        let random = SeededRandom(seed: 12)
        var read = 0
        for _ in 0..<rounds(reduced: 20_000, full: 2_000_000) {
            var bytes = Array(Self.seeds[random.below(Self.seeds.count)].utf8)
            for _ in 0..<random.below(4) {
                let place = random.below(bytes.count + 1)
                switch random.below(4) {
                case 0: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                case 1: bytes.insert(contentsOf: Self.bits[random.below(Self.bits.count)].utf8, at: place)
                case 2: if !bytes.isEmpty { bytes.remove(at: min(place, bytes.count - 1)) }
                default:
                    if !bytes.isEmpty { bytes[min(place, bytes.count - 1)] = UInt8(truncatingIfNeeded: random.next()) }
                }
            }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            read += 1
            #expect(try JSONValue(parsing: value.bytes()) == value)
        }
        #expect(read > rounds(reduced: 2_000, full: 200_000))
    }
}
