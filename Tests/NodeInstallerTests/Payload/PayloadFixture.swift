import FlatPackage
import Foundation
import System
import TestSupport
import Testing

@testable import NodeInstaller

/// A folder that a test fills.
struct PayloadFixture: Sendable {
    let path: String

    func scan(limits: PayloadLimits = .standard, faults: DiskFaults = .none) throws -> Payload {
        try PayloadDirectory.scan(path: path, limits: limits, faults: faults)
    }

    func refusal(_ problems: [PayloadProblem]) -> PayloadError {
        .refused(folder: path, problems: problems, count: problems.count)
    }

    func source(_ name: String, in payload: Payload) throws -> any ByteSource {
        let entry = try #require(payload.entries.first { $0.path == Array(name.utf8) })
        guard case .file(let source) = entry.content else { throw PayloadError.empty(folder: name) }
        return source
    }

    func file(_ name: String, _ content: String, mode: Int = 0o644) throws {
        try file(name, Array(content.utf8), mode: mode)
    }

    func file(_ name: String, _ content: [UInt8], mode: Int = 0o644) throws {
        try writeFile(path + "/" + name, content, mode: mode)
    }

    /// An empty file, made without detours.
    func newFile(_ name: String) throws {
        let descriptor = open(path + "/" + name, O_WRONLY | O_CREAT | O_EXCL, 0o644)
        try #require(descriptor >= 0)
        close(descriptor)
    }

    func newFile(bytes name: [UInt8]) throws {
        let full = Array(path.utf8) + [0x2F] + name + [0]
        let descriptor = full.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                $0.baseAddress.map { open($0, O_WRONLY | O_CREAT | O_EXCL, 0o644) } ?? -1
            }
        }
        try #require(descriptor >= 0)
        close(descriptor)
    }

    func folder(_ name: String, mode: Int = 0o755) throws {
        try FileManager.default.createDirectory(
            atPath: path + "/" + name, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
    }

    func link(_ name: String, to target: String) throws {
        try makeParent(of: name)
        try #require(symlink(target, path + "/" + name) == 0)
    }

    func relink(_ name: String, to target: String) throws {
        try remove(name)
        try link(name, to: target)
    }

    func hardLink(_ name: String, to existing: String) throws {
        try makeParent(of: name)
        try #require(Glibc.link(existing, path + "/" + name) == 0)
    }

    func pipe(_ name: String) throws {
        try makeParent(of: name)
        try #require(mkfifo(path + "/" + name, 0o600) == 0)
    }

    /// A socket that listens to nobody.
    func socket(_ name: String) throws {
        try makeParent(of: name)
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let full = Array((path + "/" + name).utf8)
        try #require(full.count < MemoryLayout.size(ofValue: address.sun_path))
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: full) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    func setMode(_ name: String, _ mode: UInt16) throws {
        try #require(chmod(path + "/" + name, mode_t(mode)) == 0)
    }

    func move(_ name: String, to other: String) throws {
        try #require(rename(path + "/" + name, path + "/" + other) == 0)
    }

    func remove(_ name: String) throws { try #require(Glibc.remove(path + "/" + name) == 0) }

    func append(_ name: String, _ text: String) throws { try write(name, text, O_APPEND) }

    /// Writes into the same file, from its start.
    func overwrite(_ name: String, _ text: String) throws { try write(name, text, 0) }

    private func write(_ name: String, _ text: String, _ flags: Int32) throws {
        let descriptor = open(path + "/" + name, O_WRONLY | flags)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
    }

    private func makeParent(of name: String) throws {
        guard let slash = name.lastIndex(of: "/") else { return }
        try folder(String(name[..<slash]))
    }

    func sample(files: Int, programs: Int, folders: Int) throws {
        for name in ["bin", "share", "share/deep"] { try folder(name, mode: folders) }
        try file("bin/pkgmill", "program", mode: programs)
        try file("share/notes", "notes", mode: files)
        try file("share/empty", "", mode: files)
        try file("share/deep/\u{E9} \u{65E5}", "x", mode: files)
        try link("link", to: "bin/pkgmill")
    }
}

func withPayload(_ body: (PayloadFixture) async throws -> Void) async throws {
    try await withTemporaryDirectory { try await body(PayloadFixture(path: $0)) }
}

func bytes(of source: any ByteSource) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try source.read { bytes += $0 }
    return bytes
}

/// How many descriptors of this process are open at `path` or below it.
func openDescriptors(below path: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.count { name in
        // A descriptor of another test may close meanwhile: it was not below this path.
        let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)) ?? ""
        return target == path || target.hasPrefix(path + "/")
    }
}
