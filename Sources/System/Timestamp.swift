#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A moment: milliseconds since 1970-01-01T00:00:00Z, as every store of the farm keeps it.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let milliseconds: Int64

    /// The moment `milliseconds` after 1970-01-01T00:00:00Z.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// The moment `seconds` after 1970-01-01T00:00:00Z; saturates at the ends of the range.
    public init(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        milliseconds = overflow ? (seconds < 0 ? .min : .max) : product
    }

    /// The system's wall clock. Only an executable passes this in; everything below receives a `now` function.
    public static func systemClock() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Whole seconds since 1970, rounded towards the past.
    public var seconds: Int64 { floored(milliseconds, by: 1000).quotient }

    /// Later by `duration`; saturates at the ends of the range instead of overflowing.
    public static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = time.milliseconds.addingReportingOverflow(duration.wholeMilliseconds)
        return Timestamp(milliseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// The time from `earlier` to `later`; negative where the order is the other one.
    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        let (difference, overflow) = later.milliseconds.subtractingReportingOverflow(earlier.milliseconds)
        return .milliseconds(overflow ? (later < earlier ? .min / 2 : .max / 2) : difference)
    }

    /// The earlier of the two comes first.
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }
}

extension Duration {
    /// The duration in milliseconds, rounded towards zero and saturating.
    public var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds: `2026-11-23T08:15:30.250Z`.
    public var description: String {
        var text: [UInt8] = []
        write(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Adds `description` to `text`.
    public func write(to text: inout [UInt8]) {
        let (seconds, fraction) = floored(milliseconds, by: 1000)
        CivilTime(secondsSince1970: seconds).write(to: &text)
        text.append(0x2E)
        writePadded(Int(fraction), 3, to: &text)
        text.append(0x5A)
    }

    /// RFC 3339 in UTC with whole seconds: `2026-11-23T08:15:30Z`.
    public var wholeSecondsText: String {
        var text: [UInt8] = []
        CivilTime(secondsSince1970: seconds).write(to: &text)
        text.append(0x5A)
        return String(decoding: text, as: UTF8.self)
    }

    /// `2026-11-23`, in UTC.
    public var dateText: String {
        var text: [UInt8] = []
        CivilTime(secondsSince1970: seconds).writeDate(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// What `description` has written for the years 1970 to 9999; nil for anything else.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 24, bytes[10] == 0x54, bytes[13] == 0x3A, bytes[16] == 0x3A, bytes[19] == 0x2E,
            bytes[23] == 0x5A, let day = Timestamp(date: String(decoding: bytes[..<10], as: UTF8.self)),
            let hour = decimal(bytes[11..<13]), let minute = decimal(bytes[14..<16]),
            let second = decimal(bytes[17..<19]), let fraction = decimal(bytes[20..<23]),
            hour < 24, minute < 60, second < 60
        else { return nil }
        self.init(milliseconds: day.milliseconds + Int64(((hour * 60 + minute) * 60 + second) * 1000 + fraction))
    }

    /// The start of the UTC day written as `YYYY-MM-DD` (years 1970 to 9999); nil for anything else.
    public init?(date: String) {
        let bytes = Array(date.utf8)
        guard bytes.count == 10, bytes[4] == 0x2D, bytes[7] == 0x2D,
            let year = decimal(bytes[0..<4]), let month = decimal(bytes[5..<7]), let day = decimal(bytes[8..<10]),
            year >= 1970, (1...12).contains(month), day >= 1, day <= daysIn(month: month, of: year)
        else { return nil }
        self.init(seconds: Int64(daysSince1970(year: year, month: month, day: day)) * 86_400)
    }
}

/// A moment taken apart in the proleptic Gregorian calendar, UTC.
private struct CivilTime {
    let year: Int
    let month: Int
    let day: Int
    let secondOfDay: Int

    init(secondsSince1970 seconds: Int64) {
        let (days, rest) = floored(seconds, by: 86_400)
        secondOfDay = Int(rest)
        // Days to civil date after Howard Hinnant's algorithm: eras of 400 years, years beginning in March.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * marchMonth + 2) / 5 + 1)
        month = Int(marchMonth < 10 ? marchMonth + 3 : marchMonth - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    }

    /// `2026-11-23`.
    func writeDate(to text: inout [UInt8]) {
        writePadded(year, 4, to: &text)
        text.append(0x2D)
        writePadded(month, 2, to: &text)
        text.append(0x2D)
        writePadded(day, 2, to: &text)
    }

    /// `2026-11-23T08:15:30`.
    func write(to text: inout [UInt8]) {
        writeDate(to: &text)
        text.append(0x54)
        writePadded(secondOfDay / 3600, 2, to: &text)
        text.append(0x3A)
        writePadded(secondOfDay / 60 % 60, 2, to: &text)
        text.append(0x3A)
        writePadded(secondOfDay % 60, 2, to: &text)
    }
}

private func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    let marchYear = month <= 2 ? year - 1 : year
    let era = marchYear / 400
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

private func daysIn(month: Int, of year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return month == 2 ? (isLeap ? 29 : 28) : ([4, 6, 9, 11].contains(month) ? 30 : 31)
}

private func decimal(_ bytes: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for byte in bytes {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int(byte - 0x30)
    }
    return value
}

private func writePadded(_ value: Int, _ width: Int, to text: inout [UInt8]) {
    if value < 0 { text.append(0x2D) }
    let start = text.count
    var rest = value.magnitude
    while rest > 0 || text.count - start < width {
        text.append(UInt8(truncatingIfNeeded: 0x30 + rest % 10))
        rest /= 10
    }
    text[start...].reverse()
}

/// Quotient rounded towards the past, and a remainder from 0 up to `divisor`; defined for every value.
private func floored(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

/// A clock for measuring: it never jumps, and all processes of a machine read the same.
public enum MonotonicClock {
    /// Nanoseconds since some fixed moment.
    public static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
    }
}
