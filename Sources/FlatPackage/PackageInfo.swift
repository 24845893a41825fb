import System

/// A component's `PackageInfo`: what it is, where it goes, which scripts run.
public struct PackageInfo: Sendable, Equatable {
    /// A script that runs when the component is installed.
    public struct Script: Sendable, Equatable {
        /// When it runs: `preinstall`, `postinstall`, and older names in foreign packages.
        public let phase: String
        /// Its file in the component's scripts, as written: `./postinstall`.
        public let file: String
    }

    /// Reverse-DNS name of the receipt that it leaves.
    public let identifier: String
    /// Its version; receipts compare it number by number.
    public let version: String
    /// The folder on the Mac that its payload's root becomes; `/` where the document says nothing.
    public let installLocation: String
    /// `root` or `none`; nil when missing.
    public let authorization: String?
    /// `2` in every package that Installer takes; nil when missing.
    public let formatVersion: String?
    /// What made it, for people.
    public let generator: String?
    /// Whether Installer may put it where it finds an older copy, instead of where it belongs.
    public let isRelocatable: Bool
    /// Number of paths in its payload, the root included; nil without payload.
    public let numberOfFiles: Int64?
    /// Space that it needs, by Apple's rule; nil without payload.
    public let installKBytes: Int64?
    /// Its scripts in the order of the document.
    public let scripts: [Script]
}

extension PackageInfo {
    /// Reads a document.
    ///
    /// - Throws: `.malformed` when it is no `pkg-info` with an identifier and a version, or a number is none.
    init(parsing xml: [UInt8], place: String) throws(PackageError) {
        let root = try XMLParser.parse(xml, .packageInfo, place: place)
        func malformed(_ reason: String) -> PackageError { .malformed(.packageInfo, place: place, reason: reason) }
        func number(_ name: StaticString) throws(PackageError) -> Int64? {
            guard let text = root.first("payload")?.attribute(name) else { return nil }
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int64(text) else {
                throw malformed("\(name) is \"\(Printable.text(text))\" and no number")
            }
            return value
        }
        guard root.name.equals("pkg-info") else { throw malformed("its root is not pkg-info") }
        guard let identifier = root.attribute("identifier"), let version = root.attribute("version") else {
            throw malformed("it has no identifier or no version")
        }
        self.identifier = identifier
        self.version = version
        installLocation = root.attribute("install-location") ?? "/"
        authorization = root.attribute("auth")
        formatVersion = root.attribute("format-version")
        generator = root.attribute("generator-version")
        isRelocatable =
            root.attribute("relocatable").map { Array($0.utf8).equals("true") } ?? false
            || !(root.first("relocate")?.children.isEmpty ?? true)
        numberOfFiles = try number("numberOfFiles")
        installKBytes = try number("installKBytes")
        scripts = (root.first("scripts")?.children ?? []).compactMap { element in
            element.attribute("file").map { Script(phase: element.name.text, file: $0) }
        }
    }

    /// The document as we write it, after Apple's pkgbuild. Nothing in it makes Installer look for another copy.
    var xml: [UInt8] {
        var xml = XMLWriter()
        var attributes: [XMLWriter.Attribute] = [
            ("overwrite-permissions", "true"), ("relocatable", "false"), ("identifier", identifier),
            ("postinstall-action", "none"), ("version", version), ("format-version", "2"),
        ]
        if let generator { attributes.append(("generator-version", generator)) }
        attributes += [("install-location", installLocation), ("auth", "root")]
        xml.element("pkg-info", attributes) { xml in
            xml.element(
                "payload",
                [("numberOfFiles", String(numberOfFiles ?? 0)), ("installKBytes", String(installKBytes ?? 0))])
            guard !scripts.isEmpty else { return }
            xml.element("scripts") { xml in
                for script in scripts {
                    xml.element(script.phase == "preinstall" ? "preinstall" : "postinstall", [("file", script.file)])
                }
            }
        }
        return xml.bytes
    }
}
