import FlatPackage
import Foundation
import System
import TestSupport
import Testing

@testable import NodeInstaller

@Suite struct PayloadDirectoryTests {
    @Test("a folder is taken whole, the root first, depth first, names in byte order")
    func order() async throws {
        try await withPayload { payload in
            try payload.file("bin/pkgmill", "program", mode: 0o755)
            try payload.file("bin-extra", "x")
            try payload.file("Zebra/stripe", "y")
            try payload.link("bin/run", to: "pkgmill")
            try payload.folder("empty")
            let scanned = try payload.scan()
            #expect(
                scanned.entries.map { String(decoding: $0.path, as: UTF8.self) } == [
                    "", "Zebra", "Zebra/stripe", "bin", "bin/pkgmill", "bin/run", "bin-extra", "empty",
                ])
            #expect(scanned.fileCount == 3)
            #expect(scanned.folderCount == 4)
            #expect(scanned.linkCount == 1)
            #expect(scanned.byteCount == 9)
            #expect(scanned.leftOutCount == 0)
        }
    }

    @Test("everything belongs to root and wheel, with the modes of an installed system")
    func owners() async throws {
        try await withPayload { payload in
            try payload.file("private", "x", mode: 0o600)
            try payload.file("program", "x", mode: 0o700)
            try payload.file("for-others-only", "x", mode: 0o655)
            try payload.folder("shared", mode: 0o777)
            try payload.link("link", to: "program")
            let scanned = try payload.scan()
            #expect(scanned.entries.allSatisfy { $0.owner == 0 && $0.group == 0 })
            let modes = Dictionary(
                uniqueKeysWithValues: scanned.entries.map { (String(decoding: $0.path, as: UTF8.self), $0.mode) })
            #expect(
                modes == [
                    "": 0o755, "private": 0o644, "program": 0o755, "for-others-only": 0o644, "shared": 0o755,
                    "link": 0o755,
                ])
        }
    }

    @Test("a source gives back the bytes of its file, as often as it is asked", arguments: [0, 1, 1 << 20, 3_145_729])
    func content(count: Int) async throws {
        try await withPayload { payload in
            let content = SeededRandom(seed: UInt64(count)).source.bytes(count)
            try payload.file("a/b/data", content)
            try payload.file("other", "x")
            let source = try payload.source("a/b/data", in: try payload.scan())
            #expect(source.byteCount == Int64(count))
            for _ in 0..<2 { #expect(try bytes(of: source) == content) }
        }
    }

    @Test("what a Mac leaves behind is left out and told of")
    func companions() async throws {
        try await withPayload { payload in
            try payload.file("bin/pkgmill", "x")
            let plain = try payload.scan()
            try payload.file(".DS_Store", "x")
            try payload.file("bin/._pkgmill", "x")
            let littered = try payload.scan()
            #expect(littered.leftOut == [".DS_Store", "bin/._pkgmill"])
            #expect(littered.leftOutCount == 2)
            #expect(littered.digest == plain.digest)
            #expect(littered.entries.count == plain.entries.count)
        }
    }

    @Test("many files are scanned in reasonable time")
    func many() async throws {
        let count = rounds(reduced: 20_000, full: 200_000)
        try await withPayload { payload in
            for folder in 0..<(count / 500) {
                try payload.folder("shard\(folder)")
                for file in 0..<500 { try payload.newFile("shard\(folder)/file\(file)") }
            }
            let scanned = try payload.scan()
            #expect(scanned.fileCount == count)
            #expect(scanned.entries.count == count + count / 500 + 1)
        }
    }

    @Test("a scan leaves one folder open, and that no longer than its payload lives")
    func descriptors() async throws {
        try await withPayload { payload in
            for name in ["a/b/c/one", "a/two", "three"] { try payload.file(name, "x") }
            var scanned: Payload? = try payload.scan()
            #expect(openDescriptors(below: payload.path) == 1)
            for entry in scanned?.entries ?? [] {
                if case .file(let source) = entry.content { _ = try bytes(of: source) }
            }
            #expect(openDescriptors(below: payload.path) == 1)
            scanned = nil
            #expect(openDescriptors(below: payload.path) == 0)
        }
    }
}
