import Crypto
import System

/// An export that is being written: nothing is under its name before it is whole and on the disk.
struct ExportWriter {
    private let file: PendingFile
    private let seal: ExportSeal
    private let hash = Hash(.sha256)
    private var buffer: [UInt8] = []
    private var lines = 0
    private(set) var counts = ExportCounts()

    private static let bufferByteCount = 1 << 20

    init(path: String, seal: ExportSeal) throws(SystemError) {
        file = try PendingFile(path: path)
        self.seal = seal
    }

    mutating func write(_ line: ExportLine) throws(SystemError) {
        counts.count(line)
        lines += 1
        buffer += line.bytes
        buffer.append(0x0A)
        if buffer.count >= Self.bufferByteCount { try flush() }
    }

    private mutating func flush() throws(SystemError) {
        hash.update(buffer)
        try file.file.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes the end, syncs the file and gives it its name.
    mutating func commit() throws(SystemError) {
        try flush()
        let end = ExportLine.end(lines: lines, seal: seal.seal(SHA256Digest(finishing: hash)))
        try file.file.write(end.bytes + [0x0A])
        try file.commit()
    }

    func discard() { file.discard() }
}

/// An export that is read from its beginning, line by line.
struct ExportReader {
    /// The first line.
    let header: ExportHeader
    private(set) var counts = ExportCounts()
    private let seal: ExportSeal
    private let hash = Hash(.sha256)
    private var lines: PlainLines
    private var number = 1

    /// - Throws: `.damaged`, `.newerVersion`, `.otherMasterKey` where the file does not begin as it should.
    init(_ file: File, seal: ExportSeal) throws {
        self.seal = seal
        var first = PlainLines(file: file)
        guard let bytes = try first.next() else { throw RelocationError.damaged(line: 1, detail: "the file is empty") }
        guard case .header(let header) = try Self.parse(bytes, 1) else {
            throw RelocationError.damaged(line: 1, detail: "it is no header")
        }
        guard ExportSeal.areEqual(header.keyCheck, seal.keyCheck(of: header.id)) else {
            throw RelocationError.otherMasterKey
        }
        self.header = header
        lines = first
        hash.update(bytes + [0x0A])
    }

    /// The next line; nil after the end, whose seal is right then.
    mutating func next() throws -> ExportLine? {
        guard let bytes = try lines.next() else {
            throw RelocationError.damaged(line: number + 1, detail: "the file is cut off here")
        }
        number += 1
        let line = try Self.parse(bytes, number)
        switch line {
        case .header: throw RelocationError.damaged(line: number, detail: "a second header")
        case .end(let count, let found):
            guard count == number - 1, ExportSeal.areEqual(found, seal.seal(SHA256Digest(finishing: hash))) else {
                throw RelocationError.altered
            }
            guard try lines.next() == nil else {
                throw RelocationError.damaged(line: number + 1, detail: "nothing follows the end")
            }
            return nil
        default:
            hash.update(bytes + [0x0A])
            counts.count(line)
            return line
        }
    }

    private static func parse(_ bytes: [UInt8], _ number: Int) throws -> ExportLine {
        do { return try ExportLine(bytes) } catch let error as RelocationError { throw error } catch {
            throw RelocationError.damaged(line: number, detail: "\(error)")
        }
    }
}

/// The lines of a file, each ended by a newline.
private struct PlainLines {
    let file: File
    private var offset: Int64 = 0
    private var buffer: [UInt8] = []
    private var start = 0
    private var number = 0

    private static let pieceByteCount = 1 << 20

    init(file: File) { self.file = file }

    /// The next line without its newline; nil at the end of the file.
    mutating func next() throws -> [UInt8]? {
        number += 1
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0A) {
                defer { start = end + 1 }
                return Array(buffer[start..<end])
            }
            searched = buffer.count
            guard buffer.count - start <= ExportLine.maximumByteCount else {
                throw RelocationError.damaged(line: number, detail: "it is longer than any line may be")
            }
            let piece = try file.read(Self.pieceByteCount, at: offset)
            if piece.isEmpty {
                guard start == buffer.count else {
                    throw RelocationError.damaged(line: number, detail: "the file is cut off in it")
                }
                return nil
            }
            offset += Int64(piece.count)
            buffer.removeFirst(start)
            searched -= start
            start = 0
            buffer += piece
        }
    }
}
