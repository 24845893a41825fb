/// What people write on a job to find it again. Labels are kept with the job and are not in the package.
///
/// At most 32. A key is 1 to 63 letters, digits and `. _ - /`, a letter or digit first; a value is at most 256 bytes
/// that can be printed.
public struct Labels: Sendable, Equatable {
    /// The labels, by key.
    public let values: [String: String]

    /// No label.
    public static let none = Labels(unchecked: [:])

    /// Takes labels.
    public init(_ values: [String: String]) throws(InstallerError) {
        guard values.count <= 32 else {
            throw .badField(name: "labels", value: "\(values.count) of them", expected: "at most 32")
        }
        for (key, value) in values {
            guard Self.isKey(Array(key.utf8)) else {
                throw .badText(
                    "labels", key, expected: "keys of 1 to 63 letters, digits and . _ - /, a letter or digit first")
            }
            guard value.utf8.count <= 256, TextChecks.isPrintable(value) else {
                throw .badText("labels.\(key)", value, expected: "at most 256 bytes that can be printed")
            }
        }
        self.values = values
    }

    private init(unchecked values: [String: String]) { self.values = values }

    /// The labels in byte order of their keys.
    public var sorted: [(key: String, value: String)] {
        values.map { (key: $0.key, value: $0.value) }
            .sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
    }

    /// Byte by byte, unlike texts of Swift.
    public static func == (left: Labels, right: Labels) -> Bool {
        left.sorted.elementsEqual(right.sorted) {
            $0.key.utf8.elementsEqual($1.key.utf8) && $0.value.utf8.elementsEqual($1.value.utf8)
        }
    }

    private static func isKey(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, bytes.count <= 63, TextChecks.isLetterOrDigit(first) else { return false }
        return bytes.allSatisfy { TextChecks.isLetterOrDigit($0) || [0x2E, 0x5F, 0x2D, 0x2F].contains($0) }
    }
}
