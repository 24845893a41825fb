import Artifacts
import Crypto
import Foundation
import System
import TestSupport
import Testing

@Suite struct FileArtifactStoreTests {
    private static let plain = "a regular file with one name"

    @Test("what was published is opened and verified", arguments: [0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
    func publishes(_ count: Int) async throws {
        try await withArtifactStore { store, folder in
            let bytes = sample(1, count: count)
            let content = try await store.publish(bytes)
            #expect(content == ArtifactContent(digest: SHA256Digest(of: bytes), byteCount: Int64(count)))
            #expect(try await store.open(content).readAll(limit: count) == bytes)
            #expect(try await store.verify(content.digest) == content)
            #expect(folder.incoming == [])
        }
    }

    @Test(
        "content is synced before it gets its name; the name is synced and the content read by it before it is reported",
        arguments: [false, true])
    func publishesInOrder(_ isSettledBefore: Bool) async throws {
        let plan = FaultPlan()
        try await withArtifactStore(faults: plan.faults) { store, folder in
            let arrival = try await store.receive()
            try arrival.file.write(sample(1))
            _ = plan.takeLog()
            var log: [String] = []
            if isSettledBefore {
                try await arrival.settle()
                log = plan.takeSteps()
                #expect(log == ["sync \(arrival.file.path)", "read \(arrival.file.path)"])
            }
            let digest = try await arrival.finish().digest
            log += plan.takeSteps()
            #expect(
                log.prefix(4) == [
                    "sync \(arrival.file.path)", "read \(arrival.file.path)",
                    "rename \(arrival.file.path)", "rename \(folder.blob(digest))",
                ])
            // These are done at the same time.
            #expect(
                Set(log.dropFirst(4)) == [
                    "sync \(folder.shard(digest))", "sync \(folder.path)/blobs", "read \(folder.blob(digest))",
                ])
            #expect(log.count == 7)
        }
    }

    @Test("a shard's own name is synced by the first who puts something in it, and again when it is another folder")
    func syncsShards() async throws {
        let plan = FaultPlan()
        try await withArtifactStore(faults: plan.faults) { store, folder in
            func syncs(publishing bytes: [UInt8]) async throws -> Bool {
                _ = plan.takeLog()
                _ = try await store.publish(bytes)
                return plan.takeSteps().contains("sync \(folder.path)/blobs")
            }
            let bytes = sample(1)
            let digest = SHA256Digest(of: bytes)
            #expect(try await syncs(publishing: bytes))
            #expect(try await syncs(publishing: bytes) == false)
            try FileManager.default.removeItem(atPath: folder.shard(digest))
            #expect(try await syncs(publishing: bytes))
            // Another process, which does not know who has made it.
            let other = try FileArtifactStore(root: folder.path, faults: plan.faults)
            _ = plan.takeLog()
            _ = try await other.publish(bytes)
            #expect(plan.takeSteps().contains("sync \(folder.path)/blobs"))
        }
    }

