import BuildWorker
import Testing

@Suite struct StopRequestTests {
    @Test("a request wakes those who wait, and those who come later do not wait")
    func wakes() async {
        let stop = StopRequest()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { await stop.wait(atMost: nil) } }
            group.addTask { stop.request() }
        }
        #expect(stop.isRequested)
        await stop.wait(atMost: nil)
    }

    @Test("a wait ends when its task is cancelled")
    func cancelled() async {
        let stop = StopRequest()
        let waiting = Task { await stop.wait(atMost: nil) }
        waiting.cancel()
        await waiting.value
        #expect(!stop.isRequested)
    }

    @Test("a wait ends after its limit")
    func limited() async {
        let stop = StopRequest()
        await stop.wait(atMost: .milliseconds(1))
        #expect(!stop.isRequested)
    }
}
