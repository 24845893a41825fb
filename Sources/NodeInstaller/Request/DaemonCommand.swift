/// What launchd runs on a node: a program by its absolute path, and its arguments.
///
/// At most 64 words of 8,192 bytes together, each on one line. Nothing in them has a meaning: no shell sees them.
public struct DaemonCommand: Sendable, Equatable {
    /// The program, then its arguments.
    public let words: [String]

    /// Takes a program and its arguments.
    public init(_ words: [String]) throws(InstallerError) {
        guard let program = words.first, words.count <= 64 else {
            throw .badField(
                name: "daemon", value: "\(words.count) words", expected: "a program and at most 63 arguments")
        }
        guard TextChecks.isAbsolutePath(program) else {
            throw .badText("daemon", program, expected: "a program's absolute path")
        }
        for word in words where !TextChecks.isOneLine(word) {
            throw .badText("daemon", word, expected: "words without control characters")
        }
        let byteCount = words.reduce(0) { $0 + $1.utf8.count }
        guard byteCount <= 8192 else {
            throw .badField(name: "daemon", value: "\(byteCount) bytes long", expected: "at most 8192 bytes")
        }
        self.words = words
    }

    /// Byte by byte, unlike texts of Swift.
    public static func == (left: DaemonCommand, right: DaemonCommand) -> Bool {
        left.words.elementsEqual(right.words) { $0.utf8.elementsEqual($1.utf8) }
    }
}
