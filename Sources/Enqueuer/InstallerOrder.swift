import JSON
import NodeInstaller
public import QueueModel
public import System

/// What a person or a script asks for, in their own words: nothing here has been looked at yet.
public struct InstallerOrder: Sendable, Equatable {
    /// The node's host name; nil lets the Mac name itself.
    public var nodeName: String?
    /// The package's file name; nil for the default.
    public var packageName: String?
    /// How secrets are sealed; nil takes the configuration's choice.
    public var sealing: String?
    /// `KEY=VALUE` for finding jobs again.
    public var labels: [String]
    /// The lane's name; nil for `interactive`.
    public var lane: String?
    /// The client's own name for this order: the same again is answered with the same job.
    public var idempotencyKey: String?
    /// While an equal order waits or is built, this asks for that one.
    public var isUnique: Bool
    /// Not to be built before.
    public var notBefore: Timestamp?
    /// Who asks, for the job's record.
    public var requestedBy: String
    /// From where, for the audit log.
    public var address: String?
    /// Where the request belongs, as W3C Trace Context has it.
    public var trace: String?

    /// An order.
    public init(
        nodeName: String? = nil, packageName: String? = nil, sealing: String? = nil, labels: [String] = [],
        lane: String? = nil, idempotencyKey: String? = nil, isUnique: Bool = false, notBefore: Timestamp? = nil,
        requestedBy: String
    ) {
        self.idempotencyKey = idempotencyKey
        self.isUnique = isUnique
        self.notBefore = notBefore
        self.nodeName = nodeName
        self.packageName = packageName
        self.sealing = sealing
        self.labels = labels
        self.lane = lane
        self.requestedBy = requestedBy
    }
}

/// An order that was taken.
public struct Receipt: Sendable {
    /// The job that will fulfil it.
    public internal(set) var job: Job
    /// What the person should know.
    public let notes: [String]
    /// What the job asks for; nil where it was another submission's.
    let request: InstallerRequest?

    /// What clients see of it.
    func document(_ standing: Standing?) -> JSONValue {
        if let request { JobDocument.json(job, standing, request) } else { JobDocument.json(job, standing) }
    }
}

/// What has become of a batch.
public struct BatchReceipt: Sendable {
    /// One row.
    public enum Outcome: Sendable {
        /// It is that job.
        case job(Job.ID)
        /// It is refused.
        case refused(Job.Failure)
    }

    /// The batch as it is now.
    public let batch: Batch
    /// Its rows, the first first.
    public let outcomes: [Outcome]
    /// What the person should know.
    public let notes: [String]
}

/// Why an order is not taken, beside what its installer refuses.
public enum OrderError: Error, Equatable, Sendable, CustomStringConvertible {
    case sealingNotChosen
    case unknownSealing(String)
    case badLane(String)
    case badLabel(String)
    case repeatedLabel(String)
    case noRows

    /// One sentence, and what to do.
    public var description: String {
        switch self {
        case .sealingNotChosen:
            "no sealing was chosen; this version has 'plain', with which anyone who has the package can read the "
                + "cluster's secrets in it: say --sealing plain, or set farm.sealing: plain"
        case .unknownSealing(let word):
            "sealing '\(Printable.text(word))': this version has 'plain' only (ticket and passphrase are to come)"
        case .badLane(let name):
            "lane '\(Printable.text(name))': expected a lower-case letter, then lower-case letters, digits and hyphens, "
                + "32 at most"
        case .badLabel(let text): "label '\(Printable.text(text))': expected KEY=VALUE"
        case .repeatedLabel(let key): "label '\(Printable.text(key))' was given twice"
        case .noRows: "a batch has one row at least"
        }
    }
}
