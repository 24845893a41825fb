import Crypto
import JSON
import System
import Testing

@testable import NodeInstaller

@Suite("A request for an installer") struct InstallerRequestTests {
    @Test("has one spelling, member by member")
    func canonicalBytes() throws {
        let request = try Sample.request(nodeName: "studio-3", labels: ["team": "b", "a": "c"])
        let digest = "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81"
        #expect(
            String(decoding: request.canonicalBytes, as: UTF8.self)
                == #"{"version":1,"nodeName":"studio-3","packageName":"FleetServerClusterNode.pkg","#
                + #""sealing":{"method":"plain"},"payload":{"path":"/srv/payload","digest":"\#(digest)","#
                + #""version":"2.1.0"},"target":{"minimumMacOS":"13.0","architectures":["arm64","x86_64"]},"#
                + #""identifierPrefix":"com.pkgmill","daemon":["/usr/local/pkgmill/bin/pkgmill","serve"],"#
                + #""generation":1,"revision":0,"templateVersion":1,"builder":"pkgmill 1.0","#
                + #""contentDate":"2026-01-01","settings":{"backend":{"kind":"redis","host":"redis.example.com","#
                + #""port":6379,"tls":true},"heartbeatInterval":10,"nodeTimeout":30,"storagePath":null,"port":8768,"#
                + #""databasePath":"/Library/Application Support/Pkgmill/server.db","#
                + #""sessions":{"kind":"redis","host":"10.0.0.9","port":6380},"sessionLifetime":3600},"#
                + #""labels":{"a":"c","team":"b"}}"#)
    }

    @Test("comes back from its bytes", arguments: [Sample.redisFarm, Sample.fileFarm, Self.mixedFarm])
    func roundTrip(farm: String) throws {
        let request = try Sample.request(
            nodeName: "n", packageName: "Büro 1.pkg", generation: 7, revision: 3, farm: farm, labels: ["k": "ü \"\\"])
        #expect(try InstallerRequest(canonicalBytes: request.canonicalBytes) == request)
        let nameless = try Sample.request(farm: farm)
        #expect(try InstallerRequest(canonicalBytes: nameless.canonicalBytes) == nameless)
    }

    private static let mixedFarm = """
        cluster:
          enabled: true
          backend: redis
          redis_host: "2001:db8::1"
          storage_path: /Volumes/Share
        sessions:
          backend: file
        """

    @Test("has a digest that labels and the payload's place do not change")
    func digestIgnores() throws {
        let request = try Sample.request()
        #expect(try Sample.request(labels: ["a": "b"]).inputDigest == request.inputDigest)
        #expect(try Sample.request(payloadPath: "/elsewhere").inputDigest == request.inputDigest)
    }

    @Test("has a digest that everything else changes")
    func digestCovers() throws {
        let requests = try [
            Sample.request(), Sample.request(nodeName: "a"), Sample.request(packageName: "a.pkg"),
            Sample.request(generation: 2), Sample.request(revision: 1), Sample.request(templateVersion: 2),
            Sample.request(daemon: ["/a"]), Sample.request(identifierPrefix: "com.example"),
            Sample.request(builder: "b"), Sample.request(farm: Sample.fileFarm),
        ]
        #expect(Set(requests.map(\.inputDigest)).count == requests.count)
    }

    @Test("of another version is set apart, so that a queue can keep it")
    func unknownVersion() {
        #expect(throws: InstallerError.unknownVersion(2)) {
            try InstallerRequest(canonicalBytes: Array(#"{"version":2,"anything":["at all"]}"#.utf8))
        }
    }

    @Test("with a sealing of a later program is set apart")
    func unknownSealing() throws {
        #expect(throws: InstallerError.unknownSealing("\"ticket\"")) {
            try Self.read { try Self.replace(&$0, "sealing", ["method": "ticket", "id": "x"]) }
        }
    }

