extension JobScript {
    /// ARGV 3: 1 where lanes that are configured stay as they are; 4: number of lanes; then of each: name, `weight limit
    /// count period`. Answers with nothing.
    static let configureText = #"""
        local before, count, configured, isSame = readLanes(), tonumber(ARGV[4]), 0, true
        local known, lanes = {}, {}
        local function numbers(lane) return table.concat(lane, ' ', WEIGHT, PERIOD) end
        for _, lane in ipairs(before) do
          known[lane[NAME]] = lane
          if lane[CONFIGURED] == 1 then
            configured = configured + 1
            isSame = isSame and ARGV[3 + 2 * configured] == lane[NAME] and ARGV[4 + 2 * configured] == numbers(lane)
          end
        end
        if (isSame and configured == count) or (configured > 0 and ARGV[3] == '1') then
          -- Whoever opens the queue promises nothing to anybody.
          if ARGV[3] ~= '1' then confirm() end
          return {now}
        end
        for i = 1, count do
          local name = ARGV[3 + 2 * i]
          local weight, limit, starts, period = string.match(ARGV[4 + 2 * i], '^(%d+) (%d+) (%d+) (%d+)$')
          lanes[i] = {name, tonumber(weight), tonumber(limit), tonumber(starts), tonumber(period), 1, 0,
            known[name] and known[name][FULL] or 0}
          known[name] = nil
        end
        for _, lane in ipairs(before) do
          if known[lane[NAME]] then
            lane[CONFIGURED] = 0
            lanes[#lanes + 1] = lane
          end
          -- What was saved up or owed by other weights says nothing about these.
          lane[CREDIT] = 0
        end
        call('SET', lanesKey, cmsgpack.pack(lanes))
        for _, lane in ipairs(lanes) do ring(lane[NAME]) end
        return {now}
        """#

    /// ARGV 3 to 6: kind, lane or nothing for all, who, why; 7: the event. Answers `ok` or `lane`.
    static let holdText = #"""
        if ARGV[4] ~= '' and not laneNamed(ARGV[4]) then return {now, 'lane'} end
        local field = ARGV[3] .. '/' .. ARGV[4]
        local before = call('HGET', holdsKey, field)
        local since = before and string.match(before, '^(%d+) ') or string.format('%.0f', now)
        call('HSET', holdsKey, field, since .. ' ' .. #ARGV[5] .. ' ' .. ARGV[5] .. ARGV[6])
        changes[1] = ARGV[7]
        publish()
        return {now, 'ok'}
        """#

    /// ARGV 3: lane or nothing for all; 4: the event. Answers `ok` or `lane`, and the orders that were lifted by kind.
    static let resumeText = #"""
        if ARGV[3] ~= '' and not laneNamed(ARGV[3]) then return {now, 'lane'} end
        local answers = {now, 'ok'}
        for _, kind in ipairs({'paused', 'closed'}) do
          local order = call('HGET', holdsKey, kind .. '/' .. ARGV[3])
          if order then
            answers[#answers + 1] = {kind, order}
            call('HDEL', holdsKey, kind .. '/' .. ARGV[3])
          end
        end
        if #answers > 2 then
          changes[1] = ARGV[4]
          publish()
          for _, lane in ipairs(readLanes()) do ring(lane[NAME]) end
        end
        return answers
        """#

    /// Ended jobs in order of their end. ARGV 3, 4: end and row of the last that was looked at; 5: how many.
    ///
    /// Answers with the number of all that have ended, the newest row of all, and of each: id, end, row, state, 1 when it
    /// repeats a job that is there, the time when its batch was opened if that has not ended.
    static let endedText = #"""
        local some = call('ZRANGEBYSCORE', endedKey, ARGV[3], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5])
        local found = {}
        for i = 1, #some, 2 do
          local job = try('HMGET', jobKey(some[i]), 'r', 's', 'ro', 'b')
          local row, finished = tonumber(job[1]) or 0, tonumber(some[i + 1])
          if finished > tonumber(ARGV[3]) or row > tonumber(ARGV[4]) then
            found[#found + 1] = {id = some[i], finished = finished, row = row, job = job}
          end
        end
        table.sort(found, function(a, b)
          if a.finished ~= b.finished then return a.finished < b.finished end
          return a.row < b.row
        end)
        local answers = {now, call('ZCARD', endedKey), tonumber(call('GET', rowKey)) or 0}
        for _, next in ipairs(found) do
          local old, batch, opened = next.job[3], next.job[4], false
          if batch then
            local times = call('HMGET', batchKey(batch), 'c', 'f')
            opened = not times[2] and times[1]
          end
          answers[#answers + 1] = {next.id, next.finished, next.row, next.job[2] or '',
            old and call('EXISTS', jobKey(old)) or 0, opened}
        end
        return answers
        """#

    /// Removes ended jobs. ARGV 3, 4: batches that ended, or were opened and never ended, at this time or before, go as
    /// well when no job of theirs is left; 5 and on: ids. Answers with the number of jobs that were removed.
    static let dropText = #"""
        local count = 0
        for i = 5, #ARGV do
          local id = ARGV[i]
          local job = fields(id)
          if job and job.s and job.r then
            call('DEL', jobKey(id), requestKey(id))
            call('HDEL', rowsKey(job.r), job.r % 100)
            call('ZREM', failedKey(job.l), id)
            call('ZREM', recentKey(job.l), id)
            if job.k and call('HGET', keysKey, job.k) == id then call('HDEL', keysKey, job.k) end
            if job.b and call('HGET', placesKey(job.b), job.n) == id then call('HDEL', placesKey(job.b), job.n) end
            count = count + 1
          end
          call('ZREM', endedKey, id)
        end
        local before = math.max(tonumber(ARGV[3]), tonumber(ARGV[4]))
        for _, batch in ipairs(call('ZRANGEBYSCORE', batchesKey, '-inf', before, 'LIMIT', 0, 1000)) do
          local times = call('HMGET', batchKey(batch), 'c', 'f')
          local opened, ended = tonumber(times[1]) or 0, tonumber(times[2])
          local isOver = ended and math.max(opened, ended) <= tonumber(ARGV[3])
            or not times[2] and opened <= tonumber(ARGV[4])
          if isOver and call('EXISTS', placesKey(batch)) == 0 then
            call('DEL', batchKey(batch), rejectedKey(batch))
            call('ZREM', batchesKey, batch)
          end
        end
        return {now, count}
        """#
}
