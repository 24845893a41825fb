/// The Macs on which an installer may run.
public struct Target: Sendable, Equatable {
    /// A kind of processor, by the name that Installer knows.
    public enum Architecture: String, Sendable, CaseIterable {
        case arm64
        case x86_64
    }

    /// The oldest macOS: one to three numbers with dots, `13.0`.
    public let minimumMacOS: String
    /// At least one, in the order of `Architecture.allCases`.
    public let architectures: [Architecture]

    /// Macs from `minimumMacOS` on with one of the processors named; their order does not matter.
    public init(minimumMacOS: String, architectures: [String]) throws(InstallerError) {
        guard TextChecks.isDottedNumber(minimumMacOS, count: 3) else {
            throw .badText("target.minimumMacOS", minimumMacOS, expected: "a version such as 13.0")
        }
        let known = Architecture.allCases.map(\.rawValue)
        for name in architectures where !known.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
            throw .badText("target.architectures", name, expected: known.joined(separator: " or "))
        }
        guard !architectures.isEmpty, Set(architectures).count == architectures.count else {
            throw .badField(
                name: "target.architectures", value: "\(architectures.count) names", expected: "one or two, each once")
        }
        self.minimumMacOS = minimumMacOS
        self.architectures = Architecture.allCases.filter { architectures.contains($0.rawValue) }
    }
}
