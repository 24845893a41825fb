import FlatPackage
import Foundation
import System
import Testing

@testable import NodeInstaller

@Suite struct PayloadNameTests {
    @Test(
        "names that people use are taken",
        arguments: [
            "plain", "with space", "$(touch PWNED)", "`x`", "'quoted'", "\"", "a:b", "-rf", "é", "e\u{301}", "日本語",
            "👩\u{200D}🔬", "❤\u{FE0F}", ".hidden", "..x", "_._", "%00", "a\u{200C}b", "x&y;<z>", "DS_Store", "~",
        ])
    func usual(name: String) async throws {
        try await withPayload { payload in
            try payload.file(name, "x")
            #expect(try payload.scan().entries.last?.path == Array(name.utf8))
        }
    }

    @Test(
        "names that hide or forge something are refused",
        arguments: [
            ("a\nb", 0xA), ("a\r", 0xD), ("\u{1B}[31m", 0x1B), ("a\u{7F}", 0x7F), ("a\u{85}b", 0x85), ("\u{1}", 1),
            ("a\u{2028}b", 0x2028), ("a\u{2029}b", 0x2029), ("fdp\u{202E}exe", 0x202E), ("\u{FEFF}a", 0xFEFF),
            ("a\u{200B}b", 0x200B), ("a\u{AD}b", 0xAD), ("bin\\tool", 0x5C), ("a\u{FFFE}", 0xFFFE),
            ("a\u{378}", 0x378), ("\u{E0041}", 0xE0041),
        ] as [(String, UInt32)])
    func hidden(name: String, scalar: UInt32) async throws {
        try await withPayload { payload in
            try payload.newFile(name)
            let path = Printable.text(name)
            #expect(throws: payload.refusal([.nameHolds(path: path, scalar: scalar)])) { try payload.scan() }
        }
    }

    @Test(
        "names that are not UTF-8 are refused, each byte shown",
        arguments: [
            ([0x61, 0xFF], "a\\xff"), ([0xC3, 0x28], "\\xc3("), ([0xC0, 0xAE], "\\xc0\\xae"),
            ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"), ([0xE2, 0x82], "\\xe2\\x82"),
        ] as [([UInt8], String)])
    func notUTF8(name: [UInt8], shown: String) async throws {
        try await withPayload { payload in
            try payload.newFile(bytes: name)
            #expect(throws: payload.refusal([.nameNotUTF8(path: shown)])) { try payload.scan() }
        }
    }

    @Test(
        "names that macOS takes for one are refused",
        arguments: [
            ("README", "readme"), ("\u{C9}t\u{E9}", "e\u{301}t\u{E9}"), ("caf\u{E9}", "cafe\u{301}"),
            ("stra\u{DF}e", "STRASSE"), ("\u{1E9E}", "ss"), ("\u{212A}elvin", "kelvin"), ("\u{17F}", "S"),
            ("\u{3A3}", "\u{3C2}"), ("\u{FB01}", "FI"), ("\u{B5}", "\u{3BC}"), ("\u{212B}", "\u{E5}"),
            ("\u{AC00}", "\u{1100}\u{1161}"),
        ])
    func colliding(one: String, other: String) async throws {
        try await withPayload { payload in
            try payload.file("dir/" + one, "x")
            try payload.folder("dir/" + other)
            let sorted = [one, other].sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
            let paths = sorted.map { "dir/" + Printable.text($0) }
            #expect(throws: payload.refusal([.namesCollide(path: paths[1], other: paths[0])])) { try payload.scan() }
        }
    }

    @Test(
        "names that macOS keeps apart are taken",
        arguments: [("i", "\u{131}"), ("a", "\u{E4}"), ("a", "b"), ("o", "\u{F8}"), ("\u{130}", "i"), ("1", "\u{B9}")])
    func distinct(one: String, other: String) async throws {
        try await withPayload { payload in
            try payload.file(one, "x")
            try payload.file(other, "x")
            #expect(try payload.scan().fileCount == 2)
        }
    }

    @Test("the same name in two folders is no collision")
    func elsewhere() async throws {
        try await withPayload { payload in
            try payload.file("a/README", "x")
            try payload.file("b/readme", "x")
            #expect(try payload.scan().fileCount == 2)
        }
    }

    @Test("names, paths and depth are taken up to their limits and refused beyond")
    func limits() async throws {
        try await withPayload { payload in
            try payload.file("abcde/f/ghij", "x")
            let fitting = PayloadLimits(entryCount: 4, depth: 3, nameByteCount: 5, pathByteCount: 12, fileByteCount: 1)
            #expect(try payload.scan(limits: fitting).fileCount == 1)
            try expectRefused(\.nameByteCount, 4, .nameTooLong(path: "abcde", byteCount: 5, limit: 4))
            try expectRefused(\.pathByteCount, 11, .pathTooLong(path: "abcde/f/ghij", byteCount: 12, limit: 11))
            try expectRefused(\.depth, 2, .tooDeep(path: "abcde/f/ghij", limit: 2))

            func expectRefused(
                _ limit: WritableKeyPath<PayloadLimits, Int>, _ value: Int, _ problem: PayloadProblem
            ) throws {
                var limits = fitting
                limits[keyPath: limit] = value
                #expect(throws: payload.refusal([problem])) { try payload.scan(limits: limits) }
            }
        }
    }

    @Test("the longest names and paths of macOS are taken")
    func longest() async throws {
        try await withPayload { payload in
            // Three folders of 255 bytes, and a name that fills the path up to 1,000.
            let folder = String(repeating: "f", count: 255)
            let path = [folder, folder, folder, String(repeating: "g", count: 232)].joined(separator: "/")
            try #require(path.utf8.count == 1_000)
            try payload.file(path, "x")
            #expect(try payload.scan().fileCount == 1)
            try payload.file(path + "h", "x")
            #expect(throws: payload.refusal([.pathTooLong(path: path + "h", byteCount: 1_001, limit: 1_000)])) {
                try payload.scan()
            }
        }
    }

    @Test("64 folders deep is taken, 65 is not")
    func deepest() async throws {
        try await withPayload { payload in
            let folders = Array(repeating: "d", count: 63).joined(separator: "/")
            try payload.file(folders + "/file", "x")
            #expect(try payload.scan().fileCount == 1)
            try payload.file(folders + "/d/file", "x")
            #expect(throws: payload.refusal([.tooDeep(path: folders + "/d/file", limit: 64)])) { try payload.scan() }
        }
    }

    @Test("more entries than the limit end the scan, in one folder or over several")
    func tooMany() async throws {
        try await withPayload { payload in
            for name in ["a/1", "a/2", "b/1", "b/2"] { try payload.file(name, "x") }
            #expect(try payload.scan(limits: PayloadLimits(entryCount: 7)).entries.count == 7)
            for limit in 1..<7 {
                #expect(throws: PayloadError.tooManyEntries(folder: payload.path, limit: limit)) {
                    try payload.scan(limits: PayloadLimits(entryCount: limit))
                }
            }
        }
    }

    @Test("a file of 8 GiB is refused, unread")
    func tooLarge() async throws {
        try await withPayload { payload in
            try payload.file("disk.img", "x")
            try #require(truncate(payload.path + "/disk.img", 8_589_934_592) == 0)
            #expect(
                throws: payload.refusal([
                    .fileTooLarge(path: "disk.img", byteCount: 8_589_934_592, limit: 8_589_934_591)
                ])
            ) { try payload.scan() }
        }
    }
}
