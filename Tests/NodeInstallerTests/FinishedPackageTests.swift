import FlatPackage
import Foundation
import System
import TestSupport
import Testing

@testable import NodeInstaller

@Suite("A finished installer") struct FinishedPackageTests {
    @Test("P25: passes the checker without a finding, and holds both components", arguments: [nil, "studio-3"])
    func passesTheChecker(nodeName: String?) async throws {
        try await withTemporaryDirectory { path in
            let package = try Self.build(Sample.request(nodeName: nodeName, daemon: ["/bin/a & <b>", "]]>"]), in: path)
            let report = try PackageChecker.check(package)
            #expect(report.findings == [])
            #expect(report.components.map(\.name) == ["server.pkg", "node.pkg"])
            #expect(report.components.map(\.info.identifier) == ["com.pkgmill.server", "com.pkgmill.node"])
            #expect(report.components.map(\.info.version) == ["2.1.0", "1.0"])
        }
    }

    @Test("P17: is the same bytes for the same request, keys and payload")
    func sameBytes() async throws {
        try await withTemporaryDirectory { path in
            try FileManager.default.createDirectory(atPath: path + "/a", withIntermediateDirectories: false)
            try FileManager.default.createDirectory(atPath: path + "/b", withIntermediateDirectories: false)
            let first = try Self.build(Sample.request(), in: path + "/a").readAll(limit: 1 << 20)
            let second = try Self.build(Sample.request(), in: path + "/b").readAll(limit: 1 << 20)
            #expect(first == second)
        }
    }

    private static func build(_ request: InstallerRequest, in path: String) throws -> File {
        let scratch = try Directory.open(path)
        let installer = try NodeInstaller(request)
        let server = try installer.serverComponent(payload: [
            ArchiveEntry(path: Array("bin".utf8), mode: 0o755, content: .directory),
            ArchiveEntry(
                path: Array("bin/pkgmill".utf8), mode: 0o755, content: .file(BytesSource(Array("#!/bin/sh\n".utf8)))),
        ])
        let product = try installer.product(
            server: ComponentPackage.assemble(server, scratch: scratch),
            node: ComponentPackage.assemble(
                installer.nodeComponent(secrets: Sample.secrets()), scratch: scratch))
        let file = try scratch.createFile("out.pkg")
        try ProductArchive(product).write(to: file)
        return file
    }
}
