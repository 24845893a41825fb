public import FlatPackage
import QueueModel
import System

/// Why an installer was not built. Each becomes the failure of one attempt.
public enum BuildError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The job's request is none that this version reads.
    case unreadableRequest(detail: String)
    /// The job was pinned to other versions of the tools that decide the bytes.
    case otherBuilder(pinned: String, here: String)
    /// The key generation is gone, does not open, or lacks what the installer needs.
    case generation(detail: String)
    /// The payload cannot be packed.
    case payload(detail: String)
    /// The payload is not the one that the request named.
    case payloadChanged(pinned: String, found: String)
    /// The package could not be put together.
    case package(detail: String)
    /// The checker refused our own package: a fault of ours, never published.
    case rejected([PackageFinding])
    /// The disk refused.
    case disk(operation: String, path: String, detail: String)
    /// The artifact store refused.
    case store(detail: String)
    /// The worker was told to stop, or its lease is gone.
    case stopped

    /// One sentence, and what to do.
    public var description: String {
        switch self {
        case .unreadableRequest(let detail): "the request cannot be read by this version: \(detail)"
        case .otherBuilder(let pinned, let here):
            "the request is pinned to '\(pinned)' and this worker is '\(here)'; submit it again to build with this one"
        case .generation(let detail): detail
        case .payload(let detail): detail
        case .payloadChanged(let pinned, let found):
            "the payload changed after the job was submitted (its digest is \(found.prefix(12))…, pinned was "
                + "\(pinned.prefix(12))…); submit it again to build with the new one"
        case .package(let detail): detail
        case .rejected(let findings):
            "the finished package did not pass its own check: "
                + findings.map { "\($0.place): \($0.message) [\($0.code)]" }.joined(separator: "; ")
        case .disk(_, _, let detail): detail
        case .store(let detail): detail
        case .stopped: "the worker was stopped before the build was done"
        }
    }

    /// The failure as the job records it. What another try on the same pins cannot mend is not retried.
    var failure: Job.Failure {
        let (code, retryable) =
            switch self {
            case .unreadableRequest: ("request-unreadable", false)
            case .otherBuilder: ("builder-differs", false)
            case .generation: ("generation-unusable", false)
            case .payload: ("payload-refused", false)
            case .payloadChanged: ("payload-changed", false)
            case .package: ("package-not-built", true)
            case .rejected: ("package-rejected", false)
            case .disk: ("disk", true)
            case .store: ("store", true)
            case .stopped: ("worker-stopped", true)
            }
        return Job.Failure(code: code, message: description, isRetryable: retryable)
    }

    init(_ error: SystemError) {
        self = .disk(operation: error.operation, path: error.path, detail: error.description)
    }
}
