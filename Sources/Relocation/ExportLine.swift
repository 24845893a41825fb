import Crypto
import JSON
import QueueModel
import Records
import System

/// How a file begins.
struct ExportHeader: Equatable {
    /// The version of the format; a later program may write a higher one.
    static let version: Int64 = 1

    /// Names this export, for ever.
    let id: String
    let made: Timestamp
    /// Tells the master key without showing it.
    let keyCheck: String
}

/// How much of everything a file holds.
public struct ExportCounts: Equatable, Sendable {
    /// Jobs, ended ones among them.
    public var jobs = 0
    /// Jobs that wait for a worker or for their time.
    public var waiting = 0
    /// Batches.
    public var batches = 0
    /// Refused rows of batches.
    public var refusals = 0
    /// Orders that hold single lanes.
    public var holds = 0
    /// Records: sealed keys, the index of artifacts, tokens.
    public var records = 0

    /// One line more.
    mutating func count(_ line: ExportLine) {
        switch line {
        case .header, .end: break
        case .hold: holds += 1
        case .batch: batches += 1
        case .refusal: refusals += 1
        case .job(let job):
            jobs += 1
            if !job.state.name.isFinal { waiting += 1 }
        case .record: records += 1
        }
    }
}

/// A record without its revision, which is its store's.
struct ExportedRecord: Equatable {
    let collection: String
    let name: String
    let body: [UInt8]
    let expires: Timestamp?
}

/// One line of an export: a JSON object of one member, which says what it is.
///
/// A file is a header, what holds lanes, batches, each before its refused rows and its jobs, jobs in order of arrival,
/// records, and an end with the number of lines of each kind and the seal.
enum ExportLine: Equatable {
    case header(ExportHeader)
    case hold(LaneHold)
    case batch(Batch)
    case refusal(Batch.Refusal)
    case job(Job)
    case record(ExportedRecord)
    case end(lines: Int, seal: String)

    /// The most bytes that a line may have: a request or a record of 1 MiB in base64, and all texts of a job at their
    /// longest.
    static let maximumByteCount = 2 << 20

    /// The line without its newline.
    var bytes: [UInt8] {
        let document: JSONValue =
            switch self {
            case .header(let header):
                [
                    "pkgmill": [
                        "version": .integer(ExportHeader.version), "export": .string(header.id),
                        "made": .integer(header.made.milliseconds), "keyCheck": .string(header.keyCheck),
                    ]
                ]
            case .hold(let hold):
                [
                    "hold": [
                        "kind": .string(hold.kind.rawValue), "lane": JSONValue(hold.lane?.name),
                        "by": .string(Printable.text(hold.by)),
                        "reason": .string(Printable.text(hold.reason, limit: 1000)),
                        "since": .integer(hold.since.milliseconds),
                    ]
                ]
            case .batch(let batch): ["batch": JobCoding.encode(batch)]
            case .refusal(let refusal): ["refusal": JobCoding.encode(refusal)]
            case .job(let job): ["job": JobCoding.encode(job)]
            case .record(let record):
                [
                    "record": [
                        "collection": .string(record.collection), "name": .string(record.name),
                        "body": .string(Base64URL.encode(record.body)),
                        "expires": JSONValue(record.expires?.milliseconds),
                    ]
                ]
            case .end(let lines, let seal): ["end": ["lines": .integer(Int64(lines)), "seal": .string(seal)]]
            }
        return document.bytes()
    }

    /// The line of those bytes.
    ///
    /// - Throws: whatever says what is wrong with it, and `.newerVersion`.
    init(_ bytes: [UInt8]) throws {
        let document = try JSONValue(parsing: bytes)
        guard let members = document.members, members.count == 1, let member = members.first else {
            throw LineError("it is no object of one member")
        }
        let value = member.value
        switch member.name {
        case "pkgmill": self = .header(try ExportHeader(value))
        case "hold": self = .hold(try Self.hold(value))
        case "batch": self = .batch(try JobCoding.decodeBatch(value))
        case "refusal": self = .refusal(try JobCoding.decodeRefusal(value))
        case "job": self = .job(try JobCoding.decodeJob(value))
        case "record": self = .record(try ExportedRecord(value))
        case "end":
            guard let lines = value["lines"]?.integer, let seal = value["seal"]?.string, value.members?.count == 2
            else {
                throw LineError("the end is not whole")
            }
            self = .end(lines: Int(clamping: lines), seal: seal)
        default: throw LineError("\(Printable.text(member.name)) is nothing that an export holds")
        }
    }

    private static func hold(_ value: JSONValue) throws -> LaneHold {
        guard value.members?.count == 5, let kind = value["kind"]?.string.flatMap({ LaneHold.Kind(rawValue: $0) }),
            let lane = value["lane"]?.string.flatMap({ Lane($0) }), let by = value["by"]?.string,
            let reason = value["reason"]?.string, let since = value["since"]?.integer
        else { throw LineError("the hold is not whole") }
        return LaneHold(kind: kind, lane: lane, by: by, reason: reason, since: Timestamp(milliseconds: since))
    }
}

extension ExportHeader {
    fileprivate init(_ value: JSONValue) throws {
        guard let version = value["version"]?.integer else { throw LineError("the header has no version") }
        guard version <= Self.version else { throw RelocationError.newerVersion(version) }
        guard version == Self.version, value.members?.count == 4, let id = value["export"]?.string,
            let made = value["made"]?.integer, let keyCheck = value["keyCheck"]?.string
        else { throw LineError("the header is not whole") }
        self.init(id: id, made: Timestamp(milliseconds: made), keyCheck: keyCheck)
    }
}

extension ExportedRecord {
    fileprivate init(_ value: JSONValue) throws {
        let expires = value["expires"]
        guard value.members?.count == 4, let collection = value["collection"]?.string, let name = value["name"]?.string,
            let body = value["body"]?.string.flatMap({ Base64URL.decode($0.utf8) }),
            expires == .null || expires?.integer != nil
        else { throw LineError("the record is not whole") }
        self.init(
            collection: collection, name: name, body: body,
            expires: expires?.integer.map { Timestamp(milliseconds: $0) })
    }
}

/// What is wrong with a line.
struct LineError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
