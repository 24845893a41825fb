import System
import Testing

@testable import Configuration

@Suite("A host") struct HostTests {
    @Test(
        "is a name or an address as it is written",
        arguments: [
            "localhost", "redis", "redis.example.com", "REDIS.Example.COM", "redis_1", "_redis", "my_stack_redis_1",
            "a-b",
            "xn--bcher-kva.example", "1a", "0x7f.example", "0xfg", "a0x1", "10.0.0.1", "255.255.255.255", "0.0.0.0",
            "::", "::1", "fe80::1",
            "2001:db8::1",
            "1:2:3:4:5:6:7:8", "1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::ffff:10.0.0.1", "1:2:3:4:5:6:10.0.0.1",
            "ABCD:ef01::", String(repeating: "a", count: 63), String(repeating: "a.", count: 126) + "a",
        ])
    func taken(_ host: String) throws {
        #expect(try configuration(file("cluster.redis_host", YAML.quoted(host))).cluster.redisHost == host)
        #expect(try configuration("", ["PKGMILL_SESSIONS_REDIS_HOST": host]).sessions.redisHost == host)
    }

    @Test(
        "is refused when it is neither, and shown",
        arguments: [
            "010.0.0.1", "10.0.0.256", "10.0.0", "10.0.0.1.1", "10.0.0.1000", "1", "127.1", "0x7f000001", "0X7F.1",
            "10.0.0.0x1", "0x", "10.0.0.", "redis:6379",
            "10.0.0.1:6379", "[::1]", "[::1]:6379", "::1%en0", ":", ":::", "::1::", "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7:8::", "12345::", "g::", "::10.0.0.256", "10.0.0.1::", "1::2:10.0.0.1:3", "-a", "a-", "a..b",
            ".a", "a.", "a b", " a", "a\n", "a/b", "b\u{FC}cher", "\u{212A}elvin", "${REDIS_HOST}", "_", "*",
            "redis, sentinel", String(repeating: "a", count: 64), String(repeating: "a.", count: 127) + "a",
        ])
    func refused(_ host: String) {
        #expect(
            answer("cluster.redis_host", YAML.quoted(host))
                == "2: cluster.redis_host: \"\(Printable.text(host, limit: 60))\" is neither a host name nor an IP "
                + "address; write a host name or an IP address, without a port")
    }

    @Test(
        "is refused as a URL without being shown, since that may hold a password",
        arguments: [
            "redis://localhost", "rediss://:pass@localhost:6379/0", "user:pass@localhost", "pass@localhost", "://",
        ])
    func url(_ url: String) {
        let mistakes = Reading(text: Array(file("cluster.redis_host", "\"\(url)\"").utf8)).mistakes()
        #expect(
            lines(mistakes) == [
                "2: cluster.redis_host: a URL stands there; "
                    + "write the host alone; port and password are settings of their own"
            ])
        #expect(mistakes.allSatisfy { $0.value == nil })
    }

    @Test("of this node is a name", arguments: ["lab-1", "Lab-1.example.com", "lab_1"])
    func nodeName(_ name: String) throws {
        #expect(try configuration(file("cluster.hostname", name)).cluster.hostname == name)
    }

    @Test(
        "of this node is refused when it is none", arguments: ["lab 1", "-lab", "lab/1", "l\u{E4}b", "::1", "${HOST}"])
    func noNodeName(_ name: String) {
        #expect(
            answer("cluster.hostname", "\"\(name)\"")
                == "2: cluster.hostname: \"\(name)\" is no host name; "
                + "write letters, digits, hyphens and dots, at most 63 between two dots")
    }

    @Test("of this node and its id are not set where an installer left its own words")
    func placeholders() throws {
        let read = try configuration("cluster:\n  hostname: \"${HOSTNAME}\"\n  node_id: \"${NODE_ID}\"\n")
        #expect(read.cluster.hostname == nil)
        #expect(read.cluster.nodeID == nil)
    }
}

@Suite("A node's id") struct NodeIdentifierTests {
    @Test("is 1 to 64 letters, digits and signs", arguments: ["a", "0", "A.b_c-d", String(repeating: "x", count: 64)])
    func taken(_ id: String) throws {
        #expect(try configuration(file("cluster.node_id", id)).cluster.nodeID == id)
    }

    @Test(
        "is refused when it is none",
        arguments: ["-a", ".a", "_a", "a b", "a/b", "\u{E9}", "a:b", "${NODE}", String(repeating: "x", count: 65)])
    func refused(_ id: String) {
        #expect(
            answer("cluster.node_id", "\"\(id)\"")
                == "2: cluster.node_id: \"\(Printable.text(id, limit: 60))\" is no id of a node; "
                + "write 1 to 64 letters, digits, dots, hyphens and underscores, a letter or digit first")
    }
}

@Suite("An identifier prefix") struct IdentifierPrefixTests {
    @Test("is a reversed domain", arguments: ["com.example", "org.Example-1.sub", "a.b", "com.1"])
    func taken(_ prefix: String) throws {
        #expect(try configuration(file("farm.identifier_prefix", prefix)).farm.identifierPrefix == prefix)
    }

    @Test(
        "is refused when it is none",
        arguments: [
            "com", "com.", ".com", "com..example", "com.ex_ample", "com.-a", "com.a-", "com.ex ample", "com.\u{E9}",
            "com/a",
            "a." + String(repeating: "b", count: 64), String(repeating: "a.", count: 64) + "a",
        ])
    func refused(_ prefix: String) {
        #expect(
            answer("farm.identifier_prefix", "\"\(prefix)\"")
                == "2: farm.identifier_prefix: \"\(Printable.text(prefix, limit: 60))\" is no reversed domain; "
                + "write a reversed domain such as com.example, of letters, digits and hyphens")
    }
}
