import CHiredis
import System

/// The server's half of the protocol, by hiredis: bytes in, replies out. (A `RedisCommand` writes itself.)
///
/// `@unchecked`: the reader and the buffer are freed in `deinit` and otherwise touched only by whoever reads the
/// connection, and that is one thread at a time: who it is stands under the `RedisConnection`'s lock, and a `RedisWire`
/// without such a connection has one owner.
final class RedisCodec: @unchecked Sendable {
    private let reader: UnsafeMutablePointer<redisReader>
    /// What one receive can take.
    let buffer: UnsafeMutableRawBufferPointer

    init?() {
        guard let reader = redisReaderCreate() else { return nil }
        self.reader = reader
        buffer = .allocate(byteCount: 65_536, alignment: 16)
    }

    deinit {
        redisReaderFree(reader)
        buffer.deallocate()
    }

    /// Takes in what has come.
    func feed(_ bytes: UnsafeRawBufferPointer) throws(RedisError) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        guard redisReaderFeed(reader, base.assumingMemoryBound(to: CChar.self), bytes.count) == REDIS_OK else {
            throw failure
        }
    }

    /// The next whole reply; nil when there is none yet.
    func next() throws(RedisError) -> RedisReply? {
        var found: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &found) == REDIS_OK else { throw failure }
        guard let found else { return nil }
        defer { freeReplyObject(found) }
        return Self.reply(found.assumingMemoryBound(to: redisReply.self).pointee)
    }

    /// After it nobody knows which reply is whose.
    private var failure: RedisError {
        let text = withUnsafeBytes(of: &reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .unanswered(detail: "what came is no reply of a Redis: \(Printable.text(text))")
    }

    private static func reply(_ reply: redisReply) -> RedisReply {
        switch reply.type {
        case REDIS_REPLY_INTEGER: return .integer(reply.integer)
        case REDIS_REPLY_NIL: return .nothing
        case REDIS_REPLY_ARRAY:
            guard let elements = reply.element else { return .array([]) }
            return .array(
                (0..<Int(clamping: reply.elements)).map { index in
                    elements[index].map { Self.reply($0.pointee) } ?? .nothing
                })
        case REDIS_REPLY_ERROR: return .refusal(String(decoding: bytes(reply), as: UTF8.self))
        default: return .bytes(Array(bytes(reply)))
        }
    }

    private static func bytes(_ reply: redisReply) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: reply.str, count: Int(clamping: reply.len))
    }
}
