/// What somebody may do. Every route, page and command of others names one.
public enum Permission: String, Sendable, CaseIterable {
    /// See jobs, batches, events, lanes and workers.
    case readJobs = "jobs:read"
    /// Ask for installers; cancel and retry what one has asked for oneself.
    case submitJobs = "jobs:submit"
    /// Cancel and retry what others have asked for.
    case manageJobs = "jobs:manage"
    /// Ask for an installer that holds its secrets in plain.
    case sealPlain = "sealing:plain"
    /// Fetch finished installers, and issue and revoke tokens for them.
    case readArtifacts = "artifacts:read"
    /// Pause and resume lanes.
    case manageLanes = "lanes:manage"
    /// See numbers about the farm.
    case readMetrics = "metrics:read"
    /// Change the keyring: new generations, rotation.
    case rotateKeys = "keys:rotate"
    /// Make, change and remove users, and see and revoke everybody's API keys.
    case manageUsers = "users:manage"
    /// Read the audit log.
    case readAudit = "audit:read"
}

/// A user's role: each may do what the one before may, and more.
public enum Role: String, Sendable, CaseIterable, Comparable {
    case viewer, submitter, `operator`, admin

    /// What it adds to the role before it.
    private var added: Set<Permission> {
        switch self {
        case .viewer: [.readJobs, .readMetrics]
        case .submitter: [.submitJobs, .readArtifacts]
        case .operator: [.manageJobs, .manageLanes, .sealPlain]
        case .admin: [.rotateKeys, .manageUsers, .readAudit]
        }
    }

    /// All that it may do.
    public var permissions: Set<Permission> {
        Self.allCases.filter { $0 <= self }.reduce(into: []) { $0.formUnion($1.added) }
    }

    /// By what they may do.
    public static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// Whether somebody sees only what is theirs, or everybody's.
///
/// | role      | own jobs and artifacts      | others' jobs   | others' artifacts |
/// |-----------|-----------------------------|----------------|-------------------|
/// | viewer    | see                         | see            | -                 |
/// | submitter | see, cancel, retry, fetch   | see            | -                 |
/// | operator  | see, cancel, retry, fetch   | all of it      | fetch             |
/// | admin     | see, cancel, retry, fetch   | all of it      | fetch             |
///
/// What may not be seen is answered as what is not there.
public struct Principal: Sendable, Equatable {
    /// How it has proven who it is.
    public enum Proof: Sendable, Equatable {
        /// By an API key with this id.
        case key(id: String)
        /// By a session, whose cookie needs `csrf` beside it for everything that changes something.
        case session(csrf: String)
    }

    /// The user's name.
    public let name: String
    /// The user's role.
    public let role: Role
    /// What it may do: of its role's permissions those that its key has.
    public let permissions: Set<Permission>
    /// How it has proven who it is.
    public let proof: Proof

    /// A principal; `scopes` nil for all that the role may do.
    public init(name: String, role: Role, scopes: Set<Permission>?, proof: Proof) {
        self.name = name
        self.role = role
        permissions = scopes.map { role.permissions.intersection($0) } ?? role.permissions
        self.proof = proof
    }

    /// What a job or an audit line says of who has asked.
    public var label: String {
        switch proof {
        case .key(let id): "\(name) (key \(id))"
        case .session: name
        }
    }

    /// Whether it may do that.
    public func may(_ permission: Permission) -> Bool { permissions.contains(permission) }

    /// Whether it may cancel or retry what `owner` has asked for.
    public func mayManage(jobOf owner: String) -> Bool {
        may(.manageJobs) || may(.submitJobs) && Self.user(of: owner).utf8.elementsEqual(name.utf8)
    }

    /// Whether it may fetch what was built for `owner`.
    public func mayFetch(artifactOf owner: String) -> Bool {
        may(.readArtifacts) && (may(.manageJobs) || Self.user(of: owner).utf8.elementsEqual(name.utf8))
    }

    /// The user in a label.
    private static func user(of label: String) -> String {
        // A user's name has no space.
        let end = label.utf8.firstIndex(of: UInt8(ascii: " ")) ?? label.utf8.endIndex
        return String(label[..<end])
    }
}
