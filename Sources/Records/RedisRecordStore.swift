public import RedisLink
public import System

/// Records in a Redis that the servers of a farm share. Each call is one script.
///
/// | key                        | kind       | what                                                       |
/// |----------------------------|------------|------------------------------------------------------------|
/// | `record:COLLECTION/NAME`   | hash       | `v` revision, `b` body, `e` expiry in milliseconds or none |
/// | `records:COLLECTION`       | sorted set | names in the order of their bytes, all with the score 0    |
/// | `record-collections`       | sorted set | collections, all with the score 0                          |
/// | `expiring-records`         | sorted set | `COLLECTION/NAME` by expiry                                |
/// | `record-revision`          | string     | the last revision that was given out                       |
///
/// Neither a collection nor a name has a slash. What an answer is worth depends on how the server keeps what it has.
public final class RedisRecordStore: RecordStore {
    private let link: RedisLink
    private let prefix: String
    private let clock: (@Sendable () -> Timestamp)?

    /// The records of `farm`, under whose name all its keys are.
    ///
    /// - Parameter clock: stands for the server's clock in tests.
    public init(_ link: RedisLink, farm: String, clock: (@Sendable () -> Timestamp)? = nil) {
        self.link = link
        prefix = "{\(farm)}:"
        self.clock = clock
    }

    /// See `RecordStore`.
    public func read(_ name: String, in collection: String) async throws(RecordError) -> Record? {
        try RecordRules.check(collection: collection, name: name)
        let reply = try await run("read a record", .read, [collection, name].map { Array($0.utf8) })
        return reply.isEmpty ? nil : try record(reply, in: collection)
    }

    /// See `RecordStore`.
    @discardableResult
    public func write(
        _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
    ) async throws(RecordError) -> Record {
        try RecordRules.check(collection: collection, name: name)
        try RecordRules.check(body: body, collection: collection, name: name)
        let words: [[UInt8]] = [
            Array(collection.utf8), Array(name.utf8), text(expecting), body, text(expires?.milliseconds),
        ]
        let reply = try await run("write a record", .write, words)
        let revision = try revision(reply, name, collection, expecting)
        return Record(collection: collection, name: name, revision: revision, body: body, expires: expires)
    }

    /// See `RecordStore`.
    public func delete(_ name: String, in collection: String, expecting: Int64) async throws(RecordError) {
        try RecordRules.check(collection: collection, name: name)
        let words: [[UInt8]] = [Array(collection.utf8), Array(name.utf8), text(expecting)]
        _ = try revision(try await run("delete a record", .delete, words), name, collection, expecting)
    }

    /// See `RecordStore`.
    public func list(_ collection: String, after: String?, limit: Int) async throws(RecordError) -> [Record] {
        try RecordRules.check(collection: collection, name: after)
        try RecordRules.check(limit: limit)
        var records: [Record] = []
        var last = Array((after ?? "").utf8)
        while records.count < limit {
            let words: [[UInt8]] = [Array(collection.utf8), last, text(Int64(limit - records.count))]
            let reply = try await run("list records", .list, words)
            guard let next = reply.first else { throw unexpected("list records") }
            for entry in reply.dropFirst() {
                guard let parts = entry.array else { throw unexpected("list records") }
                records.append(try record(parts, in: collection))
            }
            guard let name = next.bytes else { break }
            last = name
        }
        return records
    }

    /// See `RecordStore`.
    public func collections() async throws(RecordError) -> [String] {
        try await run("list collections", .collections, [[]]).map { reply throws(RecordError) in
            guard let name = reply.text, RecordRules.isName(name) else {
                throw .unreadable(
                    collection: "record-collections", name: reply.text ?? "?",
                    detail: "no such collection is ever written")
            }
            return name
        }
    }

    // MARK: Scripts

    private func run(
        _ operation: String, _ script: RedisScript, _ words: [[UInt8]]
    ) async throws(RecordError) -> [RedisReply] {
        var command = RedisCommand()
        command.append(clock.map { String($0().milliseconds) } ?? "")
        for word in words { command.append(word) }
        do throws(RedisError) {
            // A write that is repeated after a lost answer finds another revision than it expects.
            let effect: RedisLink.Effect = [.read, .list, .collections].contains(script) ? .repeatable : .once
            let reply = try await link.run(script, keys: [prefix], command, effect)
            guard let parts = reply.array else { throw .unexpected(detail: "no array from \(script.name)") }
            return parts
        } catch {
            throw .backend(operation: operation, detail: error.description)
        }
    }

    private func unexpected(_ operation: String) -> RecordError {
        .backend(operation: operation, detail: "Redis answered what no script of the records does")
    }

    /// The revision that a script made; throws where another was found.
    private func revision(
        _ reply: [RedisReply], _ name: String, _ collection: String, _ expected: Int64?
    ) throws(RecordError) -> Int64 {
        guard reply.count == 2, let number = reply[1].integer else { throw unexpected("write a record") }
        switch reply[0].text {
        case "ok": return number
        case "damaged":
            throw .unreadable(collection: collection, name: name, detail: "the store has lost its revision")
        default:
            let found = number == 0 ? nil : number
            throw .conflict(collection: collection, name: name, expected: expected, found: found)
        }
    }

