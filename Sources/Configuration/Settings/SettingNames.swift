/// The names that may stand in a file, in bytes: Swift takes different texts for equal, and a name has one spelling.
enum SettingNames {
    /// Dotted names of settings, those of secrets' files among them.
    static let settings = Set(dotted.map { Array($0.utf8) })

    /// Dotted names of everything that has settings below it.
    static let sections = Set(
        Settings.all.flatMap { setting in
            (1..<setting.path.count).map { Array(setting.path.prefix($0).joined(separator: ".").utf8) }
        })

    /// Every spelling that someone may have meant: dotted names, and the names of settings and sections by themselves.
    static let words: [String] = {
        let single = Settings.all.flatMap(\.path) + Settings.all.filter(\.isSecret).compactMap { own($0.fileName) }
        var seen: Set<[UInt8]> = []
        return (single + dotted).filter { seen.insert(Array($0.utf8)).inserted }
    }()

    /// What may stand directly below a section, or in the file itself for an empty name.
    static func below(_ section: [UInt8]) -> [String] {
        let depth = depth(of: section)
        var names: [String] = []
        for setting in Settings.all {
            let path = setting.path
            guard path.count > depth, path.prefix(depth).joined(separator: ".").utf8.elementsEqual(section) else {
                continue
            }
            if !names.contains(path[depth]) { names.append(path[depth]) }
        }
        return names
    }

    /// The same with the settings that name a secret's file: what someone may have meant there.
    static func meant(below section: [UInt8]) -> [String] {
        let depth = depth(of: section)
        return below(section)
            + Settings.all.filter { setting in
                let path = setting.path
                return setting.isSecret && path.count == depth + 1
                    && path.prefix(depth).joined(separator: ".").utf8.elementsEqual(section)
            }.compactMap { own($0.fileName) }
    }

    private static let dotted = Settings.all.flatMap { $0.isSecret ? [$0.name, $0.fileName] : [$0.name] }

    private static func own(_ name: String) -> String? { name.split(separator: ".").last.map(String.init) }

    private static func depth(of section: [UInt8]) -> Int {
        section.isEmpty ? 0 : section.split(separator: 0x2E).count
    }
}
