import Foundation
import TestSupport
import Testing

@testable import NodeInstaller

/// The scripts with the target volume `/`, in a root of their own made by bubblewrap.
@Suite("On the Mac's own volume") struct StartingAndStoppingTests {
    private static let stopped = [
        "launchctl bootout system/com.pkgmill.server", "launchctl enable system/com.pkgmill.server",
    ]
    private static let bootstrap =
        "launchctl bootstrap system /Library/LaunchDaemons/com.pkgmill.server.plist"
    private static let kickstart = "launchctl kickstart system/com.pkgmill.server"

    @Test("postinstall puts the configuration in place and starts the server", arguments: Toolbox.all)
    func start(_ toolbox: Toolbox) async throws {
        try await withMac(toolbox) { mac in
            let result = try mac.install(Sample.request(), on: .startVolume)
            #expect(result.status == 0, "\(result.errorText)")
            #expect(mac.names == ["config.yaml", "config.yaml.shipped"])
            #expect(mac.calls(of: "launchctl") == Self.stopped + [Self.bootstrap, Self.kickstart])
            #expect(mac.calls(of: "sleep") == [])
        }
    }

    @Test("postinstall tries again while launchd still ends the old job", arguments: [1, 7, 30])
    func retries(_ failures: Int) async throws {
        for toolbox in Toolbox.all {
            try await withMac(toolbox) { mac in
                try mac.setLaunchctl(failing: failures, loaded: 0)
                let result = try mac.install(Sample.request(), on: .startVolume)
                #expect(result.status == 0)
                let tries = Array(repeating: Self.bootstrap, count: failures + 1)
                #expect(mac.calls(of: "launchctl") == Self.stopped + tries + [Self.kickstart])
                #expect(mac.calls(of: "sleep") == Array(repeating: "sleep 1", count: failures))
            }
        }
    }

