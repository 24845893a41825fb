import System

/// The paths that several components install, to find those that two of them claim.
struct InstalledPaths {
    private static let maximumCount = 2_000_000

    private struct Claim {
        let component: Int
        let mode: UInt16
        let owner: UInt32
        let group: UInt32
    }

    private var claims: [[UInt8]: Claim] = [:]
    private var componentNames: [String] = []
    private var twice = PathTally(error: .pathInTwoComponents, "installed by two components")
    private var differing = PathTally(
        warning: .folderDiffers, "folders to which two components give different owners or modes")

    init() {}

    mutating func add(_ list: PayloadList, of component: PackageComponent) throws(PackageError) {
        let number = componentNames.count
        componentNames.append(Printable.text(component.name))
        guard list.entries.count <= Self.maximumCount - claims.count else {
            throw .exceedsLimit(
                place: component.name, what: "the number of paths of all components", limit: Int64(Self.maximumCount))
        }
        for (entry, path) in zip(list.entries, list.paths) {
            let full = component.installPath + (path.isEmpty ? [] : [0x2F] + path)
            let claim = Claim(component: number, mode: entry.mode, owner: entry.owner, group: entry.group)
            guard let earlier = claims[full] else {
                claims[full] = claim
                continue
            }
            guard earlier.component != number else { continue }
            let isSharedFolder = entry.kind == .directory && earlier.mode & 0o170000 == EntryKind.directory.rawValue
            if !isSharedFolder {
                twice.add(full, "\(componentNames[earlier.component]) and \(componentNames[number])")
            } else if (earlier.mode, earlier.owner, earlier.group) != (claim.mode, claim.owner, claim.group) {
                differing.add(full, "\(componentNames[earlier.component]) and \(componentNames[number])")
            }
        }
    }

    func report(to collector: FindingCollector) {
        twice.report(to: collector, at: "components")
        differing.report(to: collector, at: "components")
    }
}
