import Crypto
import Records
import System
import TestSupport
import Testing

@testable import Artifacts

@Suite struct ArtifactIndexTests {
    private let clock = ManualClock()
    private let content = ArtifactContent(digest: SHA256Digest(of: [1]), byteCount: 1)
    private let other = ArtifactContent(digest: SHA256Digest(of: [2]), byteCount: 1)

    private func index() -> (index: ArtifactIndex, records: InMemoryRecordStore) {
        let records = InMemoryRecordStore(now: { [clock] in clock.now })
        return (ArtifactIndex(records: records, now: { [clock] in clock.now }), records)
    }

    @Test("a published artifact is found by its job")
    func publishes() async throws {
        let index = index().index
        let published = try await index.publish(content, fileName: "Knöten 1.pkg", for: "job-1")
        #expect(
            published
                == PublishedArtifact(
                    job: "job-1", content: content, fileName: "Knöten 1.pkg", revision: 1, published: clock.now))
        #expect(try await index.artifact(of: "job-1") == published)
        await #expect(throws: ArtifactError.notPublished(job: "job-2")) { try await index.artifact(of: "job-2") }
    }

    @Test("publishing the same again changes nothing")
    func publishesAgain() async throws {
        let index = index().index
        let first = try await index.publish(content, fileName: "a.pkg", for: "job-1")
        clock.advance(by: .seconds(9))
        #expect(try await index.publish(content, fileName: "b.pkg", for: "job-1") == first)
        #expect(try await index.artifact(of: "job-1") == first)
    }

    @Test("a job that has an artifact gets no other")
    func refusesAnother() async throws {
        let index = index().index
        let first = try await index.publish(content, fileName: "a.pkg", for: "job-1")
        await #expect(
            throws: ArtifactError.alreadyPublished(job: "job-1", digest: content.digest, refused: other.digest)
        ) { try await index.publish(other, fileName: "a.pkg", for: "job-1") }
        #expect(try await index.artifact(of: "job-1") == first)
    }

    @Test("of racing publications of different contents one wins for ever")
    func racesOnce() async throws {
        for _ in 0..<rounds(reduced: 20, full: 500) {
            let index = index().index
            let wins = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<8 {
                    let content = ArtifactContent(digest: SHA256Digest(of: [UInt8(number)]), byteCount: 1)
                    // That all but one are refused is what is counted.
                    group.addTask { (try? await index.publish(content, fileName: "a.pkg", for: "job-1")) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(wins == 1)
        }
    }

    @Test("revoking tokens counts the revision up and changes nothing else")
    func revokes() async throws {
        let index = index().index
        let first = try await index.publish(content, fileName: "a.pkg", for: "job-1")
        try await index.revokeTokens(of: "job-1")
        let second = try await index.artifact(of: "job-1")
        #expect(second.revision == 2)
        #expect(second.content == first.content && second.fileName == first.fileName)
        #expect(second.published == first.published)
        await #expect(throws: ArtifactError.notPublished(job: "job-2")) { try await index.revokeTokens(of: "job-2") }
    }

    @Test(
        "a file name that could lead elsewhere is refused",
        arguments: [
            "a/b", "..", ".", "a\\b", "a\"b", "a\nb", "a\0b", "a\r\nb", "\u{7F}", "\u{85}",
        ])
    func refusesFileNames(_ name: String) async throws {
        let index = index().index
        await #expect(
            throws: ArtifactError.badFileName(
                name, reason: "holds a slash, a quote or a control character, or is a folder's name")
        ) { try await index.publish(content, fileName: name, for: "job-1") }
    }

    @Test("a file name of no byte or of more than 255 is refused", arguments: [0, 256])
    func refusesFileNameLength(_ count: Int) async throws {
        let index = index().index
        let name = String(repeating: "a", count: count)
        await #expect(
            throws: ArtifactError.badFileName(name, reason: "has \(count) bytes, expected 1 to 255")
        ) { try await index.publish(content, fileName: name, for: "job-1") }
    }

    @Test(
        "a record of another form is unreadable",
        arguments: [
            #"{}"#, #"{"version":2}"#, #"[]"#,
            #"{"version":1,"sha256":"00","size":1,"fileName":"a","revision":1,"published":1}"#,
        ])
    func refusesRecords(_ body: String) async throws {
        let (index, records) = index()
        try await records.write(
            "job-1", in: "artifact", body: Array(body.utf8), expires: nil, expecting: nil)
        await #expect(
            throws: ArtifactError.unreadable(
                record: "artifact/job-1", detail: "a member is missing or malformed")
        ) { try await index.artifact(of: "job-1") }
    }
}
