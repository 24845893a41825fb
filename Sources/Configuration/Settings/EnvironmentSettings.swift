import System

/// The variables of the environment that are settings.
enum EnvironmentSettings {
    /// Those that are settings and not empty, by name in bytes; and a mistake for each that only looks like one.
    static func sort(_ environment: [String: String]) -> (known: [[UInt8]: String], unknown: [Mistake]) {
        var known: [[UInt8]: String] = [:]
        var unknown: [[UInt8]] = []
        for (name, value) in environment {
            let bytes = Array(name.utf8)
            guard bytes.starts(with: "PKGMILL_".utf8), !others.contains(bytes) else { continue }
            if !names.contains(bytes) {
                unknown.append(bytes)
            } else if !value.utf8.isEmpty {
                known[bytes] = value
            }
        }
        return (known, unknown.sorted { $0.lexicographicallyPrecedes($1) }.map(mistake))
    }

    private static func mistake(_ name: [UInt8]) -> Mistake {
        let text = String(decoding: name, as: UTF8.self)
        let nearest = NearestName.of(text, among: variables)
        return Mistake(
            .environment(variable: text), problem: "there is no such setting",
            expected: nearest.map { "did you mean \($0)?" } ?? "remove it")
    }

    private static let others = Set(Settings.otherVariables.map { Array($0.utf8) })
    private static let variables = Settings.all.flatMap { setting in
        setting.isSecret ? [setting.variable, SettingDescription.variable(of: setting.fileName)] : [setting.variable]
    }
    private static let names = Set(variables.map { Array($0.utf8) })
}