    @Test("what could not be put on the disk is gone, and a second try does not bring it back")
    func unsettled() async throws {
        let plan = FaultPlan()
        try await withArtifactStore(faults: plan.faults) { store, folder in
            let arrival = try await store.receive()
            try arrival.file.write(sample(1))
            plan.arm(FaultPlan.Failure(code: EIO, lasts: false), after: 0)
            await #expect(throws: ArtifactError.self) { try await arrival.settle() }
            #expect(plan.disarm())
            #expect(folder.incoming == [])
            await #expect(throws: ArtifactError.alreadyFinished(path: arrival.file.path)) {
                try await arrival.finish()
            }
            #expect(folder.blobs == [])
        }
    }

    static let failures = [ENOSPC, EROFS, EIO].flatMap { code in
        [FaultPlan.Failure(code: code, lasts: false), FaultPlan.Failure(code: code, lasts: true)]
    }

    @Test("a disk that fails at any step of publishing leaves nothing wrong and nothing behind", arguments: failures)
    func survivesFailures(_ failure: FaultPlan.Failure) async throws {
        let bytes = sample(2)
        let digest = SHA256Digest(of: bytes)
        var step = 0
        var hasFailed = true
        while hasFailed {
            let plan = FaultPlan()
            try await withArtifactStore(faults: plan.faults) { store, folder in
                plan.arm(failure, after: step)
                let isPublished: Bool
                do {
                    _ = try await store.publish(bytes)
                    isPublished = true
                } catch { isPublished = false }
                hasFailed = plan.disarm()
                #expect(isPublished || hasFailed)
                #expect(try folder.wrongBlobs() == [], "after step \(step)")
                if isPublished { #expect(try await store.verify(digest).digest == digest) }
                try await store.sweepIncoming()
                #expect(folder.incoming == [], "after step \(step)")
                #expect(try await store.publish(bytes).digest == digest)
                #expect(try await store.verify(digest).digest == digest)
                #expect(folder.blobs.count == 1)
            }
            step += 1
        }
        // Create, write, sync, read, lock, shard, rename, sync, sync, read: fewer steps mean that the seam is gone.
        #expect(step > 10)
    }

    @Test("a failure while content is published again leaves it as it was", arguments: failures.filter { !$0.lasts })
    func survivesFailuresOfRepetition(_ failure: FaultPlan.Failure) async throws {
        let bytes = sample(2)
        let plan = FaultPlan()
        try await withArtifactStore(faults: plan.faults) { store, folder in
            let content = try await store.publish(bytes)
            var step = 0
            while true {
                plan.arm(failure, after: step)
                // Success and failure are both right: what counts is what is there afterwards.
                _ = try? await store.publish(bytes)
                let hasFailed = plan.disarm()
                #expect(try await store.verify(content.digest) == content, "after step \(step)")
                try await store.sweepIncoming()
                #expect(folder.incoming == [], "after step \(step)")
                if !hasFailed { break }
                step += 1
            }
            #expect(step > 10)
        }
    }

    @Test("content that is there already is kept")
    func publishesTwice() async throws {
        try await withArtifactStore { store, folder in
            let content = try await store.publish(sample(1))
            let before = try File.open(folder.blob(content.digest)).status()
            #expect(try await store.publish(sample(1)) == content)
            #expect(try File.open(folder.blob(content.digest)).status() == before)
            #expect(folder.incoming == [])
        }
    }

    @Test("several stores that publish the same at once have one content")
    func publishesConcurrently() async throws {
        try await withArtifactStore { store, folder in
            let stores = try [store] + (0..<3).map { _ in try FileArtifactStore(root: folder.path) }
            let contents = try await withThrowingTaskGroup(of: ArtifactContent.self) { group in
                for store in stores + stores { group.addTask { try await store.publish(sample(1)) } }
                return try await group.reduce(into: Set<ArtifactContent>()) { $0.insert($1) }
            }
            #expect(contents.count == 1)
            #expect(folder.blobs.count == 1)
            #expect(folder.incoming == [])
            #expect(folder.quarantine == [])
        }
    }

    @Test("an artifact is finished once")
    func finishesOnce() async throws {
        try await withArtifactStore { store, _ in
            let arrival = try await store.receive()
            _ = try await arrival.finish()
            await #expect(throws: ArtifactError.alreadyFinished(path: arrival.file.path)) {
                try await arrival.finish()
            }
        }
    }

    @Test("what was removed is not there")
    func removes() async throws {
        try await withArtifactStore { store, _ in
            let content = try await store.publish(sample(1))
            #expect(try await store.remove(content.digest))
            #expect(try await store.remove(content.digest) == false)
            await #expect(throws: ArtifactError.notFound(content.digest)) { try await store.open(content) }
            await #expect(throws: ArtifactError.notFound(content.digest)) { try await store.verify(content.digest) }
        }
    }

    // MARK: Incoming files

    @Test("a file whose writer lives is not swept, by this store or by another")
    func keepsLive() async throws {
        try await withArtifactStore { store, folder in
            let arrival = try await store.receive()
            try arrival.file.write(sample(1))
            #expect(try await store.sweepIncoming() == 0)
            #expect(try await FileArtifactStore(root: folder.path).sweepIncoming() == 0)
            #expect(try await arrival.finish().digest == SHA256Digest(of: sample(1)))
        }
    }

    @Test("a file whose writer is gone is swept, and nothing that is not ours")
    func sweeps() async throws {
        try await withArtifactStore { store, folder in
            let stray = String(repeating: "0a", count: 16)
            try writeFile(folder.path + "/incoming/" + stray, sample(1))
            try writeFile(folder.path + "/incoming/notes.txt", sample(2))
            #expect(try await store.sweepIncoming() == 1)
            #expect(folder.incoming == ["notes.txt"])
        }
    }

    @Test("an artifact that is dropped or discarded leaves nothing")
    func discards() async throws {
        try await withArtifactStore { store, folder in
            let discarded = try await store.receive()
            discarded.discard()
            do { _ = try await store.receive() }
            #expect(folder.incoming == [])
            await #expect(throws: ArtifactError.alreadyFinished(path: discarded.file.path)) {
                try await discarded.finish()
            }
        }
    }

    // MARK: What others did to the store

    @Test(
        "a link, a pipe or a second name in the place of content is refused",
        arguments: [
            "symbolic link", "named pipe", "file with several names",
        ])
    func refusesKinds(_ kind: String) async throws {
        try await withArtifactStore { store, folder in
            let content = try await store.publish(sample(1))
            let blob = folder.blob(content.digest)
            let aside = folder.path + "/aside"
            switch kind {
            case "symbolic link":
                try FileManager.default.moveItem(atPath: blob, toPath: aside)
                try FileManager.default.createSymbolicLink(atPath: blob, withDestinationPath: aside)
            case "named pipe":
                try FileManager.default.removeItem(atPath: blob)
                try #require(mkfifo(blob, 0o600) == 0)
            default:
                try FileManager.default.linkItem(atPath: blob, toPath: aside)
            }
            let refusal = ArtifactError.unexpectedKind(path: blob, found: kind, expected: Self.plain)
            await #expect(throws: refusal) { try await store.open(content) }
            await #expect(throws: refusal) { try await store.verify(content.digest) }

            #expect(try await store.publish(sample(1)) == content)
            #expect(try await store.verify(content.digest) == content)
            #expect(folder.quarantine.count == 1)
            if kind != "named pipe" { #expect(try contentOfFile(aside) == sample(1)) }
        }
    }

    @Test("a link in the place of a shard is followed neither for reading nor for writing")
    func refusesLinkedShard() async throws {
        try await withArtifactStore { store, folder in
            let content = try await store.publish(sample(1))
            let shard = folder.shard(content.digest)
            let aside = folder.path + "/aside"
            try FileManager.default.moveItem(atPath: shard, toPath: aside)
            try FileManager.default.createSymbolicLink(atPath: shard, withDestinationPath: aside)
            let refusal = ArtifactError.unexpectedKind(path: shard, found: "symbolic link", expected: "a folder")
            await #expect(throws: refusal) { try await store.open(content) }
            await #expect(throws: refusal) { try await store.verify(content.digest) }
            await #expect(throws: refusal) { try await store.remove(content.digest) }
            await #expect(throws: refusal) { try await store.publish(sample(1)) }
            #expect(filesBelow(aside) == [content.digest.hex])
            #expect(folder.incoming == [])
        }
    }

    @Test("every flipped bit, cut and extension is found")
    func findsDamage() async throws {
        try await withArtifactStore { store, folder in
            let random = SeededRandom(seed: 7)
            let bytes = sample(3)
            let content = try await store.publish(bytes)
            for round in 0..<rounds(reduced: 200, full: 1000) {
                var damaged = bytes
                switch round % 3 {
                case 0: damaged[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
                case 1: damaged.removeLast(1 + random.below(bytes.count))
                default: damaged += random.source.bytes(1 + random.below(100))
                }
                try folder.overwrite(content.digest, with: damaged)
                await #expect(
                    throws: ArtifactError.damaged(
                        content.digest,
                        detail: "its \(damaged.count) bytes have digest \(SHA256Digest(of: damaged))")
                ) { try await store.verify(content.digest) }
                guard damaged.count != bytes.count else { continue }
                await #expect(
                    throws: ArtifactError.damaged(
                        content.digest, detail: "it has \(damaged.count) bytes, expected \(bytes.count)")
                ) { try await store.open(content) }
            }
        }
    }

    @Test("damaged content is healed by publishing it again, and kept for a person to look at")
    func heals() async throws {
        try await withArtifactStore { store, folder in
            let content = try await store.publish(sample(1))
            try folder.overwrite(content.digest, with: [1, 2, 3])
            #expect(try await store.publish(sample(1)) == content)
            #expect(try await store.verify(content.digest) == content)
            let aside = try #require(folder.quarantine.first)
            #expect(aside.hasPrefix(content.digest.hex + "-"))
            #expect(try contentOfFile(folder.path + "/quarantine/" + aside) == [1, 2, 3])
        }
    }

    @Test("a store that lets others in is refused", arguments: ["", "/blobs", "/incoming", "/quarantine"])
    func refusesExposed(_ name: String) async throws {
        try await withArtifactStore { _, folder in
            let path = folder.path + name
            try FileManager.default.setAttributes([.posixPermissions: 0o770], ofItemAtPath: path)
            #expect(throws: ArtifactError.exposed(path: path, mode: 0o770)) {
                try FileArtifactStore(root: folder.path)
            }
        }
    }
}
