/// Something that is wrong with a package, or that its maker should know.
public struct PackageFinding: Sendable, Equatable {
    /// How bad it is.
    public enum Severity: String, Sendable {
        /// The package must not be given to anyone.
        case error
        /// It may be meant so.
        case warning
    }

    /// How bad it is.
    public let severity: Severity
    /// What it is, in a word that programs may rely on: `toc-checksum`, `bom-payload-mode`. `PackageFinding.codes` has
    /// all of them.
    public let code: String
    /// Where: a member's path, or the path and a path in the payload (`server.pkg/Payload: bin/pkgmill`).
    public let place: String
    /// One sentence for people.
    public let message: String
}

/// What is in a package, and what a check found.
public struct PackageReport: Sendable, Equatable {
    /// Which form it has; nil when it could not be read far enough to tell.
    public let kind: PackageReader.Kind?
    /// Size of the file.
    public let byteCount: Int64
    /// Whether it bears a signature. It is not verified.
    public let isSigned: Bool
    /// Whether a notarisation ticket is stapled to its end.
    public let isStapled: Bool
    /// The product's description; nil in a component package.
    public let distribution: Distribution?
    /// The component packages in it.
    public let components: [PackageComponent]
    /// The members of the archive.
    public let members: [PackageMember]
    /// What was found, in the order of the checks.
    public let findings: [PackageFinding]

    /// The findings that stop a publication.
    public var errors: [PackageFinding] { findings.filter { $0.severity == .error } }
    /// The findings that are to be shown.
    public var warnings: [PackageFinding] { findings.filter { $0.severity == .warning } }
    /// Whether there is no error.
    public var isPublishable: Bool { errors.isEmpty }
}
