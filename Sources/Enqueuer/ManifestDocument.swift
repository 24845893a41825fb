public import FlatPackage
public import JSON
import System

/// What a package installs, as clients see it: the same members in every answer of the command line and the API.
public enum ManifestDocument {
    /// An entry of a payload.
    public static func json(_ entry: PayloadEntry) -> JSONValue {
        [
            "path": .string(Printable.text(entry.path, limit: 4096)), "mode": .string(String(entry.mode, radix: 8)),
            "owner": .integer(Int64(entry.owner)), "group": .integer(Int64(entry.group)),
            "size": .integer(entry.byteCount),
            "link": entry.linkTarget.isEmpty ? .null : .string(Printable.text(entry.linkTarget, limit: 4096)),
        ]
    }

    /// All components of a package, and the entries of each.
    static func json(_ package: File) throws(PackageError) -> JSONValue {
        let reader = try PackageReader(package)
        var components: [JSONValue] = []
        for component in reader.components {
            var entries: [JSONValue] = []
            try reader.forEachPayloadEntry(of: component) { entry throws(PackageError) in entries.append(json(entry)) }
            components.append([
                "name": .string(component.name), "identifier": .string(component.info.identifier),
                "version": .string(component.info.version), "files": .array(entries),
            ])
        }
        return ["components": .array(components)]
    }
}

/// Reads packages one after another, on a thread of its own: a large one takes seconds, and much memory.
actor Manifests {
    private let executor = BlockingExecutor("manifests")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// The document of a package.
    func read(_ package: File) throws(PackageError) -> JSONValue { try ManifestDocument.json(package) }
}
