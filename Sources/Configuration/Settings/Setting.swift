/// What is known of a setting without reading it: one row of the table that the reader, the template and the reference
/// are made from.
struct SettingDescription: Sendable, Equatable {
    /// Sections and name joined by dots: `cluster.redis_host`.
    let name: String
    /// What is taken, in words that fit after "write".
    let expected: String
    /// The default as it is written in a file; nil when there is none.
    let written: String?
    /// Whether it is written as a list.
    let isList: Bool
    /// Whether its value must never be shown. A secret may also be given by the name of a file.
    let isSecret: Bool
    /// One sentence on what it is for.
    let help: String

    /// The environment variable that sets it.
    var variable: String { Self.variable(of: name) }

    /// For a secret: the setting that names a file with its value.
    var fileName: String { name + "_file" }

    /// The sections around it, outermost first, and its own name.
    var path: [String] { name.split(separator: ".").map(String.init) }

    /// The environment variable of the setting `name`: `PKGMILL_CLUSTER_REDIS_HOST` for `cluster.redis_host`.
    static func variable(of name: String) -> String {
        let bytes = name.utf8.map { byte in
            byte == 0x2E ? 0x5F : (0x61...0x7A).contains(byte) ? byte - 0x20 : byte
        }
        return "PKGMILL_" + String(decoding: bytes, as: UTF8.self)
    }
}

/// A setting that is no secret: its row of the table, how it is read, and what it is when nobody sets it.
struct Setting<Value: Sendable>: Sendable {
    let description: SettingDescription
    let type: SettingType<Value>
    let fallback: Value

    init(_ name: String, _ type: SettingType<Value>, default fallback: Value, _ help: String) {
        description = SettingDescription(
            name: name, expected: type.expected, written: type.written(fallback), isList: type.isList, isSecret: false,
            help: help)
        self.type = type
        self.fallback = fallback
    }
}

/// A setting whose value must never be shown.
struct SecretSetting: Sendable {
    let description: SettingDescription

    init(_ name: String, _ help: String) {
        description = SettingDescription(
            name: name, expected: "text in UTF-8", written: nil, isList: false, isSecret: true, help: help)
    }
}
