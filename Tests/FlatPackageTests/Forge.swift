import Crypto
import Foundation
import System

@testable import FlatPackage

/// Makes packages that the writer would refuse to make: each test breaks one thing in a good one.
struct Forge {
    /// A member of the archive as it is stored.
    struct Member {
        var path: String
        var content: [UInt8]
        var isCompressed: Bool
    }

    /// A payload's path, for the bill and for the archive alike.
    struct Entry {
        var path: String
        var kind: EntryKind? = .file
        var mode: UInt16 = 0o644
        var owner: UInt32 = 0
        var group: UInt32 = 0
        var content: [UInt8] = []
    }

    var installLocation = "/opt/example"
    /// What the bill of materials lists, in its order.
    var listed: [Entry] = [
        Entry(path: "", kind: .directory, mode: 0o755), Entry(path: "a", content: bytes("abc")),
        Entry(path: "d", kind: .directory, mode: 0o755), Entry(path: "d/b", content: bytes("more")),
    ]
    /// What the payload holds; the same when nil.
    var packed: [Entry]?
    var scripts: [Entry] = [Entry(path: "postinstall", mode: 0o755, content: bytes("#!/bin/sh\n"))]
    var info = PackageInfoFields()
    var distribution: (String) -> String = { $0 }
    /// Changes the headers of the payload's archive before they are written.
    var header: (inout CPIOHeader, String) -> Void = { _, _ in }
    /// Changes the payload's archive before it is compressed.
    var archive: ([UInt8]) -> [UInt8] = { $0 }
    /// Changes the members before the archive is made.
    var members: (inout [Member]) -> Void = { _ in }
    /// Changes the text of the table of contents.
    var table: (String) -> String = { $0 }

    struct PackageInfoFields {
        var xml: (String) -> String = { $0 }
        var numberOfFiles: Int?
        var installKBytes: Int?
    }

    /// The package.
    func build() throws -> [UInt8] {
        var members = try componentMembers(folder: "a.pkg/")
        let distribution = distribution(
            """
            <?xml version="1.0" encoding="utf-8"?>
            <installer-gui-script minSpecVersion="2">
            <options customize="never" hostArchitectures="arm64,x86_64"/>
            <choices-outline><line choice="c"/></choices-outline>
            <choice id="c"><pkg-ref id="com.example.a"/></choice>
            <pkg-ref id="com.example.a" version="1.0" installKBytes="\(installKBytes)">#a.pkg</pkg-ref>
            </installer-gui-script>
            """)
        members.append(Member(path: "Distribution", content: bytes(distribution), isCompressed: true))
        self.members(&members)
        return try Self.archive(members, table: table)
    }

    /// The four members of the component, for a product of several.
    func componentMembers(folder: String, identifier: String = "com.example.a") throws -> [Member] {
        let bill = Self.bill(listed)
        let info = info.xml(
            """
            <pkg-info format-version="2" identifier="\(identifier)" version="1.0" auth="root" \
            install-location="\(installLocation)">
            <payload numberOfFiles="\(info.numberOfFiles ?? listed.count)" installKBytes="\(installKBytes)"/>
            <scripts><postinstall file="./postinstall"/></scripts></pkg-info>
            """)
        let scriptEntries = [Entry(path: "", kind: .directory, mode: 0o755)] + scripts
        return [
            Member(path: folder + "Bom", content: bill.encoded(), isCompressed: true),
            Member(
                path: folder + "Payload", content: try gzip(archive(Self.cpio(packed ?? listed, header))),
                isCompressed: false),
            Member(path: folder + "Scripts", content: try gzip(Self.cpio(scriptEntries)), isCompressed: false),
            Member(path: folder + "PackageInfo", content: bytes(info), isCompressed: true),
        ]
    }

    private var installKBytes: Int64 { info.installKBytes.map(Int64.init) ?? Self.bill(listed).installKBytes }

