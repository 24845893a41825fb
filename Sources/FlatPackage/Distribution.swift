import System

/// A product archive's `Distribution`: title, conditions, and which components are installed.
public struct Distribution: Sendable, Equatable {
    /// A component that the document defines: `<pkg-ref id="…" version="…" installKBytes="…">#NAME.pkg</pkg-ref>`.
    public struct PackageReference: Sendable, Equatable {
        /// The component's identifier.
        public let identifier: String
        /// Its version, where it is given.
        public let version: String?
        /// Its size, where it is given, as written.
        public let installKBytes: String?
        /// The component's folder in the archive, percent escapes resolved: `server.pkg`.
        public let name: String
    }

    /// A thing that a person can choose, or that is chosen for them.
    struct Choice: Sendable, Equatable {
        let identifier: String
        let packageIdentifiers: [String]
    }

    /// Text of Installer's window; nil when it is the file's name.
    public let title: String?
    /// Identifier of the product, where it is given.
    public let productIdentifier: String?
    /// Version of the product, where it is given.
    public let productVersion: String?
    /// Architectures that can run it without translation; empty when the document names none.
    public let hostArchitectures: [String]
    /// Lowest macOS that takes it, where it is given.
    public let minimumMacOS: String?
    /// The components that it defines.
    public let packages: [PackageReference]

    /// Every identifier that any `pkg-ref` names.
    let referencedIdentifiers: [String]
    let choices: [Choice]
    /// The choices that the outline names.
    let outline: [String]
    /// Files in `Resources` that it shows: welcome, licence and so on.
    let resources: [String]
}

extension Distribution {
    /// Reads a document.
    ///
    /// - Throws: `.malformed` when it is no installer script.
    init(parsing xml: [UInt8], place: String) throws(PackageError) {
        let root = try XMLParser.parse(xml, .distribution, place: place)
        guard root.name.equals("installer-gui-script") || root.name.equals("installer-script") else {
            throw .malformed(.distribution, place: place, reason: "its root is no installer script")
        }
        title = root.text(of: "title")
        productIdentifier = root.first("product")?.attribute("id")
        productVersion = root.first("product")?.attribute("version")
        let architectures = root.children("options").compactMap { $0.attribute("hostArchitectures") }.first ?? ""
        hostArchitectures = architectures.utf8.split(separator: 0x2C).map { part in
            String(decoding: part.drop { $0 == 0x20 }.prefix { $0 != 0x20 }, as: UTF8.self)
        }
        minimumMacOS = root.descendants("os-version").compactMap { $0.attribute("min") }.first
        let references = root.descendants("pkg-ref")
        referencedIdentifiers = references.compactMap { $0.attribute("id") }
        packages = references.compactMap { element in
            guard let identifier = element.attribute("id"), element.trimmedText.utf8.first == 0x23 else { return nil }
            return PackageReference(
                identifier: identifier, version: element.attribute("version"),
                installKBytes: element.attribute("installKBytes"),
                name: Self.percentDecoded(element.trimmedText.utf8.dropFirst()))
        }
        choices = root.descendants("choice").compactMap { element in
            element.attribute("id").map { identifier in
                Choice(
                    identifier: identifier,
                    packageIdentifiers: element.children("pkg-ref").compactMap { $0.attribute("id") })
            }
        }
        outline = root.descendants("line").compactMap { $0.attribute("choice") }
        let pages: [StaticString] = ["welcome", "readme", "license", "conclusion", "background"]
        resources = pages.flatMap { root.children($0) }.compactMap { $0.attribute("file") }
    }

    /// The document for `product`, after Apple's productbuild. Components keep the order in which they were given,
    /// architectures are sorted.
    static func xml(_ product: ProductDescription) -> [UInt8] {
        var xml = XMLWriter()
        xml.comment(product.generator)
        xml.element("installer-gui-script", [("minSpecVersion", "2")]) { xml in
            xml.element("title", text: product.title)
            xml.element("product", [("id", product.identifier), ("version", product.version)])
            let architectures = Set(product.hostArchitectures).sorted().joined(separator: ",")
            xml.element(
                "options",
                [
                    ("customize", "never"), ("require-scripts", "false"), ("rootVolumeOnly", "true"),
                    ("hostArchitectures", architectures),
                ])
            xml.element(
                "domains",
                [
                    ("enable_anywhere", "false"), ("enable_currentUserHome", "false"), ("enable_localSystem", "true"),
                ])
            xml.element("volume-check") { xml in
                xml.element("allowed-os-versions") { xml in
                    xml.element("os-version", [("min", product.minimumMacOS)])
                }
            }
            choices(product, to: &xml)
        }
        return xml.bytes
    }

    private static func choices(_ product: ProductDescription, to xml: inout XMLWriter) {
        let components = product.components
        xml.element("choices-outline") { xml in
            xml.element("line", [("choice", "default")]) { xml in
                for component in components { xml.element("line", [("choice", component.package.identifier)]) }
            }
        }
        xml.element("choice", [("id", "default")])
        for (name, package) in components {
            xml.element("choice", [("id", package.identifier), ("visible", "false")]) { xml in
                xml.element("pkg-ref", [("id", package.identifier)])
            }
            xml.element(
                "pkg-ref",
                [
                    ("id", package.identifier), ("version", package.version), ("onConclusion", "none"),
                    ("installKBytes", String(package.installKBytes)),
                ], text: "#" + name)
        }
    }

    private static func percentDecoded(_ text: some Sequence<UInt8>) -> String {
        let bytes = Array(text)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x25, index + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                decoded.append(value)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return decoded.text
    }
}
