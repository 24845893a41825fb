import FlatPackage
import Foundation
import System
import TestSupport
import Testing

/// Our packages, read by other people's programs.
@Suite struct PackageInteropTests {
    private static let memberPaths = [
        "Distribution", "a.pkg", "a.pkg/Bom", "a.pkg/PackageInfo", "a.pkg/Payload", "a.pkg/Scripts",
    ]
    private static let payloadPaths = [
        ".", "./Library", "./Library/LaunchDaemons", "./Library/LaunchDaemons/com.example.plist", "./bin", "./bin/run",
        "./bin/start", "./é.txt",
    ]
    private static let plist = """
        <?xml version="1.0" encoding="UTF-8"?>
        <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
        <plist version="1.0"><dict><key>Label</key><string>com.example</string></dict></plist>

        """

    /// Calls `body` with a folder in which a package lies as `product.pkg`.
    private func withPackage<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        try await withTemporaryDirectory { path in
            let folder = try Directory.open(path)
            let archive = try ProductArchive(try Self.product(in: folder))
            let file = try folder.createFile("product.pkg")
            try archive.write(to: file)
            return try await body(path)
        }
    }

    private static func product(in scratch: Directory) throws -> ProductDescription {
        func file(_ path: String, _ text: String, mode: UInt16 = 0o644) -> ArchiveEntry {
            ArchiveEntry(path: Array(path.utf8), mode: mode, content: .file(BytesSource(Array(text.utf8))))
        }
        func folder(_ path: String) -> ArchiveEntry {
            ArchiveEntry(path: Array(path.utf8), mode: 0o755, content: .directory)
        }
        let date = Timestamp(seconds: 1_790_000_000)
        let component = ComponentDescription(
            identifier: "com.example.node", version: "1.2", installLocation: "/",
            entries: [
                folder(""), folder("bin"), folder("Library"), folder("Library/LaunchDaemons"),
                file("bin/run", "#!/bin/sh\necho ran\n", mode: 0o755),
                file("é.txt", String(repeating: "text ", count: 5000)),
                file("Library/LaunchDaemons/com.example.plist", plist),
                ArchiveEntry(
                    path: Array("bin/start".utf8), mode: 0o755, content: .symbolicLink(target: Array("run".utf8))),
            ],
            scripts: [file("postinstall", "#!/bin/sh\nexit 0\n", mode: 0o755)], contentDate: date,
            generator: "interop 1")
        return ProductDescription(
            title: "A & B <\"C\">", identifier: "com.example.product", version: "1.2",
            components: [("a.pkg", try ComponentPackage.assemble(component, scratch: scratch))], contentDate: date,
            generator: "interop 1")
    }

    private func lines(_ text: String) -> [String] {
        text.split(separator: "\n").map(String.init).sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    }

    @Test("bsdtar lists and unpacks the archive")
    func bsdtar() async throws {
        try await withPackage { path in
            let list = try run("bsdtar", ["-tf", path + "/product.pkg"])
            #expect(list.status == 0 && list.errors.isEmpty)
            #expect(lines(list.text).map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 } == Self.memberPaths)
            try FileManager.default.createDirectory(atPath: path + "/out", withIntermediateDirectories: false)
            let unpack = try run("bsdtar", ["-xf", path + "/product.pkg", "-C", path + "/out"])
            #expect(unpack.status == 0 && unpack.errors.isEmpty)
            let member = try PackageReader(try File.open(path + "/product.pkg"))
            for name in Self.memberPaths where name != "a.pkg" {
                let ours = try member.content(of: try #require(member.member(name)))
                #expect(try contentOfFile(path + "/out/" + name) == ours, "\(name)")
            }
        }
    }

    @Test("7z tests, lists and unpacks the archive")
    func sevenZip() async throws {
        try await withPackage { path in
            let test = try run("7z", ["t", "-txar", path + "/product.pkg"])
            #expect(test.status == 0 && test.text.contains("Everything is Ok"), "\(test.text)")
            let list = try run("7z", ["l", "-ba", "-slt", "-txar", path + "/product.pkg"])
            let names = list.text.split(separator: "\n").filter { $0.hasPrefix("Path = ") }.map {
                String($0.dropFirst(7))
            }
            #expect(Set(Self.memberPaths).isSubset(of: names), "\(list.text)")
            let unpack = try run("7z", ["x", "-txar", "-o" + path + "/out", path + "/product.pkg"])
            #expect(unpack.status == 0)
            #expect(try contentOfFile(path + "/out/a.pkg/Bom").starts(with: Array("BOMStore".utf8)))
        }
    }

    @Test("gzip finds payload and scripts whole, cpio lists and unpacks them")
    func gzipAndCpio() async throws {
        try await withPackage { path in
            let reader = try PackageReader(try File.open(path + "/product.pkg"))
            for (name, expected) in [("Payload", Self.payloadPaths), ("Scripts", [".", "./postinstall"])] {
                let content = try reader.content(of: try #require(reader.member("a.pkg/" + name)))
                #expect(try run("gzip", ["-t"], input: content).status == 0)
                let archive = try run("gzip", ["-dc"], input: content).output
                let list = try run("cpio", ["-t", "--quiet"], input: archive)
                #expect(list.status == 0 && list.errors.isEmpty, "\(list.errorText)")
                // GNU cpio leaves the ./ out where it lists.
                #expect(lines(list.text).map { $0 == "." || $0.hasPrefix("./") ? $0 : "./" + $0 } == expected)
            }
        }
    }

    @Test("cpio and bsdtar unpack the payload to the same files, modes and links")
    func unpackedPayload() async throws {
        try await withPackage { path in
            let reader = try PackageReader(try File.open(path + "/product.pkg"))
            let content = try reader.content(of: try #require(reader.member("a.pkg/Payload")))
            let archive = try run("gzip", ["-dc"], input: content).output
            for program in ["cpio", "bsdtar"] {
                let folder = path + "/" + program
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
                let result =
                    program == "cpio"
                    ? try run("cpio", ["-id", "--quiet"], input: archive, in: folder)
                    : try run("bsdtar", ["-xpf", "-"], input: content, in: folder)
                #expect(result.status == 0 && result.errors.isEmpty, "\(program): \(result.errorText)")
                #expect(try run("/bin/sh", [folder + "/bin/start"]).text == "ran\n")
                let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/bin/run")
                #expect(attributes[.posixPermissions] as? Int == 0o755)
                #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/bin/start") == "run")
                #expect(try contentOfFile(folder + "/é.txt").count == 25_000)
            }
        }
    }

    @Test("xmllint takes the table of contents, Distribution and PackageInfo")
    func xmllint() async throws {
        try await withPackage { path in
            let reader = try PackageReader(try File.open(path + "/product.pkg"))
            for name in ["Distribution", "a.pkg/PackageInfo"] {
                let content = try reader.content(of: try #require(reader.member(name)))
                let result = try run("xmllint", ["--noout", "--nonet", "-"], input: content)
                #expect(result.status == 0 && result.errors.isEmpty, "\(result.errorText)")
            }
            let title = try run(
                "xmllint", ["--xpath", "string(//title)", "-"],
                input: try reader.content(of: try #require(reader.member("Distribution"))))
            #expect(title.text.hasPrefix("A & B <\"C\">"))
            let compressed = try contentOfFile(path + "/product.pkg")
            try writeFile(path + "/toc.zlib", Array(compressed.dropFirst(28)))
            let inflate = try run(
                "python3",
                [
                    "-c",
                    "import sys,zlib; d=zlib.decompressobj(); sys.stdout.buffer.write(d.decompress(open(sys.argv[1],'rb').read()))",
                    path + "/toc.zlib",
                ])
            #expect(inflate.status == 0)
            let result = try run("xmllint", ["--noout", "--nonet", "-"], input: inflate.output)
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errorText)")
        }
    }

    @Test("cksum comes to the checksums that the checker found in the bill of materials")
    func cksum() async throws {
        try await withPackage { path in
            // The checker compares the bill with our own checksum of every file; here is another program's.
            let file = try File.open(path + "/product.pkg")
            #expect(try PackageChecker.check(file).findings == [])
            let reader = try PackageReader(file)
            let content = try #require(try reader.payloadFile("é.txt", of: reader.components[0]))
            let sum = try run("cksum", [], input: content).text.split(separator: " ").first.flatMap { UInt32($0) }
            let bill = try reader.content(of: try #require(reader.member("a.pkg/Bom")))
            var wanted: [UInt8] = []
            withUnsafeBytes(of: try #require(sum).bigEndian) { wanted = Array($0) }
            #expect(bill.indices.contains { bill[$0...].starts(with: wanted) })
        }
    }

    @Test("python reads the launchd plist that was packed")
    func plistlib() async throws {
        try await withPackage { path in
            let reader = try PackageReader(try File.open(path + "/product.pkg"))
            let content = try #require(
                try reader.payloadFile("Library/LaunchDaemons/com.example.plist", of: reader.components[0]))
            let result = try run(
                "python3", ["-c", "import sys,plistlib; print(plistlib.load(sys.stdin.buffer)['Label'])"],
                input: content)
            #expect(result.text == "com.example\n")
        }
    }

    @Test("an archive that bsdtar wrote is read, down to its members' bytes")
    func foreignArchive() async throws {
        try await withTemporaryDirectory { path in
            try writeFile(path + "/PackageInfo", Array("<pkg-info identifier=\"a.b\" version=\"1\"/>".utf8))
            let made = try run("bsdtar", ["--format=xar", "-cf", "foreign.pkg", "PackageInfo"], in: path)
            #expect(made.status == 0, "\(made.errorText)")
            let reader = try PackageReader(try File.open(path + "/foreign.pkg"))
            #expect(reader.kind == .component)
            #expect(reader.components.first?.info.identifier == "a.b")
        }
    }
}
