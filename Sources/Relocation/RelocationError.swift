public import QueueModel
public import System

/// Why a farm could not be moved.
public enum RelocationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Jobs that cannot be read would be left behind.
    case parked(count: Int)
    /// Something changed each time while the queue was read.
    case restless(attempts: Int)
    /// The file is no export, or is damaged.
    case damaged(line: Int, detail: String)
    /// A later version of this program made the file.
    case newerVersion(Int64)
    /// Another master key than the farm's seals what is in the file.
    case otherMasterKey
    /// The file is not what was sealed.
    case altered
    /// The farm has jobs or batches already.
    case notEmpty
    /// The farm has another record of that name.
    case recordDiffers(collection: String, name: String)
    /// This very export was brought in before.
    case alreadyImported(at: Timestamp)
    /// Another export was begun and is not whole.
    case otherBegun(export: String)
    /// What was brought in is not what the file holds.
    case differs(Job.ID?)

    /// One sentence, and what to do.
    public var description: String {
        switch self {
        case .parked(let count):
            "\(count) parked jobs cannot be read by this version and would be left behind; use the version that wrote "
                + "them, or say --leave-parked"
        case .restless(let attempts):
            "the queue changed \(attempts) times while it was read; stop whoever cancels or retries jobs, and export again"
        case .damaged(let line, let detail):
            "line \(line) of the file is not one of an export (\(Printable.text(detail, limit: 300))); nothing was changed. "
                + "Export again"
        case .newerVersion(let version):
            "the file has version \(version) of the format, which a later pkgmill has made; use that one"
        case .otherMasterKey:
            "the file was made under another master key; copy keys/master.key of the old farm into this one's farm.keys "
                + "folder. Nothing was changed"
        case .altered: "the file is not what was exported: its seal does not fit. Nothing was changed. Export again"
        case .notEmpty:
            "this farm has jobs or batches of its own; an import needs an empty one. Nothing was changed"
        case .recordDiffers(let collection, let name):
            "this farm has a record \(collection)/\(name) of its own, with another content; an import needs a farm that was "
                + "never used: begin with the old one's pkgmill.yaml and keys folder, and without 'pkgmill init'. Nothing "
                + "was changed"
        case .alreadyImported(let time):
            "this export was brought in at \(time.wholeSecondsText); a second time would bring jobs back that have been "
                + "removed since. Nothing was changed"
        case .otherBegun(let export):
            "the import of another export (\(Printable.text(export))) was begun here and is not whole; do that one again first"
        case .differs(let id):
            "what was brought in is not what the file holds\(id.map { ", from job \($0) on" } ?? ""); something else has "
                + "written to this farm. Leave it held, and begin with an empty one"
        }
    }
}
