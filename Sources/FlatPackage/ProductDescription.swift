public import System

/// What a product archive is made of.
public struct ProductDescription: Sendable {
    /// Text of Installer's window.
    public let title: String
    /// Reverse-DNS name of the product.
    public let identifier: String
    /// Version of the product, dotted digits.
    public let version: String
    /// Lowest macOS that takes it, dotted digits: `13.0`.
    public let minimumMacOS: String
    /// Architectures that run it without translation. Without `arm64` an Apple-silicon Mac asks for Rosetta.
    public let hostArchitectures: [String]
    /// The components in the order of their installation, each with the name of its folder: `server.pkg`.
    public let components: [(name: String, package: ComponentPackage)]
    /// The archive's creation time.
    public let contentDate: Timestamp
    /// The program that makes it, with its version, for people: printable ASCII without `--`.
    public let generator: String

    /// A description. It is checked when a `ProductArchive` is made from it.
    public init(
        title: String, identifier: String, version: String, minimumMacOS: String = "13.0",
        hostArchitectures: [String] = ["arm64", "x86_64"], components: [(name: String, package: ComponentPackage)],
        contentDate: Timestamp, generator: String
    ) {
        self.title = title
        self.identifier = identifier
        self.version = version
        self.minimumMacOS = minimumMacOS
        self.hostArchitectures = hostArchitectures
        self.components = components
        self.contentDate = contentDate
        self.generator = generator
    }
}

extension ProductDescription {
    /// - Throws: `.badValue` for the first value that does not have its form.
    func check() throws(PackageError) {
        try ValueRule.title.check(title, "title")
        try ValueRule.identifier.check(identifier, "identifier")
        try ValueRule.version.check(version, "version")
        try ValueRule.version.check(minimumMacOS, "minimumMacOS")
        try ValueRule.generator.check(generator, "generator")
        guard (0...Int64(UInt32.max)).contains(contentDate.seconds) else {
            throw .badValue(field: "contentDate", value: contentDate.description, expected: "a time from 1970 to 2106")
        }
        guard !hostArchitectures.isEmpty else {
            throw .badValue(field: "hostArchitectures", value: "", expected: "at least one, such as arm64")
        }
        for architecture in hostArchitectures {
            try ValueRule.architecture.check(architecture, "hostArchitectures")
        }
        guard !components.isEmpty else {
            throw .badValue(field: "components", value: "", expected: "at least one component package")
        }
        var names: Set<[UInt8]> = []
        var identifiers: Set<[UInt8]> = []
        for (name, package) in components {
            try ValueRule.componentName.check(name, "component name")
            // Compared without case: on a Mac the names may be unpacked into a file system that does not see it.
            guard names.insert(Array(name.lowercased().utf8)).inserted else {
                throw .badValue(field: "component name", value: name, expected: "a name that no other component has")
            }
            guard identifiers.insert(Array(package.identifier.utf8)).inserted else {
                throw .badValue(
                    field: "identifier", value: package.identifier, expected: "one that no other component has")
            }
        }
    }
}
