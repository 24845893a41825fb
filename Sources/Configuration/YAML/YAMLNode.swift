/// One value of a YAML document and the line on which it begins.
///
/// A scalar is the text that was written, whatever it looks like: whether `0123` is a number and `no` a name is for the
/// setting to say that reads it, so none of YAML's guesses about types can happen.
package struct YAMLNode: Sendable, Equatable {
    /// What the value is.
    package enum Content: Sendable, Equatable {
        /// UTF-8 text; `isPlain` when it was written without quotes and is no block.
        case scalar([UInt8], isPlain: Bool)
        case sequence([YAMLNode])
        /// In the order of the document; no two entries have the same key.
        case mapping([Entry])
        /// Something that was reported as a mistake already: nothing more is to be said of it.
        case refused
    }

    /// A key of a mapping and its value.
    package struct Entry: Sendable, Equatable {
        /// The key's text, UTF-8.
        package let key: [UInt8]
        /// The line on which the key stands, from 1.
        package let line: Int
        /// What it is given.
        package let value: YAMLNode
    }

    /// What the value is.
    package let content: Content
    /// The line on which it begins, from 1.
    package let line: Int

    /// Whether this is YAML's way to say nothing: an empty plain scalar, `~` or `null`.
    package var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains { text.elementsEqual($0.utf8) }
    }
}

/// A document as it was read, together with all that is wrong in it.
package struct YAMLDocument: Sendable, Equatable {
    /// The value of the whole; nil when the text is empty or could not be read to its end.
    package let root: YAMLNode?
    /// What was refused, in the order of the lines.
    package let mistakes: [YAMLMistake]
}

/// Something in a text that is no YAML, or YAML that is not taken here.
package struct YAMLMistake: Sendable, Equatable {
    /// Line and column, both from 1; nil for the text as a whole.
    package let mark: YAMLMark?
    /// The keys that lead to it, outermost first, empty for one that was refused. A secret may have slipped in here.
    package let keys: [[UInt8]]
    /// What was found. Never holds text of the file: it might be a secret's.
    package let problem: String
    /// What to write instead.
    package let instead: String
}

/// A place in a text.
package struct YAMLMark: Sendable, Equatable {
    /// From 1.
    package let line: Int
    /// In characters, from 1.
    package let column: Int
}
