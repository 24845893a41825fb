import Crypto
import System

extension SettingsReader {
    /// Every secret that the configuration gives, by dotted name.
    mutating func secrets(
        readFile: (String) throws(SystemError) -> ConfigurationFile
    ) -> [String: SecretBytes] {
        var secrets: [String: SecretBytes] = [:]
        for setting in Settings.all where setting.isSecret {
            secrets[setting.name] = secret(setting, readFile: readFile)
        }
        return secrets
    }

    /// A file with a secret in it must be closed to others.
    mutating func checkExposure(of file: ConfigurationFile) {
        guard let held = Settings.all.first(where: { $0.isSecret && node($0.name) != nil }) else { return }
        let place = Mistake.Place.file(path: path, line: nil, column: nil)
        let expected = "run: chmod 600 \(ShellWord.quoted(path))"
        switch file.exposure {
        case .none: break
        case .warned(let reason): warn(place, nil, "the file holds \(held.name), and \(reason)", expected)
        case .refused(let reason): note(place, nil, "the file holds \(held.name), and \(reason)", expected)
        }
    }

    private mutating func secret(
        _ setting: SettingDescription, readFile: (String) throws(SystemError) -> ConfigurationFile
    ) -> SecretBytes? {
        guard let given = given(setting) else { return nil }
        switch given.form {
        case .value(let text):
            guard !text.utf8.isEmpty else {
                note(given.place, setting.name, "the value is empty", "write the secret, or leave the setting out")
                return nil
            }
            return SecretBytes(text)
        case .file(let name):
            return secret(inFile: name, setting, given.place, readFile: readFile)
        }
    }

    /// How a secret was given, and where.
    private struct Given {
        enum Form {
            case value(String)
            case file(String)
        }
        let form: Form
        let place: Mistake.Place
    }

    /// The environment's word, else the file's; nil when there is none, or none that can be read.
    private mutating func given(_ setting: SettingDescription) -> Given? {
        let fileVariable = SettingDescription.variable(of: setting.fileName)
        let value = secretText(variable: setting.variable, setting.name).map {
            Given(form: .value($0), place: .environment(variable: setting.variable))
        }
        let file = secretText(variable: fileVariable, setting.fileName).map {
            Given(form: .file($0), place: .environment(variable: fileVariable))
        }
        let ofEnvironment = one(of: value, file, setting, "\(setting.variable) and \(fileVariable)")
        // The file is looked at in any case: a mistake in it is one even where the environment counts.
        let ofFile = one(
            of: inFile(setting.name) { .value($0) }, inFile(setting.fileName) { .file($0) }, setting,
            "\(setting.name) and \(setting.fileName)")
        return ofEnvironment ?? ofFile
    }

    private mutating func inFile(_ name: String, form: (String) -> Given.Form) -> Given? {
        guard let node = node(name) else { return nil }
        let place = Mistake.Place.file(path: path, line: node.line, column: nil)
        switch input(node, name, "one value") {
        case .text(let text)?: return Given(form: form(text), place: place)
        case .list?:
            note(place, name, "a list stands there", "write one value")
            return nil
        case nil: return nil
        }
    }

    private mutating func one(
        of value: Given?, _ file: Given?, _ setting: SettingDescription, _ names: String
    ) -> Given? {
        guard value != nil, let file else { return value ?? file }
        note(file.place, setting.name, "both \(names) are set", "keep one of the two")
        return nil
    }

    private mutating func secret(
        inFile name: String, _ setting: SettingDescription, _ place: Mistake.Place,
        readFile: (String) throws(SystemError) -> ConfigurationFile
    ) -> SecretBytes? {
        // A secret that was given in place of its file's name must not come out: only what begins as a path is shown.
        let mayShow = ["/", "./", "../", "~/"].contains { name.utf8.starts(with: $0.utf8) }
        let path: String
        do throws(Refusal) {
            path = SettingPath.absolute(try SettingType<String>.path.parse(.text(name)), below: directory)
        } catch {
            note(
                place, setting.fileName, value: mayShow ? error.value : nil,
                mayShow ? error.problem : "what stands there is no path of a file", error.instead ?? "write a path")
            return nil
        }
        let shown = Mistake.shown(path)
        do throws(SystemError) {
            let file = try readFile(path)
            if let (problem, expected) = mistake(in: file, at: path) {
                note(place, setting.fileName, value: shown, problem, expected)
                return nil
            }
            if case .warned(let reason) = file.exposure {
                warn(
                    place, setting.fileName, value: shown, "\(shown): \(reason)",
                    "run: chmod 600 \(ShellWord.quoted(path))")
            }
            return SecretBytes(withoutLineEnd(file.bytes))
        } catch {
            let expected =
                error.isNotFound ? "make that file, or name another" : "make it readable for the user who runs this"
            guard mayShow else {
                let hidden = SystemError(operation: error.operation, path: "the file that it names", code: error.code)
                note(
                    place, setting.fileName, hidden.description,
                    "\(expected); the name is not shown, since it could be the secret itself")
                return nil
            }
            note(place, setting.fileName, value: shown, error.description, expected)
            return nil
        }
    }

    private func mistake(in file: ConfigurationFile, at path: String) -> (problem: String, expected: String)? {
        let shown = Mistake.shown(path)
        guard file.kind == .regular else { return ("\(shown) is a \(file.kind.rawValue)", "name a regular file") }
        let limit = YAML.Limit.scalarByteCount
        guard file.byteCount <= Int64(limit) else {
            return ("\(shown) has \(file.byteCount) bytes", "name a file of at most \(limit) bytes (64 KiB)")
        }
        if case .refused(let reason) = file.exposure {
            return ("\(shown): \(reason)", "run: chmod 600 \(ShellWord.quoted(path))")
        }
        let content = withoutLineEnd(file.bytes)
        guard !content.isEmpty else { return ("\(shown) is empty", "write the secret into it") }
        // An installed node gets its secrets by YAML, which carries text alone.
        guard String(validating: content, as: UTF8.self) != nil, !content.contains(0) else {
            return ("\(shown) is no text in UTF-8", "write a key of raw bytes as hexadecimal digits or Base64")
        }
        return nil
    }

    /// Editors and `echo` end a file with a line end that nobody means.
    private func withoutLineEnd(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.last == 0x0A else { return bytes }
        return bytes.dropLast().last == 0x0D ? bytes.dropLast(2) : bytes.dropLast()
    }
}

/// A word for a command that a person copies into a shell.
enum ShellWord {
    /// In single quotes where it holds anything but letters, digits and the signs of a path; with what does not show in a
    /// terminal made visible, so that the line cannot be forged.
    static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy {
            isASCIILetter($0) || isASCIIDigit($0) || [0x2D, 0x2E, 0x2F, 0x5F].contains($0)
        }
        if isPlain { return text }
        let quoted = Printable.text(text, limit: 1024).utf8.flatMap { $0 == 0x27 ? Array(#"'\''"#.utf8) : [$0] }
        return "'" + String(decoding: quoted, as: UTF8.self) + "'"
    }
}
