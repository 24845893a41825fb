import Crypto
import System
import Testing

@testable import Configuration

@Suite("A secret in a file") struct SecretFileTests {
    private static let text = Array("server:\n  api_key_file: ./key\n".utf8)
    private static let keyPath = "/srv/farm/key"

    @Test("is the file's content without the one line end that an editor adds")
    func content() throws {
        let contents = [
            "abc": "abc", "abc\n": "abc", "abc\r\n": "abc", "abc\n\n": "abc\n", "abc\r": "abc\r", " abc ": " abc ",
            "a\nb": "a\nb", "\u{FEFF}abc": "\u{FEFF}abc", "~": "~", "\n\n": "\n",
        ]
        for (content, secret) in contents {
            let read = try Self.reading(ConfigurationFile(bytes: Array(content.utf8))).configuration()
            #expect(read.secrets == ["server.api_key": SecretBytes(secret)])
            #expect(read.warnings == [])
        }
    }

    @Test("is read by every secret's setting and variable", arguments: EverySettingTests.secrets)
    func everySecret(_ name: String) throws {
        let files = ["/run/secrets/x": ConfigurationFile(bytes: Array("abc\n".utf8))]
        let inFile = Reading(text: Array(file(name + "_file", "/run/secrets/x").utf8), files: files)
        #expect(try inFile.configuration().secrets == [name: SecretBytes("abc")])
        let variable = SettingDescription.variable(of: name) + "_FILE"
        let inEnvironment = Reading(environment: [variable: "/run/secrets/x"], files: files)
        #expect(try inEnvironment.configuration().secrets == [name: SecretBytes("abc")])
    }

    @Test("that is named by a variable counts more than the value in the configuration, and than a file it names")
    func precedence() throws {
        let files = [
            "/a": ConfigurationFile(bytes: Array("of a".utf8)), "/b": ConfigurationFile(bytes: Array("of b".utf8)),
        ]
        for text in ["server:\n  api_key: value\n", "server:\n  api_key_file: /b\n"] {
            let reading = Reading(
                text: Array(text.utf8), environment: ["PKGMILL_SERVER_API_KEY_FILE": "/a"], files: files)
            #expect(try reading.configuration().secrets == ["server.api_key": SecretBytes("of a")])
        }
        let value = Reading(
            text: Self.text, environment: ["PKGMILL_SERVER_API_KEY": "value"], files: [:])
        #expect(try value.configuration().secrets == ["server.api_key": SecretBytes("value")])
    }

    @Test("is refused where the file is missing, with its absolute path")
    func missing() {
        #expect(
            lines(Self.reading(nil).mistakes()) == [
                "2: server.api_key_file: cannot open /srv/farm/key: No such file or directory; "
                    + "make that file, or name another"
            ])
    }

    @Test("is refused where no file has a name that may be the secret itself, without that name")
    func missingWithoutPath() {
        let reading = Reading(text: Array(file("server.api_key_file", "hunter2").utf8))
        #expect(
            lines(reading.mistakes()) == [
                "2: server.api_key_file: cannot open the file that it names: No such file or directory; "
                    + "make that file, or name another; the name is not shown, since it could be the secret itself"
            ])
    }

    @Test("is refused where it is empty or one line end", arguments: ["", "\n", "\r\n"])
    func empty(_ content: String) {
        #expect(
            lines(Self.reading(ConfigurationFile(bytes: Array(content.utf8))).mistakes()) == [
                "2: server.api_key_file: \"/srv/farm/key\" is empty; write the secret into it"
            ])
    }

    @Test("is refused beyond 64 KiB")
    func size() throws {
        let most = 64 << 10
        let full = Self.reading(ConfigurationFile(bytes: Array(repeating: 0x78, count: most)))
        #expect(try full.configuration().secrets["server.api_key"]?.count == most)
        #expect(
            lines(Self.reading(ConfigurationFile(bytes: Array(repeating: 0x78, count: most + 1))).mistakes()) == [
                "2: server.api_key_file: \"/srv/farm/key\" has 65537 bytes; name a file of at most 65536 bytes (64 KiB)"
            ])
    }

    @Test("is refused where it is no text", arguments: [[0x61, 0xFF], [0x61, 0], [0xED, 0xA0, 0x80]])
    func noText(_ bytes: [UInt8]) {
        #expect(
            lines(Self.reading(ConfigurationFile(bytes: bytes)).mistakes()) == [
                "2: server.api_key_file: \"/srv/farm/key\" is no text in UTF-8; "
                    + "write a key of raw bytes as hexadecimal digits or Base64"
            ])
    }

    @Test("is refused where it is no regular file", arguments: [FileStatus.Kind.directory, .fifo, .socket])
    func kind(_ kind: FileStatus.Kind) {
        #expect(
            lines(Self.reading(ConfigurationFile(kind: kind, bytes: [])).mistakes()) == [
                "2: server.api_key_file: \"/srv/farm/key\" is a \(kind.rawValue); name a regular file"
            ])
    }

    @Test(
        "is refused where others may reach it or its group may write it",
        arguments: [0o644, 0o604, 0o601, 0o602, 0o660, 0o620])
    func modes(_ mode: Int) {
        let reason =
            mode & 0o007 != 0 ? "every user of this machine may reach it" : "its group may change it"
        #expect(
            lines(Self.reading(ConfigurationFile(mode: UInt16(mode), bytes: [0x61])).mistakes()) == [
                "2: server.api_key_file: \"/srv/farm/key\": \(reason) (mode 0\(String(mode, radix: 8))); "
                    + "run: chmod 600 /srv/farm/key"
            ])
    }

    @Test("is warned of where its group may read it", arguments: [0o640, 0o440, 0o610])
    func groupMode(_ mode: Int) throws {
        let read = try Self.reading(ConfigurationFile(mode: UInt16(mode), bytes: [0x61])).configuration()
        #expect(
            lines(read.warnings) == [
                "2: server.api_key_file: \"/srv/farm/key\": its group may read it (mode 0\(String(mode, radix: 8))); "
                    + "run: chmod 600 /srv/farm/key"
            ])
        #expect(read.secrets == ["server.api_key": SecretBytes("a")])
    }

    @Test("is fine where only its owner may reach it", arguments: [0o600, 0o400, 0o700])
    func ownMode(_ mode: Int) throws {
        #expect(try Self.reading(ConfigurationFile(mode: UInt16(mode), bytes: [0x61])).configuration().warnings == [])
    }

    @Test("is refused where the value is given as well, in the file or in the environment")
    func both() {
        let inFile = Reading(text: Self.text + Array("  api_key: abc\n".utf8))
        #expect(
            lines(inFile.mistakes()) == [
                "2: server.api_key: both server.api_key and server.api_key_file are set; keep one of the two"
            ])
        let inEnvironment = Reading(environment: ["PKGMILL_SERVER_API_KEY": "a", "PKGMILL_SERVER_API_KEY_FILE": "/b"])
        #expect(
            lines(inEnvironment.mistakes()) == [
                "environment variable PKGMILL_SERVER_API_KEY_FILE: server.api_key: "
                    + "both PKGMILL_SERVER_API_KEY and PKGMILL_SERVER_API_KEY_FILE are set; keep one of the two"
            ])
    }

    @Test("is no form of a setting that is no secret")
    func others() {
        #expect(answers("server:\n  port_file: ./port\n").count == 1)
        #expect(answers("", ["PKGMILL_SERVER_PORT_FILE": "./port"]).count == 1)
    }

    private static func reading(_ key: ConfigurationFile?) -> Reading {
        Reading(text: text, files: key.map { [keyPath: $0] } ?? [:])
    }
}

