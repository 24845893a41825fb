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

    /// Sends a command that may be sent again.
    @discardableResult
    func ask(_ words: String...) async throws -> RedisReply {
        var command = RedisCommand()
        for word in words { command.append(word) }
        return try await send(command, .repeatable)
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

extension RedisError {
    var isUnreachable: Bool { if case .unreachable = self { true } else { false } }
    var isUnanswered: Bool { if case .unanswered = self { true } else { false } }
    var isUnexpected: Bool { if case .unexpected = self { true } else { false } }
}
