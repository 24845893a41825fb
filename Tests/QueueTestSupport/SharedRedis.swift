import Foundation
public import RedisLink
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

    /// The way to it, one more connection.
    public static func link() async throws -> RedisLink { RedisLink(RedisSettings(address: try await address())) }

    /// Its socket.
    public static func address() async throws -> StreamSocket.Address { try await starting.value.socket }

    /// A name that no other test has.
    public static func newFarm() -> String { "test-\(UInt64.random(in: 0 ... .max))" }
}
