import FlatPackage
import System

extension Payload {
    /// Why `daemon` will not start on a Mac that has this payload; nil when nothing speaks against it.
    ///
    /// A remark and no refusal: a program outside the payload may be on the Macs already, and a payload made for a trial
    /// need not start at all.
    public func concern(about daemon: DaemonCommand) -> String? {
        guard let program = daemon.words.first else { return nil }
        let prefix = Array(InstallerLayout.prefix.utf8) + [0x2F]
        guard program.utf8.starts(with: prefix) else { return nil }
        let path = program.utf8.dropFirst(prefix.count)
        let problem: String
        switch entries.first(where: { $0.path.elementsEqual(path) }) {
        case nil: problem = "is not in the payload"
        case let entry?:
            switch entry.content {
            case .directory: problem = "is a folder of the payload"
            case .file where entry.mode & 0o111 == 0: problem = "is in the payload and may not be executed"
            case .file, .symbolicLink: return nil
            }
        }
        return "\(Printable.text(program)) \(problem), so launchd will not start the server; "
            + "put it into \(folder), or set farm.daemon"
    }
}
