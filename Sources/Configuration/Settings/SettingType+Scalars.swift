import System

extension SettingType where Value == Bool {
    static var truth: Self {
        .scalar("true or false", written: { $0 ? "true" : "false" }) { (text) throws(Refusal) in
            if text.utf8.elementsEqual("true".utf8) { return true }
            if text.utf8.elementsEqual("false".utf8) { return false }
            // YAML 1.1 reads `yes`, `on` and `y` as true, YAML 1.2 does not: neither is right for everyone.
            throw Refusal(of: text, "is neither true nor false")
        }
    }
}

extension SettingType where Value == Int {
    /// A decimal number in its one spelling. `0123`, `0x1F`, `1_000`, `12:34`, `1e3` and `+5` are numbers to some
    /// readers of YAML, and not the same ones.
    static func integer(_ range: ClosedRange<Int>, of unit: String? = nil) -> Self {
        let what = unit.map { "a whole number of \($0)" } ?? "a whole number"
        return .scalar("\(what) from \(range.lowerBound) to \(range.upperBound)", written: { String($0) }) {
            (text) throws(Refusal) in
            let bytes = Array(text.utf8)
            guard bytes.allSatisfy(isASCIIDigit), bytes == [0x30] || bytes.first != 0x30 else {
                throw Refusal(
                    of: text, "is no plain decimal number",
                    instead: "write \(what) from \(range.lowerBound) to \(range.upperBound) in digits alone, "
                        + "without a leading zero")
            }
            guard let value = Int(text), range.contains(value) else { throw Refusal(of: text, "is out of range") }
            return value
        }
    }
}

extension SettingType where Value == Timestamp {
    static var date: Self {
        .scalar("a date as YYYY-MM-DD", written: { $0.dateText }) { (text) throws(Refusal) in
            guard let date = Timestamp(date: text) else { throw Refusal(of: text, "is no date of the calendar") }
            return date
        }
    }
}

extension SettingType where Value: RawRepresentable & CaseIterable & Sendable, Value.RawValue == String {
    /// One of the words of `Value`. `later`: words that this version knows of but does not have, and what to say.
    static func choice(later: [String: String] = [:]) -> Self {
        let words = Value.allCases.map(\.rawValue)
        return .scalar(alternatives(words), written: { $0.rawValue }) { (text) throws(Refusal) in
            for value in Value.allCases where value.rawValue.utf8.elementsEqual(text.utf8) { return value }
            for (word, answer) in later where word.utf8.elementsEqual(text.utf8) {
                throw Refusal(of: text, answer)
            }
            throw Refusal(of: text, "is not one of its values")
        }
    }
}
