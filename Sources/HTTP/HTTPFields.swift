/// The fields of a request's head, in their order. Names are lower-case bytes, values bytes as they came.
public struct HTTPFields: Sendable, Equatable {
    /// One `name: value`.
    public struct Field: Sendable, Equatable {
        /// Lower case.
        public let name: ArraySlice<UInt8>
        /// Without white space around it.
        public let value: ArraySlice<UInt8>
    }

    /// Where a field stands in `bytes`.
    private struct Place: Equatable {
        let start: Int
        let nameEnd: Int
        let end: Int
    }

    /// All names and values, one after another: a head of a dozen fields is two pieces of memory and not two dozen.
    private var bytes: [UInt8] = []
    private var places: [Place] = []

    /// None.
    public init() {}

    /// How many there are.
    public var count: Int { places.count }

    /// All of them.
    public var all: some RandomAccessCollection<Field> {
        places.lazy.map { [bytes] in Field(name: bytes[$0.start..<$0.nameEnd], value: bytes[$0.nameEnd..<$0.end]) }
    }

    /// Adds a field; its name becomes lower case.
    public mutating func append(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
        if places.isEmpty {
            // What most heads come to.
            bytes.reserveCapacity(256)
            places.reserveCapacity(8)
        }
        let start = bytes.count
        bytes.append(contentsOf: name.lazy.map(ASCII.lowercased))
        let nameEnd = bytes.count
        bytes.append(contentsOf: value)
        places.append(Place(start: start, nameEnd: nameEnd, end: bytes.count))
    }

    /// The values of `name`, which is lower case.
    public func values(_ name: StaticString) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for place in places where isNamed(name, place) { found.append(value(place)) }
        return found
    }

    /// The value of `name`; nil where it is not there, or there more than once, so that nobody could say which one counts.
    public func only(_ name: StaticString) -> [UInt8]? {
        var found: Place?
        for place in places where isNamed(name, place) {
            if found != nil { return nil }
            found = place
        }
        return found.map(value)
    }

    /// The same as text; nil where it is not UTF-8 either.
    public func text(_ name: StaticString) -> String? { only(name).flatMap { String(validating: $0, as: UTF8.self) } }

    /// All values of `name` as one list, which is what several fields of a list's name mean.
    public func list(_ name: StaticString) -> [[UInt8]] {
        values(name).flatMap { $0.split(separator: UInt8(ascii: ",")).map { ASCII.trimmed($0) } }.filter { !$0.isEmpty }
    }

    private func value(_ place: Place) -> [UInt8] { Array(bytes[place.nameEnd..<place.end]) }

    private func isNamed(_ name: StaticString, _ place: Place) -> Bool {
        place.nameEnd - place.start == name.utf8CodeUnitCount && ASCII.equal(bytes[place.start..<place.nameEnd], name)
    }
}

/// Bytes as HTTP compares them: never as characters.
enum ASCII {
    static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    static func equal(_ bytes: some Sequence<UInt8>, _ text: StaticString) -> Bool {
        bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Without regard to case; `text` is lower case.
    static func equalIgnoringCase(_ bytes: some Sequence<UInt8>, _ text: StaticString) -> Bool {
        equal(bytes.lazy.map(lowercased), text)
    }

    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// What a token of RFC 9110 is made of: methods, names of fields.
    static func isToken(_ byte: UInt8) -> Bool {
        if isAlphanumeric(byte) { return true }
        switch byte {
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: return true
        default: return false
        }
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let start = bytes.firstIndex { !isBlank($0) } ?? bytes.endIndex
        let end = bytes.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? start
        return Array(bytes[start..<end])
    }

    static func trimmed(_ bytes: [UInt8]) -> [UInt8] { trimmed(bytes[...]) }

    /// A decimal number of digits alone; nil for anything else and beyond 64 bits.
    static func number(_ bytes: some Collection<UInt8>) -> Int64? {
        guard !bytes.isEmpty else { return nil }
        var value: Int64 = 0
        for byte in bytes {
            guard isDigit(byte) else { return nil }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isStillTooLarge) = product.addingReportingOverflow(Int64(byte - 0x30))
            if isTooLarge || isStillTooLarge { return nil }
            value = sum
        }
        return value
    }

    static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
