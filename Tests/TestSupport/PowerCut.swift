import Foundation

/// Cuts the power of a server that appends to a file and syncs that now and then: what it has written since `remember` is
/// gone. A kill alone would take nothing, since the system keeps what was written.
public struct PowerCut: Sendable {
    /// The server.
    public let server: RedisServer
    private let saved: String
    private let live: String

    /// Power cuts of a server whose files are in `folder`.
    public init(server: RedisServer, folder: String) {
        self.server = server
        saved = folder + "/saved"
        live = folder + "/appendonlydir"
    }

    /// What is on the disk now is what a power cut leaves.
    public func remember() throws {
        // There is nothing to remove the first time.
        try? FileManager.default.removeItem(atPath: saved)
        try FileManager.default.copyItem(atPath: live, toPath: saved)
    }

    /// Ends the server, takes its files back, and starts it again.
    public func cut() async throws {
        server.kill()
        try FileManager.default.removeItem(atPath: live)
        try FileManager.default.copyItem(atPath: saved, toPath: live)
        try await server.start()
    }
}
