/// A tree over pairs of blocks (value, key), as the store keeps its paths.
///
/// The tree block is 21 bytes: `tree`, version 1, the top node's block, node size, number of pairs, a zero byte. A node
/// is padded to the node size:
///
/// | offset | bytes | field                                                     |
/// |-------:|------:|-----------------------------------------------------------|
/// |      0 |     2 | 1 for a leaf, 0 for a branch                              |
/// |      2 |     2 | count: of a leaf's pairs, of a branch's keys              |
/// |      4 |     8 | a leaf's next and previous leaf, 0 at the ends            |
/// |     12 |     8 | pairs; a branch has one more, its last child and no key   |
///
/// A branch's key is the key of the last pair below that child.
struct BOMTree {
    typealias Pair = (value: UInt32, key: UInt32)

    /// Pairs that fit a node of 4096 bytes.
    static let nodeCapacity = (4096 - 12) / 8
    static let nodeByteCount = 4096
    static let headerByteCount = 12

    /// The tree block that goes before the nodes.
    static func header(top: UInt32, nodeByteCount: Int = nodeByteCount, count: Int) -> [UInt8] {
        var bytes = Array("tree".utf8)
        for value in [1, top, UInt32(nodeByteCount), UInt32(count)] { bytes.append(bigEndian: value) }
        return bytes + [0]
    }

    /// The nodes over `pairs`: the top one, which the caller gives the number that the tree block names, and the others,
    /// which get numbers from `firstBlock` on, in this order.
    static func nodes(_ pairs: [Pair], firstBlock: UInt32) -> (top: [UInt8], others: [[UInt8]]) {
        let leaves = evenly(pairs)
        guard leaves.count > 1 else { return (leaf(leaves.first ?? [], next: 0, previous: 0), []) }
        var others: [[UInt8]] = []
        for (index, pairs) in leaves.enumerated() {
            let own = firstBlock + UInt32(index)
            others.append(leaf(pairs, next: index + 1 < leaves.count ? own + 1 : 0, previous: index > 0 ? own - 1 : 0))
        }
        var level = leaves.enumerated().map { index, pairs in
            Pair(value: firstBlock + UInt32(index), key: pairs.last?.key ?? 0)
        }
        while level.count > nodeCapacity {
            var above: [Pair] = []
            for children in evenly(level) {
                above.append(Pair(value: firstBlock + UInt32(others.count), key: children.last?.key ?? 0))
                others.append(branch(children))
            }
            level = above
        }
        return (branch(level), others)
    }

    /// `pairs` in as few nodes as can hold them, equally filled: no branch ends up with a single child.
    private static func evenly(_ pairs: [Pair]) -> [ArraySlice<Pair>] {
        let nodeCount = (pairs.count + nodeCapacity - 1) / nodeCapacity
        return (0..<nodeCount).map { index in
            pairs[(pairs.count * index / nodeCount)..<(pairs.count * (index + 1) / nodeCount)]
        }
    }

    private static func leaf(_ pairs: ArraySlice<Pair>, next: UInt32, previous: UInt32) -> [UInt8] {
        node(isLeaf: true, count: pairs.count, next: next, previous: previous, Array(pairs))
    }

    private static func branch(_ children: some Collection<Pair>) -> [UInt8] {
        var pairs = Array(children)
        if let last = pairs.popLast() { pairs.append(Pair(value: last.value, key: 0)) }
        return node(isLeaf: false, count: pairs.count - 1, next: 0, previous: 0, pairs)
    }

    private static func node(isLeaf: Bool, count: Int, next: UInt32, previous: UInt32, _ pairs: [Pair]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(nodeByteCount)
        bytes.append(bigEndian: UInt16(isLeaf ? 1 : 0))
        bytes.append(bigEndian: UInt16(count))
        bytes.append(bigEndian: next)
        bytes.append(bigEndian: previous)
        for pair in pairs {
            bytes.append(bigEndian: pair.value)
            bytes.append(bigEndian: pair.key)
        }
        return bytes
    }
}
