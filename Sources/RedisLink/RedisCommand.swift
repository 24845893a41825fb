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

    /// How many words it has.
    public var wordCount: Int { ends.count }

    /// Adds the command to `buffer` as it is sent: the number of words, then each with its length.
    func encode(into buffer: inout [UInt8]) {
        let needed = buffer.count + encodedCount
        // To reserve just what is needed would move all of it with each command.
        if needed > buffer.capacity { buffer.reserveCapacity(max(needed, 2 * buffer.capacity)) }
        buffer.append(UInt8(ascii: "*"))
        Self.append(ends.count, to: &buffer)
        var start = 0
        for end in ends {
            buffer.append(UInt8(ascii: "$"))
            Self.append(end - start, to: &buffer)
            buffer += bytes[start..<end]
            buffer.append(0x0D)
            buffer.append(0x0A)
            start = end
        }
    }

    /// How many bytes `encode` adds, at most: a length has up to 20 digits, and there are 5 other bytes to a word.
    var encodedCount: Int { bytes.count + 26 * (ends.count + 1) }

    private static func append(_ count: Int, to buffer: inout [UInt8]) {
        var divisor = 1
        while count / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            buffer.append(UInt8(ascii: "0") + UInt8(count / divisor % 10))
            divisor /= 10
        }
        buffer.append(0x0D)
        buffer.append(0x0A)
    }

    /// The first word, which says what the command does; for errors.
    var name: String { String(decoding: bytes[..<(ends.first ?? 0)], as: UTF8.self) }
}
