import RedisLink
import Testing

/// Values, without a server.
@Suite struct RedisValueTests {
    @Test("a number is read from a number or from its digits, and from nothing else")
    func integers() {
        #expect(RedisReply.integer(-7).integer == -7)
        for number in [0, 1, -1, 42, Int64.max, Int64.min] {
            #expect(RedisReply.bytes(Array(String(number).utf8)).integer == number)
        }
        for text in ["", "-", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "-9223372036854775809", "١"] {
            #expect(RedisReply.bytes(Array(text.utf8)).integer == nil, "\(text)")
        }
        #expect(RedisReply.nothing.integer == nil)
        #expect(RedisReply.array([.integer(1)]).integer == nil)
    }

    @Test("text is what is UTF-8")
    func texts() {
        #expect(RedisReply.bytes(Array("ä".utf8)).text == "ä")
        #expect(RedisReply.bytes([0xFF]).text == nil)
        #expect(RedisReply.bytes([0xFF]).bytes == [0xFF])
        #expect(RedisReply.integer(1).text == nil)
    }

    @Test("errors are one line, whatever a server says")
    func errors() {
        let refused = RedisError.refused(code: "ERR", detail: "ERR a\nb\u{1B}[31m")
        #expect(refused.description == "Redis refused: ERR a\\u{a}b\\u{1b}[31m")
        #expect(refused.code == "ERR")
        #expect(RedisError.unreachable(detail: "x").code == nil)
        #expect(RedisError.notReplicated(done: 1, wanted: 2).description.contains("1 of 2 replicas"))
    }
}
