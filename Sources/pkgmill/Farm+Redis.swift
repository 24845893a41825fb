import Configuration
import Crypto
import QueueModel
import RedisLink
import System

extension FarmConfiguration {
    /// The way to the farm's Redis.
    var redisSettings: RedisSettings {
        let redis = farm.redis
        // One of the two is there: the configuration was checked.
        var settings = RedisSettings(address: (redis.address ?? redis.sentinels.first ?? .unix(path: "")).streamAddress)
        if !redis.sentinels.isEmpty {
            settings.sentinels = RedisSentinels(redis.sentinels.map(\.streamAddress), primaryName: redis.primary)
        }
        settings.replicas = redis.replicas
        settings.user = redis.user
        settings.password = secrets["farm.redis.password"].map { RedisSecret($0.copyBytes()) }
        if redis.isEncrypted {
            var tls = RedisTLS()
            tls.authorityFile = redis.authorities
            tls.certificateFile = redis.certificate
            tls.keyFile = redis.key
            settings.tls = tls
        }
        settings.clientName = "pkgmill-\(CurrentProcess.identifier)"
        return settings
    }
}

extension Farm {
    /// Throws unless the server can hold a farm, and keeps what it has as well as the farm demands.
    ///
    /// - Returns: how well it keeps it, and why it may lose something all the same; nothing where it may not.
    static func checkRedis(
        _ link: RedisLink, accepting durability: FarmSettings.Durability
    ) async throws -> (durability: RedisDurability, reasons: [String]) {
        let server = try await link.inspect()
        guard server.version >= RedisVersion(6, 2) else {
            throw FarmError.oldRedis(version: server.version.description)
        }
        let least: RedisDurability =
            switch durability {
            case .always: .always
            case .acceptEverySecond: .lastSeconds
            case .acceptNone: .none
            }
        let found = RedisDurability(of: server)
        guard found < least else { return (found, RedisDurability.reasons(of: server, below: .always)) }
        throw FarmError.forgetfulRedis(reasons: RedisDurability.reasons(of: server, below: least))
    }

    /// Sends again what this machine has submitted and the farm's Redis has forgotten.
    ///
    /// - Returns: what a person should know of it.
    func settleOutbox() async -> [String] {
        guard let shared else { return [] }
        do {
            let report = try await shared.settleOutbox()
            var remarks = report.refused.map { "a submission that Redis had forgotten could not be sent again: \($0)" }
            if report.sentAgain > 0 {
                remarks.append(
                    "Redis had forgotten \(report.sentAgain) submissions of this machine; they were sent again")
            }
            return remarks
        } catch {
            return ["what Redis may have forgotten could not be sent again yet: \(error)"]
        }
    }
}

extension FarmRedisSettings.Address {
    var streamAddress: StreamSocket.Address {
        switch self {
        case .tcp(let host, let port): .tcp(host: host, port: UInt16(clamping: port))
        case .unix(let path): .unix(path: path)
        }
    }
}
