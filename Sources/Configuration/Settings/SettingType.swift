/// How the text of a setting becomes a value: what is taken, said in words that fit after "write".
struct SettingType<Value: Sendable>: Sendable {
    /// What is taken: "true or false", "a whole number from 1 to 65535".
    let expected: String
    /// Reads the setting.
    let parse: @Sendable (SettingInput) throws(Refusal) -> Value
    /// A value as it is written in a file; nil for none.
    let written: @Sendable (Value) -> String?
    /// Written as `[a, b]`.
    let isList: Bool

    private init(
        expected: String, isList: Bool = false,
        parse: @escaping @Sendable (SettingInput) throws(Refusal) -> Value,
        written: @escaping @Sendable (Value) -> String?
    ) {
        self.expected = expected
        self.isList = isList
        self.parse = parse
        self.written = written
    }

    /// A type whose values are written as one text.
    static func scalar(
        _ expected: String, written: @escaping @Sendable (Value) -> String?,
        parse: @escaping @Sendable (String) throws(Refusal) -> Value
    ) -> SettingType {
        SettingType(
            expected: expected,
            parse: { (input) throws(Refusal) in
                guard case .text(let text) = input else { throw Refusal("a list stands there") }
                guard !text.utf8.isEmpty else { throw Refusal("the value is empty") }
                return try parse(text)
            }, written: written)
    }

    /// A type whose values are lists of texts.
    static func list(
        _ expected: String, written: @escaping @Sendable (Value) -> String?,
        parse: @escaping @Sendable ([String]) throws(Refusal) -> Value
    ) -> SettingType {
        SettingType(
            expected: expected, isList: true,
            parse: { (input) throws(Refusal) in
                guard case .list(let elements) = input else { throw Refusal("a single value stands there") }
                guard !elements.isEmpty else { throw Refusal("the list is empty") }
                return try parse(elements)
            }, written: written)
    }

    /// The same, for a setting that may be left out.
    var optional: SettingType<Value?> {
        SettingType<Value?>(
            expected: expected, isList: isList, parse: parse, written: { (value) in value.flatMap(written) })
    }
}

/// What a file or the environment gives for a setting.
enum SettingInput: Sendable, Equatable {
    case text(String)
    case list([String])
}

/// Why a value is not taken.
struct Refusal: Error, Equatable {
    /// A sentence without its end: `"abc" is no date`.
    let problem: String
    /// What to write instead; nil stands for the type's own words.
    let instead: String?
    /// The value, safe to print; nil when it must not be shown or is not one text.
    let value: String?

    init(_ problem: String, instead: String? = nil) {
        self.problem = problem
        self.instead = instead
        value = nil
    }

    /// `problem` is said of `value`: "is out of range".
    init(of value: String, _ problem: String, instead: String? = nil) {
        let shown = Mistake.shown(value)
        self.problem = "\(shown) \(problem)"
        self.instead = instead
        self.value = shown
    }
}
