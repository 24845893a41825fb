import Testing

@testable import NodeInstaller

@Suite struct PayloadDaemonTests {
    @Test("a daemon whose program the payload holds raises no concern, be it a file or a link")
    func fits() async throws {
        try await withPayload { payload in
            try payload.file("bin/server", "program", mode: 0o755)
            try payload.link("bin/run", to: "server")
            let scanned = try payload.scan()
            for name in ["server", "run"] {
                #expect(scanned.concern(about: try DaemonCommand(["/usr/local/pkgmill/bin/\(name)", "x"])) == nil)
            }
        }
    }

    @Test("a program outside the payload's place is the Mac's own affair")
    func elsewhere() async throws {
        try await withPayload { payload in
            try payload.file("bin/server", "program", mode: 0o755)
            #expect(try payload.scan().concern(about: DaemonCommand(["/usr/bin/true"])) == nil)
        }
    }

    @Test(
        "a program that is missing, a folder or not executable is named, and what is wrong with it",
        arguments: [
            ("bin/sever", "is not in the payload"), ("bin", "is a folder"), ("data", "may not be executed"),
            ("", "is a folder"), ("bin/serve\u{301}r", "is not in the payload"),
        ])
    func concerns(_ program: String, _ words: String) async throws {
        try await withPayload { payload in
            try payload.file("bin/server", "program", mode: 0o755)
            try payload.file("data", "x")
            let daemon = try DaemonCommand(["/usr/local/pkgmill/" + program])
            let concern = try #require(try payload.scan().concern(about: daemon))
            #expect(concern.contains(words))
            #expect(concern.contains("farm.daemon"))
        }
    }
}
