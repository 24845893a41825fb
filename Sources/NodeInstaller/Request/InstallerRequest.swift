public import Crypto
import JSON
public import System

/// Everything that decides the bytes of an installer, and no secret: those are named by the number of their
/// generation, and handed over when the package is built.
///
/// A queue keeps `canonicalBytes` and knows nothing of their meaning. All that a request refers to is pinned: the
/// payload by its digest, the keys by their generation, the template and the builder by their versions.
public struct InstallerRequest: Sendable, Equatable {
    /// How the secrets lie in the package.
    ///
    /// In the canonical bytes this is an object with the word as its `method`, so that a sealing with parameters of
    /// its own (a ticket, a passphrase) has room for them.
    public enum Sealing: String, Sendable, CaseIterable {
        /// Readable by whoever has the file.
        case plain
    }

    /// The version of the canonical bytes.
    public static let version: Int64 = 1
    /// The version of what this room makes of a request; raised whenever the same request would give other bytes.
    public static let currentTemplateVersion = 1

    /// The node's name; nil leaves it to the Mac to use its own.
    public private(set) var nodeName: NodeName?
    /// The file name of the installer.
    public private(set) var packageName: PackageName
    /// How the secrets lie in the package.
    public private(set) var sealing: Sealing
    /// What `server.pkg` installs.
    public let payload: PayloadReference
    /// The Macs on which it may be installed.
    public let target: Target
    /// What package identifiers begin with: `com.pkgmill`.
    public let identifierPrefix: String
    /// What launchd runs.
    public let daemon: DaemonCommand
    /// The generation of keys, from 1.
    public let generation: Int
    /// Counts installers with the same generation whose other content changed, from 0. A node's version is
    /// `generation.revision`, and Installer takes a higher one for an upgrade.
    public let revision: Int
    /// `currentTemplateVersion` of the program that made the request.
    public let templateVersion: Int
    /// The product's version and its compressors' versions, as the program that made the request gives them. It is
    /// written into the package as a comment of XML.
    public let builder: String
    /// The date that every file in the package bears: the start of a UTC day from 1970 to 2099.
    public let contentDate: Timestamp
    /// What the node's configuration says besides names and keys.
    public let settings: NodeSettings
    /// What people wrote on the job. Not in the package.
    public private(set) var labels: Labels
    /// What is written of it that other nodes' requests have as well.
    let common: CommonBytes

    /// A request with all that it says checked.
    public init(
        nodeName: NodeName?, packageName: PackageName = .standard, sealing: Sealing, payload: PayloadReference,
        target: Target, identifierPrefix: String, daemon: DaemonCommand, generation: Int, revision: Int,
        templateVersion: Int = currentTemplateVersion, builder: String, contentDate: Timestamp, settings: NodeSettings,
        labels: Labels = .none
    ) throws(InstallerError) {
        let prefix = Array(identifierPrefix.utf8)
        guard prefix.count <= 128, prefix.contains(0x2E), TextChecks.areLabels(prefix) else {
            throw .badText(
                "identifierPrefix", identifierPrefix,
                expected: "a reversed domain such as com.example, of letters, digits and hyphens")
        }
        try Self.check("generation", generation, in: 1...999_999_999)
        try Self.check("revision", revision, in: 0...999_999_999)
        try Self.check("templateVersion", templateVersion, in: 1...999_999_999)
        guard TextChecks.canStandInComment(builder) else {
            throw .badText(
                "builder", builder, expected: "1 to 128 printable ASCII characters without -- and without - at the end")
        }
        guard (0..<4_102_444_800_000).contains(contentDate.milliseconds),
            contentDate.milliseconds.isMultiple(of: 86_400_000)
        else {
            throw .badField(
                name: "contentDate", value: contentDate.description, expected: "the start of a day from 1970 to 2099")
        }
        self.nodeName = nodeName
        self.packageName = packageName
        self.sealing = sealing
        self.payload = payload
        self.target = target
        self.identifierPrefix = identifierPrefix
        self.daemon = daemon
        self.generation = generation
        self.revision = revision
        self.templateVersion = templateVersion
        self.builder = builder
        self.contentDate = contentDate
        self.settings = settings
        self.labels = labels
        common = CommonBytes(
            payload: payload, target: target, identifierPrefix: identifierPrefix, daemon: daemon,
            generation: generation,
            revision: revision, templateVersion: templateVersion, builder: builder, contentDate: contentDate,
            settings: settings)
    }

    /// The same for another node: what they have in common is neither checked nor written out again.
    public init(
        like other: InstallerRequest, nodeName: NodeName?, packageName: PackageName, sealing: Sealing, labels: Labels
    ) {
        self = other
        self.nodeName = nodeName
        self.packageName = packageName
        self.sealing = sealing
        self.labels = labels
    }

    /// The version of `node.pkg` and of the whole: `GENERATION.REVISION`.
    public var nodeVersion: String { "\(generation).\(revision)" }

    /// The digest of what decides the bytes: two requests with the same one give the same package.
    ///
    /// It is taken over the canonical bytes without the labels, which are not in the package, and without the
    /// payload's path, since its digest says what lies there.
    public var inputDigest: SHA256Digest { SHA256Digest(of: bytes(includingLocalFacts: false)) }

    /// Byte by byte, unlike texts of Swift.
    public static func == (left: InstallerRequest, right: InstallerRequest) -> Bool {
        left.canonicalBytes == right.canonicalBytes
    }

    private static func check(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws(InstallerError) {
        guard range.contains(value) else {
            throw .badField(
                name: name, value: "\(value)",
                expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
    }
}
