import Foundation
import TestSupport
import Testing

/// What strace has seen of a program, read for one question: was what an acknowledgement promises on the disk when it
/// left?
///
/// kill -9 cannot answer it, because what a killed process has written without a sync is there all the same; the order
/// of its system calls can.
struct SystemCallLog {
    /// The calls that matter, for strace: all that write to a file or make it lasting.
    static let calls = "trace=write,writev,pwrite64,pwritev,pwritev2,fdatasync,fsync,ftruncate"

    /// The text of acknowledgements that left too early, in the order in which they did.
    private(set) var tooEarly: [String] = []
    /// The text of all acknowledgements: what was written to standard output.
    private(set) var acknowledgements: [String] = []

    // Writes to the log are numbered from 1 in the order in which they return.
    private var writes = 0
    /// Writes that have begun and not returned.
    private var writesUnderWay = 0
    /// All writes up to this one are on the disk.
    private var synced = 0
    /// `synced` at the last acknowledgement: each needs a write of its own.
    private var syncedBefore = 0
    /// The calls that threads are in: the line so far and, of a sync, the writes that it covers.
    private var unfinished: [Substring: (call: Substring, covered: Int?)] = [:]

    /// Reads a log that `strace -f -y` wrote, in which `file` is the database's write-ahead log.
    init(_ text: String, writeAheadLog file: String) {
        for line in text.split(separator: "\n") { read(line, "<" + file + ">") }
    }

    /// A line is `PID call(…) = result`, or its two halves when another thread did something meanwhile.
    private mutating func read(_ line: Substring, _ file: String) {
        let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard parts.count == 2 else { return }
        let (thread, rest) = (parts[0], parts[1].drop { $0 == " " })
        if rest.hasPrefix("<... ") {
            guard let begun = unfinished.removeValue(forKey: thread) else { return }
            end(begun.call, covered: begun.covered, isDone: !rest.contains("= -1 "), file)
        } else if rest.hasSuffix("<unfinished ...>") {
            unfinished[thread] = (rest, begin(rest, file))
        } else {
            let covered = begin(rest, file)
            end(rest, covered: covered, isDone: !rest.contains(") = -1 "), file)
        }
    }

    /// The writes that a sync which begins now covers; nil for any other call.
    private mutating func begin(_ call: Substring, _ file: String) -> Int? {
        if call.hasPrefix("write(1<") || call.hasPrefix("write(1,") {
            acknowledge(call)
        } else if isWrite(call, to: file) {
            writesUnderWay += 1
        } else if isSync(call, of: file) {
            return writes
        }
        return nil
    }

    private mutating func end(_ call: Substring, covered: Int?, isDone: Bool, _ file: String) {
        if isWrite(call, to: file) {
            writesUnderWay -= 1
            writes += 1
        } else if let covered, isDone {
            synced = max(synced, covered)
        }
    }

    private mutating func acknowledge(_ call: Substring) {
        let text = call.split(separator: "\"", maxSplits: 2).dropFirst().first.map(String.init) ?? ""
        acknowledgements.append(text)
        if writesUnderWay > 0 || synced < writes || synced == syncedBefore { tooEarly.append(text) }
        syncedBefore = synced
    }

    private func isWrite(_ call: Substring, to file: String) -> Bool {
        (call.hasPrefix("write") || call.hasPrefix("pwrite") || call.hasPrefix("ftruncate")) && names(call, file)
    }

    private func isSync(_ call: Substring, of file: String) -> Bool {
        (call.hasPrefix("fdatasync") || call.hasPrefix("fsync")) && names(call, file)
    }

    /// Whether the descriptor, the first argument, is that file; what is written may hold its name as well.
    private func names(_ call: Substring, _ file: String) -> Bool {
        let descriptor = call.prefix { $0 != "," && $0 != ")" }
        return descriptor.hasSuffix(file) || descriptor.hasSuffix(file + " <unfinished ...>")
    }
}
