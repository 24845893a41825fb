import Artifacts
import Crypto
import Keyring
import NodeInstaller
import QueueModel
import Synchronization
import TestSupport
import Testing

@testable import BuildWorker

@Suite struct WorkerTests {
    @Test("a job is built, published and completed, and each stage is told in its order")
    func story() async throws {
        try await WorkerFixture.with { farm in
            let id = try await farm.submit()
            let events = try await farm.work("a")
            let sha256 = try #require(farm.artifacts().first?.suffix(64))
            #expect(farm.artifacts().count == 1)
            let result = try Job.Result(
                sha256: String(sha256), byteCount: try await size(of: id, in: farm),
                fileName: "FleetServerClusterNode.pkg")
            #expect(
                events == [
                    .started(worker: "a"), .claimed(id, attempt: 1), .began(.render, id), .began(.assemble, id),
                    .began(.check, id), .began(.publish, id), .stored(id, sha256: String(sha256)),
                    .succeeded(id, result), .stopped(worker: "a"),
                ])
            #expect(try await farm.state(of: id) == .succeeded(result))
        }
    }

    @Test(
        "cut off between any two of its writes, a worker leaves a job that the next one finishes with the same artifact",
        arguments: CutOff.Place.all)
    func cut(_ place: CutOff.Place) async throws {
        try await WorkerFixture.with { farm in
            let id = try await farm.submit()
            let cutOff = CutOff(at: place)
            try await farm.work("first", cutOff)
            #expect(cutOff.hasCome)
            let wasDone = place == CutOff.Place(call: .complete, isAfter: true)
            #expect(try await farm.state(of: id).name.isFinal == wasDone)

            farm.clock.advance(by: WorkerFixture.leaseDuration + .seconds(1))
            // What a dead process leaves in the store is swept by the next one to start.
            try await farm.store.sweepIncoming()
            try await farm.work("second")
            #expect(try await farm.state(of: id).name == .succeeded)
            #expect(farm.artifacts().count == 1)
        }
    }

    @Test("a worker whose job was taken over while it built publishes nothing and says so")
    func takenOverBeforePublishing() async throws {
        try await WorkerFixture.with { farm in
            let id = try await farm.submit()
            let other = Mutex<Job?>(nil)
            let events = try await farm.work(
                "stalled",
                CutOff(at: nil) { call in
                    guard call == .renew else { return }
                    farm.clock.advance(by: WorkerFixture.leaseDuration + .seconds(1))
                    let job = try? await farm.queue.claim(by: "quick", lanes: nil, for: .seconds(60), limit: 1).first
                    other.withLock { $0 = job }
                })
            #expect(events.contains(.lost(id)))
            #expect(farm.artifacts().isEmpty)
            let claim = try #require(other.withLock { $0 }?.claim)
            #expect(try await farm.job(id).claim == claim, "the other worker's lease is untouched")
        }
    }

    @Test("a worker whose job was taken over after it published cannot complete it")
    func takenOverBeforeCompleting() async throws {
        try await WorkerFixture.with { farm in
            let id = try await farm.submit()
            let events = try await farm.work(
                "stalled",
                CutOff(at: nil) { call in
                    guard call == .complete else { return }
                    farm.clock.advance(by: WorkerFixture.leaseDuration + .seconds(1))
                    _ = try? await farm.queue.claim(by: "quick", lanes: nil, for: .seconds(60), limit: 1)
                })
            #expect(events.contains(.lost(id)))
            #expect(try await farm.state(of: id).name == .running)
            #expect(try await farm.job(id).attempt == 2)

            // The next attempt makes the same bytes, so there is one artifact still.
            farm.clock.advance(by: WorkerFixture.leaseDuration + .seconds(1))
            try await farm.work("third")
            #expect(try await farm.state(of: id).name == .succeeded)
            #expect(farm.artifacts().count == 1)
        }
    }

    @Test("a job that is cancelled while it is built is dropped, and nothing is published")
    func cancelled() async throws {
        try await WorkerFixture.with { farm in
            let id = try await farm.submit()
            let events = try await farm.work(
                "a", CutOff(at: nil) { call in if call == .renew { _ = try? await farm.queue.cancel(id) } })
            #expect(events.contains(.lost(id)))
            #expect(try await farm.state(of: id) == .cancelled)
            #expect(farm.artifacts().isEmpty)
        }
    }

    @Test("a request that cannot be read fails at once and is not tried again", arguments: [[], Array("{}".utf8)])
    func unreadable(_ request: [UInt8]) async throws {
        try await WorkerFixture.with { farm in
            let id = try await farm.submit(request)
            try await farm.work("a")
            let job = try await farm.job(id)
            #expect(job.state.name == .failed)
            #expect(job.life.lastFailure?.code == "request-unreadable")
            #expect(job.attempt == 1)
        }
    }

    @Test("a job whose generation lacks a secret fails at once, and says which")
    func missingSecret() async throws {
        try await WorkerFixture.with { farm in
            try await farm.keyring.add(["server.api_key": SecretBytes("key")])
            let id = try await farm.submit(farm.installerRequest(generation: 2).canonicalBytes)
            try await farm.work("a")
            let failure = try #require(try await farm.job(id).life.lastFailure)
            #expect(failure.code == "generation-unusable")
            #expect(failure.message.contains("server.encryption_key"))
            #expect(!failure.isRetryable)
        }
    }

    private func size(of id: Job.ID, in farm: WorkerFixture) async throws -> Int64 {
        guard case .succeeded(let result) = try await farm.state(of: id) else { return -1 }
        return result.byteCount
    }
}
