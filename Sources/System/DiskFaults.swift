/// The places where a disk can fail. `DiskFaults` lets a test fail any of them.
public enum DiskOperation: String, Sendable, CaseIterable {
    case open, create, makeDirectory, read, write, sync, rename, link, remove, list, status
}

/// A seam before each call to the disk: a test makes the third write run out of space, a program passes `.none`.
public struct DiskFaults: Sendable {
    private let before: (@Sendable (DiskOperation, String) throws(SystemError) -> Void)?

    /// No fault: the disk as it is.
    public static let none = DiskFaults(before: nil)

    /// Calls `before` ahead of each operation on each path; what it throws is what the caller sees.
    public init(_ before: @escaping @Sendable (DiskOperation, String) throws(SystemError) -> Void) {
        self.before = before
    }

    private init(before: (@Sendable (DiskOperation, String) throws(SystemError) -> Void)?) { self.before = before }

    func check(_ operation: DiskOperation, _ path: @autoclosure () -> String) throws(SystemError) {
        if let before { try before(operation, path()) }
    }
}
