import Synchronization
import System

/// Finds the server and signs in there: every connection of a link begins here.
final class RedisRoute: Sendable {
    private let settings: RedisSettings
    /// Where another node has sent us.
    private let detour = Mutex<StreamSocket.Address?>(nil)

    /// Which of the sentinels knew the way the last time.
    private let knowing = Mutex(0)

    init(_ settings: RedisSettings) { self.settings = settings }

    /// A wire to the server on which commands may be sent at once. Blocks until `deadline` at most.
    func open(until deadline: RedisDeadline) throws(RedisError) -> RedisWire {
        if let sentinels = settings.sentinels { return try open(by: sentinels, until: deadline) }
        guard let other = detour.withLock({ $0 }) else { return try open(settings.address, until: deadline) }
        do throws(RedisError) { return try open(other, until: deadline) } catch {
            // It may be gone for good; those whom the settings name know the way.
            detour.withLock { $0 = nil }
            throw error
        }
    }

    // MARK: Sentinels

    private func open(by sentinels: RedisSentinels, until deadline: RedisDeadline) throws(RedisError) -> RedisWire {
        var failure = RedisError.unreachable(detail: "the settings name no sentinel")
        let count = sentinels.addresses.count
        let first = knowing.withLock { $0 }
        for step in 0..<count {
            let index = (first + step) % count
            // One that does not answer must leave time for the others.
            let share = min(deadline, .after(deadline.left / (count - step)))
            do throws(RedisError) {
                let address = try primary(by: sentinels, at: sentinels.addresses[index], until: share)
                let wire = try open(address, until: share)
                try checkRole(of: wire, until: share)
                knowing.withLock { $0 = index }
                return wire
            } catch { failure = error }
        }
        throw failure
    }

    private func primary(
        by sentinels: RedisSentinels, at address: StreamSocket.Address, until deadline: RedisDeadline
    ) throws(RedisError) -> StreamSocket.Address {
        let wire = try RedisWire(to: address, sentinels.speakTLS ? settings.tls : nil, until: deadline)
        var commands: [RedisCommand] = []
        if let password = sentinels.password { commands.append(Self.authentication(sentinels.user, password)) }
        commands.append(RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinels.primaryName))
        let replies = try wire.exchange(commands, until: deadline)
        for case .refusal(let words) in replies { throw Self.refusal(words, hiding: sentinels.password) }
        guard let place = replies.last?.array, place.count == 2, let host = place[0].text,
            let port = place[1].text.flatMap({ UInt16($0) })
        else {
            throw .unreachable(detail: "the sentinel \(address) knows no primary named \(sentinels.primaryName)")
        }
        return .tcp(host: host, port: port)
    }

    /// A sentinel may not have noticed yet that there is another primary.
    private func checkRole(of wire: RedisWire, until deadline: RedisDeadline) throws(RedisError) {
        let replies = try wire.exchange([RedisCommand("ROLE")], until: deadline)
        guard let role = replies.first?.array?.first?.text else {
            // The user may not ask; then a write will tell.
            return
        }
        guard role == "master" else {
            throw .unreachable(detail: "\(wire.address), which a sentinel names, is no primary")
        }
    }

    // MARK: Cluster

    /// The node that a refusal of the kind `MOVED SLOT HOST:PORT` names is asked from now on.
    ///
    /// - Parameter wire: on which it came. A node that does not know its own name leaves it out.
    func follow(_ refusal: RedisError, on wire: RedisWire) {
        guard case .refused("MOVED", let detail) = refusal,
            let place = detail.utf8.split(separator: UInt8(ascii: " ")).last.map({ Array($0) }),
            let colon = place.lastIndex(of: UInt8(ascii: ":")),
            let port = decimal(Array(place[(colon + 1)...])), (1...65_535).contains(port)
        else { return }
        var host = String(decoding: place[..<colon], as: UTF8.self)
        if host.isEmpty || host.utf8.elementsEqual("?".utf8), case .tcp(let same, _) = wire.address { host = same }
        guard !host.isEmpty else { return }
        detour.withLock { $0 = .tcp(host: host, port: UInt16(port)) }
    }

    // MARK: Signing in

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
            case .password: throw Self.refusal(words, hiding: settings.password)
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
            steps.append((.password, Self.authentication(settings.user, password)))
        }
        if settings.database != 0 { steps.append((.database, RedisCommand("SELECT", String(settings.database)))) }
        if let name = settings.clientName { steps.append((.name, RedisCommand("CLIENT", "SETNAME", name))) }
        return steps + [(.runID, RedisCommand("INFO", "server"))]
    }

    private static func authentication(_ user: String?, _ password: RedisSecret) -> RedisCommand {
        var command = RedisCommand("AUTH")
        if let user { command.append(user) }
        command.append(password.bytes)
        return command
    }

    /// Servers repeat the words of commands that they do not know.
    private static func refusal(_ words: String, hiding secret: RedisSecret?) -> RedisError {
        .refusal(secret?.isPart(of: words) == true ? "ERR the server does not take a password" : words)
    }
}
