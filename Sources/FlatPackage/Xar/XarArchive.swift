import Crypto
import System

/// An archive that is about to be written: all of its bytes but the members' are made, so that its size is known.
///
/// ```
/// header (28) | table of contents, zlib | SHA-1 of the compressed table (20) | members, one after another
/// ```
///
/// Offsets count from the end of the table of contents. The members stand in the order in which they are given and are
/// numbered in it; nothing follows the last one. The table names no owner, time or machine but its creation time,
/// which is the caller's. Modes are constant: bsdtar leaves out folders that have none.
struct XarArchive: Sendable {
    /// What stands at the root of the archive.
    enum Node: Sendable {
        case file(FinishedMember)
        /// A folder of the archive (not an archive in itself) with files in it.
        case directory(name: String, [FinishedMember])
    }

    private static let checksumByteCount = 20

    private let head: [UInt8]
    private let members: [FinishedMember]
    /// Size of the whole archive.
    let byteCount: Int64

    init(_ nodes: [Node], created: Timestamp) throws(PackageError) {
        members = nodes.flatMap { node in
            switch node {
            case .file(let member): [member]
            case .directory(_, let members): members
            }
        }
        let table = Self.tableOfContents(nodes, created: created)
        let compressed = try PackageCompression.zlib(table)
        let header = XarHeader(compressedByteCount: compressed.count, inflatedByteCount: table.count)
        head = header.encoded + compressed + Hash.digest(of: compressed, .sha1)
        byteCount = members.reduce(Int64(head.count)) { $0 + $1.archived.byteCount }
    }

    /// Writes the archive where `file` ends, and verifies each member on the way.
    ///
    /// - Throws: `.damagedComponent` when a member is not what its checksum says; what was written is then worthless.
    func write(to file: File, progress: (Int64, Int64) throws(PackageError) -> Void) throws(PackageError) {
        var meter = ProgressMeter(total: byteCount)
        try onDisk { () throws(SystemError) in try file.write(head) }
        try meter.advance(by: head.count, progress)
        for member in members {
            try member.copy { (piece) throws(PackageError) in
                try onDisk { () throws(SystemError) in try file.write(piece) }
                try meter.advance(by: piece.count, progress)
            }
        }
        try meter.finish(progress)
    }

    private static func tableOfContents(_ nodes: [Node], created: Timestamp) -> [UInt8] {
        var identifier = 0
        var offset = Int64(checksumByteCount)
        var xml = XMLWriter()
        func write(_ member: FinishedMember, to xml: inout XMLWriter) {
            identifier += 1
            xml.element("file", [("id", String(identifier))]) { xml in
                data(member, offset: offset, to: &xml)
                xml.element("mode", text: "0644")
                xml.element("type", text: "file")
                xml.element("name", text: member.name.rawValue)
            }
            offset += member.archived.byteCount
        }
        xml.element("xar") { xml in
            xml.element("toc") { xml in
                // Apple's tools write the time in UTC and without the Z that would say so.
                xml.element("creation-time", text: String(created.wholeSecondsText.dropLast()))
                xml.element("checksum", [("style", "sha1")]) { xml in
                    xml.element("offset", text: "0")
                    xml.element("size", text: String(checksumByteCount))
                }
                for node in nodes {
                    switch node {
                    case .file(let member): write(member, to: &xml)
                    case .directory(let name, let members):
                        identifier += 1
                        xml.element("file", [("id", String(identifier))]) { xml in
                            xml.element("mode", text: "0755")
                            xml.element("type", text: "directory")
                            xml.element("name", text: name)
                            for member in members { write(member, to: &xml) }
                        }
                    }
                }
            }
        }
        return xml.bytes
    }

    private static func data(_ member: FinishedMember, offset: Int64, to xml: inout XMLWriter) {
        xml.element("data") { xml in
            xml.element("archived-checksum", [("style", "sha1")], text: Hex.encode(member.archived.sha1))
            xml.element("extracted-checksum", [("style", "sha1")], text: Hex.encode(member.contentSHA1))
            xml.element("encoding", [("style", member.encoding.mediaType)])
            xml.element("size", text: String(member.byteCount))
            xml.element("offset", text: String(offset))
            xml.element("length", text: String(member.archived.byteCount))
        }
    }
}
