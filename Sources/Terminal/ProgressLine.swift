public import System

/// One line on a terminal that is drawn again as work goes on: a bar, a share, a word.
public struct ProgressLine: Sendable {
    private let stream: StandardStream
    private let isShown: Bool
    private var last = ""

    /// A line on standard error where that is a terminal; nothing elsewhere.
    public init(on stream: StandardStream = .error, isShown: Bool? = nil) {
        self.stream = stream
        self.isShown = isShown ?? stream.isTerminal
    }

    /// Draws the line when it differs from what stands there.
    public mutating func show(_ label: String, done: Int64, total: Int64) {
        guard isShown else { return }
        let line = Self.text(label, done: done, total: total, width: stream.terminalWidth ?? 80)
        guard line != last else { return }
        last = line
        stream.write("\r" + line + "\u{1B}[K")
    }

    /// Takes the line away, so that what follows begins on a clean one.
    public mutating func clear() {
        guard isShown, !last.isEmpty else { return }
        last = ""
        stream.write("\r\u{1B}[K")
    }

    /// The line for a terminal of `width` columns: `assemble  [#####.....]  50 %`.
    public static func text(_ label: String, done: Int64, total: Int64, width: Int) -> String {
        let share = total > 0 ? min(1, max(0, Double(done) / Double(total))) : 0
        let percent = String(Int(share * 100))
        let end = String(repeating: " ", count: max(0, 5 - percent.utf8.count)) + percent + " %"
        let cells = min(40, width - label.utf8.count - end.utf8.count - 5)
        guard cells >= 5 else { return label + end }
        let filled = Int(share * Double(cells))
        return label + "  [" + String(repeating: "#", count: filled) + String(repeating: ".", count: cells - filled)
            + "]" + end
    }
}

/// Colours for a terminal; plain text where there is none or where `NO_COLOR` is set.
public struct Palette: Sendable {
    private let isOn: Bool

    /// Colours when `stream` is a terminal and `noColor` (the value of `NO_COLOR`) is absent or empty.
    public init(stream: StandardStream, noColor: String?) { isOn = stream.isTerminal && (noColor ?? "").isEmpty }

    /// Always or never, for tests.
    public init(isOn: Bool) { self.isOn = isOn }

    /// Good news.
    public func good(_ text: String) -> String { paint(text, "32") }
    /// Something to look at.
    public func warning(_ text: String) -> String { paint(text, "33") }
    /// Something that failed.
    public func bad(_ text: String) -> String { paint(text, "31") }
    /// Less important.
    public func dim(_ text: String) -> String { paint(text, "2") }
    /// More important.
    public func strong(_ text: String) -> String { paint(text, "1") }

    private func paint(_ text: String, _ code: String) -> String { isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
}
