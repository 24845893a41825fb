import Foundation
public import QueueModel
public import RedisLink
import Synchronization
public import System
public import TestSupport

/// One server of each version for all tests of this process that need no more of it than a farm of their own.
public enum SharedRedis {
    private static let folder = NSTemporaryDirectory() + "pkgmill-test-redis-\(CurrentProcess.identifier)"

    private static let installed = starting(.installed)
    private static let oldest = starting(.oldest)
    private static let newest = starting(.newest)

    private static func starting(_ version: RedisServer.Version) -> Task<RedisServer, any Error> {
        Task {
            let folder = folder + "-\(version)"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            folders.withLock { folders in
                if folders.isEmpty { atexit { SharedRedis.removeFolders() } }
                folders.append(folder)
            }
            return try await RedisServer.start(in: folder, .server, version)
        }
    }

    private static let folders = Mutex<[String]>([])
    private static func removeFolders() {
        for folder in folders.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// A way to it, one of a few that all tests share: each has threads of its own, of which a process has not so many.
    ///
    /// - Parameter number: another one for each, as other processes have them.
    public static func link(_ number: Int = 0, of version: RedisServer.Version = .installed) async throws -> RedisLink {
        var settings = RedisSettings(address: try await address(of: version))
        // A busy machine is no failure.
        settings.timeout = .seconds(60)
        return links.withLock { links in
            let key = "\(number) \(version)"
            if let known = links[key] { return known }
            let new = RedisLink(settings)
            links[key] = new
            return new
        }
    }

    private static let links = Mutex<[String: RedisLink]>([:])

    /// Its socket.
    public static func address(of version: RedisServer.Version = .installed) async throws -> StreamSocket.Address {
        let starting =
            switch version {
            case .installed: installed
            case .oldest: oldest
            case .newest: newest
            }
        return try await starting.value.socket
    }

    /// A name that no other test has.
    public static func newFarm() -> String { "test-\(UInt64.random(in: 0 ... .max))" }

    /// A queue by a network that can fail and whose calls may take so long, and the same one by another that does not.
    public static func withProxy(
        timeout: Duration, rules: QueueRules = QueueRules(),
        _ body: (_ queue: RedisJobQueue, _ direct: RedisJobQueue, _ proxy: RedisProxy) async throws -> Void
    ) async throws {
        let farm = newFarm()
        let proxy = try RedisProxy(to: try await address())
        var settings = RedisSettings(address: proxy.address)
        settings.timeout = timeout
        let direct = try await RedisJobQueue.open(link(), farm: farm, rules: rules)
        let link = RedisLink(settings)
        // On a machine that is busy with other tests a short time may be over before anything has failed.
        var opened: RedisJobQueue?
        for _ in 0..<100 where opened == nil { opened = try? await RedisJobQueue.open(link, farm: farm, rules: rules) }
        let queue: RedisJobQueue
        if let opened { queue = opened } else { queue = try await RedisJobQueue.open(link, farm: farm, rules: rules) }
        try await body(queue, direct, proxy)
    }
}
