import System
import Terminal

/// The executable: understand the words, run the command, say what went wrong in one line, choose the exit code.
@main
struct Pkgmill {
    static func main() async {
        CurrentProcess.harden()
        let console = Console(
            palette: Palette(stream: .output, noColor: CurrentProcess.environment("NO_COLOR")),
            errorPalette: Palette(stream: .error, noColor: CurrentProcess.environment("NO_COLOR")))
        let code: ExitCode
        do {
            code = try await run(CurrentProcess.arguments, console: console)
        } catch {
            console.fail(error)
            code = ExitCode(for: error)
        }
        CurrentProcess.exit(code.rawValue)
    }

    private static func run(_ words: [String], console: Console) async throws -> ExitCode {
        let syntaxes = Command.all.map(\.syntax)
        if words.isEmpty || ["--help", "-h"].contains(words[0]) {
            console.print(Help.overview(of: syntaxes))
            return words.isEmpty ? .usage : .success
        }
        if words[0] == "--version" {
            console.print(Version.text)
            return .success
        }
        let invocation = try syntaxes.parse(words)
        guard let command = Command.all.first(where: { $0.syntax.name == invocation.command }) else {
            throw UsageError.unknownCommand(invocation.command, nearest: nil)
        }
        if invocation.has("help") {
            console.print(command.syntax.help(program: "pkgmill"))
            return .success
        }
        return try await command.run(invocation, console)
    }
}
