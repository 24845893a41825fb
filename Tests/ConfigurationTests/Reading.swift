import Crypto
import System

@testable import Configuration

/// One reading of a configuration: the text of `/srv/farm/pkgmill.yaml`, its mode, the environment, and other files.
struct Reading {
    var text: [UInt8] = []
    var environment: [String: String] = [:]
    var files: [String: ConfigurationFile] = [:]
    var mode: UInt16 = 0o600

    static let path = "/srv/farm/pkgmill.yaml"

    func configuration() throws(ConfigurationError) -> FarmConfiguration {
        try FarmConfiguration(
            parsing: ConfigurationFile(mode: mode, bytes: text), path: Self.path, environment: environment
        ) { (path) throws(SystemError) in
            guard let file = files[path] else { throw SystemError(operation: "open", path: path, code: 2) }
            return file
        }
    }

    /// Everything that is wrong; empty when the reading ends in a configuration.
    func mistakes() -> [Mistake] {
        do throws(ConfigurationError) {
            _ = try configuration()
            return []
        } catch {
            return error.mistakes
        }
    }
}

func configuration(_ text: String, _ environment: [String: String] = [:]) throws(ConfigurationError)
    -> FarmConfiguration
{
    try Reading(text: Array(text.utf8), environment: environment).configuration()
}

/// The mistakes in `text`, each as the line that a person reads, without the path of the file.
func answers(_ text: String, _ environment: [String: String] = [:]) -> [String] {
    answers(bytes: Array(text.utf8), environment)
}

func answers(bytes: [UInt8], _ environment: [String: String] = [:]) -> [String] {
    lines(Reading(text: bytes, environment: environment).mistakes())
}

func lines(_ mistakes: [Mistake]) -> [String] {
    mistakes.map { mistake in
        let line = mistake.description
        guard line.hasPrefix(Reading.path + ":") else { return line }
        let rest = line.dropFirst(Reading.path.count + 1)
        return String(rest.hasPrefix(" ") ? rest.dropFirst() : rest)
    }
}

/// A file in which `setting`, a dotted name, has `value` as it is written.
func file(_ setting: String, _ value: String) -> String {
    let keys = setting.split(separator: ".")
    let sections = keys.dropLast().enumerated().map { String(repeating: "  ", count: $0.offset) + $0.element + ":\n" }
    return sections.joined() + String(repeating: "  ", count: keys.count - 1) + "\(keys.last ?? ""): \(value)\n"
}

/// What the reader answers to `value`, written in the file for `setting`; nil when it takes it.
func answer(_ setting: String, _ value: String) -> String? {
    let all = answers(file(setting, value))
    return all.isEmpty ? nil : all.joined(separator: "\n")
}

func text(_ secret: SecretBytes?) -> String? { secret.map { String(decoding: $0.copyBytes(), as: UTF8.self) } }
