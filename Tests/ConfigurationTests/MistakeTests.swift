import Testing

@testable import Configuration

@Suite("The mistakes of a configuration") struct MistakeTests {
    @Test("are all told at once, by line, those of the environment last")
    func allAtOnce() {
        let text = """
            cluster:
              enabled: yes
              backend: mysql
              heartbeat_interval: +5
              redis_hots: localhost
              redis_password: [a]
            server:
              port: 70000
              port: 80
            sesions:
              ttl: 60
            farm:
              content_date: 2026-02-30
              daemon: serve
            """
        let all = answers(text, ["PKGMILL_SESSIONS_TTL": "1", "PKGMILL_FARM_WROK": "/w"])
        #expect(
            all == [
                "2: cluster.enabled: \"yes\" is neither true nor false; write true or false",
                "3: cluster.backend: \"mysql\" is not one of its values; write redis, sqlite or file",
                "4: cluster.heartbeat_interval: \"+5\" is no plain decimal number; "
                    + "write a whole number of seconds from 1 to 3600 in digits alone, without a leading zero",
                "5: cluster.redis_hots: there is no such setting; did you mean redis_host?",
                "6: cluster.redis_password: a list stands there; write one value",
                "8: server.port: \"70000\" is out of range; write a whole number from 1 to 65535",
                "9:3: server.port: is here a second time, first on line 8; remove one of the two",
                "10: sesions: there is no such setting; did you mean sessions?",
                "13: farm.content_date: \"2026-02-30\" is no date of the calendar; write a date as YYYY-MM-DD",
                "14: farm.daemon: a single value stands there; "
                    + "write a list with an absolute path of a program first, then its arguments",
                "environment variable PKGMILL_FARM_WROK: there is no such setting; did you mean PKGMILL_FARM_WORK?",
                "environment variable PKGMILL_SESSIONS_TTL: sessions.ttl: \"1\" is out of range; "
                    + "write a whole number of seconds from 60 to 604800",
            ])
    }

    @Test("have place, setting, value and what was expected as facts")
    func facts() {
        #expect(
            Reading(text: Array(file("server.port", "80a").utf8)).mistakes() == [
                Mistake(
                    .file(path: "/srv/farm/pkgmill.yaml", line: 2, column: nil), setting: "server.port",
                    value: "\"80a\"",
                    problem: "\"80a\" is no plain decimal number",
                    expected: "write a whole number from 1 to 65535 in digits alone, without a leading zero")
            ])
        #expect(
            Reading(environment: ["PKGMILL_SERVER_PORT": "0"]).mistakes() == [
                Mistake(
                    .environment(variable: "PKGMILL_SERVER_PORT"), setting: "server.port", value: "\"0\"",
                    problem: "\"0\" is out of range", expected: "write a whole number from 1 to 65535")
            ])
    }

    @Test("are one line each, whatever stands in the value")
    func oneLine() {
        for value in ["a\nb", "a\u{2028}b", "a\u{1B}[31mb", "a\u{202E}b", "a\r\nb"] {
            let all = answers(file("farm.content_date", YAML.quoted(value)))
            #expect(all.count == 1)
            #expect(all.first?.unicodeScalars.allSatisfy { (0x20...0x7E).contains($0.value) } == true)
        }
    }

    @Test("are at most 50 lines, then their number")
    func many() {
        let text = "farm:\n" + (0..<53).map { "  unknown_\(String(repeating: "x", count: $0)): 1\n" }.joined()
        let error = #expect(throws: ConfigurationError.self) { try configuration(text) }
        #expect(error?.mistakes.count == 53)
        #expect(error?.description.split(separator: "\n").count == 51)
        #expect(error?.description.hasSuffix("\nand 3 more") == true)
    }

    @Test(
        "name the setting that was meant",
        arguments: [
            ("cluster:\n  redis-host: a", "redis_host"), ("cluster:\n  redisHost: a", "redis_host"),
            ("cluster:\n  REDIS_HOST: a", nil), ("cluster:\n  redis_prot: 1", "redis_port"),
            ("server:\n  prt: 1", "port"),
            ("clutser:\n  enabled: true", "cluster"), ("sessions:\n  ttl_: 60", "ttl"),
            ("server:\n  api_key_fil: a", "api_key_file"), ("server:\n  api_keyy: a", "api_key"),
            ("sessions:\n  redis:\n    passwrd: a", "password"),
            ("sessions:\n  redis:\n    password_fiel: a", "password_file"),
            ("farm:\n  ttl: 60", "sessions.ttl"), ("farm:\n  redis_password: a", "cluster.redis_password"),
            ("port: 80", "server.port or sessions.redis.port"), ("farm:\n  redis_tls: true", "cluster.redis_tls"),
        ])
    func nearest(_ text: String, _ name: String?) {
        let all = answers(text)
        #expect(all.count == 1)
        #expect(all.first?.contains(": there is no such setting; ") == true)
        if let name {
            #expect(all.first?.hasSuffix("; did you mean \(name)?") == true)
        } else {
            #expect(all.first?.contains("; write enabled, backend, hostname, ") == true)
        }
    }

    @Test(
        "name the variable that was meant",
        arguments: [
            ("PKGMILL_SERVER_PROT", "did you mean PKGMILL_SERVER_PORT?"),
            ("PKGMILL_SERVER_API_KEY_FIL", "did you mean PKGMILL_SERVER_API_KEY_FILE?"),
            ("PKGMILL_SESSIONS_REDIS_PASSWORDFILE", "did you mean PKGMILL_SESSIONS_REDIS_PASSWORD_FILE?"),
            ("PKGMILL_XYZ", "remove it"), ("PKGMILL_", "remove it"), ("PKGMILL_server_port", "remove it"),
        ])
    func nearestVariable(_ variable: String, _ expected: String) {
        for value in ["1", ""] {
            #expect(
                answers("", [variable: value]) == [
                    "environment variable \(variable): there is no such setting; \(expected)"
                ])
        }
    }

    @Test("do not count what belongs to others, or to the program itself")
    func otherVariables() throws {
        let environment = [
            "PKGMILL_CONFIG": "/x", "PKGMILL_TEST_LONG": "1", "PKGMIL_SERVER_PORT": "x", "pkgmill_server_port": "x",
            "XPKGMILL_SERVER_PORT": "x", "PATH": "/bin", "": "",
        ]
        #expect(try configuration("", environment) == configuration(""))
    }

    @Test("name a setting that is written with dots, and say how it is written")
    func dotted() {
        #expect(
            answers("server.port: 80\nsessions:\n  redis.host: a\n") == [
                "1: server.port: a name with a dot is not taken; "
                    + "write each section on a line of its own and the setting below it, indented",
                "3: sessions.redis.host: a name with a dot is not taken; "
                    + "write each section on a line of its own and the setting below it, indented",
            ])
    }

    @Test("show a key that is no name only where it is spelled as names are")
    func unknownKeys() {
        #expect(answers("colour: 1").first?.hasPrefix("1: colour: there is no such setting; write ") == true)
        for key in ["Colour7", "colour blue", "\u{E9}t\u{E9}", "a\\u202Eb", String(repeating: "x", count: 41)] {
            #expect(
                answers("\"\(key)\": 1") == [
                    "1: (a key that is no setting's name): there is no such setting; "
                        + "write cluster, server, sessions or farm"
                ])
        }
    }

    @Test("of a value that the environment overrides are not told, but for those of a secret")
    func overridden() {
        let text = "server:\n  port: ${PORT}\n  api_key: [a]\n"
        #expect(
            answers(text, ["PKGMILL_SERVER_PORT": "80", "PKGMILL_SERVER_API_KEY": "b"]) == [
                "3: server.api_key: a list stands there; write one value"
            ])
    }

    @Test("are no more than the YAML's own where the rest could not be read")
    func brokenYAML() {
        let text = "cluster:\n  enabled: true\n  backend: redis\nserver: [\n"
        #expect(answers(text).count == 1)
    }

    @Test("of a variable are told where the text is not UTF-8")
    func brokenVariable() {
        #expect(
            answers("", ["PKGMILL_SERVER_API_KEY": "a\u{FFFD}", "PKGMILL_SERVER_DB_PATH": "\u{FFFD}"]) == [
                "environment variable PKGMILL_SERVER_DB_PATH: server.db_path: the value is not UTF-8; write UTF-8",
                "environment variable PKGMILL_SERVER_API_KEY: server.api_key: the value is not UTF-8; write UTF-8",
            ])
    }
}
