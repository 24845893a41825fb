import Artifacts
import Crypto
import Foundation
import System
import TestSupport

/// The folder of a store, seen from outside.
struct StoreFolder {
    let path: String

    func shard(_ digest: SHA256Digest) -> String { path + "/blobs/" + digest.hex.prefix(2) }
    func blob(_ digest: SHA256Digest) -> String { shard(digest) + "/" + digest.hex }
    var incoming: [String] { filesBelow(path + "/incoming") }
    var quarantine: [String] { filesBelow(path + "/quarantine") }
    var blobs: [String] { filesBelow(path + "/blobs").filter { !$0.hasSuffix("/") } }

    /// The blobs whose bytes are not what their name says.
    func wrongBlobs() throws -> [String] {
        try blobs.filter { name in
            let digest = SHA256Digest(of: try contentOfFile(path + "/blobs/" + name)).hex
            return name != digest.prefix(2) + "/" + digest
        }
    }

    /// Puts other bytes in the place of a blob.
    func overwrite(_ digest: SHA256Digest, with bytes: [UInt8]) throws {
        try FileManager.default.removeItem(atPath: blob(digest))
        try writeFile(blob(digest), bytes, mode: 0o600)
    }
}

/// Runs `body` with a store in a fresh folder.
func withArtifactStore(
    faults: DiskFaults = .none, _ body: (FileArtifactStore, StoreFolder) async throws -> Void
) async throws {
    try await withTemporaryDirectory { folder in
        let path = folder + "/store"
        try await body(try FileArtifactStore(root: path, faults: faults), StoreFolder(path: path))
    }
}

extension ArtifactStore {
    /// Receives and publishes `bytes`.
    func publish(_ bytes: [UInt8]) async throws -> ArtifactContent {
        let arrival = try await receive()
        try arrival.file.write(bytes)
        return try await arrival.finish()
    }
}

/// The same bytes for the same seed.
func sample(_ seed: UInt64, count: Int = 1000) -> [UInt8] { SeededRandom(seed: seed).source.bytes(count) }
