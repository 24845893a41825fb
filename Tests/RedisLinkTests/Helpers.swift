import RedisLink
import System
import TestSupport
import Testing

extension RedisLink {
    // The errors are typed, which the macros of the tests cannot see.

    /// A link to a server that asks for nothing.
    convenience init(_ address: StreamSocket.Address, timeout: Duration = .seconds(30)) {
        var settings = RedisSettings(address: address)
        settings.timeout = timeout
        self.init(settings)
    }

    /// Gets a connection, however little time the link gives itself and however busy the machine is.
    func connect() async throws {
        let isConnected = try await eventually { await failure { try await ask("PING") } == nil }
        #expect(isConnected)
    }

    /// Sends a command that may be sent again.
    @discardableResult
    func ask(_ words: String...) async throws -> RedisReply {
        var command = RedisCommand()
        for word in words { command.append(word) }
        return try await send(command, .repeatable)
    }

    /// Runs a script that may not be run again.
    @discardableResult
    func runOnce(_ script: RedisScript, keys: [String] = [], _ arguments: String...) async throws -> RedisReply {
        var words = RedisCommand()
        for argument in arguments { words.append(argument) }
        return try await run(script, keys: keys, words, .once)
    }

    /// Sends a command that may be sent again, and expects this reply.
    func expect(_ reply: RedisReply, _ words: String..., at place: SourceLocation = #_sourceLocation) async throws {
        var command = RedisCommand()
        for word in words { command.append(word) }
        let found = try await send(command, .repeatable)
        #expect(found == reply, sourceLocation: place)
    }

    /// Sends a command that may not be sent again.
    @discardableResult
    func askOnce(_ words: String...) async throws -> RedisReply {
        var command = RedisCommand()
        for word in words { command.append(word) }
        return try await send(command, .once)
    }
}

extension RedisReply {
    /// A string.
    static func text(_ text: String) -> RedisReply { .bytes(Array(text.utf8)) }
}

/// The error that `body` throws; nil when it throws none.
func failure(_ body: () async throws -> Void) async -> RedisError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? RedisError
    }
}

/// Expects that `body` throws an error of this kind.
func expectFailure(
    _ kind: FailureKind, at place: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
    let found = await failure(body)
    #expect(found.map(kind.isThat) == true, "\(String(describing: found))", sourceLocation: place)
}

/// Expects that `body` throws an error of this kind, sooner or later: of a link that gives itself little time, a busy
/// machine may take all of it.
func expectEventually(
    _ kind: FailureKind, at place: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws {
    var found: RedisError?
    let isExpected = try await eventually(within: .seconds(20)) {
        found = await failure(body)
        return found.map(kind.isThat) == true
    }
    #expect(isExpected, "\(String(describing: found))", sourceLocation: place)
}

/// The kinds of errors, without their words.
enum FailureKind {
    case unreachable
    case unanswered
    case unexpected
    case refused(String)

    func isThat(_ error: RedisError) -> Bool {
        switch self {
        case .unreachable: error.isUnreachable
        case .unanswered: error.isUnanswered
        case .unexpected: error.isUnexpected
        case .refused(let code): error.code == code
        }
    }
}

extension RedisError {
    var isUnreachable: Bool { if case .unreachable = self { true } else { false } }
    var isUnanswered: Bool { if case .unanswered = self { true } else { false } }
    var isUnexpected: Bool { if case .unexpected = self { true } else { false } }
}
