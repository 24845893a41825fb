import System

/// What a file says, by setting: its tree laid flat, with everything that is no setting taken out and noted.
struct FileSettings {
    /// By the dotted name in bytes: Swift takes different texts for equal, and a name has one spelling.
    private(set) var nodes: [[UInt8]: YAMLNode] = [:]
    private(set) var mistakes: [Mistake]
    /// Whether the file was read to its end and nothing in it was refused as YAML. If not, what seems to be missing may
    /// be there.
    let isWhole: Bool
    private let path: String

    init(_ document: YAMLDocument, path: String) {
        self.path = path
        isWhole = document.mistakes.isEmpty
        mistakes = document.mistakes.map { mistake in
            Mistake(
                .file(path: path, line: mistake.mark?.line, column: mistake.mark?.column),
                setting: mistake.keys.isEmpty ? nil : KeyName.shown(mistake.keys), problem: mistake.problem,
                expected: mistake.instead)
        }
        guard let root = document.root, !root.isNull else { return }
        switch root.content {
        case .mapping(let entries): collect(entries, section: [])
        case .refused: break
        case .scalar, .sequence:
            note(root.line, nil, "the file holds a single value or a list", "write sections such as `farm:`")
        }
    }

    /// `section`: the keys of the sections around `entries`.
    private mutating func collect(_ entries: [YAMLNode.Entry], section: [[UInt8]]) {
        for entry in entries {
            let keys = section + [entry.key]
            let name = Array(keys.joined(separator: [0x2E]))
            if entry.key.contains(0x2E) {
                noteDotted(entry, keys)
            } else if SettingNames.settings.contains(name) {
                nodes[name] = entry.value
            } else if SettingNames.sections.contains(name) {
                collect(section: keys, entry)
            } else {
                noteUnknown(entry, keys)
            }
        }
    }

    private mutating func collect(section: [[UInt8]], _ entry: YAMLNode.Entry) {
        switch entry.value.content {
        case .mapping(let entries): collect(entries, section: section)
        case .refused: break
        case .scalar, .sequence:
            if entry.value.isNull { return }
            let names = SettingNames.below(Array(section.joined(separator: [0x2E])))
            note(
                entry.value.line, KeyName.shown(section), "a single value or a list stands where settings belong",
                "write the settings below it, indented, one a line: \(alternatives(names))")
        }
    }

    private mutating func noteDotted(_ entry: YAMLNode.Entry, _ keys: [[UInt8]]) {
        note(
            entry.line, KeyName.shown(keys), "a name with a dot is not taken",
            "write each section on a line of its own and the setting below it, indented")
    }

    private mutating func noteUnknown(_ entry: YAMLNode.Entry, _ keys: [[UInt8]]) {
        let section = Array(keys.dropLast().joined(separator: [0x2E]))
        note(entry.line, KeyName.shown(keys), "there is no such setting", advice(entry.key, in: section))
    }

    /// The name that was meant, in this section or another; else what there is in this one.
    private func advice(_ key: [UInt8], in section: [UInt8]) -> String {
        let here = SettingNames.below(section)
        guard KeyName.looksLikeName(key) else { return "write \(alternatives(here))" }
        let word = String(decoding: key, as: UTF8.self)
        if let name = NearestName.of(word, among: SettingNames.meant(below: section)) { return "did you mean \(name)?" }
        let elsewhere = Settings.all.filter { $0.path.last?.utf8.elementsEqual(key) == true }.map(\.name)
        if !elsewhere.isEmpty { return "did you mean \(alternatives(elsewhere))?" }
        return "write \(alternatives(here))"
    }

    private mutating func note(_ line: Int, _ setting: String?, _ problem: String, _ expected: String) {
        mistakes.append(
            Mistake(
                .file(path: path, line: line, column: nil), setting: setting, problem: problem, expected: expected))
    }
}
