extension CommandSyntax {
    /// The help page of one command.
    public func help(program: String) -> String {
        var usage = "Usage: \(program) \(name)"
        for operand in operands {
            let name = operand.name + (operand.isRepeatable ? "…" : "")
            usage += operand.isOptional ? " [\(name)]" : " \(name)"
        }
        usage += options.isEmpty ? "" : " [OPTIONS]"
        var text = summary + ".\n\n" + usage + "\n"
        if !discussion.isEmpty { text += "\n" + discussion + "\n" }
        text += "\nOptions:\n" + table(allOptions.map { (Self.spelling($0), $0.help + Self.choices($0)) })
        return text
    }

    private static func spelling(_ option: Option) -> String {
        "--" + option.name + (option.value.map { " " + $0 } ?? "")
    }

    private static func choices(_ option: Option) -> String {
        (option.choices.isEmpty ? "" : " (" + option.choices.joined(separator: ", ") + ")")
            + (option.isRepeatable ? "; may be repeated" : "")
    }
}

/// Two columns, the left one as wide as its widest cell.
public func table(_ rows: [(String, String)]) -> String {
    let width = rows.map(\.0.utf8.count).max() ?? 0
    return rows.map { left, right in
        "  " + left + String(repeating: " ", count: width - left.utf8.count + 2) + right + "\n"
    }.joined()
}
