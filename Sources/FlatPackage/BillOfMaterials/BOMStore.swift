/// Reads the container of a bill of materials; see `BOMStoreWriter` for its form. Every number in it is checked before
/// it is used.
struct BOMStore {
    /// Larger ones are refused.
    static let maximumByteCount = 256 << 20
    private static let maximumBlockCount = 8_000_000
    private static let maximumVariableCount = 64
    private static let maximumTreeDepth = 8
    private static let freed: UInt32 = 0xFFFF_FFFF

    private let view: BinaryView
    private let blocks: [(address: UInt32, byteCount: UInt32)]
    private let variables: [[UInt8]: UInt32]

    init(_ bytes: [UInt8], place: String) throws(PackageError) {
        view = BinaryView(bytes, part: .billOfMaterials, place: place)
        guard bytes.starts(with: Array("BOMStore".utf8)) else {
            throw view.malformed("it does not begin with BOMStore")
        }
        guard try view.u32(8) == 1 else { throw view.malformed("its version is not 1") }
        blocks = try Self.blocks(view)
        variables = try Self.variables(view)
        try checkBlocks()
    }

    func malformed(_ reason: String) -> PackageError { view.malformed(reason) }

    /// The content of block `number`.
    func block(_ number: UInt32) throws(PackageError) -> BinaryView {
        guard number < blocks.count else { throw malformed("it has no block \(number)") }
        let block = blocks[Int(number)]
        guard block.address != Self.freed else { throw malformed("block \(number) is freed and still in use") }
        return try view.part(Int(block.address), Int(block.byteCount), "block \(number)")
    }

    /// The block that the variable `name` stands for; nil when there is no such variable.
    func variable(_ name: StaticString) throws(PackageError) -> BinaryView? {
        guard let number = variables.first(where: { $0.key.equals(name) })?.value else { return nil }
        return try block(number)
    }

    /// The pairs of the tree whose block is `tree`, in order.
    ///
    /// The leaves are read along their chain, and must be those that the branches lead to.
    func pairs(ofTree tree: BinaryView, _ name: String) throws(PackageError) -> [BOMTree.Pair] {
        guard tree.array.starts(with: Array("tree".utf8)) else { throw malformed("\(name) is no tree") }
        let leaves = try leaves(below: try tree.u32(8), name)
        var pairs: [BOMTree.Pair] = []
        var next = leaves.first ?? 0
        for expected in leaves {
            guard next == expected else {
                throw malformed("the leaves of \(name) are chained in another way than its branches say")
            }
            let node = try block(next)
            let count = try node.u16(2)
            for index in 0..<Int(count) {
                let offset = BOMTree.headerByteCount + index * 8
                pairs.append(BOMTree.Pair(value: try node.u32(offset), key: try node.u32(offset + 4)))
            }
            next = try node.u32(4)
        }
        guard next == 0 else { throw malformed("the leaves of \(name) go on after its last branch") }
        let count = try tree.u32(16)
        guard pairs.count == count else { throw malformed("\(name) counts \(count) and holds \(pairs.count)") }
        return pairs
    }

    /// The leaves that node `top` leads to, from left to right.
    private func leaves(below top: UInt32, _ name: String) throws(PackageError) -> [UInt32] {
        var leaves: [UInt32] = []
        var visited: Set<UInt32> = []
        var waiting = [(node: top, depth: 0)]
        while let (number, depth) = waiting.popLast() {
            guard depth < Self.maximumTreeDepth, visited.insert(number).inserted else {
                throw malformed("the branches of \(name) go in circles or too deep")
            }
            let node = try block(number)
            if try node.u16(0) == 1 {
                leaves.append(number)
            } else {
                waiting += try children(ofBranch: node).reversed().map { ($0, depth + 1) }
            }
        }
        return leaves
    }

    /// Apple's branches have one child more than their count of keys, those of bomutils do not: zeros follow there.
    private func children(ofBranch node: BinaryView) throws(PackageError) -> [UInt32] {
        let keyCount = Int(try node.u16(2))
        var children: [UInt32] = []
        for index in 0..<keyCount { children.append(try node.u32(BOMTree.headerByteCount + index * 8)) }
        let lastOffset = BOMTree.headerByteCount + keyCount * 8
        if lastOffset + 4 <= node.count {
            let last = try node.u32(lastOffset)
            if last != 0 { children.append(last) }
        }
        return children
    }

    private static func blocks(_ view: BinaryView) throws(PackageError) -> [(address: UInt32, byteCount: UInt32)] {
        let index = try view.part(Int(try view.u32(16)), Int(try view.u32(20)), "the index of blocks")
        let count = Int(try index.u32(0))
        guard count >= 1, count <= maximumBlockCount, count <= (index.count - 4) / 8 else {
            throw view.malformed("its index of blocks counts \(count)")
        }
        var blocks: [(address: UInt32, byteCount: UInt32)] = []
        blocks.reserveCapacity(count)
        for number in 0..<count {
            blocks.append((try index.u32(4 + number * 8), try index.u32(8 + number * 8)))
        }
        return blocks
    }

    private static func variables(_ view: BinaryView) throws(PackageError) -> [[UInt8]: UInt32] {
        let list = try view.part(Int(try view.u32(24)), Int(try view.u32(28)), "the list of variables")
        let count = try list.u32(0)
        guard count <= maximumVariableCount else { throw view.malformed("it has \(count) variables") }
        var variables: [[UInt8]: UInt32] = [:]
        var offset = 4
        for _ in 0..<count {
            let name = try list.part(offset + 5, Int(try list.u8(offset + 4)), "a variable's name").array
            guard variables.updateValue(try list.u32(offset), forKey: name) == nil else {
                throw view.malformed("it has a variable twice")
            }
            offset += 5 + name.count
        }
        return variables
    }

    private func checkBlocks() throws(PackageError) {
        guard blocks[0] == (0, 0) else { throw malformed("its block 0 is not null") }
        let used = blocks.filter { $0 != (0, 0) }
        let stated = try view.u32(12)
        guard used.count == stated else { throw malformed("it counts \(stated) blocks and has \(used.count)") }
        var end: UInt64 = 0
        let held = used.filter { $0.address != Self.freed && $0.byteCount > 0 }.sorted { $0.address < $1.address }
        for block in held {
            guard UInt64(block.address) >= end else { throw malformed("two of its blocks overlap") }
            end = UInt64(block.address) + UInt64(block.byteCount)
        }
        guard end <= view.count else { throw malformed("a block reaches beyond its end") }
    }
}
