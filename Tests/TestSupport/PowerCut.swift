import Foundation

/// Cuts the power of a server that appends to a file and syncs that now and then: what it has written since `remember` is
/// gone. A kill alone would take nothing, since the system keeps what was written.
public struct PowerCut: Sendable {
    /// The server.
    public let server: RedisServer
    private let folder: String
    private var saved: String { folder + "/saved" }
    /// Servers before 7.0 have one file.
    private var live: String {
        let many = folder + "/appendonlydir"
        return FileManager.default.fileExists(atPath: many) ? many : folder + "/appendonly.aof"
    }

    /// Power cuts of a server whose files are in `folder`.
    public init(server: RedisServer, folder: String) {
        self.server = server
        self.folder = folder
    }

    /// What is on the disk now is what a power cut leaves: all that was answered before, of which a server that is syncing
    /// may hold back two seconds.
    public func remember() throws {
        for _ in 0..<3000 {
            if try server.command("INFO", "persistence").contains("aof_buffer_length:0") { break }
            usleep(10_000)
        }
        // There is nothing to remove the first time.
        try? FileManager.default.removeItem(atPath: saved)
        try FileManager.default.copyItem(atPath: live, toPath: saved)
    }

    /// Ends the server, takes its files back, and starts it again.
    public func cut() async throws {
        server.kill()
        let live = live
        try FileManager.default.removeItem(atPath: live)
        try FileManager.default.copyItem(atPath: saved, toPath: live)
        try await server.start()
    }
}
