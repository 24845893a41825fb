import Testing

@testable import Configuration

/// What YAML 1.1, YAML 1.2 or one reader of either would take for something else than the text that stands there.
@Suite("A plain scalar") struct PlainScalarTests {
    static let ambiguous = [
        "no", "No", "NO", "n", "N", "yes", "Yes", "YES", "y", "Y", "on", "On", "ON", "off", "Off", "OFF", "true",
        "True",
        "TRUE", "false", "False", "FALSE", "0123", "0o7", "0x1F", "0b11", "1_000", "+5", "-1", "5.0", "1e3", ".5",
        ".inf",
        "-.inf", ".nan", ".NaN", "12:34", "12:34:56", "190:20:30", "<<", "=", "2026-01-01", "2026-01-01T00:00:00Z",
        "2001-12-14 21:59:43.10 -5", "nil", "None", "undefined", "NaN", "Infinity", "007", "1.10", "0", "-0",
        "9223372036854775808",
    ]

    @Test("is the text that was written, whatever it looks like", arguments: ambiguous)
    func text(_ written: String) throws {
        for form in [written, "\"\(written)\"", "'\(written)'", "|-\n    \(written)"] {
            #expect(try key(form) == written)
        }
    }

    @Test("is true or false only as true and false")
    func truth() throws {
        #expect(try configuration(file("cluster.redis_tls", "true")).cluster.redisTLS)
        #expect(try !configuration(file("cluster.redis_tls", "false")).cluster.redisTLS)
        for written in Self.ambiguous where written != "true" && written != "false" {
            #expect(
                answer("cluster.redis_tls", written)
                    == "2: cluster.redis_tls: \"\(written)\" is neither true nor false; write true or false")
        }
    }

    @Test("is a number only in plain decimal digits")
    func number() throws {
        let plain = ["0", "9223372036854775808"]
        for written in Self.ambiguous where !plain.contains(written) {
            #expect(
                answer("server.port", written)
                    == "2: server.port: \"\(written)\" is no plain decimal number; "
                    + "write a whole number from 1 to 65535 in digits alone, without a leading zero")
        }
        for written in plain {
            #expect(
                answer("server.port", written)
                    == "2: server.port: \"\(written)\" is out of range; write a whole number from 1 to 65535")
        }
    }

    @Test("is a date only as a day", arguments: ambiguous)
    func date(_ written: String) {
        let isTaken = written == "2026-01-01"
        #expect((answer("farm.content_date", written) == nil) == isTaken)
    }

    @Test("that says nothing leaves the setting at its default", arguments: ["", "~", "null", "Null", "NULL", "# 80"])
    func nothing(_ written: String) throws {
        #expect(try configuration(file("server.port", written)).server.port == 8768)
        #expect(try configuration(file("server.api_key", written)).secrets == [:])
        #expect(try configuration(file("farm.daemon", written)).farm.daemon.count == 6)
    }

    @Test("says something when it is quoted", arguments: ["~", "null"])
    func quotedNothing(_ written: String) throws {
        #expect(try key("\"\(written)\"") == written)
        #expect(answer("server.port", "'\(written)'")?.contains("\"\(written)\" is no plain decimal number") == true)
    }

    @Test("ends at a comment and before spaces; a quoted one keeps both")
    func comments() throws {
        #expect(try key("abc   # def") == "abc")
        #expect(try key("abc#def") == "abc#def")
        #expect(try key("\"abc   # def \"") == "abc   # def ")
    }

    @Test("of several lines is folded, and a block keeps its line ends")
    func severalLines() throws {
        #expect(try key("abc\n    def\n\n    ghi") == "abc def\nghi")
        #expect(try key("|\n    abc\n    def") == "abc\ndef\n")
        #expect(try key(">-\n    abc\n    def") == "abc def")
    }

    @Test("that cannot begin as it does is refused with advice to quote it", arguments: ["@abc", "`abc", "%abc"])
    func reserved(_ written: String) {
        #expect(
            answers(file("server.api_key", written)) == [
                "2:12: not valid YAML: found character that cannot start any token while scanning for the next token "
                    + "that begins on line 2; put the value in double quotes"
            ])
    }

    @Test("with a colon and a space in it is refused with advice to quote it")
    func colon() {
        #expect(
            answers(file("server.db_path", "abc: def")) == [
                "2:15: not valid YAML: mapping values are not allowed in this context; "
                    + "look for a colon in a value (then put the value in double quotes) or a wrong indentation"
            ])
    }

    @Test("that is never closed is refused where it ends", arguments: ["\"abc", "'abc", "[abc", "{abc"])
    func unclosed(_ written: String) {
        let all = answers(file("server.db_path", written))
        #expect(all.count == 1)
        #expect(all.first?.contains("not valid YAML: ") == true)
    }
}

/// The text that comes of `written` as a secret.
private func key(_ written: String) throws -> String? {
    try text(configuration(file("server.api_key", written)).secrets["server.api_key"])
}
