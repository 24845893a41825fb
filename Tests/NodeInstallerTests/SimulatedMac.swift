import Crypto
import FlatPackage
import Foundation
import TestSupport
import Testing

@testable import NodeInstaller

/// A shell and an awk that a macOS may have, or that read the standard as strictly as one.
struct Toolbox: Sendable, CustomTestStringConvertible {
    /// The shell and its options.
    let shell: [String]
    /// The program behind the name `awk`.
    let awk: String

    var testDescription: String { "\(shell.joined(separator: " ")) with \(awk)" }

    static let shells = [["dash"], ["bash", "--posix"]]
    static let all = shells.flatMap { shell in
        ["original-awk", "mawk", "busybox"].map { Toolbox(shell: shell, awk: $0) }
    }
    /// One of each, for what does not depend on them.
    static let usual = Toolbox(shell: ["dash"], awk: "original-awk")
}

/// A folder that stands for a Mac: packages are unpacked into it as Installer would, and their scripts run with a PATH
/// that holds exactly the tools a script may use. `launchctl`, `scutil`, `uuidgen`, `hostname`, `chown`, `pkgutil`, `id` and
/// `sleep` are stand-ins that note what they were called with.
struct SimulatedMac {
    /// The temporary folder around everything.
    let scratch: String
    /// The volume that packages are installed on; its path has spaces.
    var volume: String { scratch + "/My Disk" }
    var folder: String { volume + "/Library/Application Support/Pkgmill" }
    var configuration: String { folder + "/config.yaml" }
    private let toolbox: Toolbox
    private var tools: String { scratch + "/tools" }
    private var state: String { scratch + "/state" }

    /// Whether a script sees the folder as a mounted volume, or as the Mac's own root.
    enum Installation { case otherVolume, startVolume }

    init(_ scratch: String, _ toolbox: Toolbox = .usual) throws {
        self.scratch = scratch
        self.toolbox = toolbox
        for folder in ["", "/Library", "/usr/local", "/var/log"] {
            try FileManager.default.createDirectory(atPath: volume + folder, withIntermediateDirectories: true)
        }
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
        for name in ["sh", "cat", "mv", "mkdir", "chmod", "rm", "tr"] { try link(name, to: name) }
        try link("awk", to: toolbox.awk)
        for name in ["chown", "sleep"] { try standIn(name, "") }
        try standIn("id", "echo 0")
        try standIn("pkgutil", "")
        try standIn("hostname", "echo fallback.example.com")
        try set(nodeID: "6F9619FF-8B86-D011-B42D-00C04FC964FF")
        try set(hostName: "Studio-Mac")
        try setLaunchctl(failing: 0, loaded: 0)
    }

    // MARK: What the stand-ins answer

    func set(nodeID: String) throws { try standIn("uuidgen", "echo '\(nodeID)'") }

    /// What `scutil --get` answers for each kind of name; nil fails, as it does when a name is not set.
    func set(hostName: String?, computerName: String? = nil) throws {
        for (kind, name) in [("LocalHostName", hostName), ("ComputerName", computerName)] {
            try? FileManager.default.removeItem(atPath: "\(state)/\(kind)")  // it need not be there
            if let name { try writeFile("\(state)/\(kind)", Array(name.utf8)) }
        }
        try standIn("scutil", "[ -f \"\(state)/$2\" ] || exit 1\ncat \"\(state)/$2\"")
    }

    /// `failing`: how many calls of bootstrap fail; `loaded`: for how many calls of print the job is still there.
    func setLaunchctl(failing: Int, loaded: Int) throws {
        try writeFile(state + "/failing", Array("\(failing)\n".utf8))
        try writeFile(state + "/loaded", Array("\(loaded)\n".utf8))
        try standIn(
            "launchctl",
            """
            case $1 in
            bootstrap)
                read -r left < "\(state)/failing"
                if [ "$left" -gt 0 ]; then
                    echo $((left - 1)) > "\(state)/failing"
                    echo 'Bootstrap failed: 5: Input/output error' >&2
                    exit 5
                fi ;;
            print)
                read -r left < "\(state)/loaded"
                [ "$left" -gt 0 ] || exit 113
                echo $((left - 1)) > "\(state)/loaded" ;;
            esac
            """)
    }

    /// Replaces a tool by a script.
    func standIn(_ name: String, _ body: String) throws {
        let text = "#!/bin/sh\nprintf '%s\\n' \"\(name) $*\" >> \"\(state)/calls\"\n\(body)\n"
        try? FileManager.default.removeItem(atPath: "\(tools)/\(name)")  // the first time it is not there
        try writeProgram("\(tools)/\(name)", text)
    }

    /// Puts a script in front of every real tool that notes its arguments and its environment.
    func watchTools() throws {
        for name in ["cat", "mv", "chmod", "rm", "tr", "awk"] {
            let real = name == "awk" ? try findProgram(toolbox.awk) : try findProgram(name)
            let applet = name == "awk" && toolbox.awk == "busybox" ? "awk" : ""
            try standIn(name, "export -p >> \"\(state)/environments\"\nexec \(real) \(applet) \"$@\"")
        }
    }

