/// A command and its words, in the order in which the server reads them. Words are bytes: any value may be one.
public struct RedisCommand: Sendable, Equatable {
    /// All words, one after another.
    private(set) var bytes: [UInt8] = []
    /// Where each word ends in `bytes`.
    private(set) var ends: [Int] = []

    /// A command of those words.
    public init(_ words: String...) { for word in words { append(word) } }

    /// Adds a word.
    public mutating func append(_ word: [UInt8]) {
        bytes += word
        ends.append(bytes.count)
    }

    /// Adds a word.
    public mutating func append(_ word: String) {
        bytes += word.utf8
        ends.append(bytes.count)
    }

    /// Adds a number as its decimal digits.
    public mutating func append(_ number: Int64) { append(String(number)) }

    /// Adds a number as its decimal digits.
    public mutating func append(_ number: Int) { append(String(number)) }

    /// Adds words.
    public mutating func append(contentsOf words: RedisCommand) {
        let shift = bytes.count
        bytes += words.bytes
        ends += words.ends.map { $0 + shift }
    }

    /// The first word, which says what the command does; for errors.
    var name: String { String(decoding: bytes[..<(ends.first ?? 0)], as: UTF8.self) }
}
