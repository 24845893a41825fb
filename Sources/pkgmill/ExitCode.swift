import Access
import Artifacts
import BuildWorker
import Configuration
import Enqueuer
import FlatPackage
import HTTP
import Keyring
import NodeInstaller
import QueueModel
import Records
import RedisLink
import Relocation
import SQLiteStore
import System
import Terminal
import WebClient

/// How the process ends; `pkgmill help` prints the table.
enum ExitCode: Int32, CaseIterable {
    case success = 0
    case unsuccessful = 1
    case usage = 2
    case configuration = 3
    case notFound = 4
    case refused = 5
    case tokenRefused = 6
    case machine = 7

    /// One phrase for the table.
    var meaning: String {
        switch self {
        case .success: "done"
        case .unsuccessful: "the job failed or was cancelled, a row was refused, or the package has errors"
        case .usage: "the command line was not understood"
        case .configuration: "the configuration has mistakes, or there is none"
        case .notFound: "no such job, artifact or file"
        case .refused: "a value or the present state does not allow it; nothing was changed"
        case .tokenRefused: "the download token is not good"
        case .machine: "the disk, the database or another part of the machine failed"
        }
    }

    /// The class of an error: the one switch from errors to codes.
    init(for error: any Error) {
        self =
            switch error {
            case is UsageError: .usage
            case is ConfigurationError, FarmError.noConfiguration: .configuration
            case FarmError.noDatabase, FarmError.oldRedis, FarmError.forgetfulRedis, is RedisError: .machine
            case is FarmError, is OrderError, is InstallerError, is PayloadError, is BatchFileError: .refused
            case let error as QueueError: Self(error)
            case let error as RelocationError: Self(error)
            case let error as ArtifactError: Self(error)
            case let error as DeliveryError: Self(error)
            case let error as AccessError: Self(error)
            case let error as RemoteError: Self(error)
            case WebError.badAddress: .usage
            case WebError.notEncrypted: .refused
            case let error as SystemError where error.isNotFound: .notFound
            case PackageError.malformed, PackageError.exceedsLimit, PackageError.unsupported,
                PackageError.notARegularFile:
                .unsuccessful
            default: .machine
            }
    }

    private init(_ error: QueueError) {
        self =
            switch error {
            case .notFound, .noSuchBatch: .notFound
            case .wrongState, .alreadyExists, .keyTaken, .rowTaken, .batchDiffers, .noSuchLane, .closed, .invalid,
                .requestTooLarge, .parked, .leaseLost, .outOfTime:
                .refused
            case .corrupt, .full, .backend, .unusable: .machine
            }
    }

    private init(_ error: RelocationError) {
        self =
            switch error {
            case .damaged, .altered, .differs: .machine
            case .parked, .restless, .newerVersion, .otherMasterKey, .notEmpty, .recordDiffers, .alreadyImported,
                .otherBegun:
                .refused
            }
    }

    private init(_ error: ArtifactError) {
        self =
            switch error {
            case .refused: .tokenRefused
            case .notFound, .notPublished: .notFound
            case .badTokenRequest, .badTokenID, .badFileName, .alreadyPublished, .badTokenKey: .refused
            default: .machine
            }
    }

    private init(_ error: DeliveryError) {
        self =
            switch error {
            case .notFinished, .alreadyThere: .refused
            case .damaged, .disk: .machine
            }
    }

    private init(_ error: RemoteError) {
        self =
            switch error {
            case .refused(let status, _, let isForToken):
                switch status {
                case 403, 410: isForToken ? .tokenRefused : status == 410 ? .notFound : .refused
                case 404: .notFound
                default: status < 500 ? .refused : .machine
                }
            case .exposedKey, .noKey, .noToken: .refused
            case .notUnderstood: .machine
            }
    }

    private init(_ error: AccessError) {
        self =
            switch error {
            case .noSuchUser, .noSuchKey: .notFound
            case .wrongPassword, .tooManyFailures, .badName, .badPassword, .nameTaken, .lastAdmin, .badKeyRequest,
                .contended:
                .refused
            case .unreadable, .records, .crypto: .machine
            }
    }
}
