import System

/// Looks at what a component would put on a Mac: owners, modes, links. Reads the bill of materials only, which the
/// payload is compared with elsewhere.
struct InstallationCheck {
    /// Files that hold secrets: a node's configuration or ticket, on its way to the place where it is kept.
    private static let privateNames: [StaticString] = ["config.yaml.new", "ticket.new"]

    private let location: [UInt8]
    private let list: PayloadList
    private let place: String
    private let collector: FindingCollector

    init(_ component: PackageComponent, _ list: PayloadList, _ collector: FindingCollector) {
        location = component.installPath
        self.list = list
        place = component.billOfMaterials?.path ?? component.name
        self.collector = collector
    }

    func run() {
        var writable = PathTally(error: .writableByOthers, "writable by their group or by everyone")
        var sticky = PathTally(warning: .writableByOthers, "writable by their group or by everyone, though sticky")
        var setUserID = PathTally(warning: .setUserID, "run with the rights of their owner or group")
        var plists = PathTally(error: .launchdPlist, "launchd takes a job's plist only from root:wheel with mode 0644")
        var privates = PathTally(error: .privateFile, "holds secrets and must belong to root:wheel with mode 0600")
        var absolute = PathTally(warning: .symlinkAbsolute, "absolute links, which lead to the running system")
        var leaving = PathTally(error: .symlinkLeavesLocation, "links that lead out of the install location")

        for (entry, path) in zip(list.entries, list.paths) {
            let mode = entry.mode & 0o7777
            if entry.kind == .symbolicLink {
                switch Destination(of: entry.linkTarget, at: path) {
                case .inside: break
                case .absolute: absolute.add(path, "to \(Printable.text(entry.linkTarget))")
                case .outside: leaving.add(path, "to \(Printable.text(entry.linkTarget))")
                }
                continue
            }
            if mode & 0o022 != 0 {
                if entry.kind == .directory, mode & 0o1000 != 0 {
                    sticky.add(path, String(mode, radix: 8))
                } else {
                    writable.add(path, String(mode, radix: 8))
                }
            }
            guard entry.kind == .file else { continue }
            let isRoots = entry.owner == 0 && entry.group == 0
            let shown = "\(entry.owner):\(entry.group) \(String(mode, radix: 8))"
            if mode & 0o6000 != 0 { setUserID.add(path, String(mode, radix: 8)) }
            if isLaunchDaemon(path), !isRoots || mode != 0o644 { plists.add(path, shown) }
            if Self.privateNames.contains(where: { entry.name.equals($0) }), !isRoots || mode != 0o600 {
                privates.add(path, shown)
            }
        }
        for tally in [writable, sticky, setUserID, plists, privates, absolute, leaving] {
            tally.report(to: collector, at: place)
        }
    }

    private func isLaunchDaemon(_ path: [UInt8]) -> Bool {
        let full = location + [0x2F] + path
        let folder = Array("/Library/LaunchDaemons/".utf8)
        return full.starts(with: folder) && full.suffix(6).elementsEqual(".plist".utf8)
            && !full[folder.count...].contains(0x2F)
    }

    /// Where a link leads.
    private enum Destination {
        case inside, absolute, outside

        /// - Parameter path: the link's own path below the install location.
        init(of target: [UInt8], at path: [UInt8]) {
            guard target.first != 0x2F else {
                self = .absolute
                return
            }
            var depth = path.count { $0 == 0x2F }
            for part in target.split(separator: 0x2F) {
                if part.elementsEqual([0x2E]) { continue }
                depth += part.elementsEqual([0x2E, 0x2E]) ? -1 : 1
                guard depth >= 0 else {
                    self = .outside
                    return
                }
            }
            self = .inside
        }
    }
}

extension PackageComponent {
    /// The install location without a slash at its end: empty for `/`.
    var installPath: [UInt8] {
        var path = Array(info.installLocation.utf8)
        while path.last == 0x2F { path.removeLast() }
        return path
    }
}
