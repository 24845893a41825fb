import Foundation
import System
import TestSupport
import Testing

/// Whether tests with networks of their own are left out, which is asked for by name: they need the right to make network
/// namespaces, which root has, and other users on most systems.
let areNamespacesLeftOut = CurrentProcess.environment("WITHOUT_NAMESPACES") == "1"

/// Two hosts with one wire between them: network namespaces of their own, in a user namespace where the caller may make them.
/// The wire can be pulled: packets vanish, and nobody is told.
final class TwoHosts: Sendable {
    /// One of the two.
    enum Host: Sendable {
        case server, worker

        /// Its address on the wire.
        var address: String { self == .server ? "10.99.7.1" : "10.99.7.2" }
    }

    private let server: ChildProcess
    private let worker: ChildProcess

    /// Lays the wire.
    init() throws {
        server = try Self.hold([try findProgram("unshare"), "--user", "--map-root-user", "--net"])
        let enter = [
            try findProgram("nsenter"), "--preserve-credentials", "--user", "--target", "\(server.identifier)",
        ]
        worker = try Self.hold(enter + ["--", try findProgram("unshare"), "--net"])
        for (host, name) in [(Host.server, "wire0"), (.worker, "wire1")] {
            if host == .server {
                try ip(.server, "link", "add", "wire0", "type", "veth", "peer", "name", "wire1")
                try ip(.server, "link", "set", "wire1", "netns", "\(worker.identifier)")
            }
            try ip(host, "link", "set", "lo", "up")
            try ip(host, "address", "add", host.address + "/24", "dev", name)
            try ip(host, "link", "set", name, "up")
        }
    }

    deinit {
        // Their ends are taken: a child that nobody waits for hides all others from the exit tests, which hang then.
        for holder in [worker, server] {
            holder.kill9()
            _ = holder.wait()
        }
    }

    /// Lays the wire, or pulls it.
    func connect(_ isConnected: Bool) throws { try ip(.server, "link", "set", "wire0", isConnected ? "up" : "down") }

    /// The words before a command that is to run on that host.
    func launcher(_ host: Host) -> [String] {
        let target = host == .server ? server.identifier : worker.identifier
        return ["/usr/bin/nsenter", "--preserve-credentials", "--user", "--net", "--target", "\(target)", "--"]
    }

    private func ip(_ host: Host, _ words: String...) throws {
        let launcher = launcher(host)
        let result = try run(launcher[0], Array(launcher.dropFirst()) + ["ip"] + words)
        guard result.status == 0 else {
            throw CannotSet(description: "ip \(words.joined(separator: " ")): \(result.errorText); \(Self.hint)")
        }
    }

    /// A process that is in the namespace, and holds it as long as it lives: it ends with this one.
    private static func hold(_ launcher: [String]) throws -> ChildProcess {
        let holder = try ChildProcess.start(
            launcher[0], Array(launcher.dropFirst()) + ["--", "/bin/sh", "-c", "echo ready; exec >/dev/null; cat"],
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], output: .captured)
        let said = String(decoding: try holder.readOutput(limit: 100), as: UTF8.self)
        guard said == "ready\n" else {
            holder.kill9()
            _ = holder.wait()
            throw CannotSet(description: "\(launcher.joined(separator: " ")) does not work here; \(hint)")
        }
        return holder
    }

    private static let hint = "WITHOUT_NAMESPACES=1 leaves out what needs network namespaces"

    /// Why there are no two hosts.
    struct CannotSet: Error, CustomStringConvertible { let description: String }
}
