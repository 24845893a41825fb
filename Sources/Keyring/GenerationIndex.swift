import JSON
import System

/// Which generations there are and where each stands: the one record that decides, changed by compare-and-set.
///
/// A pure value: each change returns the index as it should be next.
struct GenerationIndex: Equatable {
    /// In ascending order of number.
    let entries: [KeyGeneration.Summary]

    static let empty = GenerationIndex(entries: [])

    var current: KeyGeneration.Summary? { entries.first { $0.state == .current } }
    var lastNumber: Int { entries.last?.number ?? 0 }

    func entry(_ number: Int) -> KeyGeneration.Summary? { entries.first { $0.number == number } }

    func adding(_ entry: KeyGeneration.Summary) -> GenerationIndex {
        let others = entry.state == .current ? demotingCurrent() : self
        return GenerationIndex(entries: others.entries + [entry])
    }

    /// Makes a pending generation the current one.
    func promoting(_ number: Int) throws(KeyringError) -> GenerationIndex {
        let entry = try require(number)
        guard entry.state == .pending else {
            throw .wrongState(number: number, state: entry.state, operation: "promote")
        }
        return demotingCurrent().setting(number, to: .current)
    }

    /// Ends a generation that is not the current one.
    func retiring(_ number: Int) throws(KeyringError) -> GenerationIndex {
        let entry = try require(number)
        guard entry.state != .current else {
            throw .wrongState(number: number, state: entry.state, operation: "retire")
        }
        return setting(number, to: .retired)
    }

    private func require(_ number: Int) throws(KeyringError) -> KeyGeneration.Summary {
        guard let entry = entry(number), entry.state != .retired else { throw .versionGone(number) }
        return entry
    }

    private func demotingCurrent() -> GenerationIndex {
        current.map { setting($0.number, to: .previous) } ?? self
    }

    private func setting(_ number: Int, to state: KeyGeneration.State) -> GenerationIndex {
        GenerationIndex(
            entries: entries.map { entry in
                entry.number == number
                    ? KeyGeneration.Summary(number: number, state: state, created: entry.created) : entry
            })
    }
}

extension GenerationIndex {
    private static let version: Int64 = 1
    private static let highestNumber = 1_000_000_000

    /// `{"version":1,"generations":[{"number":1,"state":"current","created":1800000000000}]}`, times in milliseconds.
    var bytes: [UInt8] {
        let list: [JSONValue] = entries.map { entry in
            [
                "number": .integer(Int64(entry.number)), "state": .string(entry.state.rawValue),
                "created": .integer(entry.created.milliseconds),
            ]
        }
        return (["version": .integer(Self.version), "generations": .array(list)] as JSONValue).bytes()
    }

    init(bytes: [UInt8]) throws(KeyringError) {
        let document: JSONValue
        do { document = try JSONValue(parsing: bytes) } catch { throw Self.unreadable(error.description) }
        guard document["version"]?.integer == Self.version, let list = document["generations"]?.array else {
            throw Self.unreadable("its version is not \(Self.version)")
        }
        var entries: [KeyGeneration.Summary] = []
        for value in list { entries.append(try Self.entry(value, after: entries.last?.number ?? 0)) }
        guard entries.count(where: { $0.state == .current }) <= 1 else {
            throw Self.unreadable("several generations are current")
        }
        self.init(entries: entries)
    }

    private static func entry(
        _ value: JSONValue, after last: Int
    ) throws(KeyringError) -> KeyGeneration.Summary {
        guard let number = value["number"]?.integer.flatMap({ Int(exactly: $0) }), number > last,
            number <= highestNumber,
            let state = value["state"]?.string.flatMap(KeyGeneration.State.init(rawValue:)),
            let created = value["created"]?.integer
        else { throw unreadable("an entry after number \(last) is malformed") }
        return KeyGeneration.Summary(number: number, state: state, created: Timestamp(milliseconds: created))
    }

    private static func unreadable(_ detail: String) -> KeyringError {
        .unreadable(what: Keyring.indexName, detail: detail)
    }
}
