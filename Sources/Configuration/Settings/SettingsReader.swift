import System

/// Reads settings one after the other and keeps what is wrong with any of them: a mistake gives the default, so that
/// reading goes on and one run tells all.
struct SettingsReader {
    /// The file, absolute.
    let path: String
    /// What relative paths count from, absolute.
    let directory: String
    private(set) var mistakes: [Mistake]
    private(set) var warnings: [Mistake] = []

    private let file: FileSettings
    /// Variables that are set and not empty, by name in bytes.
    private let variables: [[UInt8]: String]
    private var places: [String: Mistake.Place] = [:]
    private var unsound: Set<String> = []

    init(_ document: YAMLDocument, path: String, environment: [String: String]) {
        self.path = SettingPath.absolute(path, below: "/")
        directory = SettingPath.parent(of: self.path)
        file = FileSettings(document, path: self.path)
        let (known, unknown) = EnvironmentSettings.sort(environment)
        variables = known
        mistakes = file.mistakes + unknown
    }

    /// The value of `setting`: of the environment, else of the file, else its default.
    mutating func value<Value>(of setting: Setting<Value>) -> Value {
        let name = setting.description.name
        let (found, place): (SettingInput?, Mistake.Place)
        if let text = variables[Array(setting.description.variable.utf8)] {
            place = .environment(variable: setting.description.variable)
            found = input(variable: text, setting.description, place)
        } else if let node = file.nodes[Array(name.utf8)] {
            place = .file(path: path, line: node.line, column: nil)
            found = input(node, name, setting.type.expected)
        } else {
            return setting.fallback
        }
        guard let found else { return setting.fallback }
        places[name] = place
        do throws(Refusal) {
            return try setting.type.parse(found)
        } catch {
            note(
                place, name, value: error.value, error.problem,
                error.instead ?? "write \(setting.type.expected)")
            return setting.fallback
        }
    }

    /// The same for a text; nil also where it is `placeholder`.
    mutating func value(of setting: Setting<String?>, unless placeholder: String) -> String? {
        guard let text = value(of: setting), !text.utf8.elementsEqual(placeholder.utf8) else { return nil }
        return text
    }

    /// The value as an absolute path.
    mutating func path(of setting: Setting<String>) -> String {
        SettingPath.absolute(value(of: setting), below: directory)
    }

    /// The value as an absolute path; nil when it is not set.
    mutating func path(of setting: Setting<String?>) -> String? {
        value(of: setting).map { SettingPath.absolute($0, below: directory) }
    }

    /// Where the first of `names` that anybody set was set; the file as a whole when none was.
    func place(of names: String...) -> Mistake.Place {
        names.lazy.compactMap { places[$0] }.first ?? .file(path: path, line: nil, column: nil)
    }

    /// Whether all of `names` were read without a mistake, so that they may be judged together.
    func areSound(_ names: [String]) -> Bool { file.isWhole && !names.contains(where: unsound.contains) }

    /// Notes a mistake in a setting.
    mutating func note(
        _ place: Mistake.Place, _ name: String?, value: String? = nil, _ problem: String, _ expected: String
    ) {
        if let name { unsound.insert(name) }
        mistakes.append(Mistake(place, setting: name, value: value, problem: problem, expected: expected))
    }

    /// Notes what works and should be otherwise.
    mutating func warn(
        _ place: Mistake.Place, _ name: String?, value: String? = nil, _ problem: String, _ expected: String
    ) {
        warnings.append(Mistake(place, setting: name, value: value, problem: problem, expected: expected))
    }

    // MARK: What a place gives, before it has a type

    /// What the file gives for `name`; nil when nothing, or nothing that can be read.
    mutating func input(_ node: YAMLNode, _ name: String, _ expected: String) -> SettingInput? {
        let place = Mistake.Place.file(path: path, line: node.line, column: nil)
        switch node.content {
        case .refused:
            unsound.insert(name)
            return nil
        case .mapping:
            note(place, name, "settings stand below it", "write \(expected)")
            return nil
        case .scalar(let bytes, _):
            guard !node.isNull else { return nil }
            return text(bytes, name, place).map(SettingInput.text)
        case .sequence(let elements):
            var list: [String] = []
            for element in elements {
                guard case .scalar(let bytes, _) = element.content, !element.isNull else {
                    note(
                        .file(path: path, line: element.line, column: nil), name,
                        "an element of the list is empty or no single value", "write \(expected)")
                    return nil
                }
                guard let text = text(bytes, name, place) else { return nil }
                list.append(text)
            }
            return .list(list)
        }
    }

    /// What a variable gives. Text is taken as it is; a list is written as in a file.
    private mutating func input(
        variable text: String, _ setting: SettingDescription, _ place: Mistake.Place
    ) -> SettingInput? {
        guard isIntact(text, setting.name, place) else { return nil }
        guard setting.isList else { return .text(text) }
        let document = YAML.parse(Array(text.utf8))
        let elements: [String]? =
            if document.mistakes.isEmpty, case .sequence(let nodes)? = document.root?.content {
                nodes.reduce([]) { list, node in
                    guard case .scalar(let bytes, _) = node.content, !node.isNull, !bytes.contains(0) else {
                        return nil
                    }
                    return list.map { $0 + [String(decoding: bytes, as: UTF8.self)] }
                }
            } else {
                nil
            }
        guard let elements else {
            note(
                place, setting.name, value: Mistake.shown(text), "\(Mistake.shown(text)) is no list",
                "write \(setting.expected), as in \(setting.written ?? "[a, b]")")
            return nil
        }
        return .list(elements)
    }

    /// The text of a variable that is a secret or the name of a secret's file; nil when it is not set or no text.
    mutating func secretText(variable: String, _ name: String) -> String? {
        guard let text = variables[Array(variable.utf8)] else { return nil }
        return isIntact(text, name, .environment(variable: variable)) ? text : nil
    }

    /// What the file gives for a secret or for the name of its file, with the line.
    func node(_ name: String) -> YAMLNode? { file.nodes[Array(name.utf8)].flatMap { $0.isNull ? nil : $0 } }

    private mutating func text(_ bytes: [UInt8], _ name: String, _ place: Mistake.Place) -> String? {
        guard !bytes.contains(0) else {
            note(place, name, "the value holds a NUL character", "remove the \\0 or \\x00")
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A variable that was no UTF-8 reaches us with U+FFFD in its place: a secret would silently be another one.
    private mutating func isIntact(_ text: String, _ name: String, _ place: Mistake.Place) -> Bool {
        guard text.unicodeScalars.contains("\u{FFFD}") else { return true }
        note(place, name, "the value is not UTF-8", "write UTF-8")
        return false
    }
}
