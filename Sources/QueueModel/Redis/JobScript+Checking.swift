// Whether what the keys say of each other is so. Each job and each entry is looked at in one step with all that belongs to it,
// so that a farm at work gives no false alarm.
extension JobScript {
    /// ARGV 3: after which row; 4: how many rows to look at.
    ///
    /// Answers with the last row that was looked at, or nothing at the end, and of each fault the job and what is wrong, as
    /// `RedisFault` has it.
    static let checkText = #"""
        local row, last = tonumber(ARGV[3]), tonumber(call('GET', rowKey)) or 0
        local answers, looks, lanes = {now, false}, 0, {}
        for _, lane in ipairs(readLanes()) do lanes[lane[NAME]] = true end
        local function tell(id, fault) answers[#answers + 1] = {id, fault} end
        -- Whether the list has the job: it is in order of arrival, so that half of it is left out with each look.
        local function isInList(key, id, row)
          local low, high = 0, call('LLEN', key) - 1
          while low <= high do
            local middle = floor((low + high) / 2)
            local other = call('LINDEX', key, middle)
            if other == id then return true end
            local found = try('HGET', jobKey(other), 'r')
            local number = type(found) == 'string' and tonumber(found)
            -- One that was removed since it was cancelled there tells nothing.
            if not number then return call('LPOS', key, id) and true or false end
            if number < row then low = middle + 1 else high = middle - 1 end
          end
          return false
        end
        local function check(id, row)
          local job = fields(id)
          if not job then return tell(id, 'foreign') end
          if next(job) == nil then return tell(id, 'missing') end
          if call('ZSCORE', parkedKey, id) then return end
          if tonumber(job.r) ~= row or not job.l or not lanes[job.l] then return tell(id, 'unreadable') end
          local name = job.l
          local function isIn(key) return call('ZSCORE', key, id) and 1 or 0 end
          local lines = isIn(leasesKey(name)) + isIn(scheduledKey(name)) + isIn(returnedKey(name))
          if job.s then
            if lines > 0 then tell(id, 'ended-in-line') end
            if isIn(endedKey) == 0 then tell(id, 'ended-unlisted') end
            if tonumber(job.s) == failed and not job.ra and isIn(failedKey(name)) == 0 then tell(id, 'failed-unlisted') end
          else
            if lines > 1 then tell(id, 'in-two-lines') end
            if lines == 0 and (isIn(staleKey(name)) == 1 or not isInList(waitingKey(name), id, row)) then
              tell(id, 'in-no-line')
            end
            if isIn(endedKey) == 1 then tell(id, 'alive-among-ended') end
            if job.u and call('HGET', uniqueKey, job.d or '') ~= id then tell(id, 'unique') end
          end
          if job.k and call('HGET', keysKey, job.k) ~= id then tell(id, 'key') end
          if job.b and call('HGET', placesKey(job.b), job.n or '') ~= id then tell(id, 'place') end
          if not job.q and call('EXISTS', requestKey(id)) == 0 then tell(id, 'request') end
        end
        while row < last do
          if looks >= tonumber(ARGV[4]) then
            answers[2] = row
            return answers
          end
          row, looks = row + 1, looks + 1
          local id = call('HGET', rowsKey(row), row % 100)
          if id then
            check(id, row)
          elseif row % 100 == 0 and call('EXISTS', rowsKey(row)) == 0 then
            row = math.min(row + 99, last)
          end
        end
        return answers
        """#

    /// ARGV 3: what of entries to look at: `waiting`, `returned`, `scheduled`, `leases` or `failed` and 4 a lane; `ended`,
    /// `unique`, `keys`. ARGV 5: where to begin; 6: how many; 7: for `waiting`, the row of the last one before.
    ///
    /// Answers with where to go on, or nothing at the end, the row of the last one, and of each fault the entry and what is
    /// wrong.
    static let checkEntriesText = #"""
        local kind, key = ARGV[3], prefix .. ARGV[3] .. (ARGV[4] ~= '' and ':' .. ARGV[4] or '')
        local start, count, lastRow = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]) or 0
        local answers, entries, goesOn = {now, false, 0}, {}, false
        if kind == 'unique' or kind == 'keys' then
          local page = call('HSCAN', key, start, 'COUNT', count)
          goesOn = page[1] ~= '0' and page[1]
          for i = 2, #page[2], 2 do entries[#entries + 1] = page[2][i] end
        else
          local from = tonumber(start)
          entries = call(kind == 'waiting' and 'LRANGE' or 'ZRANGE', key, from, from + count - 1)
          goesOn = #entries == count and from + count
        end
        for _, id in ipairs(entries) do
          local job = fields(id) or {}
          local isWhole, isOver = job.r ~= nil, job.s ~= nil
          local isParked = call('ZSCORE', parkedKey, id)
          local isRight
          if kind == 'waiting' then
            local isStale = call('ZSCORE', staleKey(ARGV[4]), id)
            isRight = isStale or (isWhole and not isOver)
            local row = tonumber(job.r) or lastRow
            if row < lastRow or (row == lastRow and isWhole) then isRight = false end
            lastRow = row
          elseif kind == 'failed' then
            isRight = tonumber(job.s) == failed and not job.ra
          elseif kind == 'ended' then
            isRight = isOver
          elseif kind == 'keys' then
            isRight = isWhole
          elseif kind == 'unique' then
            isRight = isWhole and not isOver and job.u
          else
            isRight = isWhole and not isOver and job.l == ARGV[4]
          end
          if not isRight and not isParked then answers[#answers + 1] = {id, 'entry'} end
        end
        answers[2], answers[3] = goesOn, lastRow
        return answers
        """#
}
