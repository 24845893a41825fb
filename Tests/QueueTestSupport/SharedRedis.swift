import Foundation
public import RedisLink
import Synchronization
public import System
import TestSupport

/// One server for all tests of this process that need no more of it than a farm of their own.
public enum SharedRedis {
    private static let folder = NSTemporaryDirectory() + "pkgmill-test-redis-\(CurrentProcess.identifier)"

    private static let starting = Task {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        atexit { try? FileManager.default.removeItem(atPath: SharedRedis.folder) }
        return try await RedisServer.start(in: folder)
    }

    /// A way to it, one of a few that all tests share: each has threads of its own, of which a process has not so many.
    ///
    /// - Parameter number: another one for each, as other processes have them.
    public static func link(_ number: Int = 0) async throws -> RedisLink {
        var settings = RedisSettings(address: try await address())
        // A busy machine is no failure.
        settings.timeout = .seconds(60)
        return links.withLock { links in
            if let known = links[number] { return known }
            let new = RedisLink(settings)
            links[number] = new
            return new
        }
    }

    private static let links = Mutex<[Int: RedisLink]>([:])

    /// Its socket.
    public static func address() async throws -> StreamSocket.Address { try await starting.value.socket }

    /// A name that no other test has.
    public static func newFarm() -> String { "test-\(UInt64.random(in: 0 ... .max))" }
}
