import Enqueuer
import FlatPackage
import JSON
import System
import Terminal

/// What `inspect` and `lint` say of a package.
struct PackageInspection {
    private let path: String
    private let reader: PackageReader
    private let files: [(component: String, entries: [PayloadEntry])]

    init(path: String, listsFiles: Bool) throws {
        self.path = path
        let reader = try PackageReader(File.open(path))
        var files: [(component: String, entries: [PayloadEntry])] = []
        for component in listsFiles ? reader.components : [] {
            var entries: [PayloadEntry] = []
            try reader.forEachPayloadEntry(of: component) { entry throws(PackageError) in entries.append(entry) }
            files.append((component.name, entries))
        }
        self.reader = reader
        self.files = files
    }

    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("path", .string(path)), .init("kind", .string(reader.kind.rawValue)),
            .init("size", .integer(reader.byteCount)), .init("signed", .bool(reader.isSigned)),
            .init("stapled", .bool(reader.isStapled)), .init("created", JSONValue(reader.creationTime)),
            .init("title", JSONValue(reader.distribution?.title)),
            .init("hostArchitectures", .array((reader.distribution?.hostArchitectures ?? []).map { .string($0) })),
            .init("minimumMacOS", JSONValue(reader.distribution?.minimumMacOS)),
            .init("components", .array(reader.components.map(Self.json))),
            .init("members", .array(reader.members.map(Self.json))),
        ]
        if !files.isEmpty {
            members.append(
                .init(
                    "files",
                    .object(files.map { .init($0.component, .array($0.entries.map { ManifestDocument.json($0) })) })))
        }
        return .object(members)
    }

    func text(_ palette: Palette) -> String {
        let distribution = reader.distribution
        var rows = [
            ("package", Printable.text(path)), ("kind", reader.kind.rawValue),
            ("size", Printable.byteCount(reader.byteCount)),
            ("signed", reader.isSigned ? "yes (not verified)" : "no"),
        ]
        if let title = distribution?.title { rows.append(("title", Printable.text(title))) }
        if let distribution {
            rows.append(("runs on", Printable.text(distribution.hostArchitectures.joined(separator: ", "))))
            rows.append(("macOS", Printable.text(distribution.minimumMacOS.map { "\($0) or later" } ?? "any")))
        }
        var text = table(rows)
        for component in reader.components {
            let info = component.info
            text += "\n\(palette.strong(Printable.text(component.name)))\n"
            text += table([
                ("identifier", Printable.text(info.identifier)), ("version", Printable.text(info.version)),
                ("installs to", Printable.text(info.installLocation)),
                ("files", info.numberOfFiles.map { "\($0), \(info.installKBytes ?? 0) kB" } ?? "none"),
                (
                    "scripts",
                    info.scripts.isEmpty
                        ? "none" : info.scripts.map { Printable.text($0.phase) }.joined(separator: ", ")
                ),
            ])
            for (name, entries) in files where name == component.name {
                for entry in entries { text += Self.line(entry) }
            }
        }
        return text
    }

    /// One finding on a line, the severity first.
    static func text(_ finding: PackageFinding, _ palette: Palette) -> String {
        let severity = finding.severity == .error ? palette.bad("error") : palette.warning("warning")
        return
            "\(severity): \(Printable.text(finding.place)): \(Printable.text(finding.message, limit: 1000)) [\(finding.code)]"
    }

    /// The document of a check.
    static func json(_ report: PackageReport, path: String) -> JSONValue {
        [
            "path": .string(path), "errors": .integer(Int64(report.errors.count)),
            "warnings": .integer(Int64(report.warnings.count)),
            "findings": .array(
                report.findings.map { finding in
                    [
                        "severity": .string(finding.severity.rawValue), "code": .string(finding.code),
                        "place": .string(finding.place), "message": .string(finding.message),
                    ]
                }),
        ]
    }

    private static func line(_ entry: PayloadEntry) -> String {
        let kind =
            switch entry.kind {
            case .directory: "d"
            case .symbolicLink: "l"
            case .file: "-"
            case nil: "?"
            }
        let target = entry.linkTarget.isEmpty ? "" : " -> " + Printable.text(entry.linkTarget)
        let mode = String(entry.mode, radix: 8)
        let size = String(entry.byteCount)
        return "  \(kind)\(mode) \(entry.owner)/\(entry.group) "
            + String(repeating: " ", count: max(0, 12 - size.utf8.count)) + size
            + "  /" + Printable.text(entry.path, limit: 1024) + target + "\n"
    }

    private static func json(_ component: PackageComponent) -> JSONValue {
        let info = component.info
        return [
            "name": .string(component.name), "identifier": .string(info.identifier), "version": .string(info.version),
            "installLocation": .string(info.installLocation), "numberOfFiles": JSONValue(info.numberOfFiles),
            "installKBytes": JSONValue(info.installKBytes),
            "scripts": .array(info.scripts.map { .string($0.phase) }),
        ]
    }

    private static func json(_ member: PackageMember) -> JSONValue {
        ["path": .string(member.path), "size": .integer(member.byteCount)]
    }
}
