import Foundation
import JSON
import System
import TestSupport
import Testing

/// A farm on two hosts whose wire is pulled: Redis and a worker on one, a worker on the other.
@Suite(.enabled(if: !isRedisLeftOut && !areNamespacesLeftOut)) struct PartitionTests {
    @Test("a worker that is cut off loses its jobs to another one, and works on by itself when the wire is back")
    func pulledWire() async throws {
        let hosts = try TwoHosts()
        try await withTemporaryDirectory { folder in
            let redis = try await RedisServer.start(
                in: folder, launcher: hosts.launcher(.server), hasPort: true,
                configuration: [
                    "bind \(TwoHosts.Host.server.address) 127.0.0.1", "protected-mode no", "appendonly yes",
                    "appendfsync always",
                ])
            defer { redis.kill() }
            let port = try #require(redis.port)
            let farm = try FarmFixture.make(
                in: folder + "/farm", redis: redis, at: "\(TwoHosts.Host.server.address):\(port)",
                launcher: hosts.launcher(.server))
            let far = farm.launched(by: hosts.launcher(.worker))
            try farm.set("lease_seconds", "1")
            try farm.enlargePayload(3_000_000)
            let (nearWorker, farWorker) = (try farm.running("work", "--json"), try far.running("work", "--json"))
            var submitted: Set<String> = []
            var names: Set<String> = []
            let random = SeededRandom(seed: 0x9A27)
            for cycle in 0..<rounds(reduced: 3, full: 30) {
                for number in 0..<6 {
                    let name = "c\(cycle)-n\(number)"
                    names.insert(name)
                    submitted.insert(try farm.submit("--node-name", name))
                }
                try await Task.sleep(for: .milliseconds(random.below(150)))  // the moment that is tried
                try hosts.connect(false)
                let areDone = try await eventually(within: .seconds(60)) {
                    try farm.jobs().allSatisfy { $0["state"]?.string == "succeeded" }
                }
                #expect(areDone, "cycle \(cycle): \(nearWorker.errors)")
                // Cut off, nothing can be submitted there, and it is said so.
                if cycle == 0 {
                    let refused = try far.pkgmill("submit", "--sealing", "plain")
                    #expect(refused.status == 7, "\(refused.errorText)")
                    #expect(refused.errorText.contains("Redis cannot be reached"), "\(refused.errorText)")
                }
                try hosts.connect(true)
                let isTidy = try await eventually(within: .seconds(60)) { farm.strayFiles().isEmpty }
                #expect(isTidy, "cycle \(cycle): \(farWorker.errors)")
                try QueueAudit(farm: farm, attempted: names, acknowledged: submitted).check("cycle \(cycle)")
            }
            // The one that was cut off is all there is, and goes on without anybody's doing.
            nearWorker.send(SIGTERM)
            #expect(try await nearWorker.exitStatus() == 0)
            let last = try farm.submit("--node-name", "last")
            let isDone = try await eventually(within: .seconds(60)) { try farm.state(of: last) == "succeeded" }
            #expect(isDone, "\(farWorker.errors)")
            #expect(farWorker.isRunning)
            farWorker.send(SIGTERM)
            #expect(try await farWorker.exitStatus() == 0)
        }
    }
}
