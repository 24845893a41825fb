import Configuration
import Crypto
import FlatPackage
import System

@testable import NodeInstaller

/// What the tests of this room are about, unless they say otherwise.
enum Sample {
    /// A farm's configuration whose nodes meet in Redis; `changes` replaces lines by what they begin with.
    static func farm(_ yaml: String = redisFarm) throws -> FarmConfiguration {
        try FarmConfiguration(parsing: ConfigurationFile(bytes: Array(yaml.utf8)), path: "/etc/pkgmill/pkgmill.yaml")
    }

    static let redisFarm = """
        cluster:
          enabled: true
          backend: redis
          redis_host: redis.example.com
          redis_tls: true
        sessions:
          backend: redis
          redis:
            host: 10.0.0.9
            port: 6380
        """

    static let fileFarm = """
        cluster:
          enabled: true
          backend: file
          storage_path: /Volumes/Farm Share/cluster
        """

    static func request(
        nodeName: String? = nil, packageName: String = "FleetServerClusterNode.pkg", generation: Int = 1,
        revision: Int = 0, templateVersion: Int = InstallerRequest.currentTemplateVersion,
        daemon: [String] = ["/usr/local/pkgmill/bin/pkgmill", "serve"], payloadPath: String = "/srv/payload",
        identifierPrefix: String = "com.pkgmill", builder: String = "pkgmill 1.0", farm: String = redisFarm,
        labels: [String: String] = [:]
    ) throws -> InstallerRequest {
        try InstallerRequest(
            nodeName: nodeName.map { try NodeName($0) }, packageName: PackageName(packageName), sealing: .plain,
            payload: PayloadReference(path: payloadPath, digest: SHA256Digest(of: [1, 2, 3]), version: "2.1.0"),
            target: Target(minimumMacOS: "13.0", architectures: ["x86_64", "arm64"]),
            identifierPrefix: identifierPrefix, daemon: DaemonCommand(daemon), generation: generation,
            revision: revision, templateVersion: templateVersion, builder: builder,
            contentDate: Timestamp(seconds: 1_767_225_600),
            settings: NodeSettings(configuration: Self.farm(farm)), labels: Labels(labels))
    }

    static let secretNames = [
        "cluster.redis_password", "server.api_key", "server.web_username", "server.web_password",
        "server.db_encryption_key", "server.encryption_key", "sessions.redis.password",
    ]

    /// A generation in which every secret is its own name and `mark`.
    static func secrets(_ mark: String = "1") -> [String: SecretBytes] {
        Dictionary(uniqueKeysWithValues: secretNames.map { ($0, SecretBytes("\($0) \(mark)")) })
    }

    /// A generation in which every secret is `value`.
    static func secrets(all value: String) -> [String: SecretBytes] {
        Dictionary(uniqueKeysWithValues: secretNames.map { ($0, SecretBytes(value)) })
    }
}

/// Values that a shell, a script or a reader of YAML could take for something else.
enum Awkward {
    static let secrets: [String] =
        words + [
            " begins with a space", "ends with a space ", "\ttab\t", "two\nlines", "\n", "ends with a line end\n",
            "carriage\r\nreturn", "\r", "next\u{85}line", "line\u{2028}separator", "paragraph\u{2029}separator",
            "\u{FEFF}mark", "right\u{202E}to left", "\u{1B}[31mred", "\u{7F}", "\u{7}", "\u{E000}", "\u{FFFD}",
            "🔑", "👩‍🔧 e\u{301} \u{E9}", "\u{10FFFF}",
            "x\n  node_id: \"${NODE_ID}\"", "x\"\n  hostname: \"${HOSTNAME}\"", "x\nserver:\n  port: 1\n",
            "x\n  hostname: \"${HOSTNAME}\"\n", "cluster:", "# a comment\n", "---\na: b\n...\n",
            String(repeating: "k", count: 4096), String(repeating: "\"", count: 4096),
            String(repeating: "\\", count: 4096), String(repeating: "é🔑\n", count: 586),
        ]

