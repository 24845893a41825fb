import System

/// Why an installer cannot be described, or a request for one cannot be read.
public enum InstallerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A field of a request holds what it must not; `value` is what was found, safe to print.
    case badField(name: String, value: String, expected: String)
    /// A field of a request is not there.
    case missingField(name: String)
    /// A request has a field that this version does not know.
    case unknownField(name: String)
    /// The bytes are no request: not JSON, too long, or not spelled as this room spells it.
    case unreadableRequest(detail: String)
    /// The request is of a version that this program does not know: keep it for one that does.
    case unknownVersion(Int64)
    /// The request asks for a sealing that this program does not know: keep it for one that does.
    case unknownSealing(String)
    /// The request pins a template other than the one this program has, so it would make other bytes.
    case otherTemplate(pinned: Int, available: Int)
    /// With this configuration an installed Mac could not join. `remedy` says what to set.
    case notForOtherMacs(setting: String, value: String, file: String, remedy: String)
    /// The generation lacks secrets that a node needs.
    case missingSecrets([String])
    /// The generation holds a secret for which a node's configuration has no place.
    case unknownSecret(name: String)
    /// A secret is not UTF-8, which is all that a configuration file can carry.
    case secretIsNotText(name: String)
    /// The payload holds a path that belongs to `node.pkg`; safe to print.
    case reservedPath(String)

    /// One sentence on what is wrong and what to do.
    public var description: String {
        switch self {
        case .badField(let name, let value, let expected): "\(name) is \(value); expected \(expected)"
        case .missingField(let name): "the request has no \(name); submit it again"
        case .unknownField(let name): "the request has the field \(name), which this version does not know"
        case .unreadableRequest(let detail): "the request cannot be read: \(detail)"
        case .unknownVersion(let version):
            "the request has version \(version), this program reads version \(InstallerRequest.version); "
                + "let a newer worker take it"
        case .unknownSealing(let method):
            "the request asks for the sealing \(method), which this program does not have; let a newer worker take it"
        case .otherTemplate(let pinned, let available):
            "the request pins template \(pinned), this program has \(available); submit it again to use the new one"
        case .notForOtherMacs(let setting, let value, let file, let remedy):
            "no other Mac could join: \(setting) is \(value) in \(file); \(remedy)"
        case .missingSecrets(let names):
            "the generation of keys lacks \(names.joined(separator: ", ")); make a new generation with them"
        case .unknownSecret(let name):
            "the generation of keys holds \(name), for which a node's configuration has no place"
        case .secretIsNotText(let name):
            "the secret \(name) is not UTF-8, so no configuration file can carry it; set another value"
        case .reservedPath(let path):
            "the payload holds \(path), where every node has its own files; rename it"
        }
    }

    /// A text from outside in quotes, safe to print.
    static func quoted(_ text: String) -> String { "\"\(Printable.text(text))\"" }

    /// `badField` for a text that is shown.
    static func badText(_ name: String, _ text: String, expected: String) -> InstallerError {
        .badField(name: name, value: quoted(text), expected: expected)
    }
}
