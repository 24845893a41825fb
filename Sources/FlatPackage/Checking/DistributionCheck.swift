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
        for reference in distribution.packages {
            let component = reader.components.first { Array($0.name.utf8) == Array(reference.name.utf8) }
            guard let component else {
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
        for file in distribution.resources {
            let plain = Array("Resources/\(file)".utf8)
            let localised = Array(".lproj/\(file)".utf8)
            let isThere = reader.members.contains { member in
                let path = Array(member.path.utf8)
                return path == plain
                    || path.starts(with: Array("Resources/".utf8))
                        && path.suffix(localised.count).elementsEqual(localised)
            }
            if !isThere {
                collector.error(.distributionResource, at: place, "\(Printable.text(file)) is not in Resources")
            }
        }
    }
}
