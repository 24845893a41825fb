/// Whether an address can lead another machine to the one that is meant.
enum SharedHost {
    /// Whether `host` is this machine's own loopback, no address at all, or a path of a unix socket: the same text on
    /// another Mac would lead nowhere or to that Mac itself.
    static func isLocal(_ host: String) -> Bool {
        var bytes = host.utf8.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
        if bytes.first == 0x5B, bytes.last == 0x5D { bytes = Array(bytes.dropFirst().dropLast()) }
        if bytes.last == 0x2E { bytes.removeLast() }
        if bytes.isEmpty || bytes.contains(0x2F) || bytes.starts(with: "unix:".utf8) { return true }
        let text = String(decoding: bytes, as: UTF8.self)
        if bytes.contains(0x3A) { return isLocalIPv6(text) }
        return isLocalIPv4(bytes) || names.contains { text.utf8.elementsEqual($0.utf8) }
            || ends(bytes, with: ".localhost") || ends(bytes, with: ".localdomain")
    }

    private static let names = ["localhost", "localdomain", "ip6-localhost", "ip6-loopback", "broadcasthost"]

    /// 127.0.0.0/8 and 0.0.0.0/8, also in the short spellings that resolvers take (`127.1`, `0`).
    private static func isLocalIPv4(_ bytes: [UInt8]) -> Bool {
        guard bytes.allSatisfy({ TextChecks.isDigit($0) || $0 == 0x2E }) else { return false }
        let first = bytes.prefix { $0 != 0x2E }
        return first.elementsEqual("127".utf8) || first.allSatisfy { $0 == 0x30 }
    }

    /// `::` and `::1` in every spelling, and IPv4's own mapped into IPv6.
    private static func isLocalIPv6(_ text: String) -> Bool {
        let groups = text.utf8.split(separator: 0x3A)
        guard let last = groups.last else { return true }
        let before = groups.dropLast()
        if last.contains(0x2E) {
            return before.allSatisfy { isZero($0) || $0.elementsEqual("ffff".utf8) } && isLocalIPv4(Array(last))
        }
        // Zeros, then 1 or 0 at the very end; `1::` ends with a colon and is somebody else's.
        return before.allSatisfy(isZero) && text.utf8.last != 0x3A && (isZero(last) || isOne(last))
            || groups.allSatisfy(isZero)
    }

    private static func isZero(_ group: Substring.UTF8View.SubSequence) -> Bool { group.allSatisfy { $0 == 0x30 } }

    private static func isOne(_ group: Substring.UTF8View.SubSequence) -> Bool {
        group.last == 0x31 && group.dropLast().allSatisfy { $0 == 0x30 }
    }

    private static func ends(_ bytes: [UInt8], with suffix: String) -> Bool {
        bytes.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }
}
