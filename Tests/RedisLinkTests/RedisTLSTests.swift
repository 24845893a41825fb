import Foundation
import RedisLink
import System
import TestSupport
import Testing

/// TLS to a real server with certificates of the test's own.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisTLSTests {
    /// Runs `body` with a server whose certificate is for `names`.
    private func withServer(
        _ names: String, days: Int = 2, wantsClient: Bool = false,
        _ body: (RedisServer, CertificateFixture, RedisSettings) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { folder in
            let certificates = try CertificateFixture(in: folder)
            try certificates.issue("server", names: names, days: days)
            let port = try RedisServer.freePort()
            let server = try await RedisServer.start(
                in: folder, configuration: certificates.serverLines("server", port: port, wantsClient: wantsClient))
            defer { server.kill() }
            var settings = RedisSettings(address: .tcp(host: "localhost", port: port))
            settings.timeout = .seconds(30)
            settings.tls = RedisTLS()
            settings.tls?.authorityFile = certificates.authority
            try await body(server, certificates, settings)
        }
    }

    /// Expects that nobody gets in, for a reason in which `words` are.
    private func expect(
        _ words: String, _ settings: RedisSettings, at place: SourceLocation = #_sourceLocation
    ) async throws {
        var settings = settings
        settings.timeout = .milliseconds(800)
        let link = RedisLink(settings)
        var failed: RedisError?
        let isSaid = try await eventually(within: .seconds(20)) {
            failed = await failure { try await link.askOnce("PING") }
            return failed?.isUnreachable == true && failed?.description.contains(words) == true
        }
        #expect(isSaid, "\(String(describing: failed))", sourceLocation: place)
    }

    @Test("with a certificate for its name all goes well, with large values and many callers as well")
    func good() async throws {
        try await withServer("DNS:localhost") { server, _, settings in
            let link = RedisLink(settings)
            let value = String(repeating: "0123456789abcdef", count: 65_536)
            try await link.ask("SET", "large", value)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<32 {
                    group.addTask {
                        for round in 0..<50 {
                            try await link.expect(.text("\(task)/\(round)"), "ECHO", "\(task)/\(round)")
                        }
                    }
                    if task % 8 == 0 {
                        group.addTask {
                            try await link.ask("SET", "large:\(task)", value)
                            try await link.expect(.text(value), "GET", "large:\(task)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await link.expect(.text(value), "GET", "large")
            async let answer = link.wait(RedisCommand("BLPOP", "list", "20"), atMost: .seconds(20))
            try await link.ask("RPUSH", "list", "x")
            #expect(try await answer == .array([.text("list"), .text("x")]))
            server.kill()
            try await server.start()
            try await link.expect(.text("PONG"), "PING")
        }
    }

    @Test("a certificate for an address is good for that address, and the name to look for can be set")
    func addresses() async throws {
        try await withServer("IP:127.0.0.1,DNS:redis.example") { _, _, settings in
            guard case .tcp(_, let port) = settings.address else { return }
            var settings = settings
            settings.address = .tcp(host: "127.0.0.1", port: port)
            try await RedisLink(settings).expect(.text("PONG"), "PING")
            settings.tls?.serverName = "127.0.0.2"
            try await expect("is not for 127.0.0.2", settings)
            settings.tls?.serverName = "redis.example"
            try await RedisLink(settings).expect(.text("PONG"), "PING")
        }
    }

    @Test("another name, an unknown authority and an expired certificate are refused, and the error says which")
    func refused() async throws {
        try await withServer("DNS:other.example") { _, certificates, settings in
            try await expect("is not for localhost", settings)
            var stranger = settings
            stranger.tls?.authorityFile = certificates.otherAuthority
            try await expect("is signed by nobody in \(certificates.otherAuthority)", stranger)
            stranger.tls?.authorityFile = nil
            try await expect("is signed by nobody in the system's authorities", stranger)
            stranger.tls?.authorityFile = certificates.folder + "/nowhere.pem"
            try await expect("nowhere.pem cannot be read", stranger)
        }
        try await withServer("DNS:localhost", days: -1) { _, _, settings in try await expect("has expired", settings) }
    }

    @Test("a server that asks for a certificate gets it, and without it says so")
    func clientCertificate() async throws {
        try await withServer("DNS:localhost", wantsClient: true) { _, certificates, settings in
            try await expect("certificate of ours", settings)
            var known = settings
            known.tls?.certificateFile = certificates.folder + "/client.pem"
            known.tls?.keyFile = certificates.folder + "/client.key"
            try await RedisLink(known).expect(.text("PONG"), "PING")
            known.tls?.keyFile = certificates.folder + "/server.key"
            try await expect("server.key cannot be used with the certificate", known)
        }
    }

    @Test("a server without TLS is not mistaken for one with it, and the other way round")
    func mismatch() async throws {
        try await withServer("DNS:localhost") { _, _, settings in
            var plain = settings
            plain.tls = nil
            plain.timeout = .milliseconds(800)
            let link = RedisLink(plain)
            await expectFailure(.unreachable) { try await link.ask("PING") }
        }
        try await withRedis(hasPort: true) { server in
            var settings = RedisSettings(address: server.address)
            settings.tls = RedisTLS()
            try await expect("speak TLS", settings)
        }
    }
}
