import System
import Testing

@testable import Configuration

@Suite("A number") struct NumberTests {
    private static let digitsAlone =
        "write a whole number from 1 to 65535 in digits alone, without a leading zero"

    @Test(
        "is refused in any spelling but one, and shown",
        arguments: [
            "+5", "-1", "-0", "5.0", "0x10", " 5", "5 ", "5_000", "5,000", "1e3", "00", "05", "\u{665}", "\u{FF15}",
            "5\u{301}", "five",
            "5k", "٥٠", "²",
        ])
    func spelling(_ written: String) {
        let problem = "server.port: \"\(Printable.text(written))\" is no plain decimal number; \(Self.digitsAlone)"
        #expect(answer("server.port", "\"\(written)\"") == "2: " + problem)
        #expect(
            answers("", ["PKGMILL_SERVER_PORT": written]) == ["environment variable PKGMILL_SERVER_PORT: " + problem])
    }

    @Test(
        "is refused outside its range and beyond what a machine counts",
        arguments: [
            "0", "65536", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
            "18446744073709551616",
            "340282366920938463463374607431768211456",
        ])
    func range(_ written: String) {
        #expect(
            answer("server.port", written)
                == "2: server.port: \"\(written)\" is out of range; write a whole number from 1 to 65535")
    }

    @Test("is cut in the message when it is long")
    func long() {
        let digits = String(repeating: "9", count: 10_000)
        #expect(
            answer("server.port", digits)
                == "2: server.port: \"\(digits.prefix(60))…\" is out of range; write a whole number from 1 to 65535")
    }

    static let ranges: [(String, Int, Int)] = [
        ("cluster.heartbeat_interval", 1, 3600), ("cluster.node_timeout", 2, 86_400), ("cluster.redis_port", 1, 65_535),
        ("server.port", 1, 65_535), ("sessions.ttl", 60, 604_800), ("sessions.redis.port", 1, 65_535),
        ("farm.lease_seconds", 1, 86_400), ("farm.max_attempts", 1, 100), ("farm.poll_milliseconds", 10, 60_000),
        ("farm.token_lifetime_seconds", 1, 31_536_000),
    ]

    @Test("has the bounds that its message names", arguments: ranges)
    func bounds(_ name: String, _ least: Int, _ most: Int) {
        // The two settings that are compared with each other are moved out of each other's way.
        let environment =
            name == "cluster.heartbeat_interval"
            ? ["PKGMILL_CLUSTER_NODE_TIMEOUT": "86400"]
            : name == "cluster.node_timeout" ? ["PKGMILL_CLUSTER_HEARTBEAT_INTERVAL": "1"] : [:]
        for value in [least, most] { #expect(answers(file(name, String(value)), environment) == []) }
        for value in [least - 1, most + 1] {
            let all = answers(file(name, String(value)), environment)
            #expect(all.count == 1)
            #expect(all.first?.contains("\(name): \"\(value)\" is out of range; write a whole number") == true)
            #expect(all.first?.hasSuffix(" from \(least) to \(most)") == true)
        }
    }
}

@Suite("A word of several") struct ChoiceTests {
    @Test("is taken in its one spelling", arguments: Backend.allCases)
    func backend(_ backend: Backend) throws {
        let environment = ["PKGMILL_CLUSTER_REDIS_HOST": "h", "PKGMILL_CLUSTER_STORAGE_PATH": "/s"]
        #expect(try configuration(file("cluster.backend", backend.rawValue), environment).cluster.backend == backend)
        #expect(
            try configuration(
                file("sessions.backend", backend.rawValue),
                environment.merging(["PKGMILL_SESSIONS_REDIS_HOST": "h"]) { $1 }
            ).sessions.backend == backend)
    }

    @Test(
        "is refused in any other",
        arguments: ["Redis", "REDIS", "redis ", "r\u{E9}dis", "mysql", "0", "sq\u{200B}lite"])
    func other(_ word: String) {
        #expect(
            answer("cluster.backend", "\"\(word)\"")
                == "2: cluster.backend: \"\(Printable.text(word))\" is not one of its values; "
                + "write redis, sqlite or file"
        )
    }

    @Test("that comes in a later version is refused with that answer")
    func later() {
        for word in ["ticket", "passphrase"] {
            #expect(
                answer("farm.sealing", word)
                    == "2: farm.sealing: \"\(word)\" comes with the cluster release; this version has plain; "
                    + "write plain"
            )
        }
    }
}

@Suite("A date") struct DateTests {
    @Test(
        "is a day of the calendar", arguments: ["1970-01-01", "2000-02-29", "2024-02-29", "2026-12-31", "9999-12-31"])
    func days(_ day: String) throws {
        #expect(try configuration(file("farm.content_date", day)).farm.contentDate.dateText == day)
    }

    @Test(
        "is refused when it is none",
        arguments: [
            "2026-02-29", "1900-02-29", "2100-02-29", "2026-00-01", "2026-13-01", "2026-01-00", "2026-04-31",
            "1969-12-31",
            "2026-1-1", "26-01-01", "2026/01/01", "20260101", "2026-01-01T00:00:00Z", "2026-01-01 ", "10000-01-01",
            "today", "2026-01-0\u{661}", "-026-01-01", "+026-01-01",
        ])
    func others(_ text: String) {
        #expect(
            answer("farm.content_date", "\"\(text)\"")
                == "2: farm.content_date: \"\(Printable.text(text))\" is no date of the calendar; "
                + "write a date as YYYY-MM-DD"
        )
    }
}

@Suite("A version") struct VersionTests {
    @Test(
        "is kept as it is written",
        arguments: ["0", "1", "1.0", "1.10", "01.02", "1.0.0", "2026.1123.0", "1.2.3.4.5.6", "99999999"])
    func versions(_ version: String) throws {
        #expect(try configuration(file("farm.payload_version", version)).farm.payloadVersion == version)
    }

    @Test(
        "is refused when it is none",
        arguments: [
            ".", "1.", ".1", "1..2", "v1", "1.0-beta", "1.2.3.4.5.6.7", "100000000", "1,0", "1 0", "\u{661}", "1.0\n",
        ])
    func others(_ version: String) {
        #expect(
            answer("farm.payload_version", YAML.quoted(version))
                == "2: farm.payload_version: \"\(Printable.text(version))\" is no version; "
                + "write 1 to 6 numbers with dots between, such as 1.0.0")
    }

    @Test("of macOS has three numbers at most and no leading zero", arguments: ["13.0.0.0", "013", "13.00", "Ventura"])
    func macOS(_ version: String) throws {
        #expect(try configuration(file("farm.minimum_macos", "13.0.1")).farm.minimumMacOS == "13.0.1")
        #expect(
            answer("farm.minimum_macos", version)
                == "2: farm.minimum_macos: \"\(version)\" is no version; "
                + "write 1 to 3 numbers with dots between, such as 13.0")
    }
}