    private func link(_ name: String, to program: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: "\(tools)/\(name)", withDestinationPath: try findProgram(program))
    }

    // MARK: What happened

    /// The calls of stand-ins, one a line, of `program` when given.
    func calls(of program: String? = nil) -> [String] {
        let text = (try? contentOfFile(state + "/calls")) ?? []  // nothing was called yet
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { call in program.map { call.hasPrefix($0 + " ") } ?? true }
    }

    var environments: String { String(decoding: (try? contentOfFile(state + "/environments")) ?? [], as: UTF8.self) }

    func forgetCalls() { try? FileManager.default.removeItem(atPath: state + "/calls") }  // there may be none

    /// The text of a file of the configuration's folder; nil when it is not there.
    func text(_ name: String) -> String? {
        (try? contentOfFile(folder + "/" + name)).map { String(decoding: $0, as: UTF8.self) }
    }

    func write(_ name: String, _ text: String) throws {
        try writeFile(folder + "/" + name, Array(text.utf8), mode: 0o600)
    }

    /// Changes config.yaml as a person would in an editor.
    func edit(_ old: String, _ new: String) throws {
        let before = try #require(text("config.yaml"))
        try #require(before.contains(old), "\(old) is not in \(before)")
        try write("config.yaml", before.replacingOccurrences(of: old, with: new))
    }

    /// The names in the configuration's folder.
    var names: [String] { filesBelow(folder) }

    func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    // MARK: Installing

    /// Lays down what a component brings, as Installer does: folders that are there stay, files are replaced.
    func unpack(_ component: ComponentDescription) throws {
        for entry in component.entries {
            let path =
                component.installLocation == "/"
                ? "\(volume)/\(entry.name)" : "\(volume)\(component.installLocation)/\(entry.name)"
            switch entry.content {
            case .directory:
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            case .file: try writeFile(path, try #require(try entry.bytes()))
            case .symbolicLink(let target):
                try FileManager.default.createSymbolicLink(
                    atPath: path, withDestinationPath: String(decoding: target, as: UTF8.self))
                continue
            }
            try FileManager.default.setAttributes([.posixPermissions: Int(entry.mode)], ofItemAtPath: path)
        }
    }

    /// Unpacks `node.pkg` and runs its script.
    @discardableResult
    func install(
        _ request: InstallerRequest, _ secrets: [String: SecretBytes] = Sample.secrets(),
        on installation: Installation = .otherVolume
    ) throws -> CommandResult {
        try unpack(try NodeInstaller(request).nodeComponent(secrets: secrets))
        return try runScript(postinstallScript, on: installation)
    }

    /// As `install`, and the script must have come to a good end.
    func installed(_ request: InstallerRequest, _ secrets: [String: SecretBytes] = Sample.secrets()) throws {
        let result = try install(request, secrets)
        try #require(result.status == 0, "\(result.text)\(result.errorText)")
    }

    /// Runs a script with the arguments that Installer gives, under a umask that hides nothing.
    func runScript(
        _ text: String, on installation: Installation = .otherVolume, volume: String? = nil
    ) throws -> CommandResult {
        let volume = installation == .startVolume ? "/" : volume ?? self.volume
        return try runShell(text, ["/tmp/a package.pkg", volume, volume, "/"], asRoot: installation == .startVolume)
    }

    /// Runs a script; `asRoot`: with the volume's folders in place of the machine's own.
    func runShell(_ text: String, _ arguments: [String], asRoot: Bool) throws -> CommandResult {
        let script = scratch + "/script.sh"
        try writeProgram(script, text)
        let shell = try [findProgram(toolbox.shell[0])] + toolbox.shell.dropFirst()
        let command = ["/bin/sh", "-c", "umask 000; exec \"$@\"", "sh"] + shell + [script] + arguments
        let environment = ["PATH": tools]
        guard asRoot else {
            return try run(command[0], Array(command.dropFirst()), environment: environment, in: scratch)
        }
        let result = try run(
            "bwrap",
            [
                "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
                "--symlink",
                "usr/lib64", "/lib64", "--ro-bind", "/etc", "/etc", "--dev", "/dev", "--bind", scratch, scratch,
                "--bind",
                volume + "/Library", "/Library", "--bind", volume + "/usr/local", "/usr/local", "--bind",
                volume + "/var/log", "/var/log", "--",
            ] + command, environment: environment)
        if result.errorText.hasPrefix("bwrap:") {
            Issue.record("bubblewrap cannot make a root of its own here, so this was not tested: \(result.errorText)")
        }
        return result
    }
}

/// A fresh Mac, removed at the end.
func withMac<Result>(_ toolbox: Toolbox = .usual, _ body: (SimulatedMac) throws -> Result) async throws -> Result {
    try await withTemporaryDirectory { try body(try SimulatedMac($0, toolbox)) }
}
