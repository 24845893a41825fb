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
    /// - Returns: why it may lose something all the same; nothing where it may not.
    static func checkRedis(
        _ link: RedisLink, accepting durability: FarmSettings.Durability
    ) async throws -> [String] {
        let server = try await link.inspect()
        guard server.version >= RedisVersion(7, 0) else {
            throw FarmError.oldRedis(version: server.version.description)
        }
        let least: RedisDurability =
            switch durability {
            case .always: .always
            case .acceptEverySecond: .lastSeconds
            case .acceptNone: .none
            }
        guard RedisDurability(of: server) < least else { return RedisDurability.reasons(of: server, below: .always) }
        throw FarmError.forgetfulRedis(reasons: RedisDurability.reasons(of: server, below: least))
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