    private static let words = [
        "no", "yes", "on", "Off", "y", "N", "true", "~", "null", "Null", "", "0", "0123", "0o7", "0x1F", "0b1", "1_000",
        "12:34:56", "1e3", "+5", "-0", ".5", ".inf", "-.INF", ".nan", "<<", "=", "2026-11-23", "2026-11-23T08:15:30Z",
        "-", "--", "---", "...", "?", ":", "- a", "? a", "a: b", "a:", ":a", "a #b", "#a", "[a]", "{a: b}", "a, b",
        "&a",
        "*a", "!a", "!!binary x", "|", ">", "|-", "%", "%YAML 1.1", "@a", "`a`", "'", "''", "\"", "\"\"", "it's", "\\",
        "\\\\", "\\n", "\\\"", "\"\\", "%s%d%n", "a%0ab", "${HOSTNAME}", "${NODE_ID}", "\"${HOSTNAME}\"", "$HOME", "$1",
        "$(touch PWNED)", "`touch PWNED`", "\"; touch PWNED; \"", "'; touch PWNED; '", "a&b", "a\\1b", "a|b", "a/b",
        "a;b", "-rf", "--help", "<b>&\"'", "]]>", "a</string><string>b", "&lol;", "*", "a=b", "=cmd|x",
    ].filter { !$0.isEmpty }
}

/// Names that are refused, whatever stands where a name belongs.
enum Hostile {
    static let nodeNames: [String] = [
        "", "$(touch PWNED)", "`touch PWNED`", "\"; touch PWNED; \"", "'; touch PWNED; '", "a&b", "a\\1b", "a|b", "a#b",
        "${IFS}", "a\r\nb", "a\nb", "a\0b", "../x", ".", "..", "a/b", "a\\b", "-rf", "--help", "<b>&\"'", "]]>",
        "a</string><string>b", "&lol;", "a: b", "!!binary x", "*a", "a/\u{301}", "'\u{301}", "\u{E9}", "e\u{301}",
        "a\u{202E}b", "a\u{FEFF}b", "\u{212A}", "a b", " a", "a ", "a.", ".a", "a..b", "a-", "-a", "a.-b", "a-.b",
        "a_b",
        "a\u{301}", String(repeating: "a", count: 64), String(repeating: "a", count: 256), "${HOSTNAME}", "~", "a\t",
        "１２", "а",
    ]

    static let packageNames: [String] = [
        "", ".pkg", "pkg", "a", "a.pkg ", "a.PKG", "a.pkg\n", "a\r\nX-Evil: 1.pkg", "a\";filename=\"b.exe", "../a.pkg",
        "a/b.pkg", "a\\b.pkg", "a\0.sh.pkg", "a%0d%0a.pkg", "a%.pkg", String(repeating: "\u{FC}", count: 130) + ".pkg",
        "a\u{2028}.pkg", "a\u{2029}.pkg", String(repeating: "a", count: 252) + ".pkg", ".hidden.pkg", "-rf.pkg",
        "--help.pkg", " a.pkg", "a\u{202E}gkp.pkg", "a\u{FEFF}.pkg", "a\u{200D}b.pkg", "e\u{301}.pkg", "a/\u{301}.pkg",
        "'\u{301}.pkg", "a'b.pkg", "a\"b.pkg", "a`b`.pkg", "$(touch PWNED).pkg", "a$b.pkg", "a&b.pkg", "a|b.pkg",
        "a;b.pkg", "a:b.pkg", "a*b.pkg", "a?b.pkg", "<b>.pkg", "a~b.pkg", "a#b.pkg", "a,b.pkg", "a=b.pkg", "a!b.pkg",
        "a@b.pkg", "\u{212A}.pkg", "\u{2126}.pkg", "\u{1112}\u{1161}.pkg", "\u{3164}.pkg", "\u{FFA0}.pkg",
        "\u{A0}a.pkg",
        "a\u{A0}b.pkg", "a\u{85}b.pkg", "a\u{7F}.pkg", "🔑.pkg", "\u{2044}.pkg", "\u{E000}.pkg", "a.pkg\0",
    ]
}

extension ArchiveEntry {
    /// The path as text; the root is `.`.
    var name: String { path.isEmpty ? "." : String(decoding: path, as: UTF8.self) }

    /// The bytes of a file; nil for anything else.
    func bytes() throws -> [UInt8]? {
        guard case .file(let source) = content else { return nil }
        var bytes: [UInt8] = []
        try source.read { bytes += $0 }
        return bytes
    }
}

extension ComponentDescription {
    /// The entry at `path`.
    func entry(_ path: String) -> ArchiveEntry? { entries.first { $0.name == path } }
}
