import CHiredis

/// The protocol's bytes, by hiredis: commands out, replies in.
///
/// `@unchecked`: the reader is freed in `deinit` and otherwise touched by whoever owns the codec, one at a time: a
/// `RedisConnection` keeps it under its lock.
final class RedisCodec: @unchecked Sendable {
    private let reader: UnsafeMutablePointer<redisReader>

    init?() {
        guard let reader = redisReaderCreate() else { return nil }
        self.reader = reader
    }

    deinit { redisReaderFree(reader) }

    /// The bytes of `command` as they are sent.
    static func encode(_ command: RedisCommand, into bytes: inout [UInt8]) throws(RedisError) {
        let count = command.ends.count
        var formatted: UnsafeMutablePointer<CChar>?
        let length = command.bytes.withUnsafeBytes { words in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { starts in
                withUnsafeTemporaryAllocation(of: Int.self, capacity: count) { lengths in
                    var start = 0
                    for (index, end) in command.ends.enumerated() {
                        // An empty array has no address; a word of no bytes may have any.
                        starts[index] = (words.baseAddress ?? UnsafeRawPointer(starts.baseAddress))
                            .map { ($0 + (words.isEmpty ? 0 : start)).assumingMemoryBound(to: CChar.self) }
                        lengths[index] = end - start
                        start = end
                    }
                    return redisFormatCommandArgv(&formatted, CInt(count), starts.baseAddress, lengths.baseAddress)
                }
            }
        }
        guard length > 0, let formatted else { throw .unexpected(detail: "a command could not be formatted") }
        defer { redisFreeCommand(formatted) }
        bytes += UnsafeRawBufferPointer(start: formatted, count: Int(length))
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

    private var failure: RedisError {
        let text = withUnsafeBytes(of: &reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .unexpected(detail: text)
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
