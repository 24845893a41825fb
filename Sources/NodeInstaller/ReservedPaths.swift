import FlatPackage
import System

/// Keeps the payload out of the folder below the prefix that belongs to `node.pkg`.
enum ReservedPaths {
    /// Compares names as macOS does, which takes `Share` for `share`: the two components would write into each other.
    static func check(_ payload: [ArchiveEntry]) throws(InstallerError) {
        let reserved = InstallerLayout.documentation.utf8.split(separator: 0x2F).map { Array($0) }
        for entry in payload {
            let names = entry.path.split(separator: 0x2F).map { folded(Array($0)) }
            let isInside = names.starts(with: reserved)
            // A file or link where node.pkg needs the folder.
            let isInTheWay = !names.isEmpty && reserved.starts(with: names) && !isDirectory(entry)
            if isInside || isInTheWay { throw .reservedPath(Printable.text(entry.path)) }
        }
    }

    private static func isDirectory(_ entry: ArchiveEntry) -> Bool {
        if case .directory = entry.content { true } else { false }
    }

    /// A name without the differences that a file system of macOS may overlook: case, and scalars that nobody sees.
    /// Upper case first, since some letters (`ſ`) meet their twin only there.
    private static func folded(_ name: [UInt8]) -> [UInt8] {
        var folded = ""
        for scalar in String(decoding: name, as: UTF8.self).unicodeScalars
        where !scalar.properties.isDefaultIgnorableCodePoint {
            for upper in scalar.properties.uppercaseMapping.unicodeScalars {
                folded += upper.properties.lowercaseMapping
            }
        }
        return Array(folded.utf8)
    }
}
