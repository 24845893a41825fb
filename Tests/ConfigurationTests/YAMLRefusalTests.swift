import Testing

@testable import Configuration

/// YAML in which two readers could see different things, or a small text becomes a large one.
@Suite("YAML that is not taken") struct YAMLRefusalTests {
    @Test("anchors and aliases are refused where they stand, without their names")
    func anchors() {
        let text = """
            cluster:
              redis_host: &host localhost
            sessions:
              redis:
                host: *host
            """
        #expect(
            answers(text) == [
                "2:15: cluster.redis_host: an anchor (&), which is not taken; "
                    + "remove it, or put a value that begins with & in double quotes",
                "5:11: sessions.redis.host: an alias (*), which is not taken; "
                    + "write the value itself, in double quotes where it begins with *",
            ])
    }

    @Test("an alias is refused as a key, and so is an anchor on one")
    func aliasKey() {
        #expect(
            answers("&a server:\n  *a : 1\n") == [
                "1:1: an anchor (&), which is not taken; "
                    + "remove it, or put a value that begins with & in double quotes",
                "2:3: (a key that is no setting's name): an alias (*), which is not taken; "
                    + "write the value itself, in double quotes where it begins with *",
            ])
    }

    @Test("a merge key is refused, plain; quoted it is a name like others")
    func mergeKey() {
        #expect(
            answers("server:\n  <<: {port: 80}\n") == [
                "2:3: server: a merge key (<<); write the settings themselves; merging is not taken"
            ])
        #expect(
            answers("server:\n  \"<<\": 1\n").first?.hasPrefix(
                "2: server.(a key that is no setting's name): there is no such setting; ") == true)
    }

    @Test(
        "tags are refused, known ones and others",
        arguments: ["!!str 80", "!!binary ODA=", "!!int 80", "!port 80", "! 80", "!<tag:example.com,2000:x> 80"])
    func tags(_ value: String) {
        #expect(
            answers("server:\n  port: \(value)\n") == [
                "2:9: server.port: a tag (!), which is not taken; "
                    + "remove it, or put a value that begins with ! in double quotes"
            ])
    }

    @Test("a tag on a section is refused")
    func tagOnSection() {
        #expect(answers("server: !!map\n  port: 80\n").count == 1)
        #expect(answers("farm:\n  architectures: !!seq [arm64]\n").count == 1)
    }

    @Test("a key that is there twice is refused at the second, at every level")
    func equalKeys() {
        let text = """
            server:
              port: 80
              "port": 81
            farm: {queue: sqlite, queue: sqlite}
            server:
              port: 82
            """
        #expect(
            answers(text) == [
                "3:3: server.port: is here a second time, first on line 2; remove one of the two",
                "4:23: farm.queue: is here a second time, first on line 4; remove one of the two",
                "5:1: server: is here a second time, first on line 1; remove one of the two",
            ])
    }

    @Test("keys are compared by bytes: one spelling composed and one decomposed are two keys")
    func normalizedKeys() {
        let all = answers("caf\u{E9}: 1\ncafe\u{301}: 1\n")
        #expect(all.count == 2)
        #expect(all.allSatisfy { $0.contains("there is no such setting") })
        #expect(YAML.parse(Array("caf\u{E9}: 1\ncafe\u{301}: 1\n".utf8)).mistakes == [])
    }

    @Test("a key that is a list or a mapping is refused", arguments: ["? [a, b]\n: 1\n", "? {a: b}\n: 1\n", "{{ x }}"])
    func keysOfParts(_ text: String) {
        #expect(
            answers(text).contains {
                $0.hasSuffix("a key that is a list or a mapping; write a name, a colon and a value")
            })
    }

    @Test("an empty key is no setting", arguments: ["? \n: 1\n", "\"\": 1\n", "~: 1\n"])
    func emptyKey(_ text: String) {
        #expect(
            answers(text) == [
                "1: (a key that is no setting's name): there is no such setting; "
                    + "write cluster, server, sessions or farm"
            ])
    }

    @Test(
        "a second document is refused",
        arguments: [
            "server:\n  port: 80\n---\nserver:\n  port: 81\n", "server: {}\n...\n---\nx: 1\n", "---\n---\n---\n",
        ])
    func documents(_ text: String) {
        let all = answers(text)
        #expect(all.count == 1)
        #expect(all.first?.hasSuffix(": a second document begins; keep one document and remove the rest") == true)
    }

    @Test("directives are refused", arguments: ["%YAML 1.1", "%YAML 1.2", "%TAG ! tag:example.com,2000:"])
    func directives(_ line: String) {
        #expect(
            answers("\(line)\n---\nserver:\n  port: 80\n") == [
                "1:1: a directive (%YAML or %TAG); remove the lines that begin with %"
            ])
    }

    @Test("directives that libyaml does not know are no YAML", arguments: ["%YAML 3.0", "%FOO bar", "%YAML", "%"])
    func unknownDirectives(_ line: String) {
        let all = answers("\(line)\n---\nserver:\n  port: 80\n")
        #expect(all.count == 1)
        #expect(all.first?.contains(": not valid YAML: ") == true)
    }

    @Test("billion laughs end at the first anchor and stay small")
    func bomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n"
        }
        let mistakes = Reading(text: Array(text.utf8)).mistakes()
        // 31 anchors, 270 aliases, 31 names that are no settings.
        #expect(mistakes.count == 332)
        #expect(ConfigurationError(mistakes).description.hasSuffix("\nand 282 more"))
    }

    @Test("an alias to what is around it is refused like any other")
    func loop() { #expect(answers("server: &a\n  port: *a\n").count == 2) }

    @Test("nesting ends at 16 levels", arguments: ["[", "{a: ", "- "])
    func depth(_ opening: String) {
        for count in [17, 1_000, 100_000] {
            #expect(
                answers(String(repeating: opening, count: count)).contains {
                    $0.contains("more than 16 levels of nesting")
                })
        }
        let closed = String(repeating: "[", count: 16) + String(repeating: "]", count: 16)
        #expect(answers("server: " + closed).allSatisfy { !$0.contains("nesting") || $0.contains("more than 16") })
        #expect(YAML.parse(Array(closed.utf8)).mistakes == [])
    }

    @Test("deep nesting by indentation ends there, too")
    func deepBlocks() {
        let text = (0..<500).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        let last = answers(text).last
        #expect(last?.contains("17:17: ") == true)
        #expect(last?.hasSuffix("more than 16 levels of nesting; a configuration has three") == true)
    }

    @Test("more than 10000 keys and values are refused")
    func nodes() {
        let list = "[" + String(repeating: "a,", count: 20_000) + "]"
        #expect(
            answers("farm:\n  architectures: \(list)\n").contains {
                $0.hasSuffix("more than 10000 keys and values; a configuration is much smaller")
            })
    }

    @Test(
        "a file that is one value or a list is refused",
        arguments: ["server", "\"\"", "- server", "[server]", "|\n x\n"])
    func rootKinds(_ text: String) {
        #expect(answers(text) == ["1: the file holds a single value or a list; write sections such as `farm:`"])
    }

    @Test("a section that is one value or a list is refused", arguments: ["80", "\"\"", "[port]", "\n  - port"])
    func sectionKinds(_ value: String) {
        let all = answers("sessions:\n  redis: \(value.replacing("\n", with: "\n  "))\n")
        #expect(all.count == 1)
        #expect(
            all.first?.hasSuffix(
                ": sessions.redis: a single value or a list stands where settings belong; "
                    + "write the settings below it, indented, one a line: host, port or password") == true)
    }

    @Test("a setting with settings below it is refused")
    func mappingForValue() {
        #expect(
            answers("server:\n  port: {number: 80}\n") == [
                "2: server.port: settings stand below it; write a whole number from 1 to 65535"
            ])
    }
}
