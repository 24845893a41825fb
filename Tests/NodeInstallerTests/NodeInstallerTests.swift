import Crypto
import FlatPackage
import Testing

@testable import NodeInstaller

@Suite("The parts of an installer") struct NodeInstallerTests {
    @Test("are, for a node, its configuration, its job, its documentation and every folder on the way")
    func nodeEntries() throws {
        let component = try NodeInstaller(Sample.request(generation: 4, revision: 2))
            .nodeComponent(secrets: Sample.secrets())
        #expect(component.identifier == "com.pkgmill.node")
        #expect(component.version == "4.2")
        #expect(component.installLocation == "/")
        #expect(component.generator == "pkgmill 1.0")
        #expect(component.entries.allSatisfy { $0.owner == 0 && $0.group == 0 })
        #expect(
            component.entries.map { "\($0.name) \(String($0.mode, radix: 8))" } == [
                ". 755", "Library 755", "Library/Application Support 755", "Library/Application Support/Pkgmill 700",
                "Library/LaunchDaemons 755", "usr 755", "usr/local 755", "usr/local/pkgmill 755",
                "usr/local/pkgmill/share 755", "usr/local/pkgmill/share/pkgmill-node 755",
                "Library/Application Support/Pkgmill/config.yaml.new 600",
                "Library/LaunchDaemons/com.pkgmill.server.plist 644",
                "usr/local/pkgmill/share/pkgmill-node/README.txt 644",
                "usr/local/pkgmill/share/pkgmill-node/receipts.txt 644",
                "usr/local/pkgmill/share/pkgmill-node/uninstall.sh 755",
            ])
        #expect(component.scripts.map { "\($0.name) \(String($0.mode, radix: 8))" } == ["postinstall 755"])
    }

    @Test("are, for the server, the payload below its root and the script that stops a running one")
    func serverEntries() throws {
        let payload = [Self.folder("bin"), Self.file("bin/pkgmill"), Self.folder("share"), Self.file("share/x")]
        let component = try NodeInstaller(Sample.request()).serverComponent(payload: payload)
        #expect(component.identifier == "com.pkgmill.server")
        #expect(component.version == "2.1.0")
        #expect(component.installLocation == "/usr/local/pkgmill")
        #expect(component.entries.map(\.name) == [".", "bin", "bin/pkgmill", "share", "share/x"])
        #expect(component.entries[0].mode == 0o755)
        #expect(component.scripts.map { "\($0.name) \(String($0.mode, radix: 8))" } == ["preinstall 755"])
        #expect(try component.scripts[0].bytes() == Array(preinstallScript.utf8))
    }

    @Test("keep the payload's own root")
    func payloadRoot() throws {
        let payload = [ArchiveEntry(path: [], mode: 0o755, content: .directory), Self.file("a")]
        let component = try NodeInstaller(Sample.request()).serverComponent(payload: payload)
        #expect(component.entries.map(\.name) == [".", "a"])
    }

    @Test("P35: hold a secret in one file only, the configuration")
    func canary() throws {
        let request = try Sample.request(nodeName: "n", labels: ["a": "b"])
        let installer = try NodeInstaller(request)
        let node = try installer.nodeComponent(secrets: Sample.secrets(all: "CANARY-5c1f"))
        let server = try installer.serverComponent(payload: [Self.file("a")])
        let canary = Array("CANARY".utf8)
        let holders = try (node.entries + node.scripts + server.entries + server.scripts).filter { entry in
            let bytes = try entry.bytes() ?? []
            return bytes.indices.contains { bytes[$0...].starts(with: canary) }
        }
        #expect(holders.map(\.name) == ["Library/Application Support/Pkgmill/config.yaml.new"])
        #expect(!String(decoding: request.canonicalBytes, as: UTF8.self).contains("CANARY"))
        #expect(!"\(node.identifier)\(node.version)\(node.generator)".contains("CANARY"))
    }

    @Test("P17: are the same for the same request and secrets")
    func deterministic() throws {
        let describe = { () throws -> [String] in
            let component = try NodeInstaller(Sample.request(nodeName: "n")).nodeComponent(secrets: Sample.secrets())
            return try (component.entries + component.scripts).map { entry in
                "\(entry.name) \(entry.mode) \(SHA256Digest(of: try entry.bytes() ?? []))"
            }
        }
        #expect(try describe() == describe())
    }

    @Test(
        "are refused where the payload reaches into the node's own folder, in any spelling that macOS takes for it",
        arguments: [
            "share/pkgmill-node", "share/pkgmill-node/README.txt", "Share/PKGMILL-node/x", "share/p\u{212A}gmill-node",
            "\u{17F}hare/pkgmill-node", "sha\u{200D}re/pkgmill-node", "share", "SHARE",
        ])
    func reserved(_ path: String) throws {
        let installer = try NodeInstaller(Sample.request())
        let error = #expect(throws: InstallerError.self) {
            try installer.serverComponent(payload: [Self.folder("x"), Self.file(path)])
        }
        guard case .reservedPath = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("are taken where the payload only lies near the node's folder")
    func near() throws {
        let payload = [
            Self.folder("share"), Self.folder("share/pkgmill"), Self.file("share/pkgmill-node2"),
            Self.file("pkgmill-node"), Self.folder("lib/share"), Self.file("lib/share/pkgmill-node"),
        ]
        let component = try NodeInstaller(Sample.request()).serverComponent(payload: payload)
        #expect(component.entries.count == 7)
    }

    @Test("are not made from a template that this program does not have")
    func otherTemplate() throws {
        let request = try Sample.request(templateVersion: 2)
        #expect(throws: InstallerError.otherTemplate(pinned: 2, available: 1)) { try NodeInstaller(request) }
    }

    @Test("have a server whose digest does not depend on the node")
    func serverDigest() throws {
        let digest = try NodeInstaller(Sample.request()).serverDigest
        #expect(
            try NodeInstaller(Sample.request(nodeName: "b", generation: 9, farm: Sample.fileFarm)).serverDigest
                == digest)
        #expect(try NodeInstaller(Sample.request(builder: "other")).serverDigest != digest)
        #expect(try NodeInstaller(Sample.request(identifierPrefix: "com.example")).serverDigest != digest)
    }

    @Test("say in the README what joins where, who can read the file, and how to install it")
    func readme() throws {
        let text = try Self.readme(Sample.request(nodeName: "studio-3", packageName: "Büro (2).pkg", generation: 3))
        #expect(text.contains("Node name      studio-3\n"))
        #expect(text.contains("Redis at redis.example.com:6379 over TLS\n"))
        #expect(text.contains("sudo installer -pkg \"Büro (2).pkg\" -target /\n"))
        #expect(text.contains("Whoever has the file can read the keys and passwords in it"))
        #expect(text.contains("pkgutil --pkg-info com.pkgmill.node\n"))
        let file = try Self.readme(Sample.request(farm: Sample.fileFarm))
        #expect(file.contains("the shared folder /Volumes/Farm Share/cluster\n"))
        #expect(!file.lowercased().contains("encrypted"))
    }

    @Test("name both receipts for the uninstaller")
    func receipts() throws {
        let component = try NodeInstaller(Sample.request(identifierPrefix: "org.example"))
            .nodeComponent(secrets: Sample.secrets())
        let bytes = try component.entry("usr/local/pkgmill/share/pkgmill-node/receipts.txt")?.bytes()
        #expect(bytes == Array("org.example.server\norg.example.node\n".utf8))
    }

    private static func readme(_ request: InstallerRequest) throws -> String {
        let component = try NodeInstaller(request).nodeComponent(secrets: Sample.secrets())
        let bytes = try component.entry("usr/local/pkgmill/share/pkgmill-node/README.txt")?.bytes()
        return String(decoding: try #require(bytes), as: UTF8.self)
    }

    private static func folder(_ path: String) -> ArchiveEntry {
        ArchiveEntry(path: Array(path.utf8), mode: 0o755, content: .directory)
    }

    private static func file(_ path: String) -> ArchiveEntry {
        ArchiveEntry(path: Array(path.utf8), mode: 0o644, content: .file(BytesSource([1])))
    }
}
