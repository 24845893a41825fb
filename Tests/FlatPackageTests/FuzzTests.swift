import System
import TestSupport
import Testing

@testable import FlatPackage

/// Packages that are changed at random. What counts is that reading returns, soon, with an error or without: a trap ends
/// the test run. Seeds are fixed, so that a find can be repeated.
@Suite struct FuzzTests {
    /// Bytes that make numbers large, small or negative.
    private static let interesting: [UInt8] = [0, 1, 0x20, 0x30, 0x37, 0x38, 0x7F, 0x80, 0xFE, 0xFF]

    private func mutated(_ content: [UInt8], _ random: SeededRandom) -> [UInt8] {
        var changed = content
        for _ in 0...random.below(4) where !changed.isEmpty {
            let offset = random.below(changed.count)
            switch random.below(6) {
            case 0: changed[offset] ^= 1 << UInt8(random.below(8))
            case 1: changed[offset] = Self.interesting[random.below(Self.interesting.count)]
            case 2: changed.removeSubrange(offset..<min(changed.count, offset + 1 + random.below(20)))
            case 3: changed.insert(contentsOf: changed[offset...].prefix(random.below(40)), at: offset)
            case 4:
                for index in offset..<min(changed.count, offset + 8) {
                    changed[index] = Self.interesting[random.below(Self.interesting.count)]
                }
            default: changed.removeLast(random.below(min(changed.count, 64)))
            }
        }
        return changed
    }

    /// Reads all that can be read.
    private func exercise(_ file: File) throws {
        _ = try PackageChecker.check(file)
        do {
            let reader = try PackageReader(file)
            for component in reader.components {
                do { try reader.forEachPayloadEntry(of: component) { _ in } } catch {}
                do { _ = try reader.script("postinstall", of: component) } catch {}
            }
        } catch {}
    }

    @Test("no change to the bytes of a package ends in a trap")
    func bytes() async throws {
        let package = try await Fixture.smallProductBytes()
        let random = SeededRandom(seed: 1)
        for _ in 0..<rounds(reduced: 400, full: 30_000) {
            try await withFile(mutated(package, random)) { try exercise($0) }
        }
    }

    /// Checksums are made right again, so that the changes reach the readers behind them.
    @Test("no change to what is inside the members ends in a trap", arguments: 0..<5)
    func members(target: Int) async throws {
        let random = SeededRandom(seed: 100 + UInt64(target))
        for _ in 0..<rounds(reduced: 80, full: 6_000) {
            var forge = Forge()
            forge.members = { $0[target].content = mutated($0[target].content, random) }
            try await withFile(try forge.build()) { try exercise($0) }
        }
    }

    @Test("no change to the archive inside a payload ends in a trap")
    func archives() async throws {
        let random = SeededRandom(seed: 200)
        for _ in 0..<rounds(reduced: 150, full: 10_000) {
            var forge = Forge()
            forge.archive = { mutated($0, random) }
            try await withFile(try forge.build()) { try exercise($0) }
        }
    }

    @Test("no change to the table of contents ends in a trap")
    func tables() async throws {
        let random = SeededRandom(seed: 300)
        for _ in 0..<rounds(reduced: 150, full: 10_000) {
            var forge = Forge()
            forge.table = { String(decoding: mutated(Array($0.utf8), random), as: UTF8.self) }
            try await withFile(try forge.build()) { try exercise($0) }
        }
    }
}
