import Foundation
import TestSupport
import Testing

@testable import NodeInstaller

@Suite("The launchd job") struct LaunchdJobTests {
    @Test("reads back as what launchd is to do, whatever stands in an argument", arguments: Self.arguments)
    func readBack(_ argument: String) async throws {
        let daemon = try DaemonCommand(["/usr/local/pkgmill/bin/a & <b>", argument, "--last"])
        let found = try await Self.read(LaunchdJob(daemon: daemon).document)
        #expect(
            found as NSDictionary == [
                "Label": "com.pkgmill.server",
                "ProgramArguments": ["/usr/local/pkgmill/bin/a & <b>", argument, "--last"], "RunAtLoad": true,
                "KeepAlive": true, "ThrottleInterval": 10, "ExitTimeOut": 40,
                "WorkingDirectory": "/Library/Application Support/Pkgmill",
                "StandardOutPath": "/var/log/fleet-server.log", "StandardErrorPath": "/var/log/fleet-server.log",
            ] as NSDictionary)
    }

    private static let arguments = [
        "", "serve", "a</string><string>b", "&lol;", "]]>", "<![CDATA[x]]>", "<!-- x -->", "<?x?>", "&#0;", "%x;",
        "$(touch PWNED)", "a \"b\" 'c'", " spaces ", "é🔑", "\u{202E}", "--config=/a b", "\\n",
    ]

    @Test(
        "is refused for what XML cannot carry, or what launchd would look up by itself",
        arguments: ["a\0b", "a\nb", "a\r", "a\tb", "\u{1B}", "\u{85}", "\u{2028}", "\u{FFFE}", "\u{FFFF}"])
    func refused(_ argument: String) {
        #expect(throws: InstallerError.badText("daemon", argument, expected: "words without control characters")) {
            try DaemonCommand(["/bin/x", argument])
        }
        #expect(throws: InstallerError.badText("daemon", "bin/x", expected: "a program's absolute path")) {
            try DaemonCommand(["bin/x", "a"])
        }
    }

    /// The property list as Python's reader sees it.
    private static func read(_ document: [UInt8]) async throws -> [String: Any] {
        let program = "import sys, json, plistlib; json.dump(plistlib.loads(sys.stdin.buffer.read()), sys.stdout)"
        let result = try run("/usr/bin/python3", ["-c", program], input: document)
        #expect(result.status == 0, "\(result.errorText)")
        let value = try JSONSerialization.jsonObject(with: Data(result.output))
        return try #require(value as? [String: Any])
    }
}
