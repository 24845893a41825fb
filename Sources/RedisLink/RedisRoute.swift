import Synchronization
import System

/// Finds the server and signs in there: every connection of a link begins here.
final class RedisRoute: Sendable {
    private let settings: RedisSettings
    /// Where another node has sent us.
    private let detour = Mutex<StreamSocket.Address?>(nil)

    init(_ settings: RedisSettings) { self.settings = settings }

    /// A wire to the server on which commands may be sent at once. Blocks until `deadline` at most.
    func open(until deadline: RedisDeadline) throws(RedisError) -> RedisWire {
        guard let other = detour.withLock({ $0 }) else { return try open(settings.address, until: deadline) }
        do throws(RedisError) { return try open(other, until: deadline) } catch {
            // It may be gone for good; those whom the settings name know the way.
            detour.withLock { $0 = nil }
            throw error
        }
    }

    /// The node that a refusal of the kind `MOVED SLOT HOST:PORT` names is asked from now on.
    ///
    /// - Parameter wire: on which it came. A node that does not know its own name leaves it out.
    func follow(_ refusal: RedisError, on wire: RedisWire) {
        guard case .refused("MOVED", let detail) = refusal, let place = detail.split(separator: " ").last,
            let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...])
        else { return }
        var host = String(place[..<colon])
        if host.isEmpty || host == "?", case .tcp(let same, _) = wire.address { host = same }
        guard !host.isEmpty else { return }
        detour.withLock { $0 = .tcp(host: host, port: port) }
    }

    private func open(_ address: StreamSocket.Address, until deadline: RedisDeadline) throws(RedisError) -> RedisWire {
        let wire = try RedisWire(to: address, settings.tls, until: deadline)
        try signIn(wire, until: deadline)
        return wire
    }

    /// Says who we are, in one round trip.
    private func signIn(_ wire: RedisWire, until deadline: RedisDeadline) throws(RedisError) {
        let steps = signingIn
        let replies = try wire.exchange(steps.map(\.command), until: deadline)
        for (step, reply) in zip(steps, replies) {
            guard case .refusal(let words) = reply else {
                if step.purpose == .runID { wire.runID = reply.text.flatMap { RedisInformation($0)["run_id"] } }
                continue
            }
            switch step.purpose {
            case .password:
                // Servers repeat the words of commands that they do not know.
                let isRepeated = settings.password?.isPart(of: words) == true
                throw .refusal(isRepeated ? "ERR the server does not take a password" : words)
            case .database: throw .refusal(words)
            case .name: break  // a help for people who look there; nothing depends on it
            case .runID: if !words.utf8.starts(with: "NOPERM".utf8) { throw .refusal(words) }
            }
        }
    }

    private enum Purpose { case password, database, name, runID }

    private var signingIn: [(purpose: Purpose, command: RedisCommand)] {
        var steps: [(Purpose, RedisCommand)] = []
        if let password = settings.password {
            var command = RedisCommand("AUTH")
            if let user = settings.user { command.append(user) }
            command.append(password.bytes)
            steps.append((.password, command))
        }
        if settings.database != 0 { steps.append((.database, RedisCommand("SELECT", String(settings.database)))) }
        if let name = settings.clientName { steps.append((.name, RedisCommand("CLIENT", "SETNAME", name))) }
        return steps + [(.runID, RedisCommand("INFO", "server"))]
    }
}
