/// Paths as text: made absolute, and compared by their components.
enum SettingPath {
    /// `path` without empty and `.` components, counted from `directory` unless it begins with a slash. `..` stays, since
    /// only the file system knows where it leads.
    static func absolute(_ path: String, below directory: String) -> String {
        let bytes = Array(path.utf8)
        return join(components(bytes.first == 0x2F ? bytes : Array(directory.utf8) + [0x2F] + bytes))
    }

    /// The folder in which `path` lies; `/` for `/`.
    static func parent(of path: String) -> String { join(Array(components(Array(path.utf8)).dropLast())) }

    /// Whether `inner` is `outer` or lies in it, as far as the text of two absolute paths tells.
    static func isInside(_ inner: String, _ outer: String) -> Bool {
        resolved(inner).starts(with: resolved(outer))
    }

    private static func components(_ path: [UInt8]) -> [[UInt8]] {
        path.split(separator: 0x2F).map(Array.init).filter { $0 != [0x2E] }
    }

    /// The components with `..` taken back: right wherever no link is on the way.
    private static func resolved(_ path: String) -> [[UInt8]] {
        var resolved: [[UInt8]] = []
        for component in components(Array(path.utf8)) {
            if component == [0x2E, 0x2E] { _ = resolved.popLast() } else { resolved.append(component) }
        }
        return resolved
    }

    private static func join(_ components: [[UInt8]]) -> String {
        "/" + String(decoding: Array(components.joined(separator: [0x2F])), as: UTF8.self)
    }
}
