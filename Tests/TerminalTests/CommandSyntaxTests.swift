import Terminal
import TestSupport
import Testing

private let commands = [
    CommandSyntax(
        "submit", summary: "Ask for an installer",
        options: [
            .init("node-name", "NAME", help: "the node's name"),
            .init("label", "K=V", help: "a label", isRepeatable: true),
            .init("wait", help: "wait"), .init("state", "S", help: "a state", choices: ["queued", "failed"]),
        ]),
    CommandSyntax("status", summary: "Show a job", operands: [.init("JOB-ID"), .init("MORE", isOptional: true)]),
]

@Suite struct CommandSyntaxTests {
    @Test("options take their value after = or as the next word, flags take none")
    func options() throws {
        let parsed = try commands.parse(["submit", "--node-name=a=b", "--label", "x=1", "--label=y=2", "--wait"])
        #expect(parsed.value("node-name") == "a=b")
        #expect(parsed.all("label") == ["x=1", "y=2"])
        #expect(parsed.has("wait"))
        #expect(parsed.value("state") == nil)
    }

    @Test("--config may stand before the command")
    func commonFirst() throws {
        let parsed = try commands.parse(["--config", "farm.yaml", "status", "j1"])
        #expect(parsed.command == "status")
        #expect(parsed.value("config") == "farm.yaml")
        #expect(parsed.operands == ["j1"])
    }

    @Test("after -- every word is an operand")
    func endOfOptions() throws {
        #expect(try commands.parse(["status", "--", "--x"]).operands == ["--x"])
    }

    @Test("what is not understood is refused with what would have been")
    func refused() {
        let cases: [([String], UsageError)] = [
            ([], .noCommand), (["sumbit"], .unknownCommand("sumbit", nearest: "submit")),
            (["frobnicate"], .unknownCommand("frobnicate", nearest: nil)),
            (["submit", "--nodename", "x"], .unknownOption("--nodename", command: "submit", nearest: "node-name")),
            (["submit", "-x"], .unknownOption("-x", command: "submit", nearest: nil)),
            (["submit", "--node-name"], .missingValue(option: "node-name", expected: "NAME")),
            (["submit", "--wait=1"], .unexpectedValue(option: "wait")),
            (["submit", "--wait", "--wait"], .repeated(option: "wait")),
            (["submit", "x"], .unexpectedOperand("x", command: "submit")),
            (["status"], .missingOperand("JOB-ID", command: "status")),
            (["submit", "--state", "done"], .badValue(option: "state", value: "done", expected: "queued, failed")),
        ]
        for (words, expected) in cases {
            #expect(throws: expected) { try commands.parse(words) }
        }
    }

    @Test("--help asks for nothing else")
    func help() throws {
        #expect(try commands.parse(["status", "--help"]).has("help"))
        let text = commands[0].help(program: "pkgmill")
        #expect(text.contains("Usage: pkgmill submit [OPTIONS]"))
        #expect(text.contains("--label K=V") && text.contains("may be repeated") && text.contains("(queued, failed)"))
    }

    @Test("no error shows a control character")
    func errorsArePrintable() {
        let error = UsageError.unknownCommand("\u{1B}[31m\nroot", nearest: nil)
        #expect(!error.description.unicodeScalars.contains { $0.value < 32 })
    }

    @Test("bash takes the completion script", arguments: ["bash"])
    func completions(shell: String) throws {
        let script = commands.completions(for: .bash, program: "pkgmill")
        #expect(try run("bash", ["-n"], input: Array(script.utf8)).status == 0)
        let asked = script + "\nCOMP_WORDS=(pkgmill submit --no); COMP_CWORD=2; _pkgmill; echo \"${COMPREPLY[@]}\""
        #expect(try run("bash", ["-c", asked]).text == "--node-name\n")
    }

    @Test("fish's script names every command and option")
    func fish() {
        let script = commands.completions(for: .fish, program: "pkgmill")
        #expect(
            script.contains("-a submit") && script.contains("-l node-name -r") && script.contains("'the node\\'s name'")
        )
    }
}

@Suite struct ProgressLineTests {
    @Test(
        "the bar fills with the share done",
        arguments: [
            (Int64(0), Int64(10), "x  [..........]    0 %"), (5, 10, "x  [#####.....]   50 %"),
            (10, 10, "x  [##########]  100 %"),
            (20, 10, "x  [##########]  100 %"), (-5, 10, "x  [..........]    0 %"), (0, 0, "x  [..........]    0 %"),
        ])
    func bar(done: Int64, total: Int64, expected: String) {
        #expect(ProgressLine.text("x", done: done, total: total, width: 23) == expected)
    }

    @Test("a narrow terminal gets no bar")
    func narrow() {
        #expect(ProgressLine.text("assemble", done: 1, total: 2, width: 16) == "assemble   50 %")
    }

    @Test("colours are on for a terminal only")
    func palette() {
        #expect(Palette(isOn: true).bad("x") == "\u{1B}[31mx\u{1B}[0m")
        #expect(Palette(isOn: false).bad("x") == "x")
    }
}