    @Test("without one of its members is refused by name", arguments: Self.memberNames)
    func missingMember(_ name: String) throws {
        #expect(throws: InstallerError.missingField(name: name)) {
            try Self.read { members in members.removeAll { $0.name == name } }
        }
    }

    @Test("with a member of the wrong type is refused by name", arguments: Self.memberNames.filter { $0 != "version" })
    func wrongType(_ name: String) throws {
        let error = #expect(throws: InstallerError.self) { try Self.read { try Self.replace(&$0, name, true) } }
        guard case .badField(let field, "a bool", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(field == name)
    }

    @Test("with a member that nobody knows is refused by name")
    func unknownMember() throws {
        #expect(throws: InstallerError.unknownField(name: "\"extra\"")) {
            try Self.read { $0.append(.init("extra", 1)) }
        }
        #expect(throws: InstallerError.unknownField(name: "\"settings.api_key\"")) {
            try Self.read { members in
                guard case .object(var settings) = members.first(where: { $0.name == "settings" })?.value else {
                    return
                }
                settings.append(.init("api_key", "x"))
                try Self.replace(&members, "settings", .object(settings))
            }
        }
    }

    @Test(
        "with a value out of bounds is refused by name",
        arguments: [
            ("generation", JSONValue.integer(0), "generation"), ("generation", .integer(.max), "generation"),
            ("revision", -1, "revision"), ("templateVersion", 0, "templateVersion"), ("builder", "", "builder"),
            ("builder", .string(String(repeating: "x", count: 129)), "builder"), ("builder", "a\nb", "builder"),
            ("builder", "a--b", "builder"), ("builder", "a-", "builder"), ("builder", "\u{E9}", "builder"),
            ("contentDate", "2026-02-30", "contentDate"), ("contentDate", "2100-01-01", "contentDate"),
            ("identifierPrefix", "com", "identifierPrefix"), ("identifierPrefix", "com.a b", "identifierPrefix"),
            ("identifierPrefix", "com.-a", "identifierPrefix"), ("identifierPrefix", "com..a", "identifierPrefix"),
            ("identifierPrefix", "com.a\n", "identifierPrefix"),
            ("nodeName", "$(x)", "nodeName"), ("packageName", "../a.pkg", "packageName"),
            ("daemon", [], "daemon"), ("daemon", ["bin/x"], "daemon"), ("daemon", ["/x", "a\u{1}"], "daemon"),
            ("daemon", ["/x", .string(String(repeating: "a", count: 8192))], "daemon"),
            ("daemon", .array(Array(repeating: "/x", count: 65)), "daemon"), ("labels", ["a b": "c"], "labels"),
            ("target", ["minimumMacOS": "13", "architectures": []], "target.architectures"),
            ("target", ["minimumMacOS": "13", "architectures": ["arm64", "arm64"]], "target.architectures"),
            ("target", ["minimumMacOS": "13", "architectures": ["ppc"]], "target.architectures"),
            ("target", ["minimumMacOS": "13\"", "architectures": ["arm64"]], "target.minimumMacOS"),
            ("payload", ["path": "x", "digest": .string(sampleDigest), "version": "1"], "payload.path"),
            ("payload", ["path": "/x", "digest": "AA", "version": "1"], "payload.digest"),
            ("payload", ["path": "/x", "digest": .string(sampleDigest), "version": "1.x"], "payload.version"),
        ] as [(String, JSONValue, String)])
    func outOfBounds(_ name: String, _ value: JSONValue, _ field: String) throws {
        let error = #expect(throws: InstallerError.self) { try Self.read { try Self.replace(&$0, name, value) } }
        guard case .badField(let found, _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found == field)
    }

    @Test("is refused in any other spelling")
    func otherSpelling() throws {
        let bytes = try Sample.request().canonicalBytes
        let error = InstallerError.unreadableRequest(detail: "it is not written in the one spelling that a request has")
        #expect(throws: error) { try InstallerRequest(canonicalBytes: bytes + [0x20]) }
        #expect(throws: error) { try Self.read { $0.reverse() } }
        #expect(throws: error) {
            try Self.read { members in
                try Self.replace(&members, "target", ["minimumMacOS": "13.0", "architectures": ["x86_64", "arm64"]])
            }
        }
    }

    @Test("that is no JSON, or too long, is refused")
    func noRequest() throws {
        #expect(throws: InstallerError.badField(name: "the request", value: "a list", expected: "an object")) {
            try InstallerRequest(canonicalBytes: Array("[]".utf8))
        }
        #expect(
            throws: InstallerError.unreadableRequest(detail: "not valid JSON: a name in quotes was expected at byte 1")
        ) { try InstallerRequest(canonicalBytes: Array("{,}".utf8)) }
        #expect(
            throws: InstallerError.unreadableRequest(detail: "it has 65537 bytes, at most 65536 are read")
        ) { try InstallerRequest(canonicalBytes: [UInt8](repeating: 0x20, count: 65_537)) }
    }

    @Test("cut anywhere is refused")
    func truncated() throws {
        let bytes = try Sample.request(nodeName: "n", labels: ["a": "b"]).canonicalBytes
        for count in bytes.indices {
            #expect(throws: InstallerError.self) { try InstallerRequest(canonicalBytes: Array(bytes[..<count])) }
        }
    }

    @Test("at its largest stays within what is read back")
    func largest() throws {
        let labels = (0..<32).map {
            ("k\($0)" + String(repeating: "x", count: 60), String(repeating: "\"", count: 256))
        }
        let request = try Sample.request(
            packageName: String(repeating: "\u{FC}", count: 125) + ".pkg",
            daemon: ["/" + String(repeating: "\\", count: 1000), String(repeating: "\"", count: 7191)],
            payloadPath: "/" + String(repeating: "\"", count: 1023),
            labels: Dictionary(uniqueKeysWithValues: labels))
        #expect(try InstallerRequest(canonicalBytes: request.canonicalBytes) == request)
    }

    @Test("whose content date is not the start of a day is refused")
    func contentDate() throws {
        let request = try Sample.request()
        #expect(
            throws: InstallerError.badField(
                name: "contentDate", value: "1970-01-01T00:00:00.001Z",
                expected: "the start of a day from 1970 to 2099")
        ) {
            try InstallerRequest(
                nodeName: nil, sealing: .plain, payload: request.payload, target: request.target,
                identifierPrefix: request.identifierPrefix, daemon: request.daemon, generation: 1, revision: 0,
                builder: "b", contentDate: Timestamp(milliseconds: 1), settings: request.settings)
        }
    }

    private static let memberNames = [
        "version", "nodeName", "packageName", "sealing", "payload", "target", "identifierPrefix", "daemon",
        "generation", "revision", "templateVersion", "builder", "contentDate", "settings", "labels",
    ]

    /// Reads a sample whose members were changed.
    private static func read(_ change: (inout [JSONValue.Member]) throws -> Void) throws -> InstallerRequest {
        var members = try #require(try JSONValue(parsing: Sample.request().canonicalBytes).members)
        try change(&members)
        return try InstallerRequest(canonicalBytes: JSONValue.object(members).bytes())
    }

    private static func replace(_ members: inout [JSONValue.Member], _ name: String, _ value: JSONValue) throws {
        let index = try #require(members.firstIndex { $0.name == name })
        members[index] = .init(name, value)
    }
}

private let sampleDigest = "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81"
