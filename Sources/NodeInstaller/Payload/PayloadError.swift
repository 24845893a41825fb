public import System

/// Why a folder cannot be a payload.
public enum PayloadError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is nothing at the path.
    case missing(folder: String)
    /// A file stands at the path.
    case notAFolder(String)
    /// The folder itself cannot be opened or read.
    case unreadable(folder: String, error: SystemError)
    /// There is no file in it.
    case empty(folder: String)
    /// It holds more paths than an archive can number.
    case tooManyEntries(folder: String, limit: Int)
    /// A path that must not lie inside cannot be looked at, so nobody knows where it lies.
    case farmDataNotFound(path: String, error: SystemError)
    /// It holds what a package cannot hold: the first problems and how many there are in all.
    case refused(folder: String, problems: [PayloadProblem], count: Int)

    /// What is wrong and what to do; one line, and for several problems one line more for each.
    public var description: String {
        switch self {
        case .missing(let folder):
            "the payload folder \(folder) is not there; create it or set farm.payload to the folder to install"
        case .notAFolder(let folder): "the payload \(folder) is not a folder; set farm.payload to a folder"
        case .unreadable(let folder, let error): "the payload folder \(folder) cannot be read: \(error)"
        case .empty(let folder): "the payload folder \(folder) holds no file; put there what the nodes shall run"
        case .tooManyEntries(let folder, let limit):
            "the payload folder \(folder) holds more than \(limit) files and folders; remove what the nodes do not need"
        case .farmDataNotFound(let path, let error):
            "cannot tell whether \(path) lies inside the payload folder: \(error)"
        case .refused(let folder, let problems, let count): Self.report(folder, problems, count)
        }
    }

    private static func report(_ folder: String, _ problems: [PayloadProblem], _ count: Int) -> String {
        if count == 1, let only = problems.first { return "the payload folder \(folder) cannot be packed: \(only)" }
        let rest = count - problems.count
        return "the payload folder \(folder) cannot be packed; it has \(count) problems:"
            + problems.map { "\n  \($0)" }.joined() + (rest > 0 ? "\n  and \(rest) more" : "")
    }
}

/// One thing in a payload that a package cannot hold. Paths are relative to the payload and printable; `.` is the
/// payload folder itself.
public enum PayloadProblem: Equatable, Sendable, CustomStringConvertible {
    /// The system refused to open, list or read it.
    case unreadable(path: String, error: SystemError)
    /// It was written, replaced or removed while the scan was at it.
    case changed(path: String)
    /// A socket, a named pipe or a device.
    case unpackable(path: String, kind: FileStatus.Kind)
    /// It has the set-user-id, set-group-id or sticky bit.
    case specialBits(path: String, mode: UInt16)
    /// Two names of one file, both inside.
    case hardLink(path: String, other: String)
    /// A symbolic link that leads out of the payload: absolute, or above its root on the way.
    case linkLeadsOut(path: String, target: String)
    /// A symbolic link to nothing.
    case linkDangles(path: String, target: String)
    /// A symbolic link that leads through more links than macOS follows, back to itself most likely.
    case linkLoops(path: String, target: String)
    /// A symbolic link whose target is longer than a path may be.
    case linkTooLong(path: String, byteCount: Int, limit: Int)
    /// The name is not UTF-8.
    case nameNotUTF8(path: String)
    /// The name holds a character that cannot be seen, a line end or a backslash.
    case nameHolds(path: String, scalar: UInt32)
    /// macOS takes both names, in the same folder, for one.
    case namesCollide(path: String, other: String)
    /// The name is longer than a file system of macOS takes.
    case nameTooLong(path: String, byteCount: Int, limit: Int)
    /// The path is longer than macOS takes.
    case pathTooLong(path: String, byteCount: Int, limit: Int)
    /// It lies in more folders than are walked.
    case tooDeep(path: String, limit: Int)
    /// A folder that holds itself, by a mount.
    case holdsItself(path: String)
    /// A file larger than an archive can say.
    case fileTooLarge(path: String, byteCount: Int64, limit: Int64)
    /// A folder or link with the name of a companion file of macOS (`._NAME`), which Installer would take for
    /// attributes of `NAME`.
    case companionName(path: String, kind: FileStatus.Kind)
    /// The farm's own data lies there.
    case farmData(path: String, farmPath: String)

    /// One sentence: the path, what it is, and what to do.
    public var description: String {
        switch self {
        case .unreadable(let path, let error): "\(path) cannot be read: \(error)"
        case .changed(let path): "\(path) changed while it was scanned; wait until nobody writes there and try again"
        case .unpackable(let path, let kind): "\(path) is a \(kind.rawValue), which no package can hold; remove it"
        case .specialBits(let path, let mode):
            "\(path) has \(Self.names(ofBits: mode)) set, which would give rights on every node that nobody asked for; "
                + "clear it with chmod u-s,g-s,-t"
        case .hardLink(let path, let other):
            "\(path) and \(other) are two names of one file, which would be installed as two files; "
                + "make one a copy or a symbolic link"
        case .linkLeadsOut(let path, let target):
            "\(path) is a symbolic link out of the payload, to \(target); make it relative and keep it inside"
        case .linkDangles(let path, let target):
            "\(path) is a symbolic link to \(target), which is not in the payload; add that or remove the link"
        case .linkLoops(let path, let target):
            "\(path) is a symbolic link to \(target), which leads through too many links; remove it"
        case .linkTooLong(let path, let byteCount, let limit):
            "\(path) is a symbolic link of \(byteCount) bytes, at most \(limit) are possible; shorten its target"
        case .nameNotUTF8(let path): "\(path) has a name that is not UTF-8, which macOS refuses; rename it"
        case .nameHolds(let path, let scalar):
            "\(path) has U+\(Self.hexadecimal(scalar)) in its name, which no name in a payload may hold; rename it"
        case .namesCollide(let path, let other):
            "\(path) and \(other) are one name to macOS, which tells neither upper from lower case nor accents by "
                + "their spelling; rename one"
        case .nameTooLong(let path, let byteCount, let limit):
            "\(path) has a name of \(byteCount) bytes, at most \(limit) are possible; shorten it"
        case .pathTooLong(let path, let byteCount, let limit):
            "\(path) is a path of \(byteCount) bytes, at most \(limit) are possible; shorten it"
        case .tooDeep(let path, let limit): "\(path) lies more than \(limit) folders deep; move it up"
        case .holdsItself(let path): "\(path) is a folder that holds itself by a mount; unmount it"
        case .fileTooLarge(let path, let byteCount, let limit):
            "\(path) has \(byteCount) bytes, at most \(limit) are possible; split it"
        case .companionName(let path, let kind):
            "\(path) is a \(kind.rawValue) with the name of a companion file of macOS; rename it"
        case .farmData(let path, let farmPath):
            "\(path) is the farm's own data (\(farmPath)) and must not travel to a node; move one of the two"
        }
    }

    private static func names(ofBits mode: UInt16) -> String {
        [(UInt16(0o4000), "set-user-id"), (0o2000, "set-group-id"), (0o1000, "sticky")]
            .filter { mode & $0.0 != 0 }.map { $0.1 }.joined(separator: " and ")
    }

    private static func hexadecimal(_ scalar: UInt32) -> String {
        let digits = String(scalar, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}
