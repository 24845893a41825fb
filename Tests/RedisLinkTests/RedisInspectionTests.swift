import RedisLink
import System
import TestSupport
import Testing

@Suite(.enabled(if: !isRedisLeftOut)) struct RedisInspectionTests {
    @Test("a server's own account of itself is read, and another run of it is noticed")
    func inspects() async throws {
        let lines = ["appendonly yes", "appendfsync always", "maxmemory 100mb", "maxmemory-policy allkeys-lru"]
        try await withRedis(configuration: lines) { server in
            let link = RedisLink(server.address)
            let report = try await link.inspect()
            #expect(report.version > RedisVersion(6, 2))
            #expect(report.role == .primary)
            #expect(report.isAppendOnly)
            #expect(report.appendSync == "always")
            #expect(report.memoryLimit == 104_857_600)
            #expect(report.memoryUsed > 100_000)
            #expect(report.evictionPolicy == "allkeys-lru")
            #expect(report.replicaCount == 0)
            #expect(!report.isCluster)
            #expect(report.runID.count == 40)
            #expect(try await link.runID() == report.runID)
            server.kill()
            try await server.start()
            let next = try await link.inspect()
            #expect(next.runID != report.runID)
            #expect(try await link.runID() == next.runID)
        }
    }

    @Test("what the user may not know is left out")
    func forbidden() async throws {
        try await withRedis(configuration: ["user default on nopass ~* +@all -config"]) { server in
            let report = try await RedisLink(server.address).inspect()
            #expect(report.appendSync == nil)
            #expect(!report.isAppendOnly)
            #expect(report.evictionPolicy == "noeviction")
        }
    }

    @Test("versions are compared by number and written as they are read")
    func versions() throws {
        let texts = ["6.0.16", "6.2", "7.0.9", "7.0.15", "7.2.4-rc1", "10.0.0", "255.255.255"]
        let versions = try texts.map { try #require(RedisVersion($0)) }
        #expect(versions == versions.sorted())
        #expect(
            versions.map(\.description) == ["6.0.16", "6.2.0", "7.0.9", "7.0.15", "7.2.4", "10.0.0", "255.255.255"])
        for text in ["", "seven", "7.", "7..1", ".7"] { #expect(RedisVersion(text) == nil, "\(text)") }
    }
}
