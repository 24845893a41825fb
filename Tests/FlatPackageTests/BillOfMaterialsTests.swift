import Crypto
import TestSupport
import Testing

@testable import FlatPackage

@Suite struct BillOfMaterialsTests {
    private func decode(_ bytes: [UInt8]) throws(PackageError) -> BillOfMaterials {
        try BillOfMaterials(decoding: bytes, place: "Bom")
    }

    private func paths(_ bill: BillOfMaterials) throws -> Set<[UInt8]> { Set(try bill.paths(place: "Bom")) }

    /// A folder of Apple's own, with the size that its file system reported.
    @Test("a folder's record is the one that Apple's tools write")
    func folderRecord() {
        let entry = BillOfMaterials.Entry(
            parent: nil, name: [0x2E], kind: .directory, mode: 0o040755, owner: 0, group: 0, modified: 0x5F92_DE9F,
            byteCount: 0x60, checksum: 0)
        #expect(
            Hex.encode(BillOfMaterials.properties(of: entry))
                == "0201000f41ed00000000000000005f92de9f00000060010000000000000000")
    }

    @Test("a file's record is the one that Apple's tools write")
    func fileRecord() {
        let entry = BillOfMaterials.Entry(
            parent: 0, name: bytes("f"), kind: .file, mode: 0o100644, owner: 0, group: 0, modified: 0x5F92_DE9F,
            byteCount: 0x2BE, checksum: 0x37CA_5B3A)
        #expect(
            Hex.encode(BillOfMaterials.properties(of: entry))
                == "0101000f81a400000000000000005f92de9f000002be0137ca5b3a0000000000000000")
    }

    @Test("a link's record ends in its target")
    func linkRecord() {
        let entry = BillOfMaterials.Entry(
            parent: 0, name: bytes("l"), kind: .symbolicLink, mode: 0o120755, owner: 0, group: 0, modified: 0,
            byteCount: 2, checksum: 0, linkTarget: bytes("ab"))
        #expect(
            Hex.encode(BillOfMaterials.properties(of: entry))
                == "0301000fa1ed" + "000000000000000000000000" + "00000002" + "01" + "00000000" + "00000003" + "616200")
    }

    @Test("the store's header, variables and index are where they are said to be")
    func store() throws {
        let file = Forge.bill([.init(path: "", kind: .directory)]).encoded()
        let view = BinaryView(file, part: .billOfMaterials, place: "Bom")
        #expect(file.starts(with: bytes("BOMStore")))
        #expect(try view.u32(8) == 1)
        #expect(try view.u32(12) == 13)
        #expect(file[32..<512].allSatisfy { $0 == 0 })
        let variables = Int(try view.u32(24))
        #expect(try view.u32(28) == 60)
        #expect(file[(variables + 9)..<(variables + 16)].elementsEqual("BomInfo".utf8))
        #expect(Int(try view.u32(16)) + Int(try view.u32(20)) == file.count)
    }

    @Test("what is written is read back, in the order of parent and name")
    func roundTrip() throws {
        let bill = Forge.bill([
            .init(path: "", kind: .directory, mode: 0o755), .init(path: "b", kind: .directory, mode: 0o700),
            .init(path: "b/z", owner: 5, group: 6, content: bytes("zz")), .init(path: "b/a"),
            .init(path: "a", kind: .symbolicLink, content: bytes("b/z")),
        ])
        let read = try decode(bill.encoded())
        #expect(try read.paths(place: "Bom") == ["", "a", "b", "b/a", "b/z"].map(bytes))
        #expect(read.entries.map(\.linkTarget) == [[], bytes("b/z"), [], [], []])
        #expect(read.entries.map(\.mode) == [0o040755, 0o120644, 0o040700, 0o100644, 0o100644])
        #expect(
            read.entries.last.map { [$0.owner, $0.group, $0.checksum] }
                == [5, 6, POSIXChecksum(of: bytes("zz")).value])
        #expect(read.installKBytes == bill.installKBytes)
    }

    @Test("no paths at all make a bill without entries")
    func empty() throws {
        #expect(try decode(BillOfMaterials(entries: []).encoded()).entries.isEmpty)
    }

    /// 510 pairs fill a node, 510 children a branch: the numbers around a second leaf, and beyond one branch.
    @Test("any number of paths is read back as it was", arguments: [1, 2, 510, 511, 1020, 1021, 5000])
    func sizes(count: Int) throws {
        let bill = flatBill(count)
        let read = try decode(bill.encoded())
        #expect(read.entries.count == count)
        #expect(try paths(read) == paths(bill))
    }

    @Test("leaves of a large bill are chained both ways and full branches have a level above them")
    func largeTree() throws {
        let pairs = (0..<262_142).map { BOMTree.Pair(value: UInt32($0) * 3 + 13, key: UInt32($0) * 3 + 12) }
        let (top, others) = BOMTree.nodes(pairs, firstBlock: 1_000_000)
        func node(_ bytes: [UInt8]) -> BinaryView { BinaryView(bytes, part: .billOfMaterials, place: "") }
        let leaves = try others.filter { try node($0).u16(0) == 1 }
        #expect(leaves.count == 515)
        for (index, leaf) in leaves.enumerated() {
            #expect(leaf.count <= 4096)
            #expect(try node(leaf).u32(4) == (index + 1 < leaves.count ? 1_000_001 + UInt32(index) : 0))
            #expect(try node(leaf).u32(8) == (index > 0 ? 999_999 + UInt32(index) : 0))
        }
        // Two branches below the top: one key, which is the last key below the first branch, and two children.
        #expect(others.count - leaves.count == 2)
        #expect(try node(top).u16(2) == 1)
        let lastOfFirst = try node(others[515]).u16(2)
        let lastLeaf = leaves[Int(lastOfFirst)]
        #expect(try node(top).u32(16) == node(lastLeaf).u32(lastLeaf.count - 4))
        #expect(try node(top).u32(24) == 0)
    }

    @Test("200,000 paths are written and read back")
    func twoHundredThousand() throws {
        let count = rounds(reduced: 60_000, full: 200_000)
        let bill = flatBill(count)
        let read = try decode(bill.encoded())
        #expect(read.entries.count == count)
        #expect(read.entries.last?.name == bytes("f\(999_999)"))
    }

    @Test("a file of 4 GiB and more keeps its size")
    func largeFile() throws {
        var bill = flatBill(3)
        bill.entries[1].byteCount = 1 << 32
        bill.entries[2].byteCount = 8_589_934_591
        #expect(try decode(bill.encoded()).entries.map(\.byteCount) == [0, 1 << 32, 8_589_934_591])
        #expect(bill.installKBytes == (8_388_608 + 16_777_216) / 2)
    }

    @Test("kibibytes are 512-byte blocks of each entry, halved and rounded down")
    func installKBytes() {
        let sizes: [UInt64] = [0, 1, 512, 513, 1024]  // 0 + 1 + 1 + 2 + 2 blocks
        var bill = flatBill(sizes.count)
        for (index, size) in sizes.enumerated() { bill.entries[index].byteCount = size }
        #expect(bill.installKBytes == 3)
    }

    /// Its branches have as many keys as children, its nodes are as long as what is in them, and it knows no `Size64`.
    @Test("a tree as bomutils writes it is read")
    func bomutils() throws {
        let bill = flatBill(3)
        var store = BOMStoreWriter()
        func number(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
        for (index, entry) in bill.entries.enumerated() {  // blocks 1 to 9, three for each path
            store.add(BillOfMaterials.properties(of: entry))
            store.add(number(entry.parent == nil ? 0 : 1) + entry.name + [0])
            store.add(number(UInt32(index + 1)) + number(UInt32(index * 3 + 1)))
        }
        let leaf: [UInt8] = [0, 1, 0, 2]
        store.add(leaf + number(11) + number(0) + number(3) + number(2) + number(6) + number(5))
        store.add([0, 1, 0, 1] + number(0) + number(10) + number(9) + number(8))
        store.add([0, 0, 0, 2] + number(0) + number(0) + number(10) + number(5) + number(11) + number(8))
        store.add(BOMTree.header(top: 12, count: 3))
        let read = try decode(store.finish(variables: [("Paths", 13)]))
        #expect(read.entries == bill.entries)
    }

    @Test("leaves that are chained in another way than the branches say are refused")
    func chain() throws {
        var file = flatBill(1021).encoded()
        // The first leaf's next one, in the block after those of the paths.
        let view = BinaryView(file, part: .billOfMaterials, place: "Bom")
        let index = Int(try view.u32(16))
        let leaf = Int(try view.u32(index + 4 + (11 + 3 * 1021) * 8))
        #expect(try view.u16(leaf) == 1)
        file.replaceSubrange((leaf + 4)..<(leaf + 8), with: [0, 0, 0, 0])
        #expect(throws: PackageError.self) { try decode(file) }
    }

    @Test("every truncation is refused")
    func truncations() throws {
        let file = Forge.bill([.init(path: "", kind: .directory), .init(path: "a")]).encoded()
        for length in 0..<file.count {
            #expect(throws: PackageError.self) { try decode(Array(file.prefix(length))) }
        }
    }

    @Test("no change of a byte ends in a trap")
    func mutations() throws {
        let file = Forge.bill([.init(path: "", kind: .directory), .init(path: "a"), .init(path: "b")]).encoded()
        let random = SeededRandom(seed: 11)
        for _ in 0..<rounds(reduced: 300, full: 20_000) {
            var changed = file
            for _ in 0...random.below(3) {
                let interesting: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, UInt8(random.below(256))]
                changed[random.below(file.count)] = interesting[random.below(interesting.count)]
            }
            // Some changes are harmless; what counts is that reading returns, one way or the other.
            do { _ = try paths(try decode(changed)) } catch is PackageError {}
        }
    }

    @Test("entries out of order are refused")
    func order() throws {
        var file = Forge.bill([.init(path: "", kind: .directory), .init(path: "a"), .init(path: "b")]).encoded()
        let leaf = 512 + 28 + 21
        for index in 0..<8 { file.swapAt(leaf + 20 + index, leaf + 28 + index) }
        #expect(
            throws: PackageError.malformed(
                .billOfMaterials, place: "Bom", reason: "its paths are not in the order of parent and name")
        ) { try decode(file) }
    }

    @Test("folders that hold each other are refused")
    func circle() throws {
        var bill = Forge.bill([
            .init(path: "", kind: .directory), .init(path: "a", kind: .directory), .init(path: "b", kind: .directory),
        ])
        bill.entries[1].parent = 2
        bill.entries[2].parent = 1
        let read = try decode(bill.encoded())
        #expect(
            throws: PackageError.malformed(
                .billOfMaterials, place: "Bom", reason: "its folders go in circles or too deep")
        ) { try read.paths(place: "Bom") }
    }

    @Test(
        "names that lead elsewhere are refused", arguments: ["", "..", "a/b", "/"])
    func names(name: String) throws {
        var bill = flatBill(2)
        bill.entries[1].name = bytes(name)
        #expect(throws: PackageError.self) { try decode(bill.encoded()) }
    }

    @Test("a second root, a file as a parent and a root that is no folder are refused")
    func parents() throws {
        var twoRoots = flatBill(3)
        twoRoots.entries[2].parent = nil
        #expect(throws: PackageError.self) { try decode(twoRoots.encoded()) }
        var fileAsParent = flatBill(3)
        fileAsParent.entries[2].parent = 1
        #expect(throws: PackageError.self) { try decode(fileAsParent.encoded()) }
        var fileAsRoot = flatBill(1)
        fileAsRoot.entries[0].kind = .file
        #expect(throws: PackageError.self) { try decode(fileAsRoot.encoded()) }
    }

    /// A root and files in it, whose names sort as they are numbered.
    private func flatBill(_ count: Int) -> BillOfMaterials {
        let root = BillOfMaterials.Entry(
            parent: nil, name: [0x2E], kind: .directory, mode: 0o040755, owner: 0, group: 0, modified: 0, byteCount: 0,
            checksum: 0)
        let files = (1..<max(count, 1)).map { number in
            BillOfMaterials.Entry(
                parent: 0, name: bytes("f\(1_000_000 - count + number)"), kind: .file, mode: 0o100644, owner: 0,
                group: 0, modified: 0, byteCount: 0, checksum: UInt32.max)
        }
        return BillOfMaterials(entries: [root] + files)
    }
}
