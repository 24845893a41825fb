public import SQLiteStore
import System

extension QueueError: SQLiteFailure {
    /// SQLite's error in the queue's words; its own text stays in `detail`.
    public init(_ error: SQLiteError) {
        self =
            switch error {
            case .corrupt, .notADatabase, .foreign, .unexpectedValue: .corrupt(detail: error.description)
            case .full: .full(detail: error.description)
            case .system(let cause) where cause.isFull: .full(detail: error.description)
            case .other where error.isFailedSync: .unusable(detail: error.description)
            case .busy, .readOnly, .notAPlainFile, .constraint, .schemaTooNew, .interrupted, .system, .other:
                .backend(detail: error.description)
            }
    }
}
