import Records
import System
import TestSupport
import Testing

/// What every backend promises.
@Suite struct RecordConformanceTests {
    @Test("collections are known by their records", arguments: RecordBackend.allCases)
    func collections(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            #expect(try await store.collections() == [])
            for name in ["b", "B", "a.2", "a", "a"] {
                let found = try await store.read("x", in: name)
                try await store.write("x", in: name, body: [], expires: nil, expecting: found?.revision)
            }
            #expect(try await store.collections() == ["B", "a", "a.2", "b"])
        }
    }

    // MARK: Compare-and-set

    @Test("a record is read as it was written", arguments: RecordBackend.allCases)
    func readsBack(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, clock in
            let body = (0...255).map { UInt8($0) }
            let expires = clock.now + .seconds(5)
            let written = try await store.write("a", in: "things", body: body, expires: expires, expecting: nil)
            #expect(written == Record(collection: "things", name: "a", revision: 1, body: body, expires: expires))
            #expect(try await store.read("a", in: "things") == written)
        }
    }

    @Test("what was never written is not there", arguments: RecordBackend.allCases)
    func readsNothing(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            try await store.put("a")
            #expect(try await store.read("b", in: "things") == nil)
            #expect(try await store.read("a", in: "others") == nil)
        }
    }

    @Test("a second record of one name is refused", arguments: RecordBackend.allCases)
    func refusesSecond(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            let first = try await store.put("a", "first")
            await #expect(
                throws: RecordError.conflict(collection: "things", name: "a", expected: nil, found: first.revision)
            ) { try await store.put("a", "second") }
            #expect(try await store.read("a", in: "things") == first)
        }
    }

    @Test("a write at the revision that was read replaces the record", arguments: RecordBackend.allCases)
    func replaces(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            let first = try await store.put("a", "first")
            let second = try await store.put("a", "second", expecting: first.revision)
            #expect(second.revision > first.revision)
            #expect(try await store.read("a", in: "things") == second)
        }
    }

    @Test("a write at an older revision is refused", arguments: RecordBackend.allCases)
    func refusesStale(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            let first = try await store.put("a", "first")
            let second = try await store.put("a", "second", expecting: first.revision)
            await #expect(
                throws: RecordError.conflict(
                    collection: "things", name: "a", expected: first.revision, found: second.revision)
            ) { try await store.put("a", "third", expecting: first.revision) }
            #expect(try await store.read("a", in: "things") == second)
        }
    }

    @Test("a write that expects a record is refused when there is none", arguments: RecordBackend.allCases)
    func refusesMissing(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            await #expect(throws: RecordError.conflict(collection: "things", name: "a", expected: 1, found: nil)) {
                try await store.put("a", expecting: 1)
            }
            let names = try await store.names()
            #expect(names.isEmpty)
        }
    }

    @Test("a record is deleted at its revision only", arguments: RecordBackend.allCases)
    func deletes(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            let first = try await store.put("a", "first")
            let second = try await store.put("a", "second", expecting: first.revision)
            await #expect(
                throws: RecordError.conflict(
                    collection: "things", name: "a", expected: first.revision, found: second.revision)
            ) { try await store.delete("a", in: "things", expecting: first.revision) }
            #expect(try await store.read("a", in: "things") == second)
            try await store.delete("a", in: "things", expecting: second.revision)
            let found = try await store.read("a", in: "things")
            #expect(found == nil)
        }
    }

    @Test("what is not there cannot be deleted", arguments: RecordBackend.allCases)
    func refusesDeletingNothing(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            await #expect(throws: RecordError.conflict(collection: "things", name: "a", expected: 1, found: nil)) {
                try await store.delete("a", in: "things", expecting: 1)
            }
        }
    }

    @Test("a revision never comes back after a deletion", arguments: RecordBackend.allCases)
    func revisionsGrowPastDeletion(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            let first = try await store.put("a")
            try await store.delete("a", in: "things", expecting: first.revision)
            #expect(try await store.put("a").revision > first.revision)
        }
    }

    @Test("of 8 concurrent writers with one expectation exactly one succeeds", arguments: RecordBackend.allCases)
    func oneWriterWins(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            var revision: Int64?
            for _ in 0..<rounds(reduced: 5, full: 100) {
                let expected = revision
                let winners = await withTaskGroup(of: Record?.self) { group in
                    for writer in 0..<8 {
                        // A conflict is the outcome that is counted.
                        group.addTask { try? await store.put("a", "writer \(writer)", expecting: expected) }
                    }
                    return await group.reduce(into: [Record]()) { winners, record in
                        if let record { winners.append(record) }
                    }
                }
                #expect(winners.count == 1)
                let kept = try await store.read("a", in: "things")
                #expect(kept == winners.first)
                revision = winners.first?.revision
            }
        }
    }

    // MARK: Expiry

    @Test("a record is there until the moment it expires", arguments: RecordBackend.allCases)
    func expires(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, clock in
            try await store.put("a", expires: clock.now + .seconds(10))
            clock.advance(by: .milliseconds(9999))
            #expect(try await store.read("a", in: "things") != nil)
            clock.advance(by: .milliseconds(1))
            let found = try await store.read("a", in: "things")
            #expect(found == nil)
            let names = try await store.names()
            #expect(names.isEmpty)
        }
    }

    @Test("an expired record is made anew, at a higher revision", arguments: RecordBackend.allCases)
    func replacesExpired(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, clock in
            let first = try await store.put("a", "first", expires: clock.now + .seconds(10))
            clock.advance(by: .seconds(10))
            await #expect(
                throws: RecordError.conflict(collection: "things", name: "a", expected: first.revision, found: nil)
            ) { try await store.put("a", "second", expecting: first.revision) }
            let second = try await store.put("a", "second")
            #expect(second.revision > first.revision)
            #expect(try await store.read("a", in: "things") == second)
        }
    }

    @Test("each write sets the expiry anew", arguments: RecordBackend.allCases)
    func resetsExpiry(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, clock in
            let first = try await store.put("a", expires: clock.now + .seconds(10))
            let second = try await store.put("a", expecting: first.revision)
            clock.advance(by: .seconds(1_000_000))
            #expect(second.expires == nil)
            #expect(try await store.read("a", in: "things") == second)
        }
    }

    // MARK: Lists

    @Test("a list is in byte order of names and goes on after a name", arguments: RecordBackend.allCases)
    func pages(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            let ordered = ["-", ".", "0", "10", "2", ":", "A", "B", "_", "a", "a-", "a0", "aa", "b"]
            for name in ordered.reversed() { try await store.put(name) }
            var found: [String] = []
            while true {
                let page = try await store.names(after: found.last, limit: 4)
                if page.isEmpty { break }
                #expect(page.count == min(4, ordered.count - found.count))
                found += page
            }
            #expect(found == ordered)
        }
    }

    @Test("the name after which a list goes on need not be there", arguments: RecordBackend.allCases)
    func pagesAfterMissing(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            for name in ["a", "c", "d"] { try await store.put(name) }
            #expect(try await store.names(after: "b", limit: 1) == ["c"])
            #expect(try await store.names(after: "d") == [])
        }
    }

    @Test("expired records do not count for a page", arguments: RecordBackend.allCases)
    func pagesWithoutExpired(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, clock in
            for name in ["a", "b", "c"] { try await store.put(name, expires: clock.now + .seconds(1)) }
            for name in ["d", "e"] { try await store.put(name) }
            clock.advance(by: .seconds(1))
            #expect(try await store.names(limit: 2) == ["d", "e"])
        }
    }

    // MARK: Rules

    static let badNames = [
        "", "a b", "a/b", "a\0", "ä", "a\n", "'; DROP TABLE record; --", String(repeating: "a", count: 129),
    ]

    @Test("a bad name is refused in every place", arguments: RecordBackend.allCases, badNames)
    func refusesNames(_ backend: RecordBackend, _ name: String) async throws {
        try await backend.withStore { store, _ in
            let badName = RecordError.badName(what: "record name", found: name)
            await #expect(throws: badName) { try await store.read(name, in: "things") }
            await #expect(throws: badName) { try await store.put(name) }
            await #expect(throws: badName) { try await store.delete(name, in: "things", expecting: 1) }
            await #expect(throws: badName) { try await store.names(after: name) }
            let badCollection = RecordError.badName(what: "collection", found: name)
            await #expect(throws: badCollection) { try await store.read("a", in: name) }
            await #expect(throws: badCollection) {
                try await store.write("a", in: name, body: [], expires: nil, expecting: nil)
            }
            await #expect(throws: badCollection) { try await store.delete("a", in: name, expecting: 1) }
            await #expect(throws: badCollection) { try await store.list(name, after: nil, limit: 1) }
        }
    }

    @Test("the longest name and the largest body are kept", arguments: RecordBackend.allCases)
    func keepsLargest(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            let name = String(repeating: "z", count: 128)
            let body = [UInt8](repeating: 7, count: Record.maximumBodyByteCount)
            try await store.write(name, in: name, body: body, expires: nil, expecting: nil)
            #expect(try await store.read(name, in: name)?.body == body)
        }
    }

    @Test("a body one byte too long is refused", arguments: RecordBackend.allCases)
    func refusesBody(_ backend: RecordBackend) async throws {
        try await backend.withStore { store, _ in
            let count = Record.maximumBodyByteCount + 1
            await #expect(throws: RecordError.tooLarge(collection: "things", name: "a", byteCount: count)) {
                try await store.write(
                    "a", in: "things", body: [UInt8](repeating: 7, count: count), expires: nil, expecting: nil)
            }
            let found = try await store.read("a", in: "things")
            #expect(found == nil)
        }
    }

    @Test("a page of no record or of too many is refused", arguments: RecordBackend.allCases, [-1, 0, 10_001])
    func refusesLimits(_ backend: RecordBackend, _ limit: Int) async throws {
        try await backend.withStore { store, _ in
            await #expect(throws: RecordError.badLimit(limit)) { try await store.names(limit: limit) }
        }
    }
}
