import Foundation
import JSON
import Synchronization
import System
import TestSupport
import Testing

/// The executable while it runs, with what it says.
///
/// Its streams are files, so that no pipe can fill up while nobody reads, and what it wrote before it was killed can be
/// read afterwards.
final class RunningProgram: Sendable {
    let identifier: Int32
    private let arguments: [String]
    private let scratch: String
    private let child: ChildProcess
    private let exit: ExitBox

    /// Starts `program`, which is to be ended by the test.
    ///
    /// - Parameter environment: all that it gets.
    init(_ program: String, _ arguments: [String], environment: [String: String] = FarmFixture.surroundings()) throws {
        scratch = NSTemporaryDirectory() + "pkgmill-running-" + UUID().uuidString
        self.arguments = arguments
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        for name in ["out", "err"] { try writeFile(scratch + "/" + name, []) }
        child = try startProgram(
            program, arguments, streams: ("/dev/null", scratch + "/out", scratch + "/err"), environment: environment)
        identifier = child.identifier
        exit = ExitBox()
        Thread.detachNewThread { [child, exit] in exit.set(child.wait()) }
    }

    /// Nothing that a test has started outlives it.
    deinit {
        child.kill9()
        try? FileManager.default.removeItem(atPath: scratch)  // tidiness only
    }

    var isRunning: Bool { exit.value == nil }

    /// The file that is its standard output.
    var outputPath: String { scratch + "/out" }

    /// What it has written to standard output so far.
    var output: String { String(decoding: (try? contentOfFile(outputPath)) ?? [], as: UTF8.self) }

    /// What it has written to standard error so far.
    var errors: String { String(decoding: (try? contentOfFile(scratch + "/err")) ?? [], as: UTF8.self) }

    /// The whole lines of standard output, each a JSON document.
    func documents() throws -> [JSONValue] {
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return try lines.map { try JSONValue(parsing: Array($0.utf8)) }
    }

    func send(_ signal: Int32) { if isRunning { kill(identifier, signal) } }

    /// The exit code, or the negative number of the signal that ended it.
    func exitStatus(within limit: Duration = .seconds(90)) async throws -> Int32 {
        let hasEnded = try await eventually(within: limit) { !isRunning }
        try #require(hasEnded, "\(arguments) does not end: \(errors)")
        switch try #require(exit.value) {
        case .code(let code): return code
        case .signal(let signal): return -signal
        }
    }
}

/// How a program ended, once it has.
private final class ExitBox: Sendable {
    private let exit = Mutex<ChildProcess.Exit?>(nil)

    var value: ChildProcess.Exit? { exit.withLock { $0 } }

    func set(_ value: ChildProcess.Exit) { exit.withLock { $0 = value } }
}

extension FarmFixture {
    /// Starts a command of the executable on this farm.
    func running(_ arguments: String..., environment: [String: String] = [:]) throws -> RunningProgram {
        let words = words(arguments + ["--config", configurationPath])
        return try RunningProgram(words[0], Array(words.dropFirst()), environment: Self.surroundings(environment))
    }

    /// The ids of all processes that work on this farm: its folder has a name of its own, which their arguments hold.
    func processes() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { identifier in
            guard let words = try? contentOfFile("/proc/\(identifier)/cmdline") else { return false }
            return Data(words).range(of: Data((configurationPath + "\0").utf8)) != nil
        }
    }

    /// The worker processes of `parent` that it has told of, by their names.
    func children(of parent: RunningProgram) throws -> [String: Int32] {
        var found: [String: Int32] = [:]
        for document in try parent.documents() where document["event"]?.string == "process-started" {
            let name = try #require(document["worker"]?.string)
            let identifier = try #require(document["process"]?.integer)
            found[name] = Int32(identifier)
        }
        return found
    }
}
