import System
import TestSupport
import Testing

@testable import Configuration

@Suite("A configuration that is broken at random") struct ConfigurationFuzzTests {
    /// Texts to begin with: what init writes, everything set, and the traps of the other tests.
    private static let texts: [[UInt8]] =
        ([
            ConfigurationTemplate.text(
                storagePath: "/share", contentDate: .init(seconds: 1_800_000_000), payloadVersion: "1.0"),
            everything,
            "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
            "%YAML 1.1\n%TAG !e! tag:e,2000:\n---\n!e!x {? [a] : b, <<: *c}\n...\n---\n",
            "server:\n  api_key: |+2\n      a\n\n  web_password: >-\n    b\n    c\n",
            "\u{FEFF}a: b\r\nc: \"\\u00e9\\x00\\U0010FFFF\"\r\n",
            "farm:\n\tdaemon:\n  - \"/x\"\n  - 'it''s'\n",
            "{server: {port: 80, \"port\": 0x50}, sessions: [redis, {host: ::1}]}",
        ] + SecretSilenceTests.values.map { "server:\n  api_key: \($0)\n  port: 80\n" }
        + PlainScalarTests.ambiguous.map { "server:\n  port: \($0)\n" }).map { Array($0.utf8) }

    private static let everything = """
        # All kinds of values in all ways to write them.
        cluster:
          enabled: true
          backend: "redis"
          hostname: '${HOSTNAME}'
          redis_host: fe80::1   # without brackets
          redis_password: "p\\"\\u00e9\\x0a"
          storage_path: /Volumes/Farm Share
        server: {port: 80, api_key: key, db_path: ~}
        sessions:
          redis:
            port: 6380
            password: |
              of two
              lines
        farm:
          content_date: 2026-02-28
          daemon:
            - /bin/x
            - >-
              folded
              argument
          architectures: [arm64, "x86_64"]

        """

    /// Bytes by which YAML's readers change their mind.
    private static let signs =
        Array("\n\n  \t\r:-?,[]{}#&*!|>'\"%@`\\~<=.0a".utf8) + [
            0, 0x7F, 0x80, 0x85, 0xC2, 0xE2, 0xED, 0xEF, 0xF0, 0xFE, 0xFF,
        ]

    @Test("ends in a configuration or in mistakes that can be printed, and a second reading tells the same")
    func mutations() {
        let random = SeededRandom(seed: 20_261_125)
        var taken = 0
        let count = rounds(reduced: 2_000, full: 100_000)
        for round in 0..<count {
            let text = Self.mutated(random)
            // A variable is broken as well, now and then.
            let environment =
                round % 7 == 0 ? ["PKGMILL_FARM_DAEMON": String(decoding: text.prefix(300), as: UTF8.self)] : [:]
            let reading = Reading(text: text, environment: environment)
            let mistakes = reading.mistakes()
            taken += mistakes.isEmpty ? 1 : 0
            let arePrintable = mistakes.allSatisfy { Self.isPrintable($0) }
            #expect(arePrintable, "round \(round): \(text)")
            #expect(mistakes == reading.mistakes(), "round \(round): \(text)")
        }
        // Neither all refused nor all taken: the mutations reach both ends.
        #expect(taken > count / 100)
        #expect(taken < count * 9 / 10)
    }

    @Test("ends so at every cut of a whole file, too")
    func cuts() {
        for text in [Self.texts[0], Array(Self.everything.utf8)] {
            for index in text.indices {
                let arePrintable = Reading(text: Array(text[..<index])).mistakes().allSatisfy { Self.isPrintable($0) }
                #expect(arePrintable, "cut at \(index)")
            }
        }
    }

    private static func mutated(_ random: SeededRandom) -> [UInt8] {
        var text = texts[random.below(texts.count)]
        for _ in 0...random.below(4) {
            let index = random.below(text.count + 1)
            switch random.below(6) {
            case 0: text.removeSubrange(min(index, text.count)..<min(index + random.below(8), text.count))
            case 1: text.insert(signs[random.below(signs.count)], at: index)
            case 2: if index < text.count { text[index] = signs[random.below(signs.count)] }
            case 3: if index < text.count { text[index] ^= 1 << UInt8(random.below(8)) }
            case 4:
                let other = texts[random.below(texts.count)]
                let start = random.below(other.count)
                text.insert(contentsOf: other[start..<min(start + random.below(60), other.count)], at: index)
            default: text = Array(text.prefix(index))
            }
        }
        return text
    }

    /// One line that names a place, says what is wrong and what to do.
    private static func isPrintable(_ mistake: Mistake) -> Bool {
        let line = mistake.description
        return !mistake.problem.utf8.isEmpty && !mistake.expected.utf8.isEmpty
            && !line.unicodeScalars.contains { $0.value < 0x20 || $0 == "\u{7F}" || $0 == "\u{85}" || $0 == "\u{2028}" }
            && line.utf8.count < 4_000
    }
}
