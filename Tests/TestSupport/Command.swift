import Foundation
public import System

/// A program that has run to its end.
public struct CommandResult: Sendable {
    /// Exit code, or the negative number of the signal that ended it.
    public let status: Int32
    /// Standard output.
    public let output: [UInt8]
    /// Standard error.
    public let errors: [UInt8]

    /// Standard output as text.
    public var text: String { String(decoding: output, as: UTF8.self) }
    /// Standard error as text.
    public var errorText: String { String(decoding: errors, as: UTF8.self) }
}

/// Runs `program`, found on the PATH unless it holds a slash, to its end.
///
/// - Parameter environment: replaces the whole environment when given.
public func run(
    _ program: String, _ arguments: [String] = [], input: [UInt8] = [], environment: [String: String]? = nil,
    in folder: String? = nil
) throws -> CommandResult {
    // Files rather than pipes: no pipe can fill up while nobody reads.
    let scratch = NSTemporaryDirectory() + "pkgmill-run-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: scratch) }  // tidiness only
    try writeFile(scratch + "/in", input)
    let child = try startProgram(
        program, arguments, streams: (scratch + "/in", scratch + "/out", scratch + "/err"), environment: environment,
        in: folder)
    let status: Int32
    switch child.wait() {
    case .code(let code): status = code
    case .signal(let signal): status = -signal
    }
    return CommandResult(
        status: status, output: try contentOfFile(scratch + "/out"), errors: try contentOfFile(scratch + "/err"))
}

/// Starts `program`, found on the PATH unless it holds a slash, with files as its streams; whoever starts it waits for it.
///
/// Not by `Foundation.Process`, which takes a program for running as long as anybody has a descriptor that it was started
/// with: a child of its own, or one that another test starts at the same moment.
public func startProgram(
    _ program: String, _ arguments: [String], streams: (input: String, output: String, errors: String),
    environment: [String: String]? = nil, in folder: String? = nil
) throws -> ChildProcess {
    let path = program.contains("/") ? program : try findProgram(program)
    let variables = environment.map { $0.map { "\($0)=\($1)" } } ?? CurrentProcess.environmentEntries
    // The shell is gone by the time that the program runs, which has its process id.
    let command = "cd \"$1\" && in=$2 out=$3 err=$4 && shift 4 && exec \"$@\" <\"$in\" >>\"$out\" 2>>\"$err\""
    let here = folder ?? FileManager.default.currentDirectoryPath
    return try ChildProcess.start(
        "/bin/sh", ["-c", command, "sh", here, streams.input, streams.output, streams.errors, path] + arguments,
        environment: variables)
}

/// A test needs a program that is not installed; `scripts/setup` installs it.
public struct MissingProgram: Error, CustomStringConvertible {
    /// Its name.
    public let name: String
    /// One sentence.
    public var description: String { "\(name) is not installed; run scripts/setup" }
}

/// Where `name` lies on the PATH.
public func findProgram(_ name: String) throws -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    for folder in path.split(separator: ":") {
        let candidate = folder + "/" + name
        if FileManager.default.isExecutableFile(atPath: String(candidate)) { return String(candidate) }
    }
    throw MissingProgram(name: name)
}

/// Writes a program that is run soon after.
///
/// Another process copies it into place: a file that this one has open for writing may be inherited by a child that another
/// test starts at the same moment, and to run it then fails with "Text file busy".
public func writeProgram(_ path: String, _ text: String) throws {
    let source = path + ".source"
    try writeFile(source, Array(text.utf8))
    let copied = try run("install", ["-m", "755", source, path])
    guard copied.status == 0 else { throw MissingProgram(name: "install") }
    try FileManager.default.removeItem(atPath: source)
}
