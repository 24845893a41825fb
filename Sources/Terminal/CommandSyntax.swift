import System

/// What a command takes: the single source of its parsing, its help and its completions.
public struct CommandSyntax: Sendable {
    /// A `--name` of a command.
    public struct Option: Sendable {
        /// The name without its dashes.
        public let name: String
        /// What the value stands for in help, in capitals; nil for a flag, which takes none.
        public let value: String?
        /// One phrase.
        public let help: String
        /// Whether it may be given several times.
        public let isRepeatable: Bool
        /// The values that there are; empty when any may be given.
        public let choices: [String]

        /// An option with a value, or a flag when `value` is nil.
        public init(
            _ name: String, _ value: String? = nil, help: String, isRepeatable: Bool = false, choices: [String] = []
        ) {
            self.name = name
            self.value = value
            self.help = help
            self.isRepeatable = isRepeatable
            self.choices = choices
        }
    }

    /// A word without dashes that a command takes by its place.
    public struct Operand: Sendable {
        /// What it stands for in help, in capitals.
        public let name: String
        /// Whether it may be left out.
        public let isOptional: Bool
        /// Whether more words may follow in its place; for the last one.
        public let isRepeatable: Bool
        /// The words that there are; empty when any may be given.
        public let choices: [String]

        /// An operand.
        public init(_ name: String, isOptional: Bool = false, isRepeatable: Bool = false, choices: [String] = []) {
            self.name = name
            self.isOptional = isOptional
            self.isRepeatable = isRepeatable
            self.choices = choices
        }
    }

    /// The word after the program's name.
    public let name: String
    /// One line for the list of commands.
    public let summary: String
    /// Paragraphs below the usage line; may be empty.
    public let discussion: String
    /// Words by place.
    public let operands: [Operand]
    /// Its own options; those that every command has are `CommandSyntax.common`.
    public let options: [Option]

    /// A command.
    public init(
        _ name: String, summary: String, discussion: String = "", operands: [Operand] = [], options: [Option] = []
    ) {
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.operands = operands
        self.options = options
    }

    /// Options that every command takes.
    public static let common = [
        Option(
            "config", "FILE",
            help: "the farm's configuration (else $PKGMILL_CONFIG, ./pkgmill.yaml, /etc/pkgmill/pkgmill.yaml)"),
        Option("help", help: "show this text"),
    ]

    var allOptions: [Option] { options + Self.common }
}

/// A command line that was understood.
public struct Invocation: Sendable, Equatable {
    /// The command's name.
    public let command: String
    /// Operands in their order.
    public let operands: [String]
    private let values: [String: [String]]

    init(command: String, operands: [String], values: [String: [String]]) {
        self.command = command
        self.operands = operands
        self.values = values
    }

    /// Whether a flag was given.
    public func has(_ flag: String) -> Bool { values[flag] != nil }

    /// The value of an option; nil when it was not given.
    public func value(_ option: String) -> String? { values[option]?.last }

    /// The value of an option that is a number in plain digits; nil when it was not given.
    public func number(_ option: String, in range: ClosedRange<Int64>) throws(UsageError) -> Int64? {
        guard let text = value(option) else { return nil }
        let digits = Array(text.utf8)
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text),
            range.contains(number)
        else {
            throw .badValue(
                option: option, value: text,
                expected: "a number from \(range.lowerBound)"
                    + (range.upperBound == .max ? " on" : " to \(range.upperBound)"))
        }
        return number
    }

    /// All values of a repeatable option.
    public func all(_ option: String) -> [String] { values[option] ?? [] }

    /// The operand at `index`; nil when it was left out.
    public func operand(_ index: Int) -> String? { operands.indices.contains(index) ? operands[index] : nil }
}

/// A command line that was not understood; each says what would have been.
public enum UsageError: Error, Equatable, Sendable, CustomStringConvertible {
    case noCommand
    case unknownCommand(String, nearest: String?)
    case unknownOption(String, command: String, nearest: String?)
    case missingValue(option: String, expected: String)
    case unexpectedValue(option: String)
    case repeated(option: String)
    case missingOperand(String, command: String)
    case unexpectedOperand(String, command: String)
    case badOperand(String, command: String, expected: [String])
    case badValue(option: String, value: String, expected: String)

