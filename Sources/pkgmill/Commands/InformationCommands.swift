import Configuration
import Terminal

extension Command {
    static let help = Command(
        syntax: CommandSyntax(
            "help", summary: "Show what a command takes, or the settings of the configuration",
            operands: [.init("COMMAND|settings", isOptional: true)])
    ) { invocation, console in
        let syntaxes = Command.all.map(\.syntax)
        guard let topic = invocation.operand(0) else {
            console.print(Help.overview(of: syntaxes))
            return .success
        }
        if topic == "settings" {
            console.print(SettingsReference.markdown())
            return .success
        }
        // Parsing the topic as a command line gives the same error, with the same suggestion, as typing it would.
        let named = try syntaxes.parse([topic, "--help"]).command
        for syntax in syntaxes where syntax.name == named { console.print(syntax.help(program: "pkgmill")) }
        return .success
    }

    static let version = Command(
        syntax: CommandSyntax("version", summary: "Show the version, and what jobs are pinned to")
    ) { _, console in
        console.print(Version.text + "\npins " + Version.builder)
        return .success
    }

    static let completions = Command(
        syntax: CommandSyntax(
            "completions", summary: "Print the completion script of a shell",
            discussion: """
                bash: pkgmill completions bash > /etc/bash_completion.d/pkgmill
                zsh:  pkgmill completions zsh > "${fpath[1]}/_pkgmill"
                fish: pkgmill completions fish > ~/.config/fish/completions/pkgmill.fish
                """,
            operands: [.init("bash|zsh|fish")])
    ) { invocation, console in
        guard let shell = Shell(rawValue: invocation.operand(0) ?? "") else {
            throw UsageError.unexpectedOperand(invocation.operand(0) ?? "", command: "completions")
        }
        console.print(Command.all.map(\.syntax).completions(for: shell, program: "pkgmill"))
        return .success
    }
}
