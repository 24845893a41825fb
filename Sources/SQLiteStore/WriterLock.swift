import System

/// The one lock that every process takes around each write transaction and each checkpoint of a database.
///
/// Two advisory file locks in turn: enter the waiting room, wait for the writer's lock, leave the waiting room. So at
/// most one process stands in line for the writer's lock, which keeps the order fair (SQLite's own waiting lets some
/// processes starve), and the kernel drops both locks when a process dies, however it dies. It is also what keeps
/// several connections of a SQLite below 3.51.3 from writing and checkpointing at once, which can damage a file.
///
/// The two files lie beside the database and are empty. Removing them while a process runs breaks the lock.
final class WriterLock {
    private let waitingRoom: File
    private let writer: File
    /// How many times it was acquired and not released.
    private var depth = 0

    init(besides name: String, in folder: Directory) throws(SystemError) {
        waitingRoom = try lockFile(name + "-waiting", in: folder)
        writer = try lockFile(name + "-writer", in: folder)
    }

    /// Waits for the lock; it blocks this thread. Whoever has it already may acquire it once more.
    func acquire() throws(SystemError) {
        if depth == 0 {
            _ = try waitingRoom.lock(waiting: true)
            defer { waitingRoom.unlock() }
            _ = try writer.lock(waiting: true)
        }
        depth += 1
    }

    /// Takes the lock where nobody has it or waits for it; whether it did.
    func acquireIfFree() throws(SystemError) -> Bool {
        guard try waitingRoom.lock(waiting: false) else { return false }
        defer { waitingRoom.unlock() }
        guard try writer.lock(waiting: false) else { return false }
        depth += 1
        return true
    }

    /// Gives back one acquisition.
    func release() {
        depth -= 1
        if depth == 0 { writer.unlock() }
    }
}

private func lockFile(_ name: String, in folder: Directory) throws(SystemError) -> File {
    let file = try folder.openOrCreateFile(name, mode: 0o600)
    guard try file.status().kind == .regular else {
        throw SystemError(operation: "lock", path: file.path, code: invalidArgument)
    }
    return file
}

/// `EINVAL`, which is 22 on every system that the farm runs on.
private let invalidArgument: Int32 = 22
