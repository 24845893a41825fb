extension Settings {
    /// The section `farm.redis`.
    enum FarmRedis {
        static let address = Setting(
            "farm.redis.address", SettingType.redisAddress.optional, default: nil,
            "The Redis server of the farm, for the queue redis.")
        static let name = Setting(
            "farm.redis.name", .farmName, default: "pkgmill",
            "The farm's name in that server: what all its keys begin with.")
        static let user = Setting(
            "farm.redis.user", SettingType.redisWord.optional, default: nil,
            "The user of that server's access lists; when not set, its default user.")
        static let password = SecretSetting("farm.redis.password", "The password of that user.")
        static let tls = Setting(
            "farm.redis.tls", .truth, default: false, "Whether the connection to that server is encrypted.")
        static let authorities = Setting(
            "farm.redis.ca", SettingType.path.optional, default: nil,
            "The file with the authorities that may have signed the server's certificate; when not set, the system's.")
        static let certificate = Setting(
            "farm.redis.certificate", SettingType.path.optional, default: nil,
            "The file with the certificate that the farm shows to the server.")
        static let key = Setting(
            "farm.redis.key", SettingType.path.optional, default: nil, "The file with the key of that certificate.")
        static let sentinels = Setting(
            "farm.redis.sentinels", SettingType.redisAddresses.optional, default: nil,
            "The sentinels that know which server is the primary; in place of farm.redis.address.")
        static let primary = Setting(
            "farm.redis.primary", .redisWord, default: "mymaster", "The name under which they know it.")
        static let replicas = Setting(
            "farm.redis.replicas", .integer(0...10), default: 0,
            "How many replicas must have a submission before it is answered.")

        static let all: [SettingDescription] = [
            address.description, name.description, user.description, password.description, tls.description,
            authorities.description, certificate.description, key.description, sentinels.description,
            primary.description, replicas.description,
        ]
    }
}

extension SettingType where Value == FarmRedisSettings.Address {
    /// A server's host and port, or its socket.
    static var redisAddress: Self {
        .scalar("a host with or without :PORT, or the absolute path of a socket", written: { $0.written }) {
            (text) throws(Refusal) in try address(of: text)
        }
    }
}

extension SettingType where Value == [FarmRedisSettings.Address] {
    /// Hosts and ports of sentinels.
    static var redisAddresses: Self {
        let expected = "a list of hosts, each with or without :PORT"
        return .list(
            expected, written: { "[" + $0.map { writtenScalar($0.written) }.joined(separator: ", ") + "]" }
        ) { (elements) throws(Refusal) in
            guard elements.count <= 32 else {
                throw Refusal("the list has \(elements.count) elements", instead: "write at most 32")
            }
            return try elements.map { (text) throws(Refusal) in try address(of: text, defaultPort: 26_379) }
        }
    }
}

extension SettingType where Value == String {
    /// What a farm is called in its store.
    static var farmName: Self {
        .scalar("1 to 32 lower-case letters, digits and hyphens", written: { $0 }) { (text) throws(Refusal) in
            let isName = text.utf8.allSatisfy { (0x61...0x7A).contains($0) || isASCIIDigit($0) || $0 == 0x2D }
            guard isName, text.utf8.count <= 32 else { throw Refusal(of: text, "is no name of a farm") }
            return text
        }
    }

    /// A word that Redis knows: a user, a name.
    static var redisWord: Self {
        .scalar("1 to 128 letters, digits and signs, without a space", written: { $0 }) { (text) throws(Refusal) in
            guard text.utf8.count <= 128, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw Refusal(of: text, "is not such a word")
            }
            return text
        }
    }
}

/// The address that `text` names. What looks like a URL may hold a password, so it is not shown.
private func address(of text: String, defaultPort: Int = 6379) throws(Refusal) -> FarmRedisSettings.Address {
    let bytes = Array(text.utf8)
    if bytes.contains(0x40) || bytes.indices.contains(where: { bytes[$0...].starts(with: "://".utf8) }) {
        throw Refusal(
            "a URL stands there", instead: "write host and port alone; user and password are settings of their own")
    }
    if bytes.first == 0x2F {
        guard bytes.count < 100, bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw Refusal(of: text, "is no path that a socket can have", instead: "write at most 99 bytes")
        }
        return .unix(path: text)
    }
    var host = bytes[...]
    var port: Int? = defaultPort
    if bytes.first == 0x5B, let end = bytes.firstIndex(of: 0x5D) {
        host = bytes[1..<end]
        let rest = bytes[(end + 1)...]
        if !rest.isEmpty { port = rest.first == 0x3A ? portNumber(rest.dropFirst()) : nil }
    } else if let colon = bytes.lastIndex(of: 0x3A), bytes.firstIndex(of: 0x3A) == colon {
        host = bytes[..<colon]
        port = portNumber(bytes[(colon + 1)...])
    }
    guard HostSyntax.isHost(Array(host)), let port else {
        throw Refusal(of: text, "is neither a host with a port nor a path")
    }
    return .tcp(host: String(decoding: host, as: UTF8.self), port: port)
}

private func portNumber(_ digits: ArraySlice<UInt8>) -> Int? {
    guard (1...5).contains(digits.count), digits.allSatisfy(isASCIIDigit), digits.first != 0x30 else { return nil }
    let number = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    return number <= 65_535 ? number : nil
}
