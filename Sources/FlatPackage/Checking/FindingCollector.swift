import System

/// Gathers findings. Belongs to one check.
final class FindingCollector {
    /// More say nothing new, and a foreign file must not fill the memory.
    private static let maximumCount = 1000

    private(set) var findings: [PackageFinding] = []

    func error(_ code: FindingCode, at place: String, _ message: String) {
        add(.error, code.rawValue, place, message)
    }

    func warning(_ code: FindingCode, at place: String, _ message: String) {
        add(.warning, code.rawValue, place, message)
    }

    /// Runs `body`; what it throws because of the package's bytes becomes a finding, everything else is thrown on.
    ///
    /// - Returns: the result; nil when there is a finding instead.
    func attempt<Result>(_ body: () throws(PackageError) -> Result) throws(PackageError) -> Result? {
        do { return try body() } catch {
            try add(error)
            return nil
        }
    }

    private func add(_ error: PackageError) throws(PackageError) {
        switch error {
        case .malformed(let part, let place, _):
            add(.error, FindingCode.malformed(part), place, error.description)
        case .exceedsLimit(let place, _, _):
            self.error(.exceedsLimit, at: place, error.description)
        case .unsupported(let place, _):
            self.error(.unsupported, at: place, error.description)
        case .badValue, .badEntry, .duplicateEntry, .missingParent, .tooManyEntries, .tooLarge, .source, .storage,
            .compressor, .damagedComponent, .notARegularFile, .cancelled:
            throw error
        }
    }

    private func add(_ severity: PackageFinding.Severity, _ code: String, _ place: String, _ message: String) {
        guard findings.count < Self.maximumCount else { return }
        findings.append(
            PackageFinding(severity: severity, code: code, place: Printable.text(place), message: message))
    }
}

/// Counts paths that share a fault, and reports them as one finding with the first few.
struct PathTally {
    private static let exampleCount = 3

    private let code: FindingCode
    private let severity: PackageFinding.Severity
    private let message: String
    private var count = 0
    private var examples: [String] = []

    /// - Parameter message: what all these paths have in common, as a sentence without its end.
    init(error code: FindingCode, _ message: String) { self.init(code, .error, message) }

    /// As the other one.
    init(warning code: FindingCode, _ message: String) { self.init(code, .warning, message) }

    private init(_ code: FindingCode, _ severity: PackageFinding.Severity, _ message: String) {
        self.code = code
        self.severity = severity
        self.message = message
    }

    mutating func add(_ path: [UInt8], _ detail: @autoclosure () -> String = "") {
        count += 1
        guard examples.count < Self.exampleCount else { return }
        let detail = detail()
        let name = path.isEmpty ? "." : Printable.text(path)
        examples.append(detail.isEmpty ? name : "\(name) (\(detail))")
    }

    func report(to collector: FindingCollector, at place: String) {
        guard count > 0 else { return }
        let more = count > examples.count ? " and \(count - examples.count) more" : ""
        let text = "\(message): \(examples.joined(separator: ", "))\(more)"
        switch severity {
        case .error: collector.error(code, at: place, text)
        case .warning: collector.warning(code, at: place, text)
        }
    }
}
