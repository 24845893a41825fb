import Crypto
import System
import Testing

@testable import Configuration

/// A secret in every wrong place that there is, looked for in everything that comes out.
@Suite("A secret is in no message") struct SecretSilenceTests {
    private static let canary = "Canary7hunter2"

    /// What may follow a secret's name in a file; ¢ is the secret.
    static let values = [
        "¢", "[¢]", "[[¢]]", "{¢: 1}", "{a: ¢}", "{¢}", "{¢: 1, ¢: 2}", "{¢: &a 1}", "&¢", "*¢", "!¢", "!!¢", "!a!¢",
        "!<¢>",
        "&¢ x", "!¢ x", "&a ¢", "!a ¢", "!!binary ¢", "- ¢", "\"¢", "'¢", "[¢", "{¢", "|¢", "|\n    ¢\n  bad", ">¢",
        "@¢", "`¢", "%¢",
        "? ¢", ": ¢", "¢: x", "a: ¢", "\"\\q¢\"", "\"\\0¢\"", "\"¢\\0\"", "\"\\xZZ¢\"", "¢\u{85}", "¢\u{0}",
        "¢\u{FEFF}", "¢\r  x: 1", "\t¢",
        "¢\n\tx", "¢\n x", "\n  ¢", "\n    ¢:", "\n    ¢: 1\n    ¢: 2", "\n    - ¢\n    - &a b", "\n---\n¢: 1",
        "\n...\n¢", "<<: ¢", "{<<: ¢}",
        "\"\"\n  \"¢\"", "{{ ¢ }}", "${¢}", "redis://:¢@host", "¢\n  api_key: ¢",
        "'¢'\n  redis_password: '¢'\n  password: '¢'",
    ]

    @Test("whatever is wrong with it or around it", arguments: values)
    func wrongForm(_ form: String) {
        for name in EverySettingTests.secrets {
            check(file(name, form))
            check(file(name + "_file", form))
        }
    }

    @Test(
        "under a name that is mistyped, in another section, or in none",
        arguments: [
            "server:\n  api_kee: ¢", "server:\n  API_KEY: ¢", "server:\n  apikey: {¢: ¢}", "server:\n  password: ¢",
            "api_key: ¢",
            "server.api_key: ¢", "server:\n  api_key:¢", "server:\n  api_key=¢", "server:\n  api_key ¢",
            "server:\n  api_key ¢: x",
            "server:\n  api_key=¢: x", "server:\n  api_key.¢: x", "server:\n  ¢: x", "server:\n  ¢: {a: &b c}", "¢: x",
            "¢", "- ¢", "server: ¢",
            "server: [¢]", "server: {¢}", "server: {? ¢}", "sever:\n  api_key: ¢", "sever:\n  ¢: 1\n  ¢: 2",
            "server:\n  api_key_¢: x",
            "sessions:\n  redis: ¢", "sessions:\n  redis_password: ¢", "cluster:\n  redis:\n    password: ¢",
            "farm: {¢: [*¢, &¢ x, !¢ y]}",
            "\"\\u00e9¢\": x", "server:\n  ¢: ¢\n  ¢: ¢", "cluster:\n  redis_host: redis://:¢@h",
            "cluster:\n  storage_path: smb://a:¢@h/x",
            "cluster:\n  redis_host: a:¢@h", "%¢ x\n---\n", "%TAG !¢! tag:¢\n---\nserver:\n  api_key: !¢!¢ x",
            "# ¢ \u{85}", "server:\n  <<: ¢",
        ])
    func places(_ text: String) { check(text) }

    @Test("in the environment", arguments: EverySettingTests.secrets)
    func inEnvironment(_ name: String) {
        let variable = SettingDescription.variable(of: name)
        for value in [
            "¢", "¢\u{FFFD}", "¢\n", " ¢", "~¢", "${¢}", "¢\u{1B}", "smb://¢@h", String(repeating: "¢", count: 200),
        ] {
            check("", [variable: value])
            check("", [variable + "_FILE": value])
            check("", [variable: value, variable + "_FILE": value])
            check(file(name, "[¢]"), [variable: value])
            check("", [variable + "X": value])
            check("", ["PKGMILL_REDIS_PASSWORD": value])
        }
    }

    @Test("in a file that cannot be used")
    func inFile() {
        let content = Array(Self.canary.utf8)
        let files = [
            ConfigurationFile(bytes: content + [0xFF]), ConfigurationFile(bytes: content + [0]),
            ConfigurationFile(mode: 0o644, bytes: content), ConfigurationFile(mode: 0o640, bytes: content),
            ConfigurationFile(bytes: content + Array(repeating: 0x78, count: 70_000)),
            ConfigurationFile(bytes: content),
        ]
        for key in files {
            let text = "server:\n  api_key_file: /key\n"
            Self.check(Reading(text: Array(text.utf8), files: ["/key": key]))
        }
    }

    @Test("in a text that breaks off anywhere, or has a byte too many")
    func brokenText() {
        let text = Array(
            "server:\n  api_key: \"\(Self.canary)\"\n  port: 80\nsessions: {redis: {password: \(Self.canary)}}\n".utf8)
        for index in text.indices {
            Self.check(Reading(text: Array(text[..<index])))
            for byte in Array("*&!:\"'[{%@\t\n#|<>?-,\0".utf8) + [0xFF, 0xC2] {
                Self.check(Reading(text: text[..<index] + [byte] + text[index...]))
            }
        }
    }

    private func check(_ text: String, _ environment: [String: String] = [:]) {
        Self.check(
            Reading(
                text: Array(text.replacing("¢", with: Self.canary).utf8),
                environment: environment.mapValues { $0.replacing("¢", with: Self.canary) }, mode: 0o640))
    }

    private static func check(_ reading: Reading) {
        var shown = ""
        do throws(ConfigurationError) {
            let configuration = try reading.configuration()
            dump(configuration, to: &shown)
            shown += "\(configuration)" + String(reflecting: configuration) + lines(configuration.warnings).joined()
        } catch {
            dump(error, to: &shown)
            shown += "\(error)" + String(reflecting: error) + lines(error.mistakes).joined()
        }
        let isSilent = !shown.contains(canary)
        #expect(isSilent, "\(String(decoding: reading.text, as: UTF8.self)) \(reading.environment): \(shown)")
    }
}
