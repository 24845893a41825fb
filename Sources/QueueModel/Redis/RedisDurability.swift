public import RedisLink

/// What becomes of an answered submission when the power of the server fails.
public enum RedisDurability: Int, Sendable, Comparable, CaseIterable {
    /// Anything may be lost: nothing is written down, or what is full is made room in.
    case none
    /// The last seconds may be lost.
    case lastSeconds
    /// Nothing is lost.
    case always

    /// What a server offers that is set up so.
    public init(of server: RedisServerReport) {
        let findings = Self.findings(server)
        self = findings.map(\.tier).min() ?? .always
    }

    /// The weaker one first.
    public static func < (left: RedisDurability, right: RedisDurability) -> Bool { left.rawValue < right.rawValue }

    /// What keeps a server from more than `tier`, each with what to set.
    public static func reasons(of server: RedisServerReport, below tier: RedisDurability) -> [String] {
        findings(server).filter { $0.tier < tier }.map(\.text)
    }

    private static func findings(_ server: RedisServerReport) -> [(tier: RedisDurability, text: String)] {
        var findings: [(RedisDurability, String)] = []
        if server.evictionPolicy != "noeviction" {
            findings.append(
                (
                    .none,
                    "maxmemory-policy is \(server.evictionPolicy), so that jobs are forgotten when memory is full; set noeviction"
                ))
        }
        if !server.isAppendOnly {
            findings.append((.none, "appendonly is no, so that a restart forgets what came last; set appendonly yes"))
        } else if let sync = server.appendSync {
            switch sync {
            case "always": break
            case "everysec":
                findings.append(
                    (
                        .lastSeconds,
                        "appendfsync is everysec, so that a power cut takes the last seconds; set appendfsync always"
                    ))
            default:
                findings.append(
                    (.none, "appendfsync is \(sync), so that a power cut takes what it likes; set appendfsync always"))
            }
        } else {
            // Whoever may not ask must not be told that all is well.
            findings.append(
                (
                    .none,
                    "this user may not see appendfsync; allow 'CONFIG GET', or say with farm.durability that you know"
                ))
        }
        return findings
    }
}
