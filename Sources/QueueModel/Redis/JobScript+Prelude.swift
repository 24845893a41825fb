extension JobScript {
    /// What the scripts share: the time, the shape of each key, reading a job, moving it from state to state, events. Each
    /// script gets the pieces that it names, and what those name: what it does not need would cost it time.
    ///
    /// A piece names only those before it.
    static let pieces: [(name: String, text: String)] = [
        // Keys. JOB and BATCH are the 16 bytes of an id, LANE is a name.
        // Hash: what is known of a job (`JobFields`).
        key("jobKey", "job", of: "id"),
        // String: a request that is too long for the hash.
        key("requestKey", "request", of: "id"),
        // Hash: row % 100 -> JOB.
        ("rowsKey", "local function rowsKey(row) return prefix .. 'rows:' .. floor(row / 100) end"),
        // List: JOBs in order of arrival.
        key("waitingKey", "waiting", of: "lane"),
        // Sorted set: JOBs that came back to the lane, by row.
        key("returnedKey", "returned", of: "lane"),
        // Sorted set: JOBs in `waiting` that are over, by row.
        key("staleKey", "stale", of: "lane"),
        // Sorted set: JOBs by the time for which they are scheduled.
        key("scheduledKey", "scheduled", of: "lane"),
        // Sorted set: JOBs that run, by the end of their lease.
        key("leasesKey", "leases", of: "lane"),
        // Sorted set: failed JOBs without a retry, by row.
        key("failedKey", "failed", of: "lane"),
        // Sorted set: JOBs that succeeded lately, by row.
        key("recentKey", "recent", of: "lane"),
        // List: a token for whoever waits for jobs.
        key("bellKey", "bell", of: "lane"),
        // Hash: a batch and its counts.
        key("batchKey", "batch", of: "id"),
        // Hash: row of the batch -> JOB.
        key("placesKey", "places", of: "id"),
        // Hash: row of the batch -> why it was refused.
        key("rejectedKey", "rejected", of: "id"),
        // Hash: a worker as it presents itself.
        key("workerKey", "worker", of: "name"),
        // Sorted set: ended JOBs by the time of their end.
        key("endedKey", "ended"),
        // Sorted set: JOBs that cannot be read, by row.
        key("parkedKey", "parked"),
        // Hash: digest -> the unique JOB that waits or runs.
        key("uniqueKey", "unique"),
        // Hash: idempotency key -> JOB.
        key("keysKey", "keys"),
        // String: the lanes in their order, as `readLanes` has them.
        key("lanesKey", "lanes"),
        // Hash: `KIND/LANE`, or `KIND/` for all -> since, number of bytes of who, who, why.
        key("holdsKey", "holds"),
        // Sorted set: BATCHes by the time when they were opened.
        key("batchesKey", "batches"),
        // Sorted set: workers by their last beat.
        key("beatsKey", "workers"),
        // Sorted set: time, JOB and worker of a lost lease, by time.
        key("lossesKey", "losses"),
        // String: the last row.
        key("rowKey", "row"),
        // String: the last event's number.
        key("sequenceKey", "sequence"),
        // String: when somebody was last told that something is there already.
        key("confirmedKey", "confirmed"),
        // Stream: events, each entry under the number of its last.
        key("eventsKey", "events"),

        (
            "confirm",
            #"""
            -- What is there already is promised once more. A replica is waited for by what this call has written, on some
            -- servers, so that it must write something.
            local function confirm() call('SET', confirmedKey, now) end
            """#
        ),

        ("changes", "local changes = {}  -- events of this step, as the bytes of their entry"),
        (
            "varint",
            #"""
            local function varint(n)
              local bytes = ''
              while n >= 128 do
                bytes = bytes .. char(n % 128 + 128)
                n = floor(n / 128)
              end
              return bytes .. char(n)
            end
            """#
        ),
        (
            "note",
            #"""
            local function note(id, state, attempt)
              local tries = attempt and math.max(1, math.min(floor(tonumber(attempt) or 1), 1000)) or 1
              changes[#changes + 1] = '\1' .. char(state) .. varint(tries) .. id
            end
            """#
        ),
        (
            "publish",
            #"""
            local function publish()
              local count = #changes
              if count == 0 then return end
              local last = try('INCRBY', sequenceKey, count)
              local entry = type(last) == 'number' and try('XADD', eventsKey, 'MINID', '~',
                math.max(0, last - tonumber(ARGV[2])), last .. '-0', 't', now, 'b', table.concat(changes))
              if type(entry) == 'string' or (type(entry) == 'table' and entry.ok) then return end
              -- Somebody has damaged the stream or its number. Jobs matter more: it begins anew, and readers are told so.
              call('DEL', sequenceKey, eventsKey)
              last = call('INCRBY', sequenceKey, count + now)
              call('XADD', eventsKey, last .. '-0', 't', now, 'b', table.concat(changes))
            end
            """#
        ),
        (
            "fields",
            #"""
            -- The fields of a job by name, and as they lie there; nil where its key is none of ours.
            local function fields(id)
              local flat = try('HGETALL', jobKey(id))
              if flat.err then return nil, {} end
              local job = {}
              for i = 1, #flat, 2 do job[flat[i]] = flat[i + 1] end
              return job, flat
            end
            """#
        ),
        (
            "standing",
            #"""
            -- Where a job stands: running and scheduled are what the sorted sets say, and nothing else.
            local function standing(id, job)
              if job.s then return tonumber(job.s) end
              local ends = call('ZSCORE', leasesKey(job.l or ''), id)
              if ends then return running, ends end
              local due = call('ZSCORE', scheduledKey(job.l or ''), id)
              if due then return scheduled, due end
              return queued
            end
            """#
        ),
        (
            "whole",
            #"""
            -- A whole job as it is answered: id, fields, state (-1: parked), time of that state, a long request.
            local function whole(id)
              local job, flat = fields(id)
              if not job then return {id, {}, 0, false, false} end
              local state, time = standing(id, job)
              if call('ZSCORE', parkedKey, id) then state = -1 end
              local request = not job.q and try('GET', requestKey(id))
              if type(request) ~= 'string' then request = false end
              return {id, flat, state or 0, time or false, request}
            end
            """#
        ),
        (
            "ring",
            #"""
            local function ring(lane)
              local key = bellKey(lane)
              if call('EXISTS', key) == 0 then call('RPUSH', key, '1') end
            end
            """#
        ),
        (
            "readLanes",
            #"""
            -- All lanes in their order, as MessagePack. Each is {name, weight, limit of running jobs or 0, starts and
            -- milliseconds of its rate or 0, 1 when it is configured, credit in the rotation, time in microseconds at which
            -- its rate allows all starts again}.
            local function readLanes()
              local packed = call('GET', lanesKey)
              if not packed then return {} end
              local isRead, lanes = pcall(cmsgpack.unpack, packed)
              return isRead and type(lanes) == 'table' and lanes or {}
            end
            local NAME, WEIGHT, LIMIT, COUNT, PERIOD, CONFIGURED, CREDIT, FULL = 1, 2, 3, 4, 5, 6, 7, 8
            """#
        ),
        (
            "laneNamed",
            #"""
            local function laneNamed(name)
              for _, lane in ipairs(readLanes()) do if lane[NAME] == name then return lane end end
            end
            """#
        ),
        (
            "dropStale",
            #"""
            -- A job that was cancelled in a list, and removed since, may come again under its id: what is left of it there must
            -- not stand for the new one. Walks a list, and hardly ever: `lanes` have stale entries.
            local function dropStale(id, lanes)
              for _, lane in ipairs(lanes) do
                if call('ZSCORE', staleKey(lane), id) then
                  call('ZREM', staleKey(lane), id)
                  call('LREM', waitingKey(lane), 1, id)
                end
              end
            end
            """#
        ),
        (
            "lanesAndStale",
            #"""
            -- The lanes by name, and the names of those with stale entries.
            local function lanesAndStale()
              local lanes, names, keys, stale = {}, {}, {}, {}
              for i, lane in ipairs(readLanes()) do
                names[i], keys[i] = lane[NAME], staleKey(lane[NAME])
                lanes[names[i]] = lane
              end
              -- Most farms have none, and one look tells.
              if #keys == 0 or call('EXISTS', unpack(keys)) == 0 then return lanes, stale end
              for i, name in ipairs(names) do
                if call('EXISTS', keys[i]) == 1 then stale[#stale + 1] = name end
              end
              return lanes, stale
            end
            """#
        ),
        (
            "finishIfDone",
            #"""
            -- One of a batch's rows has come to its end.
            local function finishIfDone(batch)
              local key = batchKey(batch)
              local counts = call('HMGET', key, 't', 'f', 'rj', 'su', 'fa', 'ca')
              local ended = 0
              for i = 3, 6 do ended = ended + (tonumber(counts[i]) or 0) end
              if not counts[2] and counts[1] and ended >= (tonumber(counts[1]) or math.huge) then
                call('HSET', key, 'f', now)
                changes[#changes + 1] = '\3' .. batch
              end
            end
            """#
        ),
        (
            "countEnd",
            #"""
            -- A job of a batch has ended.
            local function countEnd(batch, state)
              if try('HEXISTS', batchKey(batch), 't') ~= 1 then return end
              call('HINCRBY', batchKey(batch), state == succeeded and 'su' or state == failed and 'fa' or 'ca', 1)
              finishIfDone(batch)
            end
            """#
        ),
        (
            "forgetUnique",
            #"""
            -- A job that has ended stands for no other any longer.
            local function forgetUnique(id, job)
              if job.u and call('HGET', uniqueKey, job.d) == id then call('HDEL', uniqueKey, job.d) end
            end
            """#
        ),
        (
            "enter",
            #"""
            -- A job's place in the state to which it comes. `time` is that of a scheduled start, of a lease's end, or of an
            -- end that was not just now.
            local function enter(id, job, row, to, time)
              local lane = job.l
              if to == running then
                call('ZADD', leasesKey(lane), time, id)
              elseif to == scheduled then
                call('ZADD', scheduledKey(lane), time, id)
                ring(lane)
              elseif to == queued then
                call('ZADD', returnedKey(lane), row, id)
                ring(lane)
              else
                call('ZADD', endedKey, tonumber(time) or now, id)
                if to == succeeded then
                  call('ZADD', recentKey(lane), row, id)
                  if row % 64 == 0 then call('ZREMRANGEBYRANK', recentKey(lane), 0, -257) end
                elseif to == failed and not job.ra then
                  call('ZADD', failedKey(lane), row, id)
                end
                forgetUnique(id, job)
              end
            end
            """#
        ),
        (
            "move",
            #"""
            -- A job goes from one state into another; its fields are set by the caller. In first, out last: where a key is
            -- none of ours, this fails with nothing done.
            local function move(id, job, from, to, time)
              local lane, row = job.l, tonumber(job.r) or 0
              enter(id, job, row, to, time)
              if from == to then return end
              if from == running then
                call('ZREM', leasesKey(lane), id)
                -- Room for one more in a lane that may have been at its limit.
                if job.lc then ring(lane) end
              elseif from == scheduled then
                call('ZREM', scheduledKey(lane), id)
              elseif call('ZREM', returnedKey(lane), id) == 0 then
                -- Still in the list, from which nothing is taken but its head.
                call('ZADD', staleKey(lane), row, id)
              end
              note(id, to, job.a)
              if to > running and job.b then countEnd(job.b, to) end
            end
            """#
        ),
        (
            "held",
            #"""
            -- The job of a claim; nil unless that is the current one.
            local function held(id, epoch, claim)
              local job = fields(id)
              if not job or not job.l or job.s or job.e ~= epoch or job.ci ~= claim then return nil end
              return call('ZSCORE', leasesKey(job.l), id) and job
            end
            """#
        ),
    ]

    private static func key(_ name: String, _ word: String, of part: String) -> (name: String, text: String) {
        (name, "local function \(name)(\(part)) return prefix .. '\(word):' .. \(part) end")
    }

    private static func key(_ name: String, _ word: String) -> (name: String, text: String) {
        (name, "local \(name) = prefix .. '\(word)'")
    }

    private static let beginning = #"""
        local call, try = redis.call, redis.pcall
        local floor, char = math.floor, string.char
        local prefix = KEYS[1]
        local now = tonumber(ARGV[1])
        if not now then
          local time = call('TIME')
          now = time[1] * 1000 + floor(time[2] / 1000)
        end
        local scheduled, queued, running, succeeded, failed, cancelled = 1, 2, 3, 4, 5, 6

        """#

    /// `text` with all before it that it needs.
    static func whole(_ text: String) -> String {
        var needed = [text]
        var words = words(of: text)
        for piece in pieces.reversed() where words.contains(Array(piece.name.utf8)) {
            needed.append(piece.text)
            words.formUnion(Self.words(of: piece.text))
        }
        return beginning + needed.reversed().joined(separator: "\n")
    }

    private static func words(of text: String) -> Set<[UInt8]> {
        let parts = text.utf8.split { byte in
            !((0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x5F)
        }
        return Set(parts.map { Array($0) })
    }
}
