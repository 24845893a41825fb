/// A shell that completes command lines.
public enum Shell: String, Sendable, CaseIterable {
    case bash, zsh, fish
}

extension [CommandSyntax] {
    /// A script that makes `shell` complete the commands and options of `program`.
    public func completions(for shell: Shell, program: String) -> String {
        switch shell {
        case .bash: bash(program)
        case .zsh: "#compdef \(program)\nautoload -U +X bashcompinit && bashcompinit\n" + bash(program)
        case .fish: fish(program)
        }
    }

    private func bash(_ program: String) -> String {
        var text = "_\(program)() {\n"
        text += "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" words=\"\"\n"
        text += "  if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"\(map(\.name).joined(separator: " "))\"\n"
        text += "  else case \"${COMP_WORDS[1]}\" in\n"
        for command in self {
            let words = command.operands.flatMap(\.choices) + command.allOptions.map { "--" + $0.name }
            let options = words.joined(separator: " ")
            text += "    \(command.name)) words=\"\(options)\" ;;\n"
        }
        text += "  esac; fi\n"
        for (option, choices) in choices {
            text += "  [ \"$before\" = --\(option) ] && words=\"\(choices.joined(separator: " "))\"\n"
        }
        text += "  case \"$word\" in -*|\"\") ;; *) [ \"$COMP_CWORD\" -gt 1 ]"
        text += " && COMPREPLY=($(compgen -f -- \"$word\")) && return ;; esac\n"
        text += "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
        return text + "complete -F _\(program) \(program)\n"
    }

    private func fish(_ program: String) -> String {
        var text = ""
        for command in self {
            text += "complete -c \(program) -n __fish_use_subcommand -a \(command.name) -d \(quoted(command.summary))\n"
            for option in command.allOptions {
                let choices = option.choices.joined(separator: " ")
                let argument = option.value == nil ? "" : (choices.isEmpty ? " -r" : " -x -a \(quoted(choices))")
                text +=
                    "complete -c \(program) -n '__fish_seen_subcommand_from \(command.name)' -l \(option.name)"
                    + argument + " -d \(quoted(option.help))\n"
            }
        }
        return text
    }

    /// Options that name their values, once each.
    private var choices: [(option: String, choices: [String])] {
        var seen: Set<String> = []
        return flatMap(\.allOptions).filter { !$0.choices.isEmpty && seen.insert($0.name).inserted }.map {
            ($0.name, $0.choices)
        }
    }

    /// A word in single quotes, as fish reads it.
    private func quoted(_ text: String) -> String {
        var safe = "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" || scalar == "\\" { safe += "\\" }
            safe.unicodeScalars.append(scalar)
        }
        return safe + "'"
    }
}
