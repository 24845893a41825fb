import Terminal

/// One verb of the command line.
struct Command: Sendable {
    let syntax: CommandSyntax
    let run: @Sendable (Invocation, Console) async throws -> ExitCode

    /// All of them, in the order of `pkgmill help`.
    static let all: [Command] = [
        initialise, check, submit, work, serve, batch, status, watch, cancel, retry, list, queue,
        token, fetch, key, user, audit, inspect, lint, bench,
        completions, help, version,
    ]
}

extension CommandSyntax.Option {
    /// Every command that answers with data has it.
    static let json = Self("json", help: "one JSON document on standard output and nothing else there")
}