    /// An archive of `members`; a path with a slash makes its folder.
    static func archive(_ members: [Member], table edit: (String) -> String = { $0 }) throws -> [UInt8] {
        var heap: [UInt8] = []
        var table = ""
        var identifier = 0
        var folder: String?
        for member in members {
            let parts = member.path.split(separator: "/").map(String.init)
            let parent = parts.count > 1 ? parts[0] : nil
            if folder != parent, folder != nil { table += "</file>\n" }
            if let parent, folder != parent {
                identifier += 1
                table += "<file id=\"\(identifier)\"><type>directory</type><name>\(parent)</name>\n"
            }
            folder = parent
            let stored = member.isCompressed ? try PackageCompression.zlib(member.content) : member.content
            identifier += 1
            table += """
                <file id="\(identifier)"><data>
                <archived-checksum style="sha1">\(Hex.encode(Hash.digest(of: stored, .sha1)))</archived-checksum>
                <extracted-checksum style="sha1">\(Hex.encode(Hash.digest(of: member.content, .sha1)))\
                </extracted-checksum>
                <encoding style="application/\(member.isCompressed ? "x-gzip" : "octet-stream")"/>
                <size>\(member.content.count)</size><offset>\(20 + heap.count)</offset><length>\(stored.count)</length>
                </data><type>file</type><name>\(parts[parts.count - 1])</name></file>

                """
            heap += stored
        }
        if folder != nil { table += "</file>\n" }
        return try archive(
            table: edit(
                """
                <?xml version="1.0" encoding="UTF-8"?>
                <xar><toc><creation-time>2026-01-01T00:00:00</creation-time>
                <checksum style="sha1"><offset>0</offset><size>20</size></checksum>
                \(table)</toc></xar>
                """), heap: heap)
    }

    /// An archive with that table of contents, whatever it says.
    static func archive(table: String, heap: [UInt8]) throws -> [UInt8] {
        let compressed = try PackageCompression.zlib(bytes(table))
        let header = XarHeader(compressedByteCount: compressed.count, inflatedByteCount: table.utf8.count)
        return header.encoded + compressed + Hash.digest(of: compressed, .sha1) + heap
    }

    static func bill(_ entries: [Entry]) -> BillOfMaterials {
        BillOfMaterials(
            entries: entries.map { entry in
                let parts = entry.path.split(separator: "/").map(String.init)
                let folder = parts.dropLast().joined(separator: "/")
                return BillOfMaterials.Entry(
                    parent: parts.isEmpty ? nil : entries.firstIndex { $0.path == folder && $0.kind == .directory },
                    name: bytes(parts.last ?? "."), kind: entry.kind,
                    mode: (entry.kind?.rawValue ?? 0o020000) | entry.mode, owner: entry.owner, group: entry.group,
                    modified: 0, byteCount: UInt64(entry.content.count),
                    checksum: entry.kind == .directory ? 0 : POSIXChecksum(of: entry.content).value,
                    linkTarget: entry.kind == .symbolicLink ? entry.content : [])
            })
    }

    static func cpio(_ entries: [Entry], _ edit: (inout CPIOHeader, String) -> Void = { _, _ in }) -> [UInt8] {
        var result: [UInt8] = []
        for (index, entry) in entries.enumerated() {
            let name = entry.path.isEmpty ? bytes(".") : bytes("./" + entry.path)
            var header = CPIOHeader(
                inode: UInt64(index), mode: UInt64((entry.kind?.rawValue ?? 0o020000) | entry.mode),
                owner: UInt64(entry.owner), group: UInt64(entry.group), linkCount: entry.kind == .directory ? 2 : 1,
                nameByteCount: UInt64(name.count + 1), byteCount: UInt64(entry.content.count))
            edit(&header, entry.path)
            result += header.encoded + name + [0] + entry.content
        }
        let trailer = CPIOHeader(inode: UInt64(entries.count), mode: 0, linkCount: 1, nameByteCount: 11)
        result += trailer.encoded + CPIOHeader.trailerName + [0]
        return result + [UInt8](repeating: 0, count: (512 - result.count % 512) % 512)
    }
}
