public import System

/// What a component package is made of.
public struct ComponentDescription: Sendable {
    /// Reverse-DNS name of the receipt: at least two parts of letters, digits, `-` and `_`.
    public let identifier: String
    /// Dotted digits.
    public let version: String
    /// The folder on the Mac that the payload's root becomes: absolute, without a slash at its end.
    public let installLocation: String
    /// The payload, in any order: with the root (empty path) and every folder between. Empty: no payload at all.
    public let entries: [ArchiveEntry]
    /// `preinstall`, `postinstall` and files beside them; the root is added when it is not given. Empty: no scripts.
    public let scripts: [ArchiveEntry]
    /// The time that every file of the package bears, in whole seconds from 1970 to 2106.
    public let contentDate: Timestamp
    /// The program that makes it, with its version, for people: printable ASCII without `--`.
    public let generator: String

    /// A description. It is checked when the component is assembled.
    public init(
        identifier: String, version: String, installLocation: String, entries: [ArchiveEntry],
        scripts: [ArchiveEntry], contentDate: Timestamp, generator: String
    ) {
        self.identifier = identifier
        self.version = version
        self.installLocation = installLocation
        self.entries = entries
        self.scripts = scripts
        self.contentDate = contentDate
        self.generator = generator
    }
}

extension ComponentDescription {
    /// - Throws: `.badValue` for the first value that does not have its form.
    func check() throws(PackageError) {
        try ValueRule.identifier.check(identifier, "identifier")
        try ValueRule.version.check(version, "version")
        try ValueRule.installLocation.check(installLocation, "installLocation")
        try ValueRule.generator.check(generator, "generator")
        _ = try modified
    }

    /// `contentDate` as the formats hold it.
    var modified: UInt32 {
        get throws(PackageError) {
            guard let seconds = UInt32(exactly: contentDate.seconds) else {
                throw .badValue(
                    field: "contentDate", value: contentDate.description, expected: "a time from 1970 to 2106")
            }
            return seconds
        }
    }

    /// The scripts with their root.
    var scriptsWithRoot: [ArchiveEntry] {
        scripts.contains { $0.path.isEmpty }
            ? scripts : [ArchiveEntry(path: [], mode: 0o755, content: .directory)] + scripts
    }
}
