import Testing

@testable import Configuration

@Suite("A path") struct PathTests {
    @Test(
        "counts from the folder of the file unless it is absolute",
        arguments: [
            ("a", "/srv/farm/a"), ("./a/./b//c/", "/srv/farm/a/b/c"), ("../a", "/srv/farm/../a"),
            ("/a/../b", "/a/../b"),
            ("//a", "/a"), ("a~", "/srv/farm/a~"),
            (" a ", "/srv/farm/ a "), ("$HOME/a", "/srv/farm/$HOME/a"), ("a:b", "/srv/farm/a:b"),
            ("C:\\a", "/srv/farm/C:\\a"), ("\u{E9}/e\u{301}", "/srv/farm/\u{E9}/e\u{301}"), ("...", "/srv/farm/..."),
        ])
    func absolute(_ written: String, _ path: String) throws {
        let read = try configuration(file("farm.keys", YAML.quoted(written)))
        #expect(Array(read.farm.keys.utf8) == Array(path.utf8))
        #expect(read.path == "/srv/farm/pkgmill.yaml")
        #expect(read.directory == "/srv/farm")
    }

    @Test(
        "that every node gets is refused unless it is absolute",
        arguments: ["a", "./a", ".", "..", "C:\\a", " /a"], ["server.db_path", "cluster.storage_path"])
    func everywhere(_ written: String, _ setting: String) {
        #expect(
            answer(setting, YAML.quoted(written))
                == "2: \(setting): \"\(written)\" is not an absolute path; write an absolute path")
    }

    @Test("counts from the folder of the file also where a variable gives it")
    func variable() throws {
        #expect(try configuration("", ["PKGMILL_FARM_WORK": "elsewhere"]).farm.work == "/srv/farm/elsewhere")
    }

    @Test(
        "is refused where only a shell would know what it is",
        arguments: [
            ("~", "begins with ~, which only a shell replaces"), ("~/a", "begins with ~, which only a shell replaces"),
            ("~root/a", "begins with ~, which only a shell replaces"),
            ("${HOME}/a", "holds a variable, which is not replaced"),
            ("/a/${B}", "holds a variable, which is not replaced"),
        ])
    func shellWords(_ written: String, _ problem: String) {
        #expect(
            answer("server.db_path", "\"\(written)\"")
                == "2: server.db_path: \"\(written)\" \(problem); write the whole path")
    }

    @Test(
        "is refused with a control character, which is made visible", arguments: ["\n", "\t", "\r", "\u{1B}", "\u{7F}"])
    func controls(_ character: String) {
        let code = String(character.unicodeScalars.map { String($0.value, radix: 16) }.joined())
        #expect(
            answer("server.db_path", YAML.quoted("/a" + character))
                == "2: server.db_path: \"/a\\u{\(code)}\" holds a control character; write an absolute path")
    }

    @Test("is refused as a URL without being shown, since that may hold a password")
    func url() {
        let text = file("cluster.storage_path", "smb://user:hunter2@server/share")
        #expect(
            answers(text) == [
                "2: cluster.storage_path: a URL stands there; write the path at which a share is mounted"
            ])
    }

    @Test("has 1024 bytes at most")
    func length() throws {
        let most = "/" + String(repeating: "a", count: 1023)
        #expect(try configuration(file("server.db_path", most)).server.dbPath == most)
        #expect(
            answer("server.db_path", most + "a")
                == "2: server.db_path: the path has 1025 bytes; write at most 1024")
    }

    @Test("with a NUL is refused")
    func nul() {
        #expect(
            answer("server.db_path", "\"/a\\0b\"")
                == "2: server.db_path: the value holds a NUL character; remove the \\0 or \\x00")
    }
}

@Suite("A list") struct ListTests {
    @Test("is written as a block, in brackets, or in a variable in brackets")
    func forms() throws {
        #expect(try configuration("farm:\n  daemon:\n  - /bin/x\n  - 0\n").farm.daemon == ["/bin/x", "0"])
        #expect(try configuration("farm:\n  daemon: [/bin/x, 'a b', \"\"]\n").farm.daemon == ["/bin/x", "a b", ""])
        let environment = ["PKGMILL_FARM_DAEMON": "[/bin/x, \"\\t\\x41\", no]"]
        #expect(answers("", environment).count == 1)
        #expect(
            try configuration("", ["PKGMILL_FARM_DAEMON": "[/bin/x, \"\\x41\", no]"]).farm.daemon == [
                "/bin/x", "A", "no",
            ])
    }

    @Test(
        "in a variable is refused in any other form",
        arguments: [
            "/bin/x serve", "/bin/x, serve", "[/bin/x", "{a: b}", "[[/bin/x]]", "[/bin/x, ~]", "[&a /bin/x]", "~",
            "[/x, \"\\0\"]",
        ])
    func variable(_ value: String) {
        let all = answers("", ["PKGMILL_FARM_DAEMON": value])
        #expect(all.count == 1)
        #expect(
            all.first?.hasPrefix(
                "environment variable PKGMILL_FARM_DAEMON: farm.daemon: \(Mistake.shown(value)) is no list; "
            )
                == true)
    }

    @Test("is refused with an element that is empty or has parts", arguments: ["~", "", "[a]", "{a: b}", "null"])
    func elements(_ element: String) {
        #expect(
            answers("farm:\n  architectures:\n  - arm64\n  - \(element)\n") == [
                "4: farm.architectures: an element of the list is empty or no single value; "
                    + "write a list with one or more of arm64, x86_64"
            ])
    }

    @Test("of processors keeps its order and has each once")
    func architectures() throws {
        #expect(
            try configuration(file("farm.architectures", "[x86_64, arm64]")).farm.architectures == ["x86_64", "arm64"])
        #expect(
            answer("farm.architectures", "[arm64, arm64]")
                == "2: farm.architectures: \"arm64\" is there twice; remove one of the two")
        #expect(
            answer("farm.architectures", "[arm64, ARM64]")
                == "2: farm.architectures: \"ARM64\" is not one of its values; "
                + "write a list with one or more of arm64, x86_64")
    }

    @Test("of a command begins with an absolute path and stays within its bounds")
    func command() {
        let expected = "write a list with an absolute path of a program first, then its arguments"
        for program in ["pkgmill", "./pkgmill", "\"\""] {
            #expect(
                answer("farm.daemon", "[\(program), serve]")?.hasSuffix("is no absolute path of a program; " + expected)
                    == true)
        }
        #expect(
            answer("farm.daemon", "[/x, \"a\\nb\"]") == "2: farm.daemon: \"a\\u{a}b\" holds a control character; "
                + expected)
        let long = String(repeating: "a", count: 1025)
        #expect(
            answer("farm.daemon", "[/x, \(long)]") == "2: farm.daemon: an argument has 1025 bytes; write at most 1024")
        let many = Array(repeating: "a", count: 64).joined(separator: ", ")
        #expect(answer("farm.daemon", "[/x, \(many)]") == "2: farm.daemon: the list has 65 elements; write at most 64")
    }
}
