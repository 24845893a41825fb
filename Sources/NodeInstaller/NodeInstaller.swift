public import Crypto
public import FlatPackage
import JSON
import System

/// Makes of a request what an installer consists of: two components and the product around them.
///
/// It reads no clock, no environment and no file: the same request with the same secrets and the same payload is the
/// same description, entry by entry and byte by byte.
public struct NodeInstaller: Sendable {
    /// What is to be made.
    public let request: InstallerRequest

    /// The maker of what `request` asks for.
    ///
    /// - Throws: `otherTemplate` when the request pins a template that this program does not have.
    public init(_ request: InstallerRequest) throws(InstallerError) {
        guard request.templateVersion == InstallerRequest.currentTemplateVersion else {
            throw .otherTemplate(
                pinned: request.templateVersion, available: InstallerRequest.currentTemplateVersion)
        }
        self.request = request
    }

    /// The digest of what decides the bytes of `server.pkg`, for a cache: it does not depend on the node.
    public var serverDigest: SHA256Digest {
        let inputs: JSONValue = [
            "templateVersion": .integer(Int64(request.templateVersion)), "builder": .string(request.builder),
            "identifierPrefix": .string(request.identifierPrefix), "payload": .string(request.payload.digest.hex),
            "version": .string(request.payload.version), "contentDate": .string(request.contentDate.dateText),
        ]
        return SHA256Digest(of: inputs.bytes())
    }

    /// `server.pkg`: the payload below the prefix, and the script that stops a running server before it is replaced.
    ///
    /// - Parameter payload: what `PayloadDirectory` found; paths are relative to the prefix.
    /// - Throws: `reservedPath` when the payload reaches into what belongs to `node.pkg`.
    public func serverComponent(payload: [ArchiveEntry]) throws(InstallerError) -> ComponentDescription {
        try ReservedPaths.check(payload)
        let root = payload.contains { $0.path.isEmpty } ? [] : [Self.directory("")]
        return ComponentDescription(
            identifier: request.identifierPrefix + ".server", version: request.payload.version,
            installLocation: InstallerLayout.prefix, entries: root + payload,
            scripts: [Self.file("preinstall", 0o755, preinstallScript)], contentDate: request.contentDate,
            generator: request.builder)
    }

    /// `node.pkg`: this node's configuration, its launchd job, its documentation, and the script that puts the
    /// configuration in place and starts the server.
    ///
    /// - Parameter secrets: the generation that the request names, by dotted names (`server.api_key`).
    /// - Throws: `missingSecrets`, `unknownSecret`, `secretIsNotText`.
    public func nodeComponent(secrets: [String: SecretBytes]) throws(InstallerError) -> ComponentDescription {
        let configuration = try NodeConfigurationFile(nodeName: request.nodeName, settings: request.settings)
            .render(secrets)
        return ComponentDescription(
            identifier: request.identifierPrefix + ".node", version: request.nodeVersion, installLocation: "/",
            entries: Self.folders + [
                Self.entry(
                    InstallerLayout.configurationFile + ".new", 0o600, .file(SecretSource(secret: configuration))),
                Self.file(InstallerLayout.propertyList, 0o644, LaunchdJob(daemon: request.daemon).document),
                Self.file(Self.documentation + "/README.txt", 0o644, ReadmeText(request: request).text),
                Self.file(Self.documentation + "/receipts.txt", 0o644, receipts),
                Self.file(Self.documentation + "/uninstall.sh", 0o755, uninstallScript),
            ],
            scripts: [Self.file("postinstall", 0o755, postinstallScript)], contentDate: request.contentDate,
            generator: request.builder)
    }

    /// The installer around its two finished components.
    public func product(server: ComponentPackage, node: ComponentPackage) -> ProductDescription {
        ProductDescription(
            title: request.nodeName.map { "Pkgmill node \($0.text)" } ?? "Pkgmill node",
            identifier: request.identifierPrefix + ".installer", version: request.nodeVersion,
            minimumMacOS: request.target.minimumMacOS,
            hostArchitectures: request.target.architectures.map(\.rawValue),
            components: [
                (name: InstallerLayout.serverPackage, package: server),
                (name: InstallerLayout.nodePackage, package: node),
            ],
            contentDate: request.contentDate, generator: request.builder)
    }

    /// What `uninstall.sh` makes the system forget, one identifier a line: the script itself is the same everywhere.
    private var receipts: String { "\(request.identifierPrefix).server\n\(request.identifierPrefix).node\n" }

    private static let documentation = InstallerLayout.prefix + "/" + InstallerLayout.documentation

    /// Every folder on the way to a file of `node.pkg`, as macOS has them.
    private static let folders = [
        directory(""), directory("/Library"), directory("/Library/Application Support"),
        directory(InstallerLayout.configurationFolder, mode: 0o700), directory("/Library/LaunchDaemons"),
        directory("/usr"), directory("/usr/local"), directory(InstallerLayout.prefix),
        directory(InstallerLayout.prefix + "/share"), directory(documentation),
    ]

    private static func directory(_ path: String, mode: UInt16 = 0o755) -> ArchiveEntry {
        entry(path, mode, .directory)
    }

    private static func file(_ path: String, _ mode: UInt16, _ text: String) -> ArchiveEntry {
        file(path, mode, Array(text.utf8))
    }

    private static func file(_ path: String, _ mode: UInt16, _ bytes: [UInt8]) -> ArchiveEntry {
        entry(path, mode, .file(BytesSource(bytes)))
    }

    /// - Parameter path: where it lies on the Mac; an archive's paths have no slash in front.
    private static func entry(_ path: String, _ mode: UInt16, _ content: ArchiveEntry.Content) -> ArchiveEntry {
        ArchiveEntry(path: Array(path.utf8.drop { $0 == 0x2F }), mode: mode, content: content)
    }
}