    @Test(
        "postinstall gives up after 30 tries more, with launchd's reason and the command to run", arguments: Toolbox.all
    )
    func neverStarts(_ toolbox: Toolbox) async throws {
        try await withMac(toolbox) { mac in
            try mac.setLaunchctl(failing: 1000, loaded: 0)
            let result = try mac.install(Sample.request(), on: .startVolume)
            #expect(result.status == 1)
            #expect(
                result.errorText == """
                    pkgmill: the server did not start: Bootstrap failed: 5: Input/output error
                    pkgmill: the configuration is in place; start it with: sudo launchctl bootstrap system \
                    /Library/LaunchDaemons/com.pkgmill.server.plist

                    """)
            #expect(mac.calls(of: "sleep").count == 30)
            #expect(mac.calls(of: "launchctl").count == 33)
            #expect(mac.names == ["config.yaml", "config.yaml.shipped"])
        }
    }

    @Test("postinstall run again starts the server again and keeps the configuration")
    func twice() async throws {
        try await withMac { mac in
            _ = try mac.install(Sample.request(), on: .startVolume)
            let files = mac.names.map { mac.text($0) }
            mac.forgetCalls()
            let result = try mac.runScript(postinstallScript, on: .startVolume)
            #expect(result.status == 0)
            #expect(mac.names.map { mac.text($0) } == files)
            #expect(mac.calls(of: "launchctl") == Self.stopped + [Self.bootstrap, Self.kickstart])
        }
    }

    @Test("preinstall stops a running server and waits until it has ended", arguments: Toolbox.shells)
    func stop(_ shell: [String]) async throws {
        try await withMac(Toolbox(shell: shell, awk: "mawk")) { mac in
            try mac.setLaunchctl(failing: 0, loaded: 3)
            let result = try mac.runScript(preinstallScript, on: .startVolume)
            #expect(result.status == 0)
            #expect(result.text == "pkgmill: com.pkgmill.server is stopped\n")
            let print = "launchctl print system/com.pkgmill.server"
            #expect(
                mac.calls(of: "launchctl")
                    == [print, "launchctl bootout system/com.pkgmill.server", print, print, print])
            #expect(mac.calls(of: "sleep") == ["sleep 1", "sleep 1"])
        }
    }

    @Test("preinstall leaves alone what does not run", arguments: Toolbox.shells)
    func nothingToStop(_ shell: [String]) async throws {
        try await withMac(Toolbox(shell: shell, awk: "mawk")) { mac in
            let result = try mac.runScript(preinstallScript, on: .startVolume)
            #expect(result.status == 0)
            #expect(mac.calls() == ["launchctl print system/com.pkgmill.server"])
        }
    }

    @Test("preinstall fails when the server does not end within a minute, and says how to end it")
    func doesNotStop() async throws {
        try await withMac { mac in
            try mac.setLaunchctl(failing: 0, loaded: 1000)
            let result = try mac.runScript(preinstallScript, on: .startVolume)
            #expect(result.status == 1)
            #expect(
                result.errorText == "pkgmill: com.pkgmill.server still runs after 60 seconds; "
                    + "stop it with: sudo launchctl bootout system/com.pkgmill.server\n")
            #expect(mac.calls(of: "sleep").count == 60)
        }
    }

    @Test("preinstall does nothing on another volume")
    func otherVolume() async throws {
        try await withMac { mac in
            try mac.setLaunchctl(failing: 0, loaded: 1000)
            #expect(try mac.runScript(preinstallScript).status == 0)
            #expect(mac.calls() == [])
        }
    }

    @Test(
        "uninstall.sh stops the server, removes what was installed and keeps the configuration",
        arguments: Toolbox.shells)
    func uninstall(_ shell: [String]) async throws {
        try await withMac(Toolbox(shell: shell, awk: "mawk")) { mac in
            try Self.install(on: mac, prefix: "com.example.farm")
            try mac.setLaunchctl(failing: 0, loaded: 2)
            let result = try mac.runShell(Self.uninstaller, [], asRoot: true)
            #expect(result.status == 0, "\(result.errorText)")
            #expect(
                result.text == """
                    pkgmill: stopped com.pkgmill.server
                    pkgmill: removed /Library/LaunchDaemons/com.pkgmill.server.plist
                    pkgmill: removed /usr/local/pkgmill
                    pkgmill: forgot the receipt com.example.farm.server
                    pkgmill: forgot the receipt com.example.farm.node
                    pkgmill: kept /Library/Application Support/Pkgmill and /var/log/fleet-server.log; --purge removes them

                    """)
            #expect(
                mac.calls(of: "pkgutil")
                    == ["pkgutil --forget com.example.farm.server", "pkgutil --forget com.example.farm.node"])
            #expect(mac.names == ["config.yaml", "config.yaml.shipped"])
            #expect(
                filesBelow(mac.volume) == [
                    "Library/", "Library/Application Support/", "Library/Application Support/Pkgmill/",
                    "Library/Application Support/Pkgmill/config.yaml",
                    "Library/Application Support/Pkgmill/config.yaml.shipped", "Library/LaunchDaemons/", "usr/",
                    "usr/local/", "var/", "var/log/", "var/log/fleet-server.log",
                ])
        }
    }

    @Test("uninstall.sh --purge leaves nothing")
    func purge() async throws {
        try await withMac { mac in
            try Self.install(on: mac)
            let result = try mac.runShell(Self.uninstaller, ["--purge"], asRoot: true)
            #expect(result.status == 0, "\(result.errorText)")
            #expect(
                filesBelow(mac.volume) == [
                    "Library/", "Library/Application Support/", "Library/LaunchDaemons/", "usr/", "usr/local/", "var/",
                    "var/log/",
                ])
        }
    }

    @Test("uninstall.sh refuses unknown options, and everyone but root")
    func refusals() async throws {
        try await withMac { mac in
            try Self.install(on: mac)
            let before = filesBelow(mac.volume)
            mac.forgetCalls()
            let option = try mac.runShell(uninstallScript, ["--all"], asRoot: true)
            #expect(option.status == 1)
            #expect(option.errorText == "pkgmill: usage: uninstall.sh [--purge]\n")
            try mac.standIn("id", "echo 501")
            let user = try mac.runShell(uninstallScript, ["--purge"], asRoot: true)
            #expect(user.status == 1)
            #expect(user.errorText == "pkgmill: only root can do this: run it with sudo\n")
            #expect(filesBelow(mac.volume) == before)
            #expect(mac.calls() == ["id -u"])
        }
    }

    /// Runs the file that the package installed, which removes itself.
    private static let uninstaller =
        "exec sh /usr/local/pkgmill/share/pkgmill-node/uninstall.sh \"$@\"\n"

    private static func install(on mac: SimulatedMac, prefix: String = "com.pkgmill") throws {
        let result = try mac.install(Sample.request(identifierPrefix: prefix), on: .startVolume)
        try #require(result.status == 0, "\(result.errorText)")
        try writeFile(mac.volume + "/var/log/fleet-server.log", Array("a line\n".utf8))
        try writeFile(mac.volume + "/usr/local/pkgmill/bin/pkgmill", [1, 2, 3])
    }
}
