import TestSupport
import Testing

@testable import System

@Suite("The nearest name") struct NearestNameTests {
    @Test(
        "is as many single changes away as it takes",
        arguments: [
            ("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("abc", "abd", 1), ("abc", "ab", 1), ("abc", "xabc", 1),
            ("abc", "acb", 1), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("ca", "abc", 3), ("abcd", "badc", 2),
            ("a\u{301}", "\u{E1}", 2), ("\u{1F600}", "\u{1F601}", 1),
        ])
    func distance(_ left: String, _ right: String, _ distance: Int) {
        #expect(Self.distance(left, right) == distance)
        #expect(Self.distance(right, left) == distance)
    }

    @Test("is as far from one side as from the other, and within the bounds of the lengths")
    func symmetry() {
        let random = SeededRandom(seed: 1)
        let word = { String((0..<random.below(12)).map { _ in "abc_".randomElement(using: random) }) }
        for _ in 0..<rounds(reduced: 2_000, full: 100_000) {
            let (left, right) = (word(), word())
            let distance = Self.distance(left, right)
            #expect(distance == Self.distance(right, left))
            #expect((distance == 0) == (left == right))
            #expect(distance >= abs(left.count - right.count))
            #expect(distance <= max(left.count, right.count))
        }
    }

    @Test("is one after a single change")
    func oneChange() {
        let random = SeededRandom(seed: 2)
        for name in ["port", "package_name", "idempotency-key", "a"] {
            for _ in 0..<20 {
                var changed = Array(name)
                switch random.below(3) {
                case 0: changed.insert("Q", at: random.below(changed.count + 1))
                case 1: changed.remove(at: random.below(changed.count))
                default: changed[random.below(changed.count)] = "Q"
                }
                #expect(Self.distance(name, String(changed)) == 1)
            }
        }
    }

    @Test("is none where a third of the name or more than four signs would change")
    func tooFar() {
        #expect(NearestName.of("port", among: ["sort"]) == "sort")
        #expect(NearestName.of("port", among: ["soft"]) == nil)
        #expect(NearestName.of("laen", among: ["labels", "lane"]) == "lane")
        #expect(NearestName.of("abcdef", among: ["abcdxy"]) == "abcdxy")
        #expect(NearestName.of("abcdefghijklmnop", among: ["abcdefghijkl1234"]) == "abcdefghijkl1234")
        #expect(NearestName.of("abcdefghijklmnopqr", among: ["abcdefghijklm12345"]) == nil)
        #expect(NearestName.of("a", among: []) == nil)
        #expect(NearestName.of(String(repeating: "a", count: 81), among: [String(repeating: "a", count: 81)]) == nil)
    }

    @Test("is the first of several that are as near")
    func several() {
        #expect(NearestName.of("redis_part", among: ["redis_port", "redis_pact"]) == "redis_port")
        #expect(NearestName.of("redis_part", among: ["redis_pact", "redis_port"]) == "redis_pact")
    }

    private static func distance(_ left: String, _ right: String) -> Int {
        NearestName.distance(Array(left.unicodeScalars), Array(right.unicodeScalars))
    }
}

extension String {
    fileprivate func randomElement(using random: SeededRandom) -> Character {
        self[index(startIndex, offsetBy: random.below(count))]
    }
}
