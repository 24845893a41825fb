import Foundation
import Testing

@testable import FlatPackage

/// One thing that is wrong with a package, and what a check says of it.
struct Fault: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let codes: Set<String>
    let isWarning: Bool
    let apply: @Sendable (inout Forge) -> Void

    static func error(_ codes: Set<String>, _ what: String, _ apply: @escaping @Sendable (inout Forge) -> Void) -> Fault
    {
        Fault(testDescription: what, codes: codes, isWarning: false, apply: apply)
    }

    static func error(_ code: String, _ what: String, _ apply: @escaping @Sendable (inout Forge) -> Void) -> Fault {
        error([code], what, apply)
    }

    static func warning(_ code: String, _ what: String, _ apply: @escaping @Sendable (inout Forge) -> Void) -> Fault {
        Fault(testDescription: what, codes: [code], isWarning: true, apply: apply)
    }

    static let all = archive + documents + payload + installation + scripts + product

    private static let archive: [Fault] = [
        .error(["toc-checksum", "heap-gap"], "a table of contents without checksum") { forge in
            forge.table = {
                $0.replacing(/<checksum style.*\/checksum>/, with: "<checksum0/>").replacing("<checksum0/>", with: "")
            }
        },
        .error("toc-checksum-style", "a checksum of another style than the header says") { forge in
            forge.table = { $0.replacing("<checksum style=\"sha1\">", with: "<checksum style=\"md5\">") }
        },
        .error("archived-checksum", "stored bytes with another checksum") { forge in
            forge.table = { changeFirstDigit(after: "<archived-checksum style=\"sha1\">", in: $0) }
        },
        .error("extracted-checksum", "content with another checksum") { forge in
            forge.table = { changeFirstDigit(after: "<extracted-checksum style=\"sha1\">", in: $0) }
        },
        .warning("missing-checksum", "a member without checksums") { forge in
            forge.table = { $0.replacing(/<archived-checksum[^>]*>[0-9a-f]+<\/archived-checksum>/, with: "") }
        },
        .error("archived-checksum", "a checksum of an unknown kind") { forge in
            forge.table = {
                $0.replacing(
                    "<archived-checksum style=\"sha1\">", with: "<archived-checksum style=\"crc\">", maxReplacements: 1)
            }
        },
        .error("malformed-member", "a compressed member that is none") { forge in
            forge.members = { $0.append(.init(path: "Readme", content: noise(50), isCompressed: false)) }
            forge.table = { table in
                let parts = table.split(separator: "application/octet-stream", omittingEmptySubsequences: false)
                return parts.dropLast().joined(separator: "application/octet-stream") + "application/x-gzip"
                    + parts[parts.count - 1]
            }
        },
        .error("unsupported", "a member in an encoding that macOS does not read") { forge in
            forge.members = { $0.append(.init(path: "Readme", content: noise(50), isCompressed: false)) }
            forge.table = { table in
                let parts = table.split(separator: "application/octet-stream", omittingEmptySubsequences: false)
                return parts.dropLast().joined(separator: "application/octet-stream") + "application/x-bzip2"
                    + parts[parts.count - 1]
            }
        },
        .warning("member-type", "a member that is no file") { forge in
            forge.table = {
                $0.replacing("</toc>", with: "<file id=\"99\"><type>fifo</type><name>p</name></file></toc>")
            }
        },
        .error("heap-overlap", "two members that share bytes") { forge in
            forge.members = { $0.append(.init(path: "Readme", content: noise(50), isCompressed: false)) }
            forge.table = { table in
                let readme = table.range(of: "<file id=\"7\">").map { String(table[$0.lowerBound...]) } ?? ""
                let copy = readme.replacing("id=\"7\"", with: "id=\"8\"").replacing("Readme", with: "Copy")
                return table.replacing("</toc></xar>", with: "") + copy
            }
        },
        .error("heap-gap", "bytes between members") { forge in
            forge.members = { $0.insert(.init(path: "Readme", content: noise(50), isCompressed: false), at: 0) }
            forge.table = { $0.replacing(/<file id="1"><data>(?s:.*?)<\/file>/, with: "") }
        },
        .error("malformed-toc", "an id used twice") { forge in
            forge.table = { $0.replacing("<file id=\"3\">", with: "<file id=\"2\">") }
        },
        .error("malformed-toc", "a path twice") { forge in
            forge.table = { $0.replacing("<name>Bom</name>", with: "<name>Payload</name>") }
        },
    ]

    private static let documents: [Fault] = [
        .error("malformed-package-info", "a PackageInfo that is no XML") { $0.info.xml = { _ in "<pkg-info" } },
        .error("malformed-package-info", "a PackageInfo with another root") {
            $0.info.xml = { $0.replacing("pkg-info", with: "package") }
        },
        .error("malformed-package-info", "a PackageInfo without identifier") {
            $0.info.xml = { $0.replacing("identifier=", with: "id=") }
        },
        .error("malformed-package-info", "a PackageInfo with a document type") {
            $0.info.xml = { "<!DOCTYPE p SYSTEM \"http://example.invalid/\">" + $0 }
        },
        .error("malformed-package-info", "a count that is no number") {
            $0.info.xml = { $0.replacing("numberOfFiles=\"4\"", with: "numberOfFiles=\"4x\"") }
        },
        .error("format-version", "another format version") {
            $0.info.xml = { $0.replacing("format-version=\"2\"", with: "format-version=\"1\"") }
        },
        .error("authorization", "no rights named") { $0.info.xml = { $0.replacing("auth=\"root\"", with: "") } },
        .warning("authorization", "an install without root's rights") {
            $0.info.xml = { $0.replacing("auth=\"root\"", with: "auth=\"none\"") }
        },
        .error("install-location", "a relative install location") { $0.installLocation = "opt/example" },
        .warning("version", "a version with letters") {
            $0.info.xml = { $0.replacing("version=\"1.0\"", with: "version=\"1.0b\"") }
            $0.distribution = { $0.replacing("version=\"1.0\"", with: "version=\"1.0b\"") }
        },
        .warning("relocatable", "a relocatable component") {
            $0.info.xml = { $0.replacing("auth=", with: "relocatable=\"true\" auth=") }
        },
        .warning("relocatable", "a bundle that may be installed elsewhere") {
            $0.info.xml = { $0.replacing("<scripts>", with: "<relocate><bundle id=\"x\"/></relocate><scripts>") }
        },
        .error("number-of-files", "a wrong number of files") { $0.info.numberOfFiles = 5 },
        .warning("install-kbytes", "a size by another tool's rule") { $0.info.installKBytes = 8 },
        .error("install-kbytes", "a wrong size") { $0.info.installKBytes = 100 },
    ]

    private static let payload: [Fault] = [
        .error(["payload-missing"], "a bill without payload") { $0.members = { $0.remove(at: 1) } },
        .error("bom-missing", "a payload without bill") { $0.members = { $0.remove(at: 0) } },
        .error("malformed-bom", "a bill that is none") { $0.members = { $0[0].content = noise(600) } },
        .error("malformed-gzip", "a payload that is cut") { $0.members = { $0[1].content.removeLast(4) } },
        .error("malformed-gzip", "a payload whose own checksum is wrong") {
            $0.members = { $0[1].content[$0[1].content.count - 6] ^= 1 }
        },
        .error("payload-trailing-bytes", "something after the payload") { $0.members = { $0[1].content += [0] } },
        .error("malformed-cpio", "a payload that is no archive") { $0.archive = { _ in noise(600) } },
        .error("malformed-cpio", "a payload in the new cpio form") { forge in
            forge.archive = { bytes("070701") + $0.dropFirst(6) }
        },
        .error("malformed-cpio", "an archive without trailer") { $0.archive = { Array($0.prefix(76 + 2)) } },
        .error("malformed-cpio", "something after the trailer") { $0.archive = { $0 + noise(512) } },
        .error(["bom-payload-paths"], "a path that only the payload has") {
            $0.packed = $0.listed + [Forge.Entry(path: "extra")]
        },
        .error(["bom-payload-paths"], "a path that only the bill has") { $0.packed = $0.listed.dropLast() },
        .error(["bom-payload-type"], "a link for a file") { forge in
            forge.packed = forge.listed
            forge.packed?[1].kind = .symbolicLink
            forge.packed?[1].mode = 0o644
        },
        .error("bom-payload-mode", "another mode") { forge in
            forge.packed = forge.listed
            forge.packed?[1].mode = 0o600
        },
        .error("bom-payload-owner", "another owner") { forge in
            forge.packed = forge.listed
            forge.packed?[1].owner = 501
        },
        .error("bom-payload-group", "another group") { forge in
            forge.packed = forge.listed
            forge.packed?[1].group = 20
        },
        .error("bom-payload-size", "another size") { forge in
            forge.packed = forge.listed
            forge.packed?[1].content += [0]
        },
        .error("bom-payload-checksum", "another content") { forge in
            forge.packed = forge.listed
            forge.packed?[1].content = bytes("abd")
        },
        .error(["bom-payload-link", "bom-payload-checksum"], "another link target") { forge in
            forge.listed.append(Forge.Entry(path: "l", kind: .symbolicLink, mode: 0o755, content: bytes("a")))
            forge.packed = forge.listed
            forge.packed?[4].content = bytes("b")
        },
        .error(["payload-path", "bom-payload-paths"], "a path that leads out") { forge in
            forge.packed = forge.listed
            forge.packed?[1].path = "../a"
        },
        .error(["payload-path", "bom-payload-paths"], "an absolute path") { forge in
            forge.packed = forge.listed
            forge.packed?[1].path = "/etc/passwd"
        },
        .error("payload-duplicate", "a path twice") { $0.packed = $0.listed + [$0.listed[1]] },
        .error("payload-order", "a folder after what it holds") { forge in
            forge.packed = [forge.listed[0], forge.listed[1], forge.listed[3], forge.listed[2]]
        },
        .error(["payload-type"], "a device") { forge in
            forge.listed.append(Forge.Entry(path: "null", kind: nil, mode: 0o600))
        },
        .error("payload-inode", "two files with one inode") { forge in
            forge.header = { header, _ in if header.linkCount == 1 { header.inode = 7 } }
        },
        .warning("payload-link-count", "a folder without links") {
            $0.header = { header, _ in
                if header.linkCount == 2 { header.linkCount = 0 }
            }
        },
    ]

    private static let installation: [Fault] = [
        .warning("set-user-id", "a program with its owner's rights") {
            $0.listed.append(Forge.Entry(path: "su", mode: 0o4755, content: bytes("#!/bin/sh\n")))
        },
        .error("writable-by-others", "a file that its group can write") { $0.listed[1].mode = 0o664 },
        .error("writable-by-others", "a folder that everyone can write") { $0.listed[2].mode = 0o757 },
        .warning("writable-by-others", "a sticky folder that everyone can write") { $0.listed[2].mode = 0o1777 },
        .error("launchd-plist", "a launchd job that launchd refuses by its mode") { forge in
            daemon(&forge, mode: 0o600, owner: 0)
        },
        .error("launchd-plist", "a launchd job that launchd refuses by its owner") { forge in
            daemon(&forge, mode: 0o644, owner: 501)
        },
        .error("private-file", "a secret that others can read") {
            $0.listed.append(Forge.Entry(path: "config.yaml.new", mode: 0o644))
        },
        .error("private-file", "a secret of another owner") {
            $0.listed.append(Forge.Entry(path: "d/ticket.new", mode: 0o600, owner: 501))
        },
        .warning("symlink-absolute", "a link with an absolute target") {
            $0.listed.append(Forge.Entry(path: "l", kind: .symbolicLink, mode: 0o755, content: bytes("/etc")))
        },
        .error("symlink-leaves-location", "a link that leads out") {
            $0.listed.append(Forge.Entry(path: "d/l", kind: .symbolicLink, mode: 0o755, content: bytes("../../x")))
        },
        .error("symlink-leaves-location", "a link that leads out on a detour") {
            $0.listed.append(Forge.Entry(path: "l", kind: .symbolicLink, mode: 0o755, content: bytes("d/../.././x")))
        },
        .warning("not-mach-o", "a program of another system") {
            $0.listed.append(Forge.Entry(path: "elf", mode: 0o755, content: bytes("\u{7F}ELF....")))
        },
        .warning("not-mach-o", "a library of another system") {
            $0.listed.append(Forge.Entry(path: "lib.so", mode: 0o644, content: bytes("\u{7F}ELF....")))
        },
        .warning("not-mach-o", "a Java class that calls itself a program") {
            $0.listed.append(Forge.Entry(path: "A.class", mode: 0o755, content: [0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, 52]))
        },
    ]

    private static func daemon(_ forge: inout Forge, mode: UInt16, owner: UInt32) {
        forge.installLocation = "/"
        forge.listed += [
            Forge.Entry(path: "Library", kind: .directory, mode: 0o755),
            Forge.Entry(path: "Library/LaunchDaemons", kind: .directory, mode: 0o755),
            Forge.Entry(path: "Library/LaunchDaemons/a.plist", mode: mode, owner: owner),
        ]
    }

    private static let scripts: [Fault] = [
        .error("scripts-missing", "listed scripts that are not there") { $0.members = { $0.remove(at: 2) } },
        .error("script-missing", "a listed script that is not there") { $0.scripts[0].path = "other" },
        .warning("script-not-listed", "a script that will not run") {
            $0.scripts.append(Forge.Entry(path: "preinstall", mode: 0o755, content: bytes("#!/bin/sh\n")))
        },
        .error("script-not-executable", "a script that cannot be run") { $0.scripts[0].mode = 0o644 },
        .error("script-interpreter", "a script that names no interpreter") {
            $0.scripts[0].content = bytes("exit 0\n")
        },
        .error(["payload-path"], "a helper beside the scripts that leads out") {
            $0.scripts.append(Forge.Entry(path: "../x"))
        },
    ]

    private static let product: [Fault] = [
        .error("malformed-distribution", "a Distribution that is no XML") { $0.distribution = { _ in "<" } },
        .error("malformed-distribution", "a Distribution with another root") {
            $0.distribution = { $0.replacing("installer-gui-script", with: "installer") }
        },
        .error("missing-host-architectures", "no architectures") {
            $0.distribution = { $0.replacing("hostArchitectures=\"arm64,x86_64\"", with: "") }
        },
        .error("missing-host-architectures", "only the other architecture") {
            $0.distribution = { $0.replacing("arm64,x86_64", with: "x86_64,arm64e") }
        },
        .error("distribution-version", "another version") {
            $0.distribution = { $0.replacing("version=\"1.0\" install", with: "version=\"1.1\" install") }
        },
        .error("distribution-install-kbytes", "another size") {
            $0.distribution = { $0.replacing("installKBytes=\"1\"", with: "installKBytes=\"2\"") }
        },
        .error("distribution-identifier", "another identifier") {
            $0.distribution = { $0.replacing("com.example.a", with: "com.example.z") }
        },
        .error("distribution-choice", "a line without choice") {
            $0.distribution = { $0.replacing("<line choice=\"c\"/>", with: "<line choice=\"c\"/><line choice=\"d\"/>") }
        },
        .error("distribution-choice", "no choice that installs") {
            $0.distribution = {
                $0.replacing("<choice id=\"c\"><pkg-ref id=\"com.example.a\"/></choice>", with: "<choice id=\"c\"/>")
            }
        },
        .error("distribution-reference", "a reference that nothing defines") {
            $0.distribution = { $0.replacing("<choice id=\"c\">", with: "<choice id=\"c\"><pkg-ref id=\"x.y\"/>") }
        },
        .error("distribution-resource", "a page that is not there") {
            $0.distribution = { $0.replacing("<choices-outline>", with: "<license file=\"L.rtf\"/><choices-outline>") }
        },
        .error("distribution-resource", "a page that lies somewhere else") {
            $0.distribution = { $0.replacing("<choices-outline>", with: "<license file=\"Bom\"/><choices-outline>") }
        },
        Fault(
            testDescription: "a package that is not there",
            codes: ["distribution-reference", "unreferenced-component"],
            isWarning: false
        ) { $0.distribution = { $0.replacing("#a.pkg", with: "#b.pkg") } },
    ]

    private static func changeFirstDigit(after marker: String, in text: String) -> String {
        guard let range = text.range(of: marker) else { return text }
        let digit = text[range.upperBound]
        return text.replacingCharacters(
            in: range.upperBound..<text.index(after: range.upperBound), with: digit == "0" ? "1" : "0")
    }
}
