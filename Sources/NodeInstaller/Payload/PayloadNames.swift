/// What a Mac's file system thinks of a name.
enum PayloadNames {
    /// The first scalar of `name` that no name in a payload may hold, nil when there is none.
    ///
    /// Controls and line ends forge lines in every listing of the package, marks that cannot be seen hide what is
    /// installed, code points that Unicode has not assigned are refused by APFS, and a backslash tells of an archive
    /// that was unpacked wrongly. The joiners are let through: scripts and emoji need them.
    static func forbiddenScalar(in name: String) -> UInt32? {
        name.unicodeScalars.first { scalar in
            if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F || scalar == "\\" }
            if scalar == "\u{200C}" || scalar == "\u{200D}" { return false }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned: return true
            default: return false
            }
        }?.value
    }

    /// A name without what macOS does not tell apart: names with equal keys cannot lie in one folder.
    ///
    /// Upper and lower case become one by mapping down, up and down again, which reaches what Unicode's full case
    /// folding reaches (`ẞ`, `ß` and `ss`; `ſ` and `s`; the Kelvin sign and `k`). Spellings of one accent become one
    /// because Swift's strings compare by canonical equivalence: here that is what is wanted.
    static func key(_ name: String) -> String {
        if name.utf8.allSatisfy({ $0 < 0x80 }) { return name.lowercased() }
        return mapped(mapped(mapped(name, \.lowercaseMapping), \.uppercaseMapping), \.lowercaseMapping)
    }

    private static func mapped(
        _ text: String, _ mapping: KeyPath<Unicode.Scalar.Properties, String>
    ) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            // Dotless i becomes I and then i on this way, but it is a letter of its own, and macOS keeps it apart.
            if scalar == "\u{131}" {
                result.unicodeScalars.append(scalar)
            } else {
                result.unicodeScalars.append(contentsOf: scalar.properties[keyPath: mapping].unicodeScalars)
            }
        }
        return result
    }

    /// `.DS_Store` and `._NAME`: files that a Mac writes beside others and that are not part of what it is told to
    /// copy.
    static func isCompanion(_ name: [UInt8]) -> Bool {
        name == Array(".DS_Store".utf8) || name.starts(with: "._".utf8)
    }
}
