import Foundation
import System

/// A fresh folder, removed with all that is in it when `body` ends.
public func withTemporaryDirectory<Result>(
    _ body: (_ path: String) async throws -> Result
) async throws -> Result {
    let path = NSTemporaryDirectory() + "pkgmill-test-" + UUID().uuidString
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    // Removal is tidiness, not the subject of the test: what cannot be removed stays.
    defer {
        makeRemovable(path)
        try? FileManager.default.removeItem(atPath: path)
    }
    return try await body(path)
}

/// Tests leave folders behind that their owner may not enter.
private func makeRemovable(_ path: String) {
    guard let below = FileManager.default.enumerator(atPath: path) else { return }
    for case let name as String in below {
        let full = path + "/" + name
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: full, isDirectory: &isFolder), isFolder.boolValue {
            try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: full)
        }
    }
}

/// Every file and link below `path`, relative to it, in byte order. Folders are listed with a slash at the end.
public func filesBelow(_ path: String) -> [String] {
    guard let below = FileManager.default.enumerator(atPath: path) else { return [] }
    var names: [String] = []
    for case let name as String in below {
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isFolder)
        names.append(isFolder.boolValue ? name + "/" : name)
    }
    return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
}

/// Writes a file, making its folder first.
public func writeFile(_ path: String, _ content: [UInt8], mode: Int = 0o644) throws {
    let folder = (path as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    guard
        FileManager.default.createFile(
            atPath: path, contents: Data(content), attributes: [.posixPermissions: mode])
    else { throw SystemError(operation: "create", path: path, code: 5) }
}

/// The bytes of a file as they are now, also while somebody writes to it: Foundation's own reading has ended the process
/// then.
public func contentOfFile(_ path: String) throws -> [UInt8] {
    let file = try File.open(path)
    var bytes: [UInt8] = []
    while true {
        let piece = try file.read(1 << 20, at: Int64(bytes.count))
        if piece.isEmpty { return bytes }
        bytes += piece
    }
}
