/// A value on its way into a statement.
public enum SQLiteValue: Sendable, Equatable {
    /// No value.
    case null
    /// A 64-bit integer.
    case integer(Int64)
    /// Text, stored as UTF-8.
    case text(String)
    /// Bytes.
    case blob([UInt8])

    /// The integer, or null.
    public static func optional(_ value: Int64?) -> SQLiteValue { value.map(SQLiteValue.integer) ?? .null }
    /// The text, or null.
    public static func optional(_ value: String?) -> SQLiteValue { value.map(SQLiteValue.text) ?? .null }
    /// The bytes, or null.
    public static func optional(_ value: [UInt8]?) -> SQLiteValue { value.map(SQLiteValue.blob) ?? .null }
}

extension SQLiteValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// Text.
    public init(stringLiteral value: String) { self = .text(value) }
}
