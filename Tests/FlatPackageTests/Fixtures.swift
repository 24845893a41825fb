import Foundation
import System
import TestSupport

@testable import FlatPackage

/// A day that no clock is asked for.
let contentDate = Timestamp(seconds: 1_790_000_000)

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Bytes that do not compress to nothing, the same for the same seed.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] { SeededRandom(seed: seed).source.bytes(count) }

extension ArchiveEntry {
    static func directory(_ path: String, mode: UInt16 = 0o755) -> ArchiveEntry {
        ArchiveEntry(path: bytes(path), mode: mode, content: .directory)
    }

    static func file(_ path: String, _ content: [UInt8], mode: UInt16 = 0o644) -> ArchiveEntry {
        ArchiveEntry(path: bytes(path), mode: mode, content: .file(BytesSource(content)))
    }

    static func link(_ path: String, to target: String) -> ArchiveEntry {
        ArchiveEntry(path: bytes(path), mode: 0o755, content: .symbolicLink(target: bytes(target)))
    }
}

enum Fixture {
    /// A payload with a script, a file, an empty file, a link and names that sort in other ways than they look.
    static let payload: [ArchiveEntry] = [
        .directory(""), .directory("bin"), .file("bin/run", bytes("#!/bin/sh\nexit 0\n"), mode: 0o755),
        .link("bin/start", to: "run"), .directory("share"), .file("share.txt", bytes("beside share\n")),
        .file("share/empty", []), .file("share/é.txt", noise(700)),
    ]

    static let scripts: [ArchiveEntry] = [
        .file("postinstall", bytes("#!/bin/sh\nexit 0\n"), mode: 0o755),
        .file("preinstall", bytes("#!/bin/sh\nexit 0\n"), mode: 0o755),
    ]

    static func component(
        identifier: String = "com.example.server", version: String = "1.0.0",
        installLocation: String = "/usr/local/example", entries: [ArchiveEntry] = payload,
        scripts: [ArchiveEntry] = scripts
    ) -> ComponentDescription {
        ComponentDescription(
            identifier: identifier, version: version, installLocation: installLocation, entries: entries,
            scripts: scripts, contentDate: contentDate, generator: "flat-package-tests 1")
    }

    static let nodePayload: [ArchiveEntry] = [
        .directory(""), .directory("Library"), .directory("Library/LaunchDaemons"),
        .file("Library/LaunchDaemons/com.example.plist", bytes("<plist/>")),
        .file("Library/config.yaml.new", bytes("a: 1\n"), mode: 0o600),
    ]

    static func product(_ components: [(name: String, package: ComponentPackage)]) -> ProductDescription {
        ProductDescription(
            title: "Example <&> \"Server\"", identifier: "com.example.product", version: "1.0",
            components: components, contentDate: contentDate, generator: "flat-package-tests 1")
    }

    /// A product of two components, as the farm builds them.
    static func productBytes() async throws -> [UInt8] {
        try await withScratch { scratch in
            let server = try ComponentPackage.assemble(component(), scratch: scratch)
            let node = try ComponentPackage.assemble(
                component(identifier: "com.example.node", installLocation: "/", entries: nodePayload),
                scratch: scratch)
            return try written(
                try ProductArchive(product([("server.pkg", server), ("node.pkg", node)])), in: scratch)
        }
    }

    /// As small as a package with every part of one can be.
    static func smallProductBytes() async throws -> [UInt8] {
        try await withScratch { scratch in
            let package = try ComponentPackage.assemble(
                component(
                    entries: [.directory(""), .file("a", bytes("abc"))], scripts: [scripts[0]]), scratch: scratch)
            return try written(try ProductArchive(product([("a.pkg", package)])), in: scratch)
        }
    }
}

/// A fresh folder as a `Directory`.
func withScratch<Result>(_ body: (Directory) async throws -> Result) async throws -> Result {
    try await withTemporaryDirectory { path in try await body(try Directory.open(path)) }
}

/// What `archive` writes.
func written(_ archive: ProductArchive, in scratch: Directory) throws -> [UInt8] {
    let file = try scratch.createFile(UUID().uuidString)
    try archive.write(to: file)
    return try file.readAll(limit: 1 << 30)
}

/// Calls `body` with a file that holds `content`.
@discardableResult
func withFile<Result>(_ content: [UInt8], _ body: (File) throws -> Result) async throws -> Result {
    try await withScratch { scratch in
        let file = try scratch.createFile("package.pkg")
        try file.write(content)
        return try body(file)
    }
}

func report(on content: [UInt8]) async throws -> PackageReport {
    try await withFile(content) { try PackageChecker.check($0) }
}

/// The codes that a check finds, each once.
func codes(of content: [UInt8]) async throws -> Set<String> { Set(try await report(on: content).findings.map(\.code)) }

/// A gzip member.
func gzip(_ content: [UInt8]) throws -> [UInt8] {
    let compressed = try content.withRawBytes { (bytes) throws(PackageError) in
        try OneShotDeflate(level: 6).deflate(bytes)
    }
    var checksum = GzipChecksum()
    content.withUnsafeBytes { checksum.update($0) }
    var result: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3] + compressed
    result.append(littleEndian: checksum.value)
    result.append(littleEndian: UInt32(truncatingIfNeeded: content.count))
    return result
}
