import FlatPackage
import System

/// Follows the symbolic links of a payload, in memory: nothing on the disk is asked, so nothing outside is ever seen.
struct PayloadLinks {
    /// Why a link cannot be packed.
    enum Fault: Equatable {
        case leadsOut
        case dangles
        case loops
    }

    /// What stands at a path of the payload.
    private enum Node {
        case folder
        case leaf
        case link([UInt8])
    }

    /// macOS gives up after as many links on one way.
    private static let hopLimit = 32
    private let nodes: [[UInt8]: Node]
    /// What is there and is not packed, for a problem of its own: a link to it is no second one.
    private let passedBy: Set<[UInt8]>

    init(entries: [ArchiveEntry], passedBy: Set<[UInt8]>) {
        var nodes: [[UInt8]: Node] = [:]
        nodes.reserveCapacity(entries.count)
        for entry in entries {
            nodes[entry.path] =
                switch entry.content {
                case .directory: .folder
                case .file: .leaf
                case .symbolicLink(let target): .link(target)
                }
        }
        self.nodes = nodes
        self.passedBy = passedBy
    }

    /// What is wrong with the link at `path` to `target`; nil when it leads to something inside.
    func fault(of path: [UInt8], to target: [UInt8]) -> Fault? {
        let parent = Self.components(path).dropLast()
        if Self.leavesByItsText(target, depth: parent.count) { return .leadsOut }
        var hops = 1
        var place = Array(parent)
        var ahead = Array(Self.components(target).reversed())
        while let name = ahead.popLast() {
            if name.elementsEqual(".".utf8) { continue }
            if name.elementsEqual("..".utf8) {
                if place.isEmpty { return .leadsOut }
                place.removeLast()
                continue
            }
            place.append(name)
            let reached = Self.path(place)
            if passedBy.contains(reached) { return nil }
            switch nodes[reached] {
            case .folder: continue
            case .leaf: if !ahead.isEmpty { return .dangles }
            case .link(let next):
                hops += 1
                if hops > Self.hopLimit { return .loops }
                if next.first == UInt8(ascii: "/") { return .leadsOut }
                place.removeLast()
                ahead += Self.components(next).reversed()
            case nil: return .dangles
            }
        }
        return nil
    }

    /// Whether `target` leaves the payload on paper, whatever the links on its way are: it starts at the root of the
    /// disk, or it names one folder above too many.
    private static func leavesByItsText(_ target: [UInt8], depth: Int) -> Bool {
        if target.first == UInt8(ascii: "/") { return true }
        var depth = depth
        for name in components(target) where !name.elementsEqual(".".utf8) {
            depth += name.elementsEqual("..".utf8) ? -1 : 1
            if depth < 0 { return true }
        }
        return false
    }

    /// The names on a way. A slash at its end asks for a folder, as `.` does.
    private static func components(_ path: [UInt8]) -> [ArraySlice<UInt8>] {
        path.split(separator: UInt8(ascii: "/")) + (path.last == UInt8(ascii: "/") ? [Array(".".utf8)[...]] : [])
    }

    private static func path(_ components: [ArraySlice<UInt8>]) -> [UInt8] {
        Array(components.joined(separator: [UInt8(ascii: "/")]))
    }
}
