import Synchronization
public import System

/// The way to one Redis.
public final class RedisLink: Sendable {
    /// Whether a command may be sent again when its answer was lost.
    public enum Effect: Sendable {
        /// Doing it twice is doing it once.
        case repeatable
        /// Doing it twice is something else: an answer that was lost is an error.
        case once
    }

    private let settings: RedisSettings
    private let thread = BlockingExecutor("redis")
    private let state = Mutex(State())

    private struct State {
        var connection: RedisConnection?
        var digests: [String: [UInt8]] = [:]
    }

    /// A link that connects when it is first used.
    public init(_ settings: RedisSettings) { self.settings = settings }

    /// Sends a command and returns its answer.
    public func send(_ command: RedisCommand, _ effect: Effect) async throws(RedisError) -> RedisReply {
        let result: Result<RedisReply, RedisError> = await withCheckedContinuation { continuation in
            thread.run {
                continuation.resume(
                    returning: Result { () throws(RedisError) in try self.exchange(command, effect) })
            }
        }
        return try result.get()
    }

    /// Runs a script and returns its answer.
    public func run(
        _ script: RedisScript, keys: [String], _ arguments: RedisCommand, _ effect: Effect
    ) async throws(RedisError) -> RedisReply {
        for _ in 0..<2 {
            let digest: [UInt8]
            if let known = state.withLock({ $0.digests[script.name] }) {
                digest = known
            } else {
                let reply = try await send(RedisCommand("SCRIPT", "LOAD", script.text), .repeatable)
                guard let loaded = reply.bytes else { throw .unexpected(detail: "SCRIPT LOAD gave no digest") }
                digest = loaded
                state.withLock { $0.digests[script.name] = loaded }
            }
            var command = RedisCommand("EVALSHA")
            command.append(digest)
            command.append(keys.count)
            for key in keys { command.append(key) }
            command.append(contentsOf: arguments)
            do throws(RedisError) { return try await send(command, effect) } catch {
                guard error.code == "NOSCRIPT" else { throw error }
                state.withLock { $0.digests[script.name] = nil }
            }
        }
        throw .unexpected(detail: "script \(script.name) is not kept")
    }

    /// Sends a command that waits at the server, at most `limit`, on a connection of its own.
    public func wait(_ command: RedisCommand, atMost limit: Duration) async throws(RedisError) -> RedisReply {
        let executor = BlockingExecutor("redis-wait")
        let settings = settings
        let result: Result<RedisReply, RedisError> = await withCheckedContinuation { continuation in
            executor.run {
                continuation.resume(
                    returning: Result { () throws(RedisError) in
                        try RedisConnection(settings).exchange(command, within: limit + settings.timeout)
                    })
            }
        }
        return try result.get()
    }

    private func exchange(_ command: RedisCommand, _ effect: Effect) throws(RedisError) -> RedisReply {
        var tries = 0
        while true {
            tries += 1
            do throws(RedisError) {
                let connection: RedisConnection
                if let open = state.withLock({ $0.connection }) {
                    connection = open
                } else {
                    connection = try RedisConnection(settings)
                    state.withLock { $0.connection = connection }
                }
                return try connection.exchange(command, within: settings.timeout)
            } catch {
                if error.code == nil { state.withLock { $0.connection = nil } }
                guard tries < 3, case .unanswered = error, effect == .repeatable else { throw error }
            }
        }
    }
}

/// Where a Redis is and how to get in.
public struct RedisSettings: Sendable, Equatable {
    /// The server.
    public var address: StreamSocket.Address
    /// How long a command may take.
    public var timeout = Duration.seconds(5)

    /// Settings for a server that asks for nothing.
    public init(address: StreamSocket.Address) { self.address = address }
}

final class RedisConnection: Sendable {
    private let socket: StreamSocket
    private let codec: RedisCodec

    init(_ settings: RedisSettings) throws(RedisError) {
        guard let codec = RedisCodec() else { throw .unreachable(detail: "no memory") }
        do throws(SystemError) { socket = try StreamSocket.connect(settings.address, atMost: settings.timeout) } catch {
            throw .unreachable(detail: "\(error)")
        }
        self.codec = codec
    }

    /// Sends a command and waits for its answer. Blocks; after any error but a refusal the connection is of no more use.
    func exchange(_ command: RedisCommand, within limit: Duration) throws(RedisError) -> RedisReply {
        var bytes: [UInt8] = []
        try RedisCodec.encode(command, into: &bytes)
        let deadline = ContinuousClock.now + limit
        try send(bytes, until: deadline)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            if let reply = try codec.next() {
                if case .refusal(let words) = reply { throw .refusal(words) }
                return reply
            }
            try receive(buffer, until: deadline)
        }
    }

    private func send(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(RedisError) {
        do throws(SystemError) {
            var rest = bytes[...]
            while true {
                rest = rest.dropFirst(try socket.send(rest))
                if rest.isEmpty { return }
                guard try socket.wait(for: .output, atMost: deadline - .now) else { break }
            }
        } catch {
            throw .unanswered(detail: error.description)
        }
        throw .unanswered(detail: "it took nothing in time")
    }

    private func receive(
        _ buffer: UnsafeMutableRawBufferPointer, until deadline: ContinuousClock.Instant
    ) throws(RedisError) {
        let received: StreamSocket.Received
        do throws(SystemError) {
            guard try socket.wait(for: .input, atMost: deadline - .now) else {
                throw SystemError(operation: "wait for", path: "the answer", code: 110)
            }
            received = try socket.receive(buffer)
        } catch {
            throw .unanswered(detail: error.description)
        }
        switch received {
        case .bytes(let count): try codec.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        case .nothing: break
        case .end: throw .unanswered(detail: "the server has closed the connection")
        }
    }
}
