/// The reference of all settings, made of the table that the reader goes by: the document cannot say anything else than
/// the program does.
public enum SettingsReference {
    /// One Markdown table for each section, in the order of the file.
    public static func markdown() -> String {
        var text = ""
        var section = ""
        for setting in Settings.all {
            if let first = setting.path.first, !first.utf8.elementsEqual(section.utf8) {
                text += (text.isEmpty ? "" : "\n") + "## `\(first)`\n\n"
                text += "| setting | write | default | environment variable | what it is |\n"
                text += "| --- | --- | --- | --- | --- |\n"
                section = first
            }
            text += row(setting)
        }
        return text
    }

    private static func row(_ setting: SettingDescription) -> String {
        let expected =
            setting.isSecret
            ? "secret: \(setting.expected), or in `\(setting.fileName)` the path of a file with it" : setting.expected
        let variables =
            "`\(setting.variable)`"
            + (setting.isSecret ? ", `\(SettingDescription.variable(of: setting.fileName))`" : "")
        let cells = [
            "`\(setting.name)`", expected, setting.written.map { "`\($0)`" } ?? "", variables, setting.help,
        ]
        return "| " + cells.joined(separator: " | ") + " |\n"
    }
}
