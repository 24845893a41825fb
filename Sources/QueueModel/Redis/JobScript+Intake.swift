extension JobScript {
    /// | ARGV  | what |
    /// |------:|------|
    /// | 3     | 1 where they were answered before: a closed lane takes them too |
    /// | 4     | number of submissions |
    /// | 5 ... | of each: id, lane, start or nothing, digest if unique, key, batch, row of the batch, job that it repeats, 1 and a long request or 0 and nothing, number of words, fields and values |
    ///
    /// Of each: 1 for a new job; or why not: `there KIND` and the job, `lane`, `closed`, `batch`, `row` and the total,
    /// `taken`.
    static let enqueueText =
        #"""
        local last = tonumber(call('GET', rowKey)) or 0
        local policies, stale = lanesAndStale()
        local lanes, arrivals = {}, {}
        local hasHolds = ARGV[3] ~= '1' and call('EXISTS', holdsKey) == 1
        -- Why the lane takes nothing in; nil when it does.
        local function refusal(name)
          if lanes[name] == nil then
            local policy = policies[name]
            lanes[name] = false
            if not policy or (policy[CONFIGURED] ~= 1 and ARGV[3] ~= '1') then
              lanes[name] = {'lane'}
            elseif hasHolds then
              local all, one = call('HGET', holdsKey, 'closed/'), call('HGET', holdsKey, 'closed/' .. name)
              if all then lanes[name] = {'closed', '', all} elseif one then lanes[name] = {'closed', name, one} end
            end
          end
          return lanes[name]
        end
        local function add(id, name, start, digest, key, batch, place, old, isLong, long, from, to)
          if call('EXISTS', jobKey(id)) == 1 then return {'there', 'id', whole(id)} end
          if key ~= '' then
            local other = call('HGET', keysKey, key)
            if other then return {'there', 'key', whole(other)} end
          end
          if batch ~= '' then
            local found = call('HMGET', batchKey(batch), 't', 'f')
            if not found[1] then return {'batch'} end
            if tonumber(place) > (tonumber(found[1]) or 0) then return {'row', found[1]} end
            if call('HEXISTS', rejectedKey(batch), place) == 1 then return {'taken'} end
            local other = call('HGET', placesKey(batch), place)
            if other then return {'there', 'place', whole(other)} end
            if found[2] then return {'taken'} end
          end
          if digest ~= '' then
            local other = call('HGET', uniqueKey, digest)
            if other then return {'there', 'alive', whole(other)} end
          end
          local why = refusal(name)
          if why then return why end
          dropStale(id, stale)
          last = last + 1
          call('HSET', jobKey(id), 'r', last, 'l', name, 't', now, unpack(ARGV, from, to))
          call('HSET', rowsKey(last), last % 100, id)
          if isLong == '1' then call('SET', requestKey(id), long) end
          if key ~= '' then call('HSET', keysKey, key, id) end
          if batch ~= '' then
            call('HSET', placesKey(batch), place, id)
            call('HINCRBY', batchKey(batch), 'ac', 1)
          end
          if digest ~= '' then call('HSET', uniqueKey, digest, id) end
          if old ~= '' then
            local lane = call('HGET', jobKey(old), 'l')
            if lane then
              call('HSET', jobKey(old), 'ra', id)
              call('ZREM', failedKey(lane), old)
            end
          end
          local arrived = arrivals[name] or {}
          arrivals[name] = arrived
          if start ~= '' and tonumber(start) > now then
            call('ZADD', scheduledKey(name), start, id)
            note(id, scheduled, 1)
          else
            arrived[#arrived + 1] = id
            note(id, queued, 1)
          end
          return 1
        end
        local answers, i = {now}, 5
        for n = 1, tonumber(ARGV[4]) do
          local to = i + 10 + tonumber(ARGV[i + 10])
          answers[n + 1] = add(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6],
            ARGV[i + 7], ARGV[i + 8], ARGV[i + 9], i + 11, to)
          i = to + 1
        end
        if #changes > 0 then call('SET', rowKey, last) else confirm() end
        for name, arrived in pairs(arrivals) do
          if #arrived > 0 then call('RPUSH', waitingKey(name), unpack(arrived)) end
          ring(name)
        end
        publish()
        return answers
        """#

    /// ARGV 3 to 5: batch, total, who. Answers with the batch's fields, be it new or there before.
    static let openText = #"""
        local key = batchKey(ARGV[3])
        if call('EXISTS', key) == 0 then
          call('HSET', key, 't', ARGV[4], 'y', ARGV[5], 'c', now)
          call('ZADD', batchesKey, now, ARGV[3])
        else
          confirm()
        end
        return {now, call('HGETALL', key)}
        """#

    /// ARGV 3 to 5: batch, row, the failure. Answers `ok`, `batch`, `row` and the total, or `taken` and the job or nothing.
    static let rejectText =
        #"""
        local batch, place = ARGV[3], ARGV[4]
        local found = call('HMGET', batchKey(batch), 't', 'f')
        if not found[1] then return {now, 'batch'} end
        if tonumber(place) > (tonumber(found[1]) or 0) or tonumber(place) < 1 then return {now, 'row', found[1]} end
        local other = call('HGET', placesKey(batch), place)
        if other then return {now, 'taken', other} end
        if call('HEXISTS', rejectedKey(batch), place) == 1 then
          confirm()
          return {now, 'ok'}
        end
        if found[2] then return {now, 'taken'} end
        call('HSET', rejectedKey(batch), place, ARGV[5])
        call('HINCRBY', batchKey(batch), 'rj', 1)
        finishIfDone(batch)
        publish()
        return {now, 'ok'}
        """#

    /// ARGV 3: id. Answers with the whole job.
    static let jobText = #"""
        return {now, whole(ARGV[3])}
        """#

    /// ARGV 3 to 6: lane, after which row, how many, failed until when. Answers with whole jobs and the row to go on from.
    static let failedText = #"""
        local answers, after = {now, false}, tonumber(ARGV[4])
        while #answers - 2 < tonumber(ARGV[5]) do
          local some = call('ZRANGEBYSCORE', failedKey(ARGV[3]), '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, 100)
          for i = 1, #some, 2 do
            after = tonumber(some[i + 1])
            local finished = call('HGET', jobKey(some[i]), 'f')
            if finished and tonumber(finished) and tonumber(finished) <= tonumber(ARGV[6]) then
              answers[#answers + 1] = whole(some[i])
              if #answers - 2 == tonumber(ARGV[5]) then break end
            end
          end
          if #some < 200 then break end
        end
        answers[2] = after
        return answers
        """#
}
