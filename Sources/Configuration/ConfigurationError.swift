import System

/// Everything that is wrong with a configuration, found in one reading.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// At least one; those of the file first, by line, then those of the environment.
    public let mistakes: [Mistake]

    /// One line for each mistake, at most 50, then how many more there are.
    public var description: String {
        let shown = mistakes.prefix(50).map(\.description)
        let rest = mistakes.count - shown.count
        return (shown + (rest > 0 ? ["and \(rest) more"] : [])).joined(separator: "\n")
    }

    init(_ mistakes: [Mistake]) {
        self.mistakes = mistakes.enumerated().sorted { left, right in
            let (first, second) = (left.element.place.order, right.element.place.order)
            return first == second ? left.offset < right.offset : first < second
        }.map(\.element)
    }
}

/// One thing that is wrong with a configuration, or in a warning, one that should be otherwise.
public struct Mistake: Sendable, Equatable, CustomStringConvertible {
    /// Where an operator finds it.
    public enum Place: Sendable, Equatable, CustomStringConvertible {
        /// A file; line and column count from 1 and are nil where they say nothing.
        case file(path: String, line: Int?, column: Int?)
        /// An environment variable.
        case environment(variable: String)

        /// `/etc/pkgmill/pkgmill.yaml:12`, or `environment variable PKGMILL_SERVER_PORT`.
        public var description: String {
            switch self {
            case .file(let path, let line, let column):
                ([Printable.text(path)] + [line, column].compactMap { $0.map(String.init) }).joined(separator: ":")
            case .environment(let variable): "environment variable \(Printable.text(variable, limit: 80))"
            }
        }

        var order: (Int, Int) {
            switch self {
            case .file(_, let line, let column): (line ?? 0, column ?? 0)
            case .environment: (.max, 0)
            }
        }
    }

    /// Where it is.
    public let place: Place
    /// The setting's name, such as `cluster.redis_port`; nil where the file as a whole is meant.
    public let setting: String?
    /// The value in quotes, safe to print and cut where it is long; nil for a secret, or where no single value is wrong.
    public let value: String?
    /// What is wrong, the value included: `"70000" is out of range`.
    public let problem: String
    /// What to write or do instead: `write a whole number from 1 to 65535`.
    public let expected: String

    init(_ place: Place, setting: String? = nil, value: String? = nil, problem: String, expected: String) {
        self.place = place
        self.setting = setting
        self.value = value
        self.problem = problem
        self.expected = expected
    }

    /// One line: `/etc/pkgmill/pkgmill.yaml:12: cluster.redis_port: "70000" is out of range; write a whole number …`.
    public var description: String {
        "\(place): \(setting.map { "\($0): " } ?? "")\(problem); \(expected)"
    }

    /// `value` in quotes, safe to print, cut after 60 characters.
    static func shown(_ value: String) -> String { "\"\(Printable.text(value, limit: 60))\"" }
}
