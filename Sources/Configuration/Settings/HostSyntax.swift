/// The syntax of host names and addresses, on bytes: RFC 1123 with underscores, which container networks use, RFC 4291.
enum HostSyntax {
    /// A name, an IPv4 address or an IPv6 address without brackets.
    static func isHost(_ bytes: [UInt8]) -> Bool {
        if bytes.contains(0x3A) { return isIPv6(bytes) }
        let labels = bytes.split(separator: 0x2E, omittingEmptySubsequences: false)
        // A name whose last label is a number is an address to some: 10.0.0.256 is neither, 0x7f000001 is 127.0.0.1.
        if let last = labels.last, isNumber(last) { return isIPv4(bytes[...]) }
        return isName(bytes)
    }

    /// A host's name, at most 253 bytes.
    static func isName(_ bytes: [UInt8]) -> Bool {
        bytes.count <= 253
            && bytes.split(separator: 0x2E, omittingEmptySubsequences: false).allSatisfy { label in
                isLabel(label.filter { $0 != 0x5F }[...]) && label.count <= 63
            }
    }

    /// 1 to 63 letters, digits and hyphens, no hyphen at either end.
    static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        (1...63).contains(label.count) && label.first != 0x2D && label.last != 0x2D
            && label.allSatisfy { isASCIILetter($0) || isASCIIDigit($0) || $0 == 0x2D }
    }

    /// Four numbers in their one spelling: 010.0.0.1 is octal to some.
    static func isIPv4(_ bytes: ArraySlice<UInt8>) -> Bool {
        let parts = bytes.split(separator: 0x2E, omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard (1...3).contains(part.count), part.allSatisfy(isASCIIDigit) else { return false }
                let value = part.reduce(0) { $0 * 10 + Int($1 - 0x30) }
                return value <= 255 && (part.count == 1 || part.first != 0x30)
            }
    }

    /// Eight groups of up to four hexadecimal digits; `::` once for one or more of zero; an IPv4 address as the last two.
    static func isIPv6(_ bytes: [UInt8]) -> Bool {
        let halves = split(bytes)
        guard halves.count <= 2 else { return false }
        var groupCount = 0
        for (index, half) in halves.enumerated() where !half.isEmpty {
            let groups = half.split(separator: 0x3A, omittingEmptySubsequences: false)
            for (position, group) in groups.enumerated() {
                let isEnd = index == halves.count - 1 && position == groups.count - 1
                if isEnd, group.contains(0x2E) {
                    guard isIPv4(group) else { return false }
                    groupCount += 2
                } else {
                    guard (1...4).contains(group.count), group.allSatisfy(isHexadecimal) else { return false }
                    groupCount += 1
                }
            }
        }
        return halves.count == 2 ? groupCount <= 7 : groupCount == 8
    }

    /// Decimal digits, or hexadecimal ones after `0x`.
    private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
        if label.starts(with: "0x".utf8) || label.starts(with: "0X".utf8) {
            return label.dropFirst(2).allSatisfy(isHexadecimal)
        }
        return label.allSatisfy(isASCIIDigit)
    }

    /// Cut at each `::`.
    private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var start = bytes.startIndex
        var index = start
        while index + 1 < bytes.endIndex {
            if bytes[index] == 0x3A, bytes[index + 1] == 0x3A {
                parts.append(bytes[start..<index])
                start = index + 2
                index = start
            } else {
                index += 1
            }
        }
        return parts + [bytes[start...]]
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isASCIIDigit(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }
}
