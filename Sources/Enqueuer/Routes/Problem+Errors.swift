import Access
import Artifacts
import HTTP
import JSON
import Keyring
import NodeInstaller
import QueueModel

/// The one place that says with which status each error is answered. What a client cannot change is told as what it is, and
/// paths, hosts and the words of libraries stay in the server's own log.
extension Problem {
    init(_ error: any Error) {
        switch error {
        case let error as Problem: self = error
        case let error as QueueError: self.init(error)
        case let error as OrderError: self = .invalid(error.field, error.description)
        case let error as InstallerError: self.init(error)
        case let error as ArtifactError: self.init(error)
        case let error as DeliveryError: self.init(error)
        case let error as AccessError: self.init(error)
        default: self = .broken
        }
    }

    static func invalid(_ place: String, _ detail: String) -> Problem {
        Problem(.unprocessableContent, "invalid-request", detail, parts: [.init(place, detail)])
    }

    /// A body that is no JSON.
    static func malformed(_ error: JSONError) -> Problem { Problem(.badRequest, "malformed-json", error.description) }

    /// Nothing that the client can see or mend.
    static var broken: Problem {
        var problem = Problem(
            .internalServerError, "internal-error",
            "something is wrong with this server; its log says what, by the trace id")
        problem.isRetryable = true
        return problem
    }

    /// What was there once: why it is not any more.
    private static func gone(_ cause: String, _ detail: String) -> Problem {
        var problem = Problem(.gone, cause, detail)
        problem.more = [.init("cause", .string(cause))]
        return problem
    }

    static func notFound(_ what: String) -> Problem {
        Problem(.notFound, "not-found", "there is no such \(what), or it is not yours to see")
    }

    private init(_ error: QueueError) {
        switch error {
        case .notFound: self = .notFound("job")
        case .noSuchBatch: self = .notFound("batch")
        case .wrongState: self.init(.conflict, "wrong-state", error.description)
        case .keyTaken:
            self.init(.unprocessableContent, "idempotency-key-reused", error.description)
        case .alreadyExists, .rowTaken, .batchDiffers: self.init(.conflict, "already-exists", error.description)
        case .noSuchLane: self = .invalid("/lane", error.description)
        case .closed: self = .unavailable("lane-closed", error.description, after: .seconds(30))
        case .invalid(let field, _, _): self = .invalid("/" + field, error.description)
        case .requestTooLarge: self.init(.contentTooLarge, "content-too-large", error.description)
        case .parked: self.init(.conflict, "parked", error.description)
        case .full: self = .unavailable("full", "the farm has no space left for more", after: .seconds(30))
        case .backend, .unusable: self = .unavailable("store-unavailable", "the farm's store cannot be reached")
        case .leaseLost, .outOfTime, .corrupt: self = .broken
        }
    }

    private init(_ error: InstallerError) {
        switch error {
        case .badField(let name, _, _): self = .invalid("/" + name, error.description)
        case .notForOtherMacs, .missingSecrets:
            self.init(.conflict, "not-configured", error.description)
        case .reservedPath, .unknownSealing, .missingField, .unknownField, .unreadableRequest, .unknownVersion,
            .otherTemplate, .unknownSecret, .secretIsNotText:
            self.init(.unprocessableContent, "invalid-request", error.description)
        }
    }

    private init(_ error: ArtifactError) {
        switch error {
        case .notFound: self = .gone("artifact-removed", "the artifact is no longer kept; submit its job again")
        case .notPublished: self = .notFound("artifact")
        case .refused(.expired): self = .gone("token-expired", error.description)
        case .refused(.revoked): self = .gone("token-revoked", error.description)
        case .refused(.usedUp): self = .gone("token-used-up", error.description)
        case .refused: self.init(.forbidden, "token-refused", error.description)
        case .badTokenRequest: self = .invalid("", error.description)
        case .badTokenID: self = .notFound("token")
        case .records, .contended: self = .unavailable("store-unavailable", "the farm's store cannot be reached")
        case .damaged, .unexpectedKind, .exposed, .disk, .alreadyFinished, .alreadyPublished, .badFileName,
            .badTokenKey,
            .tokenKeyDoesNotOpen, .unreadable, .crypto:
            self = .broken
        }
    }

    private init(_ error: DeliveryError) {
        switch error {
        case .notFinished: self.init(.conflict, "not-finished", error.description)
        case .alreadyThere, .damaged, .disk: self = .broken
        }
    }

    private init(_ error: AccessError) {
        switch error {
        case .wrongPassword: self.init(.unauthorized, "wrong-password", error.description)
        case .tooManyFailures(let delay):
            self.init(.tooManyRequests, "too-many-failures", error.description)
            retryAfter = delay
        case .badName: self = .invalid("/name", error.description)
        case .badPassword: self = .invalid("/password", error.description)
        case .nameTaken: self.init(.conflict, "already-exists", error.description)
        case .noSuchUser: self = .notFound("user")
        case .lastAdmin: self.init(.conflict, "last-admin", error.description)
        case .noSuchKey: self = .notFound("API key")
        case .badKeyRequest: self = .invalid("", error.description)
        case .contended, .records: self = .unavailable("store-unavailable", "the farm's store cannot be reached")
        case .unreadable, .crypto: self = .broken
        }
    }
}

extension OrderError {
    /// The member of a submission that it is about.
    fileprivate var field: String {
        switch self {
        case .sealingNotChosen, .unknownSealing: "/sealing"
        case .badLane: "/lane"
        case .badLabel, .repeatedLabel: "/labels"
        case .noRows: "/rows"
        }
    }
}
