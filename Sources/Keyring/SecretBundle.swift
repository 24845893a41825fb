import Crypto

/// The secrets of one generation as bytes, before they are sealed.
///
/// Not JSON: a secret may be any bytes, and none should pass through a `String`, which cannot be wiped.
///
/// | bytes | field                                                   |
/// |------:|---------------------------------------------------------|
/// |     1 | format version, 1                                       |
/// |     2 | number of secrets                                       |
/// |       | for each, in byte order of name, integers big-endian:   |
/// |     1 | length of the name, then the name in ASCII              |
/// |     4 | length of the value, then the value                     |
enum SecretBundle {
    private static let version: UInt8 = 1
    private static let maximumCount = 64
    private static let maximumValueByteCount = 8192

    /// Checks that every secret can be kept: at most 64, names of 1 to 128 bytes of `[a-z0-9._-]`, values of at most
    /// 8 KiB.
    static func check(_ secrets: [String: SecretBytes]) throws(KeyringError) {
        guard secrets.count <= maximumCount else {
            throw .badSecret(name: "\(secrets.count) secrets", reason: "at most \(maximumCount) are kept together")
        }
        for (name, value) in secrets {
            guard isName(name) else {
                throw .badSecret(name: name, reason: "its name is not 1 to 128 of a-z 0-9 . _ -")
            }
            guard value.count <= maximumValueByteCount else {
                throw .badSecret(
                    name: name, reason: "it has \(value.count) bytes, expected at most \(maximumValueByteCount)")
            }
        }
    }

    /// The bytes of `secrets`, which `check` has let pass.
    static func encode(_ secrets: [String: SecretBytes]) -> SecretBytes {
        var bytes: [UInt8] = [version] + bigEndian(UInt16(clamping: secrets.count))
        let sorted = secrets.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (name, value) in sorted {
            bytes += [UInt8(clamping: name.utf8.count)] + name.utf8
            bytes += bigEndian(UInt32(clamping: value.count))
            value.withBytes { bytes += $0 }
        }
        return SecretBytes(bytes)
    }

    /// The secrets of what `encode` made; nil for anything else.
    static func decode(_ bundle: SecretBytes) -> [String: SecretBytes]? {
        bundle.withBytes { bytes in
            var rest = bytes[...]
            guard rest.popFirst() == version, let count = takeInteger(&rest, byteCount: 2), count <= maximumCount else {
                return nil
            }
            var secrets: [String: SecretBytes] = [:]
            for _ in 0..<count {
                guard let nameLength = takeInteger(&rest, byteCount: 1), let nameBytes = take(&rest, nameLength),
                    let name = String(validating: nameBytes, as: UTF8.self), isName(name), secrets[name] == nil,
                    let length = takeInteger(&rest, byteCount: 4), let value = take(&rest, length)
                else { return nil }
                secrets[name] = SecretBytes(Array(value))
            }
            return rest.isEmpty ? secrets : nil
        }
    }

    private static func isName(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
    }

    private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private static func takeInteger(_ rest: inout Slice<UnsafeRawBufferPointer>, byteCount: Int) -> Int? {
        take(&rest, byteCount).map { $0.reduce(0) { $0 << 8 | Int($1) } }
    }

    private static func take(
        _ rest: inout Slice<UnsafeRawBufferPointer>, _ count: Int
    ) -> Slice<UnsafeRawBufferPointer>? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}
