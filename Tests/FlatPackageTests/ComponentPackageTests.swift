import Foundation
import System
import TestSupport
import Testing

@testable import FlatPackage

@Suite struct ComponentPackageTests {
    private func assemble(_ description: ComponentDescription) async throws -> ComponentPackage {
        try await withScratch { try ComponentPackage.assemble(description, scratch: $0) }
    }

    private func archived(_ package: ComponentPackage) throws -> [[UInt8]] {
        try package.members.map { member in
            var bytes: [UInt8] = []
            try member.copy { (piece) throws(PackageError) in bytes.append(contentsOf: piece) }
            return bytes
        }
    }

    @Test("a component has the four members in the order of Apple's tools")
    func members() async throws {
        let package = try await assemble(Fixture.component())
        #expect(package.members.map(\.name) == [.billOfMaterials, .payload, .scripts, .packageInfo])
        #expect(package.members.map(\.encoding) == [.zlib, .stored, .stored, .zlib])
        #expect(package.identifier == "com.example.server")
        #expect(package.version == "1.0.0")
        #expect(package.fileCount == Fixture.payload.count)
        // Blocks: run 1, link 1, share.txt 1, empty 0, é.txt 2.
        #expect(package.installKBytes == 2)
    }

    @Test("PackageInfo has these bytes")
    func packageInfo() async throws {
        let package = try await assemble(Fixture.component())
        #expect(
            package.info.xml.text == """
                <?xml version="1.0" encoding="utf-8"?>
                <pkg-info overwrite-permissions="true" relocatable="false" identifier="com.example.server" \
                postinstall-action="none" version="1.0.0" format-version="2" generator-version="flat-package-tests 1" \
                install-location="/usr/local/example" auth="root">
                    <payload numberOfFiles="8" installKBytes="2"/>
                    <scripts>
                        <preinstall file="./preinstall"/>
                        <postinstall file="./postinstall"/>
                    </scripts>
                </pkg-info>

                """)
        #expect(try PackageInfo(parsing: package.info.xml, place: "PackageInfo") == package.info)
    }

    @Test("entries in any order give the same bytes")
    func deterministic() async throws {
        let expected = try archived(try await assemble(Fixture.component()))
        let random = SeededRandom(seed: 3)
        for _ in 0..<20 {
            var entries = Fixture.payload
            for index in entries.indices.reversed() { entries.swapAt(index, random.below(index + 1)) }
            let package = try await assemble(
                Fixture.component(entries: entries, scripts: Fixture.scripts.reversed()))
            #expect(try archived(package) == expected)
        }
    }

    @Test("a payload is a gzip member without name and time, made on Unix")
    func gzipHeader() async throws {
        let payload = try archived(try await assemble(Fixture.component()))[1]
        #expect(payload.prefix(10).elementsEqual([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]))
    }

    @Test("the archive starts with ., spells paths with ./ and puts folders before what they hold")
    func archiveOrder() async throws {
        let payload = try archived(try await assemble(Fixture.component()))[1]
        let inflating = try InflatingStream(
            BytesStream(payload), .gzip, limit: 1 << 20, part: .gzip, place: "Payload")
        let content = try inflating.readAll(limit: 1 << 20, place: "Payload")
        #expect(content.count.isMultiple(of: 512))
        let reader = CPIOReader(BytesStream(content), place: "Payload")
        var members: [CPIOReader.Member] = []
        while let member = try reader.next() { members.append(member) }
        #expect(
            members.map(\.name.text) == [
                ".", "./bin", "./bin/run", "./bin/start", "./share", "./share.txt", "./share/empty", "./share/é.txt",
            ])
        #expect(members.map(\.header.inode) == Array(0..<8))
        #expect(members.map(\.header.linkCount) == [5, 4, 1, 1, 4, 1, 1, 1])
        #expect(members.allSatisfy { $0.header.modified == 1_790_000_000 && $0.header.device == 0 })
    }

    @Test("a streamed payload holds what one that is compressed at once holds")
    func streaming() async throws {
        try await withScratch { scratch in
            let streamed = try ComponentPackage.assemble(Fixture.component(), scratch: scratch, oneShotLimit: 1)
            let oneShot = try ComponentPackage.assemble(Fixture.component(), scratch: scratch)
            let contents = try [streamed, oneShot].map { package in
                try InflatingStream(
                    BytesStream(try archived(package)[1]), .gzip, limit: 1 << 20, part: .gzip, place: "Payload"
                ).readAll(limit: 1 << 20, place: "Payload")
            }
            #expect(contents[0] == contents[1])
            #expect(try archived(streamed)[1].prefix(10) == archived(oneShot)[1].prefix(10))
            #expect(try archived(streamed)[1] != archived(oneShot)[1])
        }
    }

    @Test("a large member goes to a file of the scratch folder that has no name any more")
    func scratch() async throws {
        try await withScratch { scratch in
            let package = try ComponentPackage.assemble(
                Fixture.component(entries: [.directory(""), .file("noise", noise(3 << 20))]), scratch: scratch)
            #expect(package.members[1].body is FileSource)
            #expect(try scratch.entries().isEmpty)
            #expect(try archived(package)[1].count == Int(package.members[1].archived.byteCount))
        }
    }

    @Test("without entries there is no payload and no bill, and the counts are zero")
    func noPayload() async throws {
        let package = try await assemble(Fixture.component(entries: []))
        #expect(package.members.map(\.name) == [.scripts, .packageInfo])
        #expect(package.fileCount == 0)
        #expect(package.installKBytes == 0)
    }

    @Test("without scripts there is no Scripts member and none is listed")
    func noScripts() async throws {
        let package = try await assemble(Fixture.component(scripts: []))
        #expect(package.members.map(\.name) == [.billOfMaterials, .payload, .packageInfo])
        #expect(package.info.scripts.isEmpty)
    }

    @Test("progress ends at the total, and can stop the work")
    func progress() async throws {
        try await withScratch { scratch in
            let entries: [ArchiveEntry] = [.directory(""), .file("a", noise(3 << 20))]
            var reports: [Int64] = []
            _ = try ComponentPackage.assemble(Fixture.component(entries: entries), scratch: scratch) { done, total in
                #expect(total == 3 << 20)
                reports.append(done)
            }
            #expect(reports.last == 3 << 20)
            #expect(reports == reports.sorted())
            #expect(throws: PackageError.cancelled) {
                try ComponentPackage.assemble(Fixture.component(entries: entries), scratch: scratch) {
                    (_, _) throws(PackageError) in throw .cancelled
                }
            }
        }
    }

    // MARK: What is refused

    @Test(
        "a path that could not be installed is refused",
        arguments: [
            "/etc", "a/", "a//b", "..", "../x", "a/../b", ".", "./a", "a/.", "a\0b", String(repeating: "n", count: 256),
        ])
    func badPaths(path: String) async throws {
        let entries: [ArchiveEntry] = [.directory(""), .directory("a"), .file(path, [])]
        let error = await #expect(throws: PackageError.self) { try await assemble(Fixture.component(entries: entries)) }
        guard case .badEntry(path: bytes(path), _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a name that is not UTF-8 is refused")
    func notUTF8() async throws {
        let entry = ArchiveEntry(path: [0x61, 0xFF], mode: 0o644, content: .file(BytesSource([])))
        await #expect(
            throws: PackageError.badEntry(path: [0x61, 0xFF], reason: "its path is not UTF-8, which macOS needs")
        ) { try await assemble(Fixture.component(entries: [.directory(""), entry])) }
    }

    @Test("a path that is too long with its install location is refused")
    func longPath() async throws {
        let folder = String(repeating: "d", count: 250)
        var entries: [ArchiveEntry] = [.directory("")]
        var path = ""
        for _ in 0..<4 {
            path += path.isEmpty ? folder : "/" + folder
            entries.append(.directory(path))
        }
        let longest = entries
        await #expect(throws: Never.self) {
            try await assemble(Fixture.component(installLocation: "/", entries: longest))
        }
        await #expect(throws: PackageError.self) {
            try await assemble(Fixture.component(installLocation: "/usr/local/example-server", entries: longest))
        }
    }

    @Test("a path twice, a missing folder, a missing root and a file as a folder are refused")
    func tree() async throws {
        let cases: [([ArchiveEntry], PackageError)] = [
            ([.directory(""), .file("a", []), .file("a", [])], .duplicateEntry(path: bytes("a"))),
            ([.directory(""), .directory("")], .duplicateEntry(path: [])),
            ([.directory(""), .file("b/a", [])], .missingParent(path: bytes("b/a"))),
            ([.file("a", [])], .missingParent(path: bytes("a"))),
            (
                [.directory(""), .file("b", []), .file("b/a", [])],
                .badEntry(path: bytes("b/a"), reason: "what should be its folder is none")
            ),
            ([.file("", [])], .badEntry(path: [], reason: "the root must be a folder")),
        ]
        for (entries, expected) in cases {
            await #expect(throws: expected) { try await assemble(Fixture.component(entries: entries)) }
        }
    }

    @Test("numbers that the archive has no digits for are refused")
    func numbers() async throws {
        let odd: [ArchiveEntry] = [
            ArchiveEntry(path: bytes("a"), mode: 0o10000, content: .directory),
            ArchiveEntry(path: bytes("a"), mode: 0o644, owner: 262_144, content: .directory),
            ArchiveEntry(path: bytes("a"), mode: 0o644, group: 262_144, content: .directory),
            .link("a", to: ""), .link("a", to: "x\0y"),
        ]
        for entry in odd {
            await #expect(throws: PackageError.self) {
                try await assemble(Fixture.component(entries: [.directory(""), entry]))
            }
        }
    }

    @Test("a file of 8 GiB is refused by its size alone")
    func tooLarge() async throws {
        let entry = ArchiveEntry(
            path: bytes("a"), mode: 0o644, content: .file(BrokenSource(byteCount: 8 << 30, given: 0)))
        await #expect(throws: PackageError.tooLarge(what: "a", byteCount: 8 << 30, limit: (8 << 30) - 1)) {
            try await assemble(Fixture.component(entries: [.directory(""), entry]))
        }
    }

    @Test("more entries than the archive can number are refused with their number")
    func tooMany() async throws {
        let entries = [ArchiveEntry](repeating: .directory(""), count: 262_143)
        await #expect(throws: PackageError.tooManyEntries(count: 262_143, limit: 262_142)) {
            try await assemble(Fixture.component(entries: entries))
        }
    }

    @Test("a source that gives more, fewer or no bytes is refused", arguments: [0, 2, 4] as [Int64])
    func brokenSource(given: Int64) async throws {
        let source = BrokenSource(byteCount: 3, given: given)
        let entry = ArchiveEntry(path: bytes("a"), mode: 0o644, content: .file(source))
        let error = await #expect(throws: PackageError.self) {
            try await assemble(Fixture.component(entries: [.directory(""), entry]))
        }
        guard case .source(path: "a", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a file that became shorter is refused")
    func shorterFile() async throws {
        try await withFile(bytes("abc")) { file in
            let source = FileSource(file, byteCount: 5)
            let error = #expect(throws: PackageError.self) { try source.read { (_) throws(PackageError) in } }
            guard case .source(path: file.path, _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test("a part of a file is read from its offset")
    func partOfFile() async throws {
        try await withFile(bytes("abcdef")) { file in
            var read: [UInt8] = []
            try FileSource(file, offset: 2, byteCount: 3).read { (piece) throws(PackageError) in
                read.append(contentsOf: piece)
            }
            #expect(read == bytes("cde"))
        }
    }

    @Test(
        "an identifier, version or location of another form is refused",
        arguments: [
            ("identifier", "server"), ("identifier", "com..x"), ("identifier", "com.a b"), ("identifier", "com.x\"><y"),
            ("identifier", "com.é"), ("version", ""), ("version", "1."), ("version", "1.0-beta"), ("version", "+1"),
            ("version", "1١"), ("installLocation", "relative"), ("installLocation", ""), ("installLocation", "/a/"),
            ("installLocation", "/a//b"), ("installLocation", "/a/../b"), ("installLocation", "/a\u{1}"),
        ])
    func values(field: String, value: String) async throws {
        let description =
            switch field {
            case "identifier": Fixture.component(identifier: value)
            case "version": Fixture.component(version: value)
            default: Fixture.component(installLocation: value)
            }
        let error = await #expect(throws: PackageError.self) { try await assemble(description) }
        guard case .badValue(field: field, value: value, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a full disk is the disk's error", arguments: [DiskOperation.create, .write])
    func fullDisk(operation: DiskOperation) async throws {
        try await withTemporaryDirectory { path in
            let full = SystemError(operation: "write", path: "x", code: 28)
            let faults = DiskFaults { (step, _) throws(SystemError) in if step == operation { throw full } }
            let scratch = try Directory.open(path, faults: faults)
            #expect(throws: PackageError.storage(full)) {
                try ComponentPackage.assemble(
                    Fixture.component(entries: [.directory(""), .file("a", noise(3 << 20))]), scratch: scratch)
            }
        }
    }
}

/// Says one size and gives another.
struct BrokenSource: ByteSource {
    let byteCount: Int64
    let given: Int64

    func read(_ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void) throws(PackageError) {
        for _ in 0..<given { try BytesSource([0x61]).read(body) }
    }
}

@Suite struct ComponentCacheTests {
    private func withSaved<Result>(
        _ body: (_ path: String, _ folder: Directory, _ package: ComponentPackage) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryDirectory { path in
            let root = try Directory.open(path)
            try root.makeDirectory("saved")
            try root.makeDirectory("scratch")
            let folder = try root.directory("saved")
            let entries = Fixture.payload + [.file("noise", noise(2 << 20))]
            let package = try ComponentPackage.assemble(
                Fixture.component(entries: entries), scratch: try root.directory("scratch"))
            try package.save(in: folder)
            return try await body(path + "/saved", folder, package)
        }
    }

    private func product(_ package: ComponentPackage) async throws -> [UInt8] {
        try await withScratch { scratch in
            try written(try ProductArchive(Fixture.product([("a.pkg", package)])), in: scratch)
        }
    }

    @Test("a component that was saved and loaded makes the same product")
    func roundTrip() async throws {
        try await withSaved { _, folder, package in
            let loaded = try ComponentPackage.load(from: folder)
            #expect(loaded.info == package.info)
            #expect(try await product(loaded) == product(package))
        }
    }

    @Test("saved files are private and nothing is overwritten")
    func savedOnce() async throws {
        try await withSaved { path, folder, package in
            #expect(filesBelow(path) == ["Bom", "PackageInfo", "Payload", "Scripts", "manifest"])
            let modes = try filesBelow(path).map { try folder.status(of: $0)?.mode }
            #expect(modes.allSatisfy { $0 == 0o600 })
            #expect(throws: PackageError.self) { try package.save(in: folder) }
        }
    }

    @Test("a folder without a manifest, as an interrupted save leaves it, is refused")
    func noManifest() async throws {
        try await withSaved { path, folder, _ in
            try folder.remove("manifest")
            #expect(throws: PackageError.damagedComponent(place: path, detail: "it has no manifest")) {
                try ComponentPackage.load(from: folder)
            }
        }
    }

    @Test("every changed or cut byte of the manifest is refused")
    func damagedManifest() async throws {
        try await withSaved { path, folder, _ in
            let manifest = try contentOfFile(path + "/manifest")
            func load(_ content: [UInt8]) throws {
                try folder.remove("manifest")
                try folder.createFile("manifest").write(content)
                _ = try ComponentPackage.load(from: folder)
            }
            for offset in manifest.indices {
                var changed = manifest
                changed[offset] ^= 1
                #expect(throws: PackageError.self) { try load(changed) }
            }
            for length in manifest.indices {
                #expect(throws: PackageError.self) { try load(Array(manifest.prefix(length))) }
            }
            #expect(throws: PackageError.self) { try load(manifest + [0x0A]) }
            #expect(throws: Never.self) { try load(manifest) }
        }
    }

    @Test(
        "a missing, shorter or longer member is refused at once",
        arguments: ["Bom", "Payload", "Scripts", "PackageInfo"])
    func damagedSizes(name: String) async throws {
        try await withSaved { path, folder, _ in
            let content = try contentOfFile(path + "/" + name)
            for changed in [Array(content.dropLast()), content + [0], nil] {
                try folder.remove(name)
                if let changed { try folder.createFile(name).write(changed) }
                #expect(throws: PackageError.self) { try ComponentPackage.load(from: folder) }
            }
        }
    }

    @Test(
        "a flipped bit in any member never gets into a product",
        arguments: ["Bom", "Payload", "Scripts", "PackageInfo"])
    func damagedContent(name: String) async throws {
        try await withSaved { path, folder, _ in
            var content = try contentOfFile(path + "/" + name)
            content[content.count / 2] ^= 0x10
            try folder.remove(name)
            try folder.createFile(name).write(content)
            await #expect(throws: PackageError.self) { try await product(try ComponentPackage.load(from: folder)) }
        }
    }

    @Test("a member that is damaged after loading never gets into a product")
    func damagedLater() async throws {
        try await withSaved { path, folder, _ in
            let loaded = try ComponentPackage.load(from: folder)
            try folder.openOrCreateFile("Payload").write([0xFF], at: 500_000)
            await #expect(
                throws: PackageError.damagedComponent(
                    place: "Payload", detail: "its bytes do not have the checksum that was recorded")
            ) { try await product(loaded) }
        }
    }

    @Test("a link in the place of a member is refused")
    func link() async throws {
        try await withSaved { path, folder, _ in
            try folder.rename("Payload", to: "elsewhere", replacing: false)
            try folder.makeLink("Payload", to: "elsewhere")
            #expect(throws: PackageError.self) { try ComponentPackage.load(from: folder) }
        }
    }
}
