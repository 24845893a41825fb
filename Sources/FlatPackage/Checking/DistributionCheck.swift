import System

/// Compares a product's `Distribution` with the components that are there.
struct DistributionCheck {
    private let distribution: Distribution
    private let reader: PackageReader
    private let collector: FindingCollector
    private let place = MemberName.distribution.rawValue

    init(_ distribution: Distribution, _ reader: PackageReader, _ collector: FindingCollector) {
        self.distribution = distribution
        self.reader = reader
        self.collector = collector
    }

    func run() {
        checkArchitectures()
        checkReferences()
        checkChoices()
        checkResources()
    }

    private func checkArchitectures() {
        let hasArm = distribution.hostArchitectures.contains { Array($0.utf8).equals("arm64") }
        guard !hasArm else { return }
        collector.error(
            .missingHostArchitectures, at: place,
            "hostArchitectures does not name arm64: an Apple-silicon Mac will ask for Rosetta")
    }

    private func checkReferences() {
        if distribution.packages.isEmpty {
            collector.error(.distributionReference, at: place, "it refers to no package inside")
        }
        let defined = Set(distribution.packages.map { Array($0.identifier.utf8) })
        for identifier in distribution.referencedIdentifiers where !defined.contains(Array(identifier.utf8)) {
            collector.error(
                .distributionReference, at: place, "\(Printable.text(identifier)) is referred to and never defined")
        }
        let components = Dictionary(reader.components.map { (Array($0.name.utf8), $0) }) { first, _ in first }
        for reference in distribution.packages {
            guard let component = components[Array(reference.name.utf8)] else {
                collector.error(
                    .distributionReference, at: place, "#\(Printable.text(reference.name)) is not in the archive")
                continue
            }
            compare(reference, component)
        }
        let names = Set(distribution.packages.map { Array($0.name.utf8) })
        for component in reader.components where !names.contains(Array(component.name.utf8)) {
            collector.warning(.unreferencedComponent, at: component.name, "the Distribution does not name it")
        }
    }

    private func compare(_ reference: Distribution.PackageReference, _ component: PackageComponent) {
        func compare(_ code: FindingCode, _ what: String, _ stated: String, _ actual: String) {
            guard Array(stated.utf8) != Array(actual.utf8) else { return }
            collector.error(
                code, at: component.name,
                "its \(what) is \(Printable.text(actual)), the Distribution says \(Printable.text(stated))")
        }
        compare(.distributionIdentifier, "identifier", reference.identifier, component.info.identifier)
        if let version = reference.version {
            compare(.distributionVersion, "version", version, component.info.version)
        }
        if let installKBytes = reference.installKBytes {
            compare(
                .distributionInstallKBytes, "installKBytes", installKBytes, String(component.info.installKBytes ?? 0))
        }
    }

    private func checkChoices() {
        let choices = Set(distribution.choices.map { Array($0.identifier.utf8) })
        for line in distribution.outline where !choices.contains(Array(line.utf8)) {
            collector.error(
                .distributionChoice, at: place,
                "the outline names the choice \(Printable.text(line)), which is not there")
        }
        let outlined = Set(distribution.outline.map { Array($0.utf8) })
        let installs = distribution.choices.contains {
            outlined.contains(Array($0.identifier.utf8)) && !$0.packageIdentifiers.isEmpty
        }
        if !installs {
            collector.error(.distributionChoice, at: place, "no choice of the outline installs anything")
        }
    }

    private func checkResources() {
        let files = Set(reader.members.compactMap { Self.resourceName($0.path) })
        for file in distribution.resources where !files.contains(Array(file.utf8)) {
            collector.error(.distributionResource, at: place, "\(Printable.text(file)) is not in Resources")
        }
    }

    /// `FILE` of `Resources/FILE` or `Resources/LANGUAGE.lproj/FILE`; nil for any other path.
    private static func resourceName(_ path: String) -> [UInt8]? {
        let parts = path.utf8.split(separator: 0x2F).map { Array($0) }
        guard let last = parts.last, parts[0].equals("Resources") else { return nil }
        switch parts.count {
        case 2: return last
        case 3: return parts[1].suffix(6).elementsEqual(".lproj".utf8) ? last : nil
        default: return nil
        }
    }
}
