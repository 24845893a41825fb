import Configuration
import Crypto
import FlatPackage
import Foundation
import TestSupport
import Testing

@testable import NodeInstaller

@Suite("postinstall, on a fresh Mac") struct PostinstallTests {
    @Test("puts the configuration in place with the Mac's name and a new id", arguments: Toolbox.all)
    func fresh(_ toolbox: Toolbox) async throws {
        try await withMac(toolbox) { mac in
            let result = try mac.install(Sample.request())
            #expect(result.status == 0)
            #expect(result.errorText.isEmpty)
            let brought = String(decoding: try Self.brought(Sample.request()), as: UTF8.self)
            #expect(
                mac.text("config.yaml")
                    == brought.replacingOccurrences(of: "\"${HOSTNAME}\"", with: "\"Studio-Mac\"")
                    .replacingOccurrences(of: "\"${NODE_ID}\"", with: "\"6f9619ff-8b86-d011-b42d-00c04fc964ff\""))
            #expect(mac.names == ["config.yaml", "config.yaml.shipped"])
            #expect(mac.text("config.yaml.shipped") == mac.text("config.yaml"))
        }
    }

    @Test("P38: leaves files 0600 in a folder 0700 that root owns, whatever was there before", arguments: Toolbox.all)
    func modes(_ toolbox: Toolbox) async throws {
        try await withMac(toolbox) { mac in
            try mac.installed(Sample.request())
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: mac.folder)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: mac.configuration)
            try mac.write(".config.yaml.merged", "left by a run that was killed")
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o666], ofItemAtPath: mac.folder + "/.config.yaml.merged")
            try mac.installed(Sample.request(generation: 2), Sample.secrets("2"))
            #expect(try mac.mode(mac.folder) == 0o700)
            #expect(mac.names == ["config.yaml", "config.yaml.previous", "config.yaml.shipped"])
            for name in mac.names { #expect(try mac.mode(mac.folder + "/" + name) == 0o600, "\(name)") }
            #expect(mac.calls(of: "chown").allSatisfy { $0.hasPrefix("chown 0:0 \(mac.folder)") })
            #expect(mac.calls(of: "chown").count == 7)
        }
    }

    @Test("P36: every value arrives unchanged, for each awkward value in every secret", arguments: Toolbox.all)
    func unchanged(_ toolbox: Toolbox) async throws {
        // With --long every value under every toolbox; otherwise each value under one of them.
        let index = try #require(Toolbox.all.firstIndex { $0.testDescription == toolbox.testDescription })
        let values = Awkward.secrets.enumerated()
            .filter { rounds(reduced: 1, full: 2) == 2 || $0.offset % Toolbox.all.count == index }.map(\.element)
        try await withMac(toolbox) { mac in
            for (number, value) in values.enumerated() {
                try? FileManager.default.removeItem(atPath: mac.folder)  // the first time it is not there
                try mac.installed(Sample.request(), Sample.secrets(all: value))
                let bytes = try contentOfFile(mac.configuration)
                try writeFile("\(mac.scratch)/results/\(number).yaml", bytes)
                let read = try FarmConfiguration(parsing: ConfigurationFile(bytes: bytes), path: "/config.yaml")
                for name in Sample.secretNames { #expect(read.secrets[name] == SecretBytes(value), "\(name) \(value)") }
                #expect(read.cluster.hostname == "Studio-Mac")
                #expect(read.cluster.nodeID == "6f9619ff-8b86-d011-b42d-00c04fc964ff")
            }
            let documents = try Self.readByPython(mac.scratch + "/results", count: values.count)
            for (value, document) in zip(values, documents) {
                for name in Sample.secretNames {
                    let found = Self.value(at: name, in: document) as? String
                    #expect(found.map { Array($0.utf8) } == Array(value.utf8), "\(name) \(value)")
                }
                #expect(Self.value(at: "cluster.hostname", in: document) as? String == "Studio-Mac")
                #expect(Self.value(at: "server.port", in: document) as? Int == 8768)
                #expect(Self.value(at: "cluster.enabled", in: document) as? Bool == true)
            }
        }
    }

    @Test(
        "P37: node names that YAML would take for something else arrive as texts",
        arguments: ["yes", "0123", "1.2.3.4"])
    func yamlWords(_ name: String) async throws {
        try await withMac { mac in
            try mac.installed(Sample.request(nodeName: name))
            try writeFile("\(mac.scratch)/results/0.yaml", contentOfFile(mac.configuration))
            let document = try Self.readByPython(mac.scratch + "/results", count: 1)[0]
            #expect(Self.value(at: "cluster.hostname", in: document) as? String == name)
        }
    }

    @Test(
        "makes a host name of whatever the Mac is called",
        arguments: [
            ("Studio-Mac", "Studio-Mac"), ("My Mac", "My-Mac"), ("John\u{2019}s Mac", "John-s-Mac"),
            ("a\n  node_id: \"x\"", "a--node-id-x"), ("$(touch PWNED)", "touch-PWNED"), ("`id`", "id"),
            ("\"; touch PWNED; \"", "touch-PWNED"), ("a\\1b&c|d#e", "a-1b-c-d-e"), ("-rf", "rf"), ("--help", "help"),
            ("${NODE_ID}", "NODE-ID"), ("%s%n\\n", "s-n-n"), ("../../x", "x"), ("a..b.-.c", "a.b.c"), ("a.", "a"),
            ("..", "fallback.example.com"), ("", "fallback.example.com"), ("ノード", "fallback.example.com"),
            ("\u{202E}\u{1B}[31m", "31m"), ("a\0b", nil), (String(repeating: "a", count: 100_000), nil),
            (String(repeating: "a", count: 62) + "-b", String(repeating: "a", count: 62)),
        ] as [(String, String?)])
    func hostName(_ given: String, _ expected: String?) async throws {
        for toolbox in Toolbox.all {
            try await withMac(toolbox) { mac in
                try mac.set(hostName: given)
                try mac.installed(Sample.request())
                let read = try FarmConfiguration(
                    parsing: ConfigurationFile(bytes: contentOfFile(mac.configuration)), path: "/config.yaml")
                let name = try #require(read.cluster.hostname)
                if let expected { #expect(name == expected) }
                #expect(throws: Never.self) { try NodeName(name) }
                #expect(filesBelow(mac.scratch).allSatisfy { !$0.contains("PWNED") })
            }
        }
    }

    @Test("takes the computer's name, the system's, and at last \"node\", when there is no other")
    func hostNameFallbacks() async throws {
        try await withMac { mac in
            try mac.set(hostName: nil, computerName: "Edit Suite 4")
            try mac.installed(Sample.request())
            #expect(mac.text("config.yaml")?.contains("\n  hostname: \"Edit-Suite-4\"\n") == true)
        }
        try await withMac { mac in
            try mac.set(hostName: nil)
            try mac.standIn("hostname", "exit 1")
            try mac.installed(Sample.request())
            #expect(mac.text("config.yaml")?.contains("\n  hostname: \"node\"\n") == true)
        }
    }

    @Test("fills in whole lines of the section cluster only", arguments: Toolbox.all)
    func placeholders(_ toolbox: Toolbox) async throws {
        try await withMac(toolbox) { mac in
            let before = """
                hostname: "${HOSTNAME}"
                server:
                  hostname: "${HOSTNAME}"
                  node_id: "${NODE_ID}"
                cluster:
                  node_id: "${NODE_ID}"
                  hostname: "${HOSTNAME}"
                  a: "${HOSTNAME}"
                  node_id_: "${NODE_ID}"
                  b:
                    hostname: "${HOSTNAME}"

                """
            try mac.unpack(NodeInstaller(Sample.request()).nodeComponent(secrets: Sample.secrets()))
            try mac.write("config.yaml.new", before)
            #expect(try mac.runScript(postinstallScript).status == 0)
            #expect(
                mac.text("config.yaml")
                    == before.replacingOccurrences(
                        of: "cluster:\n  node_id: \"${NODE_ID}\"\n  hostname: \"${HOSTNAME}\"",
                        with:
                            "cluster:\n  node_id: \"6f9619ff-8b86-d011-b42d-00c04fc964ff\"\n  hostname: \"Studio-Mac\"")
            )
        }
    }

    @Test("keeps the name that the package gives the node")
    func givenName() async throws {
        try await withMac { mac in
            try mac.installed(Sample.request(nodeName: "studio-3"))
            #expect(mac.text("config.yaml")?.contains("\n  hostname: \"studio-3\"\n") == true)
        }
    }

    @Test(
        "gives up when uuidgen gives no UUID, and leaves no secret behind",
        arguments: [
            "", "not a uuid", "6F9619FF8B86D011B42D00C04FC964FF", "------------------------------------",
            "6F9619FF-8B86-D011-B42D-00C04FC964F", "6F9619FF-8B86-D011-B42D-00C04FC964FG",
            "6F9619FF-8B86-D011-B42D-00C04FC964FF\n  x: y", "6F9619FF-8B86-D011-B42D-00C04FC964-F",
        ])
    func noUUID(_ answer: String) async throws {
        for toolbox in Toolbox.all {
            try await withMac(toolbox) { mac in
                try mac.set(nodeID: answer)
                let result = try mac.install(Sample.request())
                #expect(result.status == 1)
                #expect(result.errorText == "pkgmill: uuidgen gave no UUID\n")
                #expect(mac.names == [])
            }
        }
    }

    @Test("says so when the package brought no configuration")
    func nothingBrought() async throws {
        try await withMac { mac in
            try mac.installed(Sample.request())
            try FileManager.default.removeItem(atPath: mac.configuration)
            let result = try mac.runScript(postinstallScript)
            #expect(result.status == 1)
            #expect(result.errorText.contains("the package brought no configuration"))
        }
    }

    @Test("refuses a link in the place of the folder or of the configuration")
    func links() async throws {
        try await withMac { mac in
            try mac.unpack(NodeInstaller(Sample.request()).nodeComponent(secrets: Sample.secrets()))
            try FileManager.default.createSymbolicLink(atPath: mac.configuration, withDestinationPath: "/etc/passwd")
            let result = try mac.runScript(postinstallScript)
            #expect(result.status == 1)
            #expect(result.errorText.contains("config.yaml is not a regular file"))
            #expect(mac.names == ["config.yaml"])

            try FileManager.default.moveItem(atPath: mac.folder, toPath: mac.scratch + "/elsewhere")
            try FileManager.default.createSymbolicLink(
                atPath: mac.folder, withDestinationPath: mac.scratch + "/elsewhere")
            let second = try mac.runScript(postinstallScript)
            #expect(second.status == 1)
            #expect(second.errorText.contains("is not a folder"))
        }
    }

    @Test("refuses to run without a target volume, or with one that is not named from the root")
    func arguments() async throws {
        try await withMac { mac in
            try mac.unpack(NodeInstaller(Sample.request()).nodeComponent(secrets: Sample.secrets()))
            let result = try mac.runShell(postinstallScript, ["a", "b"], asRoot: false)
            #expect(result.status == 1)
            #expect(result.errorText == "pkgmill: usage: postinstall PACKAGE DESTINATION VOLUME\n")
            let relative = try mac.runShell(postinstallScript, ["a", "b", "My Disk"], asRoot: false)
            #expect(relative.status == 1)
            #expect(relative.errorText == "pkgmill: the target volume must be an absolute path, not 'My Disk'\n")
            #expect(mac.names == ["config.yaml.new"])
        }
    }

    @Test("starts nothing from another volume, whether or not its path ends in a slash", arguments: ["", "/", "//"])
    func otherVolume(_ end: String) async throws {
        try await withMac { mac in
            try mac.unpack(NodeInstaller(Sample.request()).nodeComponent(secrets: Sample.secrets()))
            let result = try mac.runScript(postinstallScript, volume: mac.volume + end)
            #expect(result.status == 0)
            #expect(mac.names == ["config.yaml", "config.yaml.shipped"])
            #expect(mac.calls(of: "launchctl") == [])
            #expect(mac.calls(of: "sleep") == [])
        }
    }

    @Test("P35: no tool ever sees a secret in its arguments or its environment", arguments: Toolbox.all)
    func noSecretInProcesses(_ toolbox: Toolbox) async throws {
        try await withMac(toolbox) { mac in
            try mac.watchTools()
            try mac.installed(Sample.request(), Sample.secrets(all: "CANARY-1"))
            try mac.edit("  port: 8768", "  port: 9000")
            let result = try mac.install(Sample.request(generation: 2), Sample.secrets(all: "CANARY-2"))
            #expect(result.status == 0)
            #expect(mac.text("config.yaml")?.contains("CANARY-2") == true)
            #expect(mac.calls(of: "awk").count == 6)
            #expect(mac.environments.contains("NODE_ID"))
            #expect(!mac.calls().joined().contains("CANARY"))
            #expect(!mac.environments.contains("CANARY"))
            #expect(!(result.text + result.errorText).contains("CANARY"))
        }
    }

    @Test("is the same text for every request, and a text that both shells can read", arguments: Toolbox.shells)
    func constantText(_ shell: [String]) async throws {
        for request in try [Sample.request(), Sample.request(nodeName: "x", generation: 9, farm: Sample.fileFarm)] {
            let scripts = try NodeInstaller(request).nodeComponent(secrets: Sample.secrets()).scripts
            #expect(scripts.map(\.name) == ["postinstall"])
            #expect(try scripts[0].bytes() == Array(postinstallScript.utf8))
        }
        for script in [preinstallScript, postinstallScript, uninstallScript] {
            let result = try run(shell[0], shell.dropFirst() + ["-n"], input: Array(script.utf8))
            #expect(result.status == 0, "\(result.errorText)")
            #expect(script.utf8.allSatisfy { $0 == 0x0A || (0x20...0x7E).contains($0) })
            #expect(script.hasPrefix("#!/bin/sh\n"))
        }
    }

    private static func brought(_ request: InstallerRequest) throws -> [UInt8] {
        let component = try NodeInstaller(request).nodeComponent(secrets: Sample.secrets())
        let entry = component.entry("Library/Application Support/Pkgmill/config.yaml.new")
        return try #require(try entry?.bytes())
    }

    /// The documents `0.yaml`, `1.yaml`, … as PyYAML reads them.
    private static func readByPython(_ folder: String, count: Int) throws -> [Any] {
        let program = """
            import json, sys, yaml
            folder, count = sys.argv[1], int(sys.argv[2])
            json.dump([yaml.safe_load(open(f"{folder}/{n}.yaml", "rb")) for n in range(count)], sys.stdout)
            """
        let result = try run("/usr/bin/python3", ["-c", program, folder, String(count)])
        try #require(result.status == 0, "\(result.errorText)")
        let documents = try JSONSerialization.jsonObject(with: Data(result.output)) as? [Any]
        return try #require(documents)
    }

    /// What stands at a dotted name.
    private static func value(at name: String, in document: Any) -> Any? {
        name.split(separator: ".").reduce(document as Any?) { found, key in (found as? [String: Any])?[String(key)] }
    }
}