@Suite("A configuration with a secret in it") struct ExposureTests {
    private static let text = Array("server:\n  api_key: abc\n".utf8)

    @Test("is refused where others may reach it or its group may write it", arguments: [0o644, 0o601, 0o620])
    func refused(_ mode: Int) {
        let reason = mode & 0o007 != 0 ? "every user of this machine may reach it" : "its group may change it"
        #expect(
            lines(Reading(text: Self.text, mode: UInt16(mode)).mistakes()) == [
                "the file holds server.api_key, and \(reason) (mode 0\(String(mode, radix: 8))); "
                    + "run: chmod 600 /srv/farm/pkgmill.yaml"
            ])
    }

    @Test("is warned of where its group may read it")
    func warned() throws {
        let read = try Reading(text: Self.text, mode: 0o640).configuration()
        #expect(
            lines(read.warnings) == [
                "the file holds server.api_key, and its group may read it (mode 0640); "
                    + "run: chmod 600 /srv/farm/pkgmill.yaml"
            ])
    }

    @Test("is refused also where the secret cannot be used or the environment counts more")
    func anySecret() {
        for value in ["[abc]", "&a abc", "\"\""] {
            let reading = Reading(text: Array(file("server.api_key", value).utf8), mode: 0o644)
            #expect(
                lines(reading.mistakes()).contains { $0.hasPrefix("the file holds server.api_key, and every user ") })
        }
        let overlaid = Reading(text: Self.text, environment: ["PKGMILL_SERVER_API_KEY": "x"], mode: 0o644)
        #expect(overlaid.mistakes().count == 1)
    }

    @Test("is fine at any mode without a secret, or with one that is elsewhere")
    func noSecret() throws {
        for text in ["server:\n  port: 80\n", "server:\n  api_key: ~\n"] {
            #expect(try Reading(text: Array(text.utf8), mode: 0o666).configuration().warnings == [])
        }
        let environment = ["PKGMILL_SERVER_API_KEY": "x"]
        #expect(try Reading(environment: environment, mode: 0o666).configuration().warnings == [])
        let key = ["/key": ConfigurationFile(bytes: [0x61])]
        let named = Reading(text: Array(file("server.api_key_file", "/key").utf8), files: key, mode: 0o666)
        #expect(try named.configuration().warnings == [])
    }

    @Test(
        "has a command in its message that a shell takes as it is meant",
        arguments: [
            ("/srv/my farm/p.yaml", "'/srv/my farm/p.yaml'"), ("/srv/it's/p.yaml", #"'/srv/it'\''s/p.yaml'"#),
            ("/srv/$(id)/p.yaml", "'/srv/$(id)/p.yaml'"), ("/srv/a\nb/p.yaml", #"'/srv/a\u{a}b/p.yaml'"#),
        ])
    func command(_ path: String, _ word: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try FarmConfiguration(parsing: ConfigurationFile(mode: 0o644, bytes: Self.text), path: path)
        }
        #expect(error?.mistakes.map(\.expected) == ["run: chmod 600 " + word])
    }

    @Test("of the farm itself is none of a node's")
    func nodeSecrets() throws {
        let environment = ["PKGMILL_FARM_REDIS_PASSWORD": "farm", "PKGMILL_SERVER_API_KEY": "node"]
        let configuration = try configuration("", environment)
        #expect(Set(configuration.secrets.keys) == ["farm.redis.password", "server.api_key"])
        #expect(Set(configuration.nodeSecrets.keys) == ["server.api_key"])
    }
}
