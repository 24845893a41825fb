/// What people read: text from outside, made safe for a terminal or a log line, and numbers.
public enum Printable {
    /// `text` with control characters, line ends, bidirectional marks and other invisible scalars written as `\u{…}`,
    /// cut after `limit` scalars: what an attacker types cannot forge a line or recolour a terminal.
    public static func text(_ text: String, limit: Int = 200) -> String {
        var safe = ""
        var count = 0
        for scalar in text.unicodeScalars {
            if count == limit { return safe + "…" }
            count += 1
            if isPlain(scalar) {
                safe.unicodeScalars.append(scalar)
            } else {
                safe += "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
        return safe
    }

    /// Bytes that should be UTF-8; what is not is shown as `\xNN`.
    public static func text(_ bytes: [UInt8], limit: Int = 200) -> String {
        if let string = String(validating: bytes, as: UTF8.self) { return text(string, limit: limit) }
        var safe = ""
        for byte in bytes.prefix(limit) {
            if (0x20...0x7E).contains(byte) {
                safe.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                safe += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return bytes.count > limit ? safe + "…" : safe
    }

    /// A number of bytes in decimal units as macOS shows them: `512 bytes`, `14.2 MB`.
    public static func byteCount(_ count: Int64) -> String {
        guard count >= 1000 else { return "\(count) bytes" }
        var value = Double(count) / 1000
        var unit = "kB"
        for next in ["MB", "GB", "TB"] where value >= 999.95 {
            value /= 1000
            unit = next
        }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        // Fillers and selectors are letters and marks by their category, and cannot be seen either.
        if scalar.properties.isDefaultIgnorableCodePoint { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return false
        default: return true
        }
    }
}
