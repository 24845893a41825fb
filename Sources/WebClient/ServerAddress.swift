import System

/// Where a server is: a scheme, a host and a port, and nothing else.
public struct ServerAddress: Sendable, Equatable, CustomStringConvertible {
    /// Whether what is said to it is encrypted.
    public let isSecure: Bool
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    public let host: String
    /// The port.
    public let port: UInt16

    /// Reads `https://HOST[:PORT]` or `http://HOST[:PORT]`, with a slash at its end or without.
    ///
    /// - Throws: `.badAddress` for anything else: a path, a query or a password would be lost.
    public init(_ text: String) throws(WebError) {
        var rest = Array(text.utf8)[...]
        if rest.starts(with: "https://".utf8) {
            (isSecure, rest) = (true, rest.dropFirst(8))
        } else if rest.starts(with: "http://".utf8) {
            (isSecure, rest) = (false, rest.dropFirst(7))
        } else {
            throw .badAddress(text)
        }
        if rest.last == UInt8(ascii: "/") { rest.removeLast() }
        let end: Int
        if rest.first == UInt8(ascii: "[") {
            guard let bracket = rest.firstIndex(of: UInt8(ascii: "]")) else { throw .badAddress(text) }
            end = bracket + 1
        } else {
            end = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
        }
        let host = rest[..<end]
        guard Self.isHost(host) else { throw .badAddress(text) }
        self.host = String(decoding: host, as: UTF8.self)
        if end == rest.endIndex {
            port = isSecure ? 443 : 80
        } else {
            let digits = rest[(end + 1)...]
            guard rest[end] == UInt8(ascii: ":"), (1...5).contains(digits.count),
                digits.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt16(String(decoding: digits, as: UTF8.self)), number > 0
            else { throw .badAddress(text) }
            port = number
        }
    }

    /// Whether it is this machine, to which nothing needs to be encrypted.
    public var isLocal: Bool {
        let host = Array(host.utf8)
        return host.starts(with: "127.".utf8) || ["localhost", "[::1]"].contains { host.elementsEqual($0.utf8) }
    }

    /// As `init` reads it.
    public var description: String { "\(isSecure ? "https" : "http")://\(host):\(port)" }

    private static func isHost(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard (1...255).contains(bytes.count) else { return false }
        if bytes.first == UInt8(ascii: "[") {
            guard bytes.count > 4, bytes.last == UInt8(ascii: "]") else { return false }
            return bytes.dropFirst().dropLast().allSatisfy { byte in
                switch byte {
                case 0x30...0x3A, 0x41...0x46, 0x61...0x66, 0x2E: true
                default: false
                }
            }
        }
        return bytes.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E: true
            default: false
            }
        }
    }
}
