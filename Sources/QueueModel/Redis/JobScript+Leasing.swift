extension JobScript {
    /// | ARGV   | what |
    /// |-------:|------|
    /// | 3      | the latest time that the caller has seen, or nothing |
    /// | 4      | 1 when leases that ran out were taken back already; or the time when there were none: within that millisecond none runs out |
    /// | 5      | milliseconds of the leases |
    /// | 6      | `,LANE,LANE,`, or nothing for all |
    /// | 7      | claim ids, 16 bytes each |
    /// | 8, ... | of each claimer: worker, how many jobs |
    ///
    /// Answers `early` when leases may begin in the future, `expired` when some have run out: both are to be seen to
    /// first. Else `jobs`, and for each claimer its jobs: id, fields as they were before, a long request.
    static let claimText = #"""
        local latest, lanes = tonumber(ARGV[3]), readLanes()
        if ARGV[4] ~= '1' and now ~= tonumber(ARGV[4]) then
          if not latest or now < latest then return {now, 'early'} end
          for _, lane in ipairs(lanes) do
            if #call('ZRANGEBYSCORE', leasesKey(lane[NAME]), '-inf', now, 'LIMIT', 0, 1) > 0 then
              return {now, 'expired'}
            end
          end
        end
        local function park(id, job)
          call('ZADD', parkedKey, tonumber(job and job.r) or 0, id)
        end
        -- Whether this version wrote it, as far as a claim goes by it; Swift looks closer.
        local function isReadable(job, lane)
          return job and not job.v and not job.s and job.l == lane and tonumber(job.r) and job.d and #job.d == 32 and job.t
            and job.y and (not job.e or (tonumber(job.e) or 2^53) < 2^52) and (not job.tl or tonumber(job.tl))
            and (not job.il or tonumber(job.il))
        end

        -- What is due comes back to its place.
        local isSoon, keys = false, {}
        for i, lane in ipairs(lanes) do
          keys[2 * i - 1], keys[2 * i] = scheduledKey(lane[NAME]), returnedKey(lane[NAME])
        end
        local hasOthers = #keys > 0 and call('EXISTS', holdsKey, unpack(keys)) > 0
        if hasOthers then
          local due = {}
          for _, lane in ipairs(lanes) do
            local name = lane[NAME]
            local found = call('ZRANGEBYSCORE', scheduledKey(name), '-inf', now + 60000, 'WITHSCORES', 'LIMIT', 0, 101)
            for i = 1, #found, 2 do
              local time = tonumber(found[i + 1])
              if time <= now then
                local job = fields(found[i])
                due[#due + 1] = {id = found[i], lane = name, time = time, job = job, row = tonumber(job and job.r) or 0}
              else
                isSoon = true
              end
            end
          end
          table.sort(due, function(a, b)
            if a.time ~= b.time then return a.time < b.time end
            return a.row < b.row
          end)
          for i = 1, math.min(#due, 100) do
            local next = due[i]
            if isReadable(next.job, next.lane) then
              move(next.id, next.job, scheduled, queued)
            else
              call('ZREM', scheduledKey(next.lane), next.id)
              park(next.id, next.job)
            end
          end
          isSoon = isSoon or #due > 100
        end

        -- What is known of each wanted lane while this goes on.
        local wanted = {}
        for _, lane in ipairs(lanes) do
          if ARGV[6] == '' or string.find(ARGV[6], ',' .. lane[NAME] .. ',', 1, true) then
            wanted[#wanted + 1] = {lane = lane, name = lane[NAME], order = #wanted, seen = 0, used = 0, window = {},
              leases = {}}
          end
        end
        local holds = hasOthers and call('HGETALL', holdsKey) or {}
        for i = 1, #holds, 2 do
          for _, next in ipairs(wanted) do
            if holds[i] == 'paused/' or holds[i] == 'paused/' .. next.name then next.isPaused = true end
          end
        end

        -- The list is only looked at, a few jobs at a time, and what was taken is cut off at the end: should anything
        -- fail in between, a job is there twice rather than not at all.
        local left = 0
        for i = 9, #ARGV, 2 do left = left + tonumber(ARGV[i]) end
        local function first(next)
          if next.used == #next.window and not next.isAtEnd then
            local count = math.min(left, 64)
            local window = try('LRANGE', waitingKey(next.name), next.seen, next.seen + count - 1)
            if window.err then
              -- Under whose key lies something else than ours, that lane is left alone.
              next.isForeign = true
              window = {}
            end
            next.window, next.used = window, 0
            next.seen = next.seen + #window
            next.isAtEnd = #window < count
          end
          return next.window[next.used + 1]
        end
        -- The next job of the lane; nil when there is none.
        local function take(next)
          local name = next.name
          for _ = 1, 1000 do
            local id = first(next)
            local back = hasOthers and try('ZRANGE', returnedKey(name), 0, 0, 'WITHSCORES') or {}
            local isBack = false
            if #back > 0 then
              isBack = not id or tonumber(back[2]) < (tonumber(call('HGET', jobKey(id), 'r')) or 0)
              if isBack then id = back[1] end
            end
            if not id or next.isForeign then
              next.isEmpty = not next.isForeign
              return nil
            end
            if isBack then
              call('ZREM', returnedKey(name), id)
            else
              next.used = next.used + 1
            end
            local job, flat = fields(id)
            if job and (job.s == '4' or job.s == '5' or job.s == '6' or #flat == 0) then
              call('ZREM', staleKey(name), id)
            elseif isReadable(job, name) and (job.q or call('EXISTS', requestKey(id)) == 1) then
              -- One with a claim runs already: its entry stayed behind.
              if not job.ci then return id, job, flat end
            else
              park(id, job)
            end
          end
          next.isTired = true
        end
        -- The rate's bucket as StartMeter has it: when it is full again, at the earliest now, in microseconds.
        local function level(lane)
          local interval = floor((lane[PERIOD] * 1000 + lane[COUNT] - 1) / lane[COUNT])
          local depth, at = interval * lane[COUNT], now * 1000
          if lane[FULL] > at + depth then return at + depth - interval, interval, depth end
          return math.max(lane[FULL], at), interval, depth
        end
        local function mayStart(next)
          local lane = next.lane
          if next.isPaused or next.isEmpty or next.isForeign then return false end
          if lane[LIMIT] > 0 then
            next.running = next.running or call('ZCARD', leasesKey(next.name))
            if next.running >= lane[LIMIT] then return false end
          end
          if lane[COUNT] == 0 then return true end
          local full, interval, depth = level(lane)
          return full - now * 1000 + interval - depth <= 0
        end
        local function comesFirst(a, b)
          local first, second = a.lane[CREDIT] + a.lane[WEIGHT], b.lane[CREDIT] + b.lane[WEIGHT]
          if first ~= second then return first > second end
          return a.order < b.order
        end
        local function took(taken)
          local total = 0
          for i = 1, taken - 1 do wanted[i].lane[CREDIT] = 0 end
          for i = taken, #wanted do total = total + wanted[i].lane[WEIGHT] end
          for i = taken, #wanted do
            local lane = wanted[i].lane
            local credit = lane[CREDIT] + lane[WEIGHT] - (i == taken and total or 0)
            lane[CREDIT] = math.max(-100000, math.min(100000, credit))
          end
        end

        local function sort()
          for i = 2, #wanted do
            local next, j = wanted[i], i - 1
            while j > 0 and comesFirst(next, wanted[j]) do
              wanted[j + 1] = wanted[j]
              j = j - 1
            end
            wanted[j + 1] = next
          end
        end

        local answers, length, count = {now, 'jobs'}, tonumber(ARGV[5]), 0
        -- The next job of all lanes, claimed for that worker; nil when there is none.
        local function claimNext(worker)
          sort()
          for taken, next in ipairs(wanted) do
            local id, job, flat
            if mayStart(next) then id, job, flat = take(next) end
            if id then
              local lane, key = next.lane, jobKey(id)
              took(taken)
              if lane[COUNT] > 0 then
                local full, interval = level(lane)
                lane[FULL] = full + interval
              end
              if next.running then next.running = next.running + 1 end
              local ends = now + length
              if job.tl then ends = math.min(ends, now + tonumber(job.tl)) end
              if job.il then ends = math.min(ends, now + tonumber(job.il)) end
              -- A lease begins with its claim, and so does the time without progress: only later times have fields.
              if job.ps or job.g or job.lf then call('HDEL', key, 'ps', 'pd', 'pt', 'g', 'lf') end
              call('HSET', key, 'e', (job.e or 0) + 1, 'w', worker,
                'ci', string.sub(ARGV[7], 16 * count + 1, 16 * count + 16), 'ln', length, 'c', now)
              if lane[LIMIT] > 0 then call('HSET', key, 'lc', 1) end
              next.leases[#next.leases + 1] = ends
              next.leases[#next.leases + 1] = id
              note(id, running, job.a)
              count = count + 1
              return {id, flat, not job.q and call('GET', requestKey(id))}
            end
          end
        end
        -- Whatever fails on the way, what was claimed before gets its leases, all of a lane in one go.
        local isDone, failure = pcall(function()
          for i = 8, #ARGV, 2 do
            local jobs = {}
            for n = 1, tonumber(ARGV[i + 1]) do
              local job = claimNext(ARGV[i])
              if not job then break end
              jobs[n] = job
              left = left - 1
            end
            answers[#answers + 1] = jobs
          end
        end)
        for _, next in ipairs(wanted) do
          if #next.leases > 0 then call('ZADD', leasesKey(next.name), unpack(next.leases)) end
          local done = next.seen - #next.window + next.used
          if done > 0 then call('LTRIM', waitingKey(next.name), done, -1) end
        end
        if not isDone then error(failure) end
        if count > 0 then
          call('SET', lanesKey, cmsgpack.pack(lanes))
          -- Whoever wakes takes the ring, and is busy from now on. What is left is for others, and what comes due soon,
          -- which it alone may have been told of.
          for _, next in ipairs(wanted) do
            if isSoon then
              ring(next.name)
            elseif not next.isEmpty and call('EXISTS', waitingKey(next.name), returnedKey(next.name)) > 0 then
              ring(next.name)
            end
          end
        else
          -- A ring for nothing would wake the next one for nothing again.
          for _, next in ipairs(wanted) do
            if next.isTired then ring(next.name) elseif next.isEmpty then call('DEL', bellKey(next.name)) end
          end
        end
        publish()
        return answers
        """#

    /// ARGV 3 to 5: the claim; 6: milliseconds, or nothing for those it had; 7: 1 with progress; 8 to 10: stage, done, total.
    ///
    /// Answers `ok`, `lost`, or `total` or `idle` with the attempt when that limit has passed.
    static let renewText =
        #"""
        local job = held(ARGV[3], ARGV[4], ARGV[5])
        if not job then return {now, 'lost'} end
        local key = jobKey(ARGV[3])
        local claimed = math.min(tonumber(job.c) or now, now)
        local progressed = math.min(tonumber(job.g) or claimed, now)
        -- The end of the attempt's time, and by which limit; nil without any.
        local function deadline()
          local total = job.tl and claimed + tonumber(job.tl)
          local idle = job.il and progressed + tonumber(job.il)
          if total and (not idle or total <= idle) then return total, 'total' end
          if idle then return idle, 'idle' end
        end
        local time, limit = deadline()
        if time and time <= now then return {now, limit, job.a or '1', job.tl or '', job.il or ''} end
        if ARGV[7] == '1' and (job.ps ~= ARGV[8] or job.pd ~= ARGV[9] or job.pt ~= ARGV[10]) then
          progressed = now
          call('HSET', key, 'ps', ARGV[8], 'pd', ARGV[9], 'pt', ARGV[10])
          changes[1] = '\2' .. ARGV[3] .. varint(tonumber(ARGV[9])) .. varint(tonumber(ARGV[10]))
            .. varint(#ARGV[8]) .. ARGV[8]
          time = deadline()
        end
        local length = tonumber(ARGV[6]) or tonumber(job.ln)
        local ends = now + length
        if time then ends = math.min(ends, time) end
        call('HSET', key, 'ln', length, 'lf', now, 'c', claimed, 'g', progressed)
        call('ZADD', leasesKey(job.l), ends, ARGV[3])
        publish()
        return {now, 'ok'}
        """#

    /// ARGV 3 and on: of each job its id, epoch and claim id, and digest, length and name of the result. Answers `ok` or
    /// `lost` for each.
    static let completeText = #"""
        call('ZCARD', endedKey)  -- fails with nothing done where that key is none of ours
        local answers, ended, recent = {now}, {}, {}
        local isDone, failure = pcall(function()
          for i = 3, #ARGV, 6 do
            local id = ARGV[i]
            local key = jobKey(id)
            local found = try('HMGET', key, 'l', 's', 'e', 'ci', 'r', 'a', 'u', 'd', 'b', 'lc', 'fc')
            local lane = not found.err and found[1]
            if lane and not found[2] and found[3] == ARGV[i + 1] and found[4] == ARGV[i + 2]
              and call('ZREM', leasesKey(lane), id) == 1 then
              local job, row = {l = lane, u = found[7], d = found[8]}, tonumber(found[5]) or 0
              call('HSET', key, 's', succeeded, 'f', now, 'rh', ARGV[i + 3], 'rn', ARGV[i + 4], 'rf', ARGV[i + 5])
              if found[11] then call('HDEL', key, 'fc', 'fm', 'fr') end
              ended[#ended + 1] = now
              ended[#ended + 1] = id
              local latest = recent[lane] or {isFull = false}
              recent[lane] = latest
              latest[#latest + 1] = row
              latest[#latest + 1] = id
              latest.isFull = latest.isFull or row % 64 == 0
              forgetUnique(id, job)
              -- Room for one more in a lane that may have been at its limit.
              if found[10] then ring(lane) end
              note(id, succeeded, found[6])
              if found[9] then countEnd(found[9], succeeded) end
              answers[#answers + 1] = 'ok'
            else
              answers[#answers + 1] = 'lost'
            end
          end
        end)
        if #ended > 0 then call('ZADD', endedKey, unpack(ended)) end
        for lane, latest in pairs(recent) do
          -- For estimates only: nothing depends on it.
          try('ZADD', recentKey(lane), unpack(latest))
          if latest.isFull then try('ZREMRANGEBYRANK', recentKey(lane), 0, -257) end
        end
        if not isDone then error(failure) end
        publish()
        return answers
        """#

    /// ARGV 3 to 5: the claim. Answers `ok` or `lost`.
    static let releaseText =
        #"""
        local job = held(ARGV[3], ARGV[4], ARGV[5])
        if not job then return {now, 'lost'} end
        move(ARGV[3], job, running, queued)
        call('HDEL', jobKey(ARGV[3]), 'w', 'ci', 'ln', 'lf', 'lc')
        publish()
        return {now, 'ok'}
        """#

    /// Changes that Swift has decided on, each made only if the job is as it was then.
    ///
    /// | ARGV  | what |
    /// |------:|------|
    /// | 3     | milliseconds for which a loss counts, before now and after |
    /// | 4     | number of losses, then of each: job, worker |
    /// | then  | number of changes, then of each: id, state, epoch and lease's end before, state after, its time, number of fields and values, those, number of fields to drop, those |
    ///
    /// Answers 1 for each that was made, 0 for others.
    static let changeText =
        #"""
        local i = 5
        if ARGV[4] ~= '0' then
          call('ZREMRANGEBYSCORE', lossesKey, '-inf', now - tonumber(ARGV[3]))
          call('ZREMRANGEBYSCORE', lossesKey, now + tonumber(ARGV[3]), '+inf')
        end
        for _ = 1, tonumber(ARGV[4]) do
          call('ZADD', lossesKey, now, string.format('%016.0f', now) .. ARGV[i] .. ARGV[i + 1])
          i = i + 2
        end
        local answers, count = {now}, tonumber(ARGV[i])
        i = i + 1
        for n = 1, count do
          local id, from, epoch, ends = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3]
          local to, time, words = tonumber(ARGV[i + 4]), ARGV[i + 5], tonumber(ARGV[i + 6])
          local set = i + 7
          local drops = tonumber(ARGV[set + words])
          local drop = set + words + 1
          i = drop + drops
          local job = fields(id)
          local state, at
          if job then state, at = standing(id, job) end
          if state == from and (job.e or '0') == epoch and (from ~= running or at == ends) then
            if words > 0 then
              call('HSET', jobKey(id), unpack(ARGV, set, set + words - 1))
              for w = set, set + words - 1, 2 do job[ARGV[w]] = ARGV[w + 1] end
            end
            if drops > 0 then call('HDEL', jobKey(id), unpack(ARGV, drop, drop + drops - 1)) end
            move(id, job, from, to, time)
            answers[n + 1] = 1
          else
            answers[n + 1] = 0
          end
        end
        publish()
        return answers
        """#

    /// ARGV 3: `expired` for jobs whose lease has run out, at most ARGV 4, or `early` for those whose lease begins in the
    /// future, or `held` for those of the worker ARGV 4; 5: milliseconds for which losses and beats count.
    ///
    /// Answers with losses, workers that beat, and whole jobs.
    static let lostText = #"""
        local found = {}
        for _, lane in ipairs(readLanes()) do
          local key = leasesKey(lane[NAME])
          local some = ARGV[3] == 'expired'
            and call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1000)
            or call('ZRANGE', key, 0, -1, 'WITHSCORES')
          for i = 1, #some, 2 do
            local known = try('HMGET', jobKey(some[i]), 'r', 'w', 'lf', 'c')
            local matches = true
            if ARGV[3] == 'held' then matches = known[2] == ARGV[4] end
            if ARGV[3] == 'early' then matches = (tonumber(known[3] or known[4]) or 0) > now end
            if matches then
              found[#found + 1] = {id = some[i], ends = ARGV[3] == 'expired' and tonumber(some[i + 1]) or 0,
                row = tonumber(known[1]) or 0}
            end
          end
        end
        table.sort(found, function(a, b)
          if a.ends ~= b.ends then return a.ends < b.ends end
          return a.row < b.row
        end)
        local from, to = '(' .. now - tonumber(ARGV[5]), '(' .. now + tonumber(ARGV[5])
        local answers = {now, call('ZRANGEBYSCORE', lossesKey, from, to), call('ZRANGEBYSCORE', beatsKey, from, to)}
        for i, next in ipairs(found) do
          if ARGV[3] == 'expired' and i > tonumber(ARGV[4]) then break end
          answers[#answers + 1] = whole(next.id)
        end
        return answers
        """#

    /// ARGV 3: milliseconds for which a worker is remembered; 4: its name; 5 and on: fields and values. Answers with nothing.
    static let beatText = #"""
        local memory, key = tonumber(ARGV[3]), workerKey(ARGV[4])
        local function forget(from, to)
          for _, name in ipairs(call('ZRANGEBYSCORE', beatsKey, from, to)) do
            call('DEL', workerKey(name))
            call('ZREM', beatsKey, name)
          end
        end
        forget('-inf', now - memory)
        forget(now + memory, '+inf')
        if not call('ZSCORE', beatsKey, ARGV[4]) then call('DEL', key) end
        call('HSETNX', key, 'started', now)
        call('HDEL', key, 'lanes')
        call('HSET', key, unpack(ARGV, 5))
        call('ZADD', beatsKey, now, ARGV[4])
        return {now}
        """#

    /// ARGV 3: worker. Answers with nothing.
    static let leaveText = #"""
        call('ZREM', beatsKey, ARGV[3])
        call('DEL', workerKey(ARGV[3]))
        -- It may have taken a ring for which it claims nothing any more.
        for _, lane in ipairs(readLanes()) do
          if call('EXISTS', waitingKey(lane[NAME]), returnedKey(lane[NAME]), scheduledKey(lane[NAME])) > 0 then
            ring(lane[NAME])
          end
        end
        return {now}
        """#

    /// Lays aside a job that Swift could not read. ARGV 3, 4: its id, and the id of the claim that was just made, or nothing
    /// for one whose lease has run out. Answers with nothing.
    static let parkText =
        #"""
        local id = ARGV[3]
        local job = fields(id) or {}
        for _, lane in ipairs(readLanes()) do
          local ends = call('ZSCORE', leasesKey(lane[NAME]), id)
          if ends and (job.ci == ARGV[4] or ARGV[4] == '' and tonumber(ends) <= now) then
            call('ZREM', leasesKey(lane[NAME]), id)
            call('ZADD', parkedKey, tonumber(job.r) or 0, id)
          end
        end
        return {now}
        """#
}
