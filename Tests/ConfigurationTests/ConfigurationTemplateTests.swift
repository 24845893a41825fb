import Foundation
import System
import TestSupport
import Testing

@testable import Configuration

@Suite("The configuration that init writes") struct ConfigurationTemplateTests {
    private static let date = Timestamp(seconds: 1_767_225_600 + 86_399)

    @Test(
        "is read without a mistake, whatever the folder's name",
        arguments: [
            "/srv/farm/cluster", "/./cluster", "//cluster", "/Volumes/Farm Share/cluster", "/a: b", "/a #b", "/'a'",
            "/\"a\"", "/a\\b",
            "/%41", "/$HOME", "/{a}", "/[a]", "/a,b", "/é", "/e\u{301}", "/日本/😀", "/\u{85}", "/\u{2028}/\u{FEFF}",
            "/null", "/no", "/0123", "/- a", "/?", "/*a", "/&a", "/!a", "/ ", "/a\u{202E}b",
            "/" + String(repeating: "a", count: 1000),
        ])
    func paths(_ path: String) throws {
        let read = try configuration(Self.text(path))
        #expect(
            read.cluster.storagePath.map { Array($0.utf8) }
                == Array(SettingPath.absolute(path, below: "/srv/farm").utf8))
        #expect(read.warnings == [])
    }

    @Test("sets a cluster in a shared folder, version and date, and leaves all else at the defaults")
    func values() throws {
        let read = try configuration(Self.text("/share"))
        #expect(read.cluster.isEnabled)
        #expect(read.cluster.backend == .file)
        #expect(read.farm.payloadVersion == "2026.1123.0")
        #expect(read.farm.contentDate == Timestamp(seconds: 1_767_225_600))
        #expect(read.secrets == [:])
        let plain = try configuration("")
        #expect(read.server == plain.server)
        #expect(read.sessions == plain.sessions)
        #expect(read.farm.daemon == plain.farm.daemon)
        #expect(read.farm.payload == plain.farm.payload)
        #expect(read.farm.sealing == nil)
    }

    @Test("names every setting but secrets, once, and no comment is longer than 100 bytes")
    func complete() {
        let lines = Self.text("/share").split(separator: "\n").map(String.init)
        for setting in Settings.all {
            let name = setting.path.last ?? ""
            let depth = String(repeating: "  ", count: setting.path.count - 1)
            let named = lines.filter { $0.hasPrefix("\(depth)# \(name):") || $0.hasPrefix("\(depth)\(name):") }
            let count = Settings.all.count {
                !$0.isSecret && $0.path.count == setting.path.count && $0.path.last == name
            }
            #expect(named.count == count)
        }
        let comments = lines.filter { $0.contains(/^ *# [A-Z]/) }
        #expect(comments.count > 30)
        #expect(comments.allSatisfy { $0.utf8.count <= 100 })
    }

    @Test("is still read without a mistake when any line that shows a setting is brought to life")
    func uncommented() throws {
        let lines = Self.text("/share").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var count = 0
        for (index, line) in lines.enumerated() {
            guard let match = line.firstMatch(of: /^( +)# ([a-z_]+):( .+)?$/) else { continue }
            count += 1
            var changed = lines
            changed[index] = "\(match.1)\(match.2):\(match.3 ?? "")"
            let read = try configuration(changed.joined(separator: "\n"))
            #expect(try read == configuration(Self.text("/share")), "\(line)")
        }
        #expect(count == 47)
    }

    private static func text(_ path: String) -> String {
        ConfigurationTemplate.text(storagePath: path, contentDate: date, payloadVersion: "2026.1123.0")
    }
}

@Suite("The reference of all settings") struct SettingsReferenceTests {
    @Test("is what docs/configuration.md says")
    func document() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let document = String(decoding: try contentOfFile(root.path + "/docs/configuration.md"), as: UTF8.self)
        #expect(document == "# Settings\n\nPrinted by `pkgmill help settings`.\n\n" + SettingsReference.markdown())
    }

    @Test("has one row for each setting, with five cells")
    func rows() {
        let rows = SettingsReference.markdown().split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(rows.count == Settings.all.count)
        for (row, setting) in zip(rows, Settings.all) {
            #expect(row.hasPrefix("| `\(setting.name)` | "))
            #expect(row.contains(" `\(setting.variable)`"))
            #expect(row.utf8.count { $0 == 0x7C } == 6)
        }
    }
}
