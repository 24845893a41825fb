import System
import TestSupport
import Testing

@Suite struct TimestampTests {
    @Test("moments are written as Python's datetime writes them, from year 1 to 9999")
    func againstPython() throws {
        let python = """
            import sys
            from datetime import datetime, timedelta
            for line in sys.stdin:
                time = datetime(1970, 1, 1) + timedelta(milliseconds=int(line))
                print(time.isoformat(timespec="milliseconds") + "Z", time.isoformat(timespec="seconds") + "Z", time.date())
            """
        let moments = Self.edges + Self.randomMoments(count: rounds(reduced: 20_000, full: 1_000_000))
        let input = moments.map { "\($0)\n" }.joined()
        let result = try run("python3", ["-c", python], input: Array(input.utf8))
        #expect(result.errorText == "")
        let lines = result.text.split(separator: "\n")
        try #require(lines.count == moments.count)
        for (moment, line) in zip(moments, lines) {
            let time = Timestamp(milliseconds: moment)
            #expect("\(time) \(time.wholeSecondsText) \(time.dateText)" == line)
            #expect(Timestamp(time.description) == (moment >= 0 ? time : nil))
        }
    }

    @Test("a moment has one spelling")
    func spelling() {
        #expect(Timestamp("2026-11-30T23:59:59.999Z")?.milliseconds == 1_796_083_199_999)
        for bad in [
            "2026-11-30T23:59:59Z", "2026-11-30T24:00:00.000Z", "2026-11-30T23:60:00.000Z", "2026-11-30T23:59:60.000Z",
            "2026-11-31T00:00:00.000Z", "2026-11-30 23:59:59.999Z", "2026-11-30T23:59:59.999+",
            "2026-11-30T23:59:59.99é",
            "", "2026-11-30T+3:59:59.999Z", "1969-12-31T23:59:59.999Z",
        ] { #expect(Timestamp(bad) == nil, "\(bad)") }
    }

    @Test("every day of four centuries and more is read as Python reads it, and written back")
    func days() throws {
        let last = rounds(reduced: 2_110, full: 9_999)
        let python = """
            from datetime import date, timedelta
            day = date(1970, 1, 1)
            while day.year <= \(last):
                print(day)
                if day == date.max: break
                day += timedelta(days=1)
            """
        let lines = try run("python3", ["-c", python]).text.split(separator: "\n")
        try #require(lines.count > 365 * (last - 1970))
        for (number, line) in lines.enumerated() {
            let time = try #require(Timestamp(date: String(line)))
            #expect(time.milliseconds == Int64(number) * 86_400_000)
            #expect(time.dateText == line)
        }
    }

    @Test(
        "a date that is none, or has another spelling, is refused",
        arguments: [
            "2026-02-29", "2100-02-29", "2000-02-30", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00",
            "2026-01-32", "1969-12-31", "0000-01-01", "2026-1-01", "2026-01-1", "26-01-01", "2026/01/01", "2026-01-01 ",
            " 2026-01-01", "+2026-1-01", "2026-01-+1", "-026-01-01", "20260101", "2026-01-01T00:00:00Z", "",
            "２０２６-01-01", "2026\u{2010}01\u{2010}01", "2026-01-0\u{661}", "10000-01-1",
        ])
    func badDates(text: String) { #expect(Timestamp(date: text) == nil) }

    @Test("leap days are read", arguments: ["2000-02-29", "2024-02-29", "2400-02-29", "9999-12-31", "1970-01-01"])
    func leapDays(text: String) { #expect(Timestamp(date: text)?.dateText == text) }

    @Test("years before 1 and after 9999 are written with their sign and all their digits")
    func farYears() {
        #expect(Timestamp(seconds: -62_135_596_801).description == "0000-12-31T23:59:59.000Z")
        #expect(Timestamp(seconds: -62_167_219_201).description == "-0001-12-31T23:59:59.000Z")
        #expect(Timestamp(seconds: 253_402_300_800).description == "10000-01-01T00:00:00.000Z")
    }

    @Test("the ends of the range can be written, added to and subtracted")
    func ends() {
        let first = Timestamp(milliseconds: .min)
        let last = Timestamp(milliseconds: .max)
        #expect(first.description == "-292275055-05-16T16:47:04.192Z")
        #expect(last.description == "292278994-08-17T07:12:55.807Z")
        #expect(first.seconds == -9_223_372_036_854_776)
        #expect(last.seconds == 9_223_372_036_854_775)
        #expect(last + .milliseconds(1) == last)
        #expect(first + .milliseconds(-1) == first)
        #expect(last + .seconds(Int64.max) == last)
        #expect(first + .seconds(Int64.min) == first)
        #expect(last - first > .zero)
        #expect(first - last < .zero)
        #expect(Timestamp(seconds: .max) == last)
        #expect(Timestamp(seconds: .min) == first)
    }

    @Test("seconds are rounded towards the past", arguments: [(-1, -1), (-1000, -1), (-1001, -2), (999, 0), (1000, 1)])
    func seconds(milliseconds: Int64, seconds: Int64) {
        #expect(Timestamp(milliseconds: milliseconds).seconds == seconds)
    }

    @Test("a duration has whole milliseconds, rounded towards zero and saturating")
    func durations() {
        #expect(Duration.microseconds(1_999).wholeMilliseconds == 1)
        #expect(Duration.microseconds(-1_999).wholeMilliseconds == -1)
        #expect(Duration.seconds(-1).wholeMilliseconds == -1_000)
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeMilliseconds == .min)
        #expect(Timestamp(milliseconds: 5) - Timestamp(milliseconds: 8) == .milliseconds(-3))
    }

    @Test("moments are ordered by time")
    func order() {
        #expect(Timestamp(milliseconds: -1) < Timestamp(milliseconds: 0))
        #expect(Timestamp(milliseconds: .min) < Timestamp(milliseconds: .max))
        #expect(Timestamp(seconds: 1) == Timestamp(milliseconds: 1_000))
    }

    @Test("the system's clock is in this century and does not run back between two looks")
    func systemClock() {
        let first = Timestamp.systemClock()
        let second = Timestamp.systemClock()
        #expect(first > Timestamp(seconds: 1_700_000_000))
        #expect(first < Timestamp(seconds: 4_102_444_800))
        #expect(second - first > .seconds(-5))
    }

    /// Milliseconds around each end of a day, month, leap day, century and era, from year 1 to 9999.
    private static let edges: [Int64] = {
        let days: [Int64] = [
            -719_162, -719_163 + 365, -141_428, -135_081, -134_775, -1, 0, 1, 58, 59, 60, 365, 730, 788, 789, 790,
            10_956,
            10_957, 11_015, 11_016, 11_017, 19_782, 19_783, 47_540, 47_541, 47_542, 146_096, 146_097, 2_932_895,
            2_932_896,
        ]
        let shifts: [Int64] = [0, 1, 999, 1_000, 86_399_999, 43_200_000]
        let first: Int64 = -62_135_596_800_000
        return days.flatMap { day in shifts.map { day * 86_400_000 + $0 } }.filter { $0 >= first }
    }()

    private static func randomMoments(count: Int) -> [Int64] {
        let random = SeededRandom(seed: 7)
        let span: UInt64 = 253_402_300_800_000 + 62_135_596_800_000
        return (0..<count).map { _ in Int64(random.next() % span) - 62_135_596_800_000 }
    }
}