    /// The record of name, revision, body and expiry. Anybody may have written it, so nothing in it is trusted.
    private func record(_ parts: [RedisReply], in collection: String) throws(RecordError) -> Record {
        let name = parts.first?.bytes ?? []
        let text = String(decoding: name, as: UTF8.self)
        guard parts.count == 4, RecordRules.isName(text), let revision = parts[1].integer, revision > 0,
            let body = parts[2].bytes, body.count <= Record.maximumBodyByteCount,
            parts[3] == .nothing || parts[3].integer != nil
        else { throw .unreadable(collection: collection, name: text, detail: "no version of ours writes such fields") }
        return Record(
            collection: collection, name: text, revision: revision, body: body,
            expires: parts[3].integer.map { Timestamp(milliseconds: $0) })
    }

    private func text(_ number: Int64?) -> [UInt8] { number.map { Array(String($0).utf8) } ?? [] }
}

extension RedisScript {
    /// KEYS 1: the farm's prefix; ARGV 1: the time in milliseconds, or nothing for the server's own; 2: collection.
    private static func records(_ name: String, runsWhenFull: Bool = false, _ text: String) -> RedisScript {
        RedisScript(
            name: "record-" + name,
            text: #"""
                local call, pcall, prefix, collection = redis.call, redis.pcall, KEYS[1], ARGV[2]
                local now = tonumber(ARGV[1])
                if not now then
                  local time = call('TIME')
                  now = time[1] * 1000 + math.floor(time[2] / 1000)
                end
                local namesKey, expiringKey = prefix .. 'records:' .. collection, prefix .. 'expiring-records'
                local function recordKey(name) return prefix .. 'record:' .. collection .. '/' .. name end
                -- Name, revision, body, expiry; nil for one that is not there or has expired.
                local function living(name)
                  local found = pcall('HMGET', recordKey(name), 'v', 'b', 'e')
                  if found.err then return {name, 'foreign', false, false} end
                  if not found[1] and not found[2] then return nil end
                  if found[3] and (tonumber(found[3]) or math.huge) <= now then return nil end
                  return {name, found[1], found[2], found[3]}
                end
                local function remove(record)
                  local slash = string.find(record, '/', 1, true)
                  call('DEL', prefix .. 'record:' .. record)
                  call('ZREM', prefix .. 'records:' .. string.sub(record, 1, slash - 1), string.sub(record, slash + 1))
                  call('ZREM', expiringKey, record)
                end

                """# + text, runsWhenFull: runsWhenFull)
    }

    /// ARGV 3: name. Answers with name, revision, body, expiry, or with nothing.
    fileprivate static let read = records("read", "return living(ARGV[3]) or {}")

    /// ARGV 3: name; 4: the revision that is expected, or nothing; 5: body; 6: expiry or nothing.
    ///
    /// Answers `ok` and the new revision, `conflict` and the one that was found (0: none), or `damaged`.
    fileprivate static let write = records(
        "write",
        #"""
        local name, before = ARGV[3], living(ARGV[3])
        local found = before and before[2] or ''
        if found ~= ARGV[4] then return {'conflict', tonumber(found) or 0} end
        local expired = call('ZRANGEBYSCORE', expiringKey, '-inf', now, 'LIMIT', 0, 16)
        for _, record in ipairs(expired) do
          if string.find(record, '/', 1, true) then remove(record) else call('ZREM', expiringKey, record) end
        end
        local revision = pcall('INCR', prefix .. 'record-revision')
        if type(revision) ~= 'number' or revision <= (tonumber(found) or 0) then return {'damaged', 0} end
        local record = collection .. '/' .. name
        call('ZADD', namesKey, 0, name)
        call('ZADD', prefix .. 'record-collections', 0, collection)
        call('DEL', recordKey(name))
        call('HSET', recordKey(name), 'v', revision, 'b', ARGV[5])
        if ARGV[6] ~= '' then
          call('HSET', recordKey(name), 'e', ARGV[6])
          call('ZADD', expiringKey, ARGV[6], record)
        else
          call('ZREM', expiringKey, record)
        end
        return {'ok', revision}
        """#)

    /// ARGV 3: name; 4: the revision that is expected. Answers as `write`.
    fileprivate static let delete = records(
        "delete", runsWhenFull: true,
        #"""
        local before = living(ARGV[3])
        local found = before and before[2] or ''
        if found ~= ARGV[4] then return {'conflict', tonumber(found) or 0} end
        remove(collection .. '/' .. ARGV[3])
        return {'ok', tonumber(found) or 0}
        """#)

    /// Answers with the names of all collections.
    fileprivate static let collections = records(
        "collections", "return call('ZRANGE', prefix .. 'record-collections', 0, -1)")

    /// ARGV 3: the name after which to begin, or nothing; 4: how many. Answers with the name after which to go on, or nothing
    /// at the end, and records. A call looks at a bounded number of names.
    fileprivate static let list = records(
        "list",
        #"""
        local from = ARGV[3] == '' and '-' or '(' .. ARGV[3]
        local answers, bytes = {false}, 0
        local names = call('ZRANGEBYLEX', namesKey, from, '+', 'LIMIT', 0, 200)
        for _, name in ipairs(names) do
          local record = living(name)
          if record then
            answers[#answers + 1] = record
            bytes = bytes + #(record[3] or '')
          end
          answers[1] = name
          if #answers > tonumber(ARGV[4]) or bytes > 4194304 then return answers end
        end
        if #names < 200 then answers[1] = false end
        return answers
        """#)
}