    /// One sentence, without an end.
    public var description: String {
        switch self {
        case .noCommand: "no command was given"
        case .unknownCommand(let name, let nearest): "there is no command '\(shown(name))'" + suggestion(nearest)
        case .unknownOption(let name, let command, let nearest):
            "'\(command)' has no option '\(shown(name))'" + suggestion(nearest.map { "--" + $0 })
        case .missingValue(let option, let expected): "--\(option) needs a value: \(expected)"
        case .unexpectedValue(let option): "--\(option) takes no value"
        case .repeated(let option): "--\(option) was given more than once"
        case .missingOperand(let name, let command): "'\(command)' needs \(name)"
        case .unexpectedOperand(let word, let command): "'\(command)' does not take '\(shown(word))'"
        case .badOperand(let word, let command, let expected):
            "'\(command)' does not know '\(shown(word))'; it takes \(expected.joined(separator: ", "))"
                + suggestion(NearestName.of(word, among: expected))
        case .badValue(let option, let value, let expected): "--\(option) '\(shown(value))': expected \(expected)"
        }
    }

    private func shown(_ text: String) -> String { Printable.text(text, limit: 60) }
    private func suggestion(_ nearest: String?) -> String { nearest.map { "; did you mean '\($0)'?" } ?? "" }
}

extension [CommandSyntax] {
    /// Understands the words after the program's name.
    public func parse(_ words: [String]) throws(UsageError) -> Invocation {
        // Common options may stand before the command, so the first word that is none of theirs names it.
        var rest = words
        var leading: [String] = []
        while let word = rest.first, word.utf8.starts(with: "--".utf8) {
            leading.append(rest.removeFirst())
            if leadingTakesValue(word), !rest.isEmpty { leading.append(rest.removeFirst()) }
        }
        guard let name = rest.first else { throw .noCommand }
        guard let command = first(where: { $0.name == name }) else {
            throw .unknownCommand(name, nearest: NearestName.of(name, among: map(\.name)))
        }
        return try command.parse(leading + rest.dropFirst())
    }

    private func leadingTakesValue(_ word: String) -> Bool {
        CommandSyntax.common.contains { $0.value != nil && word == "--" + $0.name }
    }
}

extension CommandSyntax {
    fileprivate func parse(_ words: [String]) throws(UsageError) -> Invocation {
        var given: [String: [String]] = [:]
        var taken: [String] = []
        var rest = words[...]
        var onlyOperands = false
        while let word = rest.popFirst() {
            if onlyOperands || !word.utf8.starts(with: "-".utf8) || word.utf8.count == 1 {
                try take(word, &taken)
            } else if word == "--" {
                onlyOperands = true
            } else {
                let (option, value) = try self.option(word, &rest)
                guard option.isRepeatable || given[option.name] == nil else { throw .repeated(option: option.name) }
                given[option.name, default: []].append(value)
            }
        }
        let isHelp = given["help"] != nil
        if !isHelp, let missing = operands.dropFirst(taken.count).first(where: { !$0.isOptional }) {
            throw .missingOperand(missing.name, command: name)
        }
        return Invocation(command: name, operands: taken, values: given)
    }

    private func take(_ word: String, _ taken: inout [String]) throws(UsageError) {
        let place = operands.indices.contains(taken.count) ? operands[taken.count] : operands.last
        guard let place, taken.count < operands.count || place.isRepeatable else {
            throw .unexpectedOperand(word, command: name)
        }
        guard place.choices.isEmpty || place.choices.contains(word) else {
            throw .badOperand(word, command: name, expected: place.choices)
        }
        taken.append(word)
    }

    /// One option and its value, which stands after `=` or is the next word.
    private func option(
        _ word: String, _ rest: inout ArraySlice<String>
    ) throws(UsageError) -> (option: Option, value: String) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let isLong = word.utf8.starts(with: "--".utf8)
        let name = isLong ? String((parts.first ?? "").dropFirst(2)) : (word == "-h" ? "help" : word)
        guard let option = allOptions.first(where: { $0.name == name }) else {
            throw .unknownOption(
                isLong ? "--" + name : word, command: self.name,
                nearest: NearestName.of(name, among: allOptions.map(\.name)))
        }
        guard let placeholder = option.value else {
            guard parts.count == 1 else { throw .unexpectedValue(option: name) }
            return (option, "")
        }
        let expected = option.choices.isEmpty ? placeholder : option.choices.joined(separator: ", ")
        guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
            throw .missingValue(option: name, expected: expected)
        }
        guard option.choices.isEmpty || option.choices.contains(value) else {
            throw .badValue(option: name, value: value, expected: expected)
        }
        return (option, value)
    }
}
