// Into another store and out of one.
extension JobScript {
    /// ARGV 3: after which row; 4: how many; 5: bytes of requests after which to stop.
    ///
    /// Answers with 1 when there may be more, the last row that was looked at, and of each job its row and the whole job. A
    /// call looks at a bounded number of rows.
    static let arrivalsText = #"""
        local row, last = tonumber(ARGV[3]), tonumber(call('GET', rowKey)) or 0
        local answers, bytes, looks = {now, 0, 0}, 0, 0
        while row < last do
          if (#answers - 3) / 2 >= tonumber(ARGV[4]) or bytes >= tonumber(ARGV[5]) or looks >= 2000 then
            answers[2] = 1
            break
          end
          row, looks = row + 1, looks + 1
          local id = call('HGET', rowsKey(row), row % 100)
          if id then
            local next = whole(id)
            bytes = bytes + #(next[5] or '')
            answers[#answers + 1] = row
            answers[#answers + 1] = next
          elseif row % 100 == 0 and call('EXISTS', rowsKey(row)) == 0 then
            row = math.min(row + 99, last)
          end
        end
        answers[3] = row
        return answers
        """#

    /// ARGV 3 and 4: when the last one was opened and its id, or nothing; 5: how many. Answers with id and fields of each.
    static let batchesText = #"""
        local after, answers = tonumber(ARGV[3]) or -math.huge, {now}
        local place = ARGV[3] == '' and 0 or call('ZCOUNT', batchesKey, '-inf', '(' .. ARGV[3])
        while #answers <= tonumber(ARGV[5]) do
          local some = call('ZRANGE', batchesKey, place, place + 99, 'WITHSCORES')
          if #some == 0 then break end
          for i = 1, #some, 2 do
            if tonumber(some[i + 1]) > after or some[i] > ARGV[4] then
              answers[#answers + 1] = {some[i], call('HGETALL', batchKey(some[i]))}
              if #answers > tonumber(ARGV[5]) then break end
            end
          end
          place = place + 100
        end
        return answers
        """#

    /// | ARGV  | what |
    /// |------:|------|
    /// | 3     | number of jobs |
    /// | 4 ... | of each: id, lane, state, the time of that state or nothing, digest if unique and alive, key, batch, row of the batch, attempt, 1 where it has been retried, 1 and a long request or 0 and nothing, number of words, fields and values |
    ///
    /// Of each: 1 for a new one, 0 for one that is there; or, for the last one looked at, why not: `key`, `taken` and
    /// `alive`, each with a job's id or nothing, `batch`, `row` and the total, `lane`.
    static let restoreText =
        #"""
        local last = tonumber(call('GET', rowKey)) or 0
        local lanes, stale = lanesAndStale()
        local arrivals = {}
        local function add(id, name, state, time, digest, key, batch, place, attempt, retried, isLong, long, from, to)
          if call('EXISTS', jobKey(id)) == 1 then return 0 end
          if key ~= '' then
            local other = call('HGET', keysKey, key)
            if other then return {'key', other} end
          end
          if batch ~= '' then
            local total = call('HGET', batchKey(batch), 't')
            if not total then return {'batch'} end
            if tonumber(place) > (tonumber(total) or 0) then return {'row', total} end
            local other = call('HGET', placesKey(batch), place)
            if other then return {'taken', other} end
            if call('HEXISTS', rejectedKey(batch), place) == 1 then return {'taken', false} end
          end
          if digest ~= '' then
            local other = call('HGET', uniqueKey, digest)
            if other then return {'alive', other} end
          end
          if not lanes[name] then return {'lane'} end
          dropStale(id, stale)
          last = last + 1
          call('HSET', jobKey(id), 'r', last, 'l', name, unpack(ARGV, from, to))
          call('HSET', rowsKey(last), last % 100, id)
          if isLong == '1' then call('SET', requestKey(id), long) end
          if key ~= '' then call('HSET', keysKey, key, id) end
          if batch ~= '' then call('HSET', placesKey(batch), place, id) end
          if digest ~= '' then call('HSET', uniqueKey, digest, id) end
          if state == queued then
            arrivals[name] = arrivals[name] or {}
            table.insert(arrivals[name], id)
          else
            enter(id, {l = name, ra = retried == '1'}, last, state, time)
          end
          note(id, state, attempt)
          return 1
        end
        local answers, i = {now}, 4
        for n = 1, tonumber(ARGV[3]) do
          local to = i + 12 + tonumber(ARGV[i + 12])
          answers[n + 1] = add(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4], ARGV[i + 5],
            ARGV[i + 6], ARGV[i + 7], ARGV[i + 8], ARGV[i + 9], ARGV[i + 10], ARGV[i + 11], i + 13, to)
          if type(answers[n + 1]) == 'table' then break end
          i = to + 1
        end
        if #changes > 0 then call('SET', rowKey, last) else confirm() end
        for name, arrived in pairs(arrivals) do
          call('RPUSH', waitingKey(name), unpack(arrived))
          ring(name)
        end
        publish()
        return answers
        """#

    /// ARGV 3: batch; 4: when it was opened; then the number of words of its fields and these. Answers 1 when it is new.
    static let restoreBatchText = #"""
        local key = batchKey(ARGV[3])
        if call('EXISTS', key) == 1 then
          confirm()
          return {now, 0}
        end
        call('HSET', key, unpack(ARGV, 6))
        call('ZADD', batchesKey, ARGV[4], ARGV[3])
        return {now, 1}
        """#

    /// ARGV 3 on: of each row batch, row and why it was refused. Answers `ok`, or for the first that cannot be added its
    /// number from 0 and `batch`, `row` and the total, or `taken` and the job.
    static let restoreRefusalsText = #"""
        for i = 3, #ARGV, 3 do
          local batch, place = ARGV[i], ARGV[i + 1]
          local total = call('HGET', batchKey(batch), 't')
          if not total then return {now, (i - 3) / 3, 'batch'} end
          if tonumber(place) > (tonumber(total) or 0) then return {now, (i - 3) / 3, 'row', total} end
          local other = call('HGET', placesKey(batch), place)
          if other then return {now, (i - 3) / 3, 'taken', other} end
          call('HSETNX', rejectedKey(batch), place, ARGV[i + 2])
        end
        confirm()
        return {now, 'ok'}
        """#
}
