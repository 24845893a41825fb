import Testing

@testable import Configuration

@Suite("A lane") struct LaneSettingsTests {
    @Test("has the weight 1 and no limits unless they are written, in any order")
    func words() throws {
        let lanes = try configuration("farm:\n  lanes: [a, b-2 rate=30/60s weight=9, c concurrency=1]\n").farm.lanes
        #expect(lanes.map(\.name) == ["a", "b-2", "c"])
        #expect(lanes.map(\.weight) == [1, 9, 1])
        #expect(lanes.map(\.concurrency) == [nil, nil, 1])
        #expect(lanes.map(\.rate) == [nil, .init(count: 30, seconds: 60), nil])
    }

    @Test(
        "is refused with what is wrong with it",
        arguments: [
            ("A", "begins with no lane's name"), ("2a", "begins with no lane's name"),
            ("\"\"", "begins with no lane's name"), ("a\u{301}", "begins with no lane's name"),
            ("weight=1", "begins with no lane's name"),
            ("a weight=0", "has no good weight"), ("a weight=+1", "has no good weight"),
            ("a weight=01", "has no good weight"), ("a weight=1001", "has no good weight"),
            ("a weight", "has no good weight"), ("a concurrency=100001", "has no good concurrency"),
            ("a rate=1", "has no good rate"), ("a rate=1/1", "has no good rate"), ("a rate=1/0s", "has no good rate"),
            ("a rate=0/1s", "has no good rate"), ("a rate=1/1m", "has no good rate"),
            ("a speed=1", "has the unknown word"), ("a b", "has the unknown word"),
        ])
    func refused(_ element: String, _ problem: String) {
        let all = answers("farm:\n  lanes: [\(element)]\n")
        #expect(all.count == 1)
        #expect(all.first?.contains(problem) == true, "\(all)")
    }

    @Test("is named once")
    func twice() {
        #expect(
            answers("farm:\n  lanes: [a, b, a weight=2]\n")
                == ["2: farm.lanes: \"a\" is there twice; remove one of the two"])
    }
}
