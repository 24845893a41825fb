import Testing

@testable import NodeInstaller

@Suite("Names") struct NameTests {
    @Test(
        "a host name is a node name, and stays as it was written",
        arguments: [
            "a", "studio-3", "Studio3.example.com", "0123", "yes", "no", "null", "1.2.3.4", "a--b",
            String(repeating: "a", count: 63),
        ])
    func nodeName(_ text: String) throws {
        #expect(Array(try NodeName(text).text.utf8) == Array(text.utf8))
    }

    @Test("P37: what is no host name is refused as a node name", arguments: Hostile.nodeNames)
    func hostileNodeName(_ text: String) {
        let expected =
            "a host name of 1 to 63 letters, digits, hyphens and dots; each part begins and ends with a letter or digit"
        #expect(throws: InstallerError.badText("nodeName", text, expected: expected)) { try NodeName(text) }
    }

    @Test(
        "a file name of letters, digits and a few signs is a package name",
        arguments: [
            "a.pkg", "FleetServerClusterNode.pkg", "Node (2) studio_3+x-1.0.pkg", "Büro Köln.pkg", "东京ノード.pkg",
            "узел.pkg", "٣.pkg", "a..pkg", "_.pkg", "(1).pkg", String(repeating: "a", count: 251) + ".pkg",
            String(repeating: "\u{FC}", count: 125) + "a.pkg",
        ])
    func packageName(_ text: String) throws {
        #expect(Array(try PackageName(text).text.utf8) == Array(text.utf8))
    }

    @Test(
        "P37: what could mean something to a shell, a header or a path is refused as a package name",
        arguments: Hostile.packageNames)
    func hostilePackageName(_ text: String) {
        let tooLong = text.utf8.count > 255
        let expected =
            "a file name that ends in .pkg, of letters, digits, spaces and . _ - ( ) +, beginning with a letter or digit"
        let error: InstallerError =
            tooLong
            ? .badField(name: "packageName", value: "\(text.utf8.count) bytes long", expected: "at most 255 bytes")
            : .badText("packageName", text, expected: expected)
        #expect(throws: error) { try PackageName(text) }
    }

    @Test("an error shows a hostile name without what it could do to a terminal")
    func printableError() throws {
        let error = #expect(throws: InstallerError.self) { try NodeName("a\u{1B}[31m\nb\u{202E}") }
        #expect(
            error?.description.hasPrefix("nodeName is \"a\\u{1b}[31m\\u{a}b\\u{202e}\"; expected a host name") == true)
    }

    @Test("labels come in byte order of their keys")
    func labelOrder() throws {
        let labels = try Labels(["b": "1", "B": "2", "a/x": "3", "a": ""])
        #expect(labels.sorted.map(\.key) == ["B", "a", "a/x", "b"])
    }

    @Test("labels whose values differ only in the spelling of an accent are not equal")
    func labelBytes() throws {
        #expect(try Labels(["a": "\u{E9}"]) != Labels(["a": "e\u{301}"]))
    }

    @Test(
        "a label whose key or value could be taken for something else is refused",
        arguments: [
            ("", "x"), ("-a", "x"), (".a", "x"), ("a b", "x"), ("a=b", "x"), ("a\n", "x"), ("\u{E9}", "x"),
            (String(repeating: "a", count: 64), "x"), ("a", "x\ny"), ("a", "\u{1B}"), ("a", "\u{202E}"),
            ("a", "\u{2028}"), ("a", "\u{FEFF}"), ("a", String(repeating: "x", count: 257)),
        ])
    func badLabel(_ key: String, _ value: String) {
        let error: InstallerError =
            value == "x"
            ? .badText(
                "labels", key, expected: "keys of 1 to 63 letters, digits and . _ - /, a letter or digit first")
            : .badText("labels.a", value, expected: "at most 256 bytes that can be printed")
        #expect(throws: error) { try Labels([key: value]) }
    }

    @Test("more than 32 labels are refused")
    func manyLabels() {
        let values = Dictionary(uniqueKeysWithValues: (0..<33).map { ("k\($0)", "v") })
        #expect(throws: InstallerError.badField(name: "labels", value: "33 of them", expected: "at most 32")) {
            try Labels(values)
        }
    }
}
