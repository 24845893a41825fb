/// The form that a value of a description must have. Bytes are looked at, never characters.
struct ValueRule: Sendable {
    let expected: String
    private let accepts: @Sendable (String) -> Bool

    func check(_ value: String, _ field: String) throws(PackageError) {
        guard accepts(value) else { throw .badValue(field: field, value: value, expected: expected) }
    }

    static let identifier = ValueRule(
        expected: "a reverse-DNS name of letters, digits, - and _ in at least two parts, at most 255 bytes"
    ) { text in
        let parts = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
        return text.utf8.count <= 255 && parts.count >= 2
            && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { isWord($0) || $0 == 0x2D } }
    }

    static let version = ValueRule(expected: "dotted digits such as 1.0.2, at most 64 bytes") { text in
        text.utf8.count <= 64
            && text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
                .allSatisfy { !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }
    }

    static let installLocation = ValueRule(
        expected: "an absolute path without //, . or .., without a slash at its end, at most 512 bytes"
    ) { text in
        guard text.utf8.count <= 512, text.utf8.first == 0x2F, XMLWriter.canHold(text) else { return false }
        if text.utf8.count == 1 { return true }
        return text.utf8.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false)
            .allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) }
    }

    static let generator = ValueRule(
        expected: "printable ASCII without -- and without - at its end, at most 128 bytes"
    ) { text in
        let bytes = Array(text.utf8)
        return (1...128).contains(bytes.count) && bytes.allSatisfy { (0x20...0x7E).contains($0) }
            && bytes.last != 0x2D && !zip(bytes, bytes.dropFirst()).contains { $0 == 0x2D && $1 == 0x2D }
    }

    static let title = ValueRule(expected: "a text of 1 to 1024 bytes without control characters") { text in
        (1...1024).contains(text.utf8.count) && XMLWriter.canHold(text)
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    static let architecture = ValueRule(expected: "an architecture such as arm64 or x86_64") { text in
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy(isWord)
    }

    static let componentName = ValueRule(
        expected: "a file name that ends in .pkg, of letters, digits, ., - and _, at most 128 bytes"
    ) { text in
        let bytes = Array(text.utf8)
        return (5...128).contains(bytes.count) && bytes.suffix(4).elementsEqual(".pkg".utf8) && bytes.first != 0x2E
            && bytes.allSatisfy { isWord($0) || $0 == 0x2D || $0 == 0x2E }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
        default: false
        }
    }
}
