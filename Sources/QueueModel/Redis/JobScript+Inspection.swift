extension JobScript {
    /// A page of jobs, the newest first. ARGV 3: the row before which to begin, or nothing; 4: how many jobs; 5: bytes of
    /// requests after which to stop; 6, 7: state and lane, or nothing.
    ///
    /// Answers with 1 when there are more, the last row that was looked at (0 at the end), and rows with whole jobs. A call
    /// looks at a bounded number of rows: with no more jobs and another row than 0, the next call goes on there.
    static let pageText = #"""
        local row = (tonumber(ARGV[3]) or (tonumber(call('GET', rowKey)) or 0) + 1) - 1
        local answers, bytes, looks = {now, 0, 0}, 0, 0
        local wanted, lane = tonumber(ARGV[6]), ARGV[7]
        while row > 0 and looks < 2000 do
          looks = looks + 1
          local id = call('HGET', rowsKey(row), row % 100)
          if id then
            -- Looked at before it is read whole: what does not fit may have a request of a mebibyte.
            local fits = true
            if wanted or lane ~= '' then
              local job = fields(id)
              fits = job and (lane == '' or job.l == lane)
              if fits and wanted then fits = standing(id, job) == wanted and not call('ZSCORE', parkedKey, id) end
            end
            if fits then
              local next = whole(id)
              if (#answers - 3) / 2 >= tonumber(ARGV[4]) or bytes >= tonumber(ARGV[5]) then
                answers[2], answers[3] = 1, row + 1
                return answers
              end
              bytes = bytes + #(next[5] or '')
              answers[#answers + 1] = row
              answers[#answers + 1] = next
            end
          elseif row % 100 == 99 and call('EXISTS', rowsKey(row)) == 0 then
            row = row - 99
          end
          row = row - 1
        end
        answers[3] = math.max(row, 0) > 0 and row + 1 or 0
        return answers
        """#

    /// Rows of a batch. ARGV 3: batch; 4: after which row; 5: how many; 6: bytes of requests after which to stop.
    ///
    /// Answers with `batch` when there is none; else `ok`, the last row that was looked at, 1 when there may be more, and of
    /// each: row, the job or nothing, the refusal or nothing.
    static let itemsText = #"""
        local total = tonumber(call('HGET', batchKey(ARGV[3]), 't'))
        if not total then return {now, 'batch'} end
        local answers, bytes, row = {now, 'ok', 0, 0}, 0, tonumber(ARGV[4])
        local last = math.min(total, row + 5000)
        while row < last do
          if #answers - 4 >= tonumber(ARGV[5]) or bytes >= tonumber(ARGV[6]) then break end
          row = row + 1
          local place = string.format('%.0f', row)
          local id = call('HGET', placesKey(ARGV[3]), place)
          if id then
            local job = whole(id)
            bytes = bytes + #(job[5] or '')
            answers[#answers + 1] = {row, job, false}
          else
            local failure = call('HGET', rejectedKey(ARGV[3]), place)
            if failure then answers[#answers + 1] = {row, false, failure} end
          end
        end
        answers[3] = row
        answers[4] = (row < total and #answers - 4 < tonumber(ARGV[5]) and bytes < tonumber(ARGV[6])) and 1 or 0
        return answers
        """#

    /// What there is to say about why a job waits. ARGV 3: id; 4: milliseconds for which a worker counts as alive after its
    /// beat; 5: places that are counted; 6: jobs to take the history from.
    ///
    /// Answers with nothing more when there is no such job; else the job, its lane, orders by which all and it are
    /// paused, jobs that run, its place, workers as fields and values, and how long the latest jobs took.
    static let standingText = #"""
        local id = ARGV[3]
        if call('EXISTS', jobKey(id)) == 0 then return {now} end
        local job = whole(id)
        local known = fields(id) or {}
        local lane, limit = known.l or '', tonumber(ARGV[5])
        local place = 0
        if job[3] == queued then
          local row = tonumber(known.r) or 0
          place = call('ZCOUNT', returnedKey(lane), '-inf', row)
          local before = 0
          if call('ZSCORE', returnedKey(lane), id) then
            -- Those in the list that arrived before it: the list is in their order.
            local low, high = 0, call('LLEN', waitingKey(lane))
            while low < high do
              local middle = floor((low + high) / 2)
              local other = call('LINDEX', waitingKey(lane), middle)
              local otherRow = tonumber(call('HGET', jobKey(other), 'r'))
                or tonumber(call('ZSCORE', staleKey(lane), other)) or 0
              if otherRow < row then low = middle + 1 else high = middle end
            end
            before = low
          else
            local index = call('LPOS', waitingKey(lane), id, 'MAXLEN', limit + call('ZCARD', staleKey(lane)))
            before = index and index + 1 or limit
          end
          place = math.min(limit, math.max(1, place + before - call('ZCOUNT', staleKey(lane), '-inf', row)))
        end
        local memory, workers, times = tonumber(ARGV[4]), {}, {}
        for _, name in ipairs(call('ZRANGEBYSCORE', beatsKey, '(' .. now - memory, '(' .. now + memory)) do
          workers[#workers + 1] = {name, call('HGETALL', workerKey(name))}
        end
        for _, other in ipairs(call('ZRANGE', recentKey(lane), 0, tonumber(ARGV[6]) - 1, 'REV')) do
          local found = call('HMGET', jobKey(other), 'c', 'f', 't')
          times[#times + 1] = {found[1] or found[3] or 0, found[2] or 0}
        end
        return {now, job, laneNamed(lane) or false, call('HGET', holdsKey, 'paused/'),
          call('HGET', holdsKey, 'paused/' .. lane), call('ZCARD', leasesKey(lane)), place, workers, times}
        """#

    /// Answers with the orders, and of each lane: itself, queued, scheduled, running, failed, the oldest job that is
    /// queued and its arrival, or nothing. ARGV 3: places that are counted.
    static let lanesText = #"""
        local answers = {now, call('HGETALL', holdsKey)}
        for _, lane in ipairs(readLanes()) do
          local name = lane[NAME]
          local oldest, row = call('ZRANGE', returnedKey(name), 0, 0, 'WITHSCORES')
          oldest, row = oldest[1], tonumber(oldest[2])
          local index = 0
          while index < 1000 do
            local other = call('LINDEX', waitingKey(name), index)
            if not other then break end
            local found = try('HMGET', jobKey(other), 'r', 's')
            if not found.err and found[1] and not found[2] then
              if not row or tonumber(found[1]) < row then oldest = other end
              break
            end
            index = index + 1
          end
          answers[#answers + 1] = {lane,
            call('LLEN', waitingKey(name)) + call('ZCARD', returnedKey(name)) - call('ZCARD', staleKey(name)),
            call('ZCARD', scheduledKey(name)), call('ZCARD', leasesKey(name)),
            math.min(call('ZCARD', failedKey(name)), tonumber(ARGV[3])),
            oldest or false, oldest and call('HGET', jobKey(oldest), 't') or false}
        end
        return answers
        """#

    /// ARGV 3: `,LANE,LANE,`, or nothing for all; 4: milliseconds. Answers with scheduled, due within those, queued, running,
    /// parked.
    static let countsText = #"""
        local due, queue, run, soon = 0, 0, 0, 0
        for _, lane in ipairs(readLanes()) do
          local name = lane[NAME]
          if ARGV[3] == '' or string.find(ARGV[3], ',' .. name .. ',', 1, true) then
            due = due + call('ZCARD', scheduledKey(name))
            soon = soon + call('ZCOUNT', scheduledKey(name), '-inf', now + tonumber(ARGV[4]))
            queue = queue + call('LLEN', waitingKey(name)) + call('ZCARD', returnedKey(name)) - call('ZCARD', staleKey(name))
            run = run + call('ZCARD', leasesKey(name))
          end
        end
        return {now, due, soon, queue, run, call('ZCARD', parkedKey)}
        """#

    /// ARGV 3: how many. Answers with whole jobs that were parked.
    static let parkedText = #"""
        local answers = {now}
        for _, id in ipairs(call('ZRANGE', parkedKey, 0, tonumber(ARGV[3]) - 1)) do answers[#answers + 1] = whole(id) end
        return answers
        """#

    /// ARGV 3: milliseconds for which a worker is remembered. Answers with workers (name, last beat, fields and values),
    /// and with leases (worker, job, row).
    static let workersText = #"""
        local memory, workers, leases = tonumber(ARGV[3]), {}, {}
        local beats = call('ZRANGEBYSCORE', beatsKey, '(' .. now - memory, '(' .. now + memory, 'WITHSCORES')
        for i = 1, #beats, 2 do
          workers[#workers + 1] = {beats[i], beats[i + 1], call('HGETALL', workerKey(beats[i]))}
        end
        for _, lane in ipairs(readLanes()) do
          for _, id in ipairs(call('ZRANGE', leasesKey(lane[NAME]), 0, -1)) do
            local found = try('HMGET', jobKey(id), 'w', 'r')
            if not found.err and found[1] then leases[#leases + 1] = {found[1], id, found[2] or '0'} end
          end
        end
        return {now, workers, leases}
        """#

    /// ARGV 3: batch. Answers with its fields.
    static let batchText = #"""
        return {now, call('HGETALL', batchKey(ARGV[3]))}
        """#

    /// ARGV 3: the event after which to begin, or nothing; 4: entries. Answers with the number of the last event, and
    /// entries of the stream.
    static let eventsText = #"""
        local last = tonumber(call('GET', sequenceKey)) or 0
        if ARGV[3] == '' then return {now, last} end
        return {now, last, call('XRANGE', eventsKey, string.format('%.0f-0', tonumber(ARGV[3]) + 1), '+', 'COUNT', ARGV[4])}
        """#

    /// What will change by itself. Answers with the earliest time at which a job is due, and at which a lease ends, or
    /// nothing, and of each lane: itself, 1 when jobs are queued.
    static let nextText = #"""
        local due, ends
        local answers = {now, false, false}
        for _, lane in ipairs(readLanes()) do
          local first = call('ZRANGE', scheduledKey(lane[NAME]), 0, 0, 'WITHSCORES')[2]
          if first then due = math.min(due or math.huge, tonumber(first)) end
          first = call('ZRANGE', leasesKey(lane[NAME]), 0, 0, 'WITHSCORES')[2]
          if first then ends = math.min(ends or math.huge, tonumber(first)) end
          answers[#answers + 1] = {lane,
            call('EXISTS', waitingKey(lane[NAME]), returnedKey(lane[NAME])) > 0 and 1 or 0}
        end
        answers[2], answers[3] = due or false, ends or false
        return answers
        """#
}
