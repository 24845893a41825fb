/// Bytes on their way out: those that are being sent, and those that come meanwhile.
struct RedisOutbox {
    /// Bytes that one sender has in hands.
    struct Piece {
        var bytes: [UInt8]
        /// How many of them have gone.
        var start: Int
    }

    private var coming: [UInt8] = []
    private var going = Piece(bytes: [], start: 0)
    /// The bytes in some sender's hands; nil when nobody sends.
    private var inHands: Int?
    /// Bytes that have gone, and are not in `going` any longer.
    private var gone = 0
    /// The socket takes no more for now.
    private(set) var isStuck = false

    /// Bytes that have not gone.
    var count: Int { coming.count + going.bytes.count - going.start + (inHands ?? 0) }
    var isEmpty: Bool { count == 0 }
    /// Something can be sent, and nobody does.
    var isReady: Bool { !isEmpty && inHands == nil && !isStuck }
    /// How many bytes have gone when all that is here has gone.
    var end: Int { gone + going.start + count }
    /// How many bytes may have gone by now.
    var mostSent: Int { gone + going.start + (inHands ?? 0) }

    mutating func add(_ command: RedisCommand) { command.encode(into: &coming) }

    /// What can be sent now, to be put back afterwards; nil when there is nothing or somebody else has it.
    mutating func take() -> Piece? {
        guard inHands == nil else { return nil }
        if going.start == going.bytes.count {
            guard !coming.isEmpty else { return nil }
            gone += going.start
            going.start = 0
            going.bytes.removeAll(keepingCapacity: going.bytes.capacity <= 1 << 20)
            swap(&going.bytes, &coming)
        }
        var piece = Piece(bytes: [], start: going.start)
        swap(&piece.bytes, &going.bytes)
        inHands = piece.bytes.count - piece.start
        gone += piece.start
        going.start = 0
        return piece
    }

    /// Puts back what `take` gave, less what has gone.
    mutating func putBack(_ piece: Piece) {
        let hasLeft = piece.start < piece.bytes.count
        let before = piece.bytes.count - (inHands ?? 0)
        gone -= before
        going = piece
        inHands = nil
        isStuck = hasLeft
    }
}
