-- What Redis itself makes of a submission, for redis-benchmark to send: the calls that our queue's script makes for a job
-- without a key, a batch or a time. No check of what is read, no other case.
--
-- KEYS 1: prefix. ARGV: number of events to keep, id, lane, digest of the input, requested by, request.
local call, prefix = redis.call, KEYS[1]
local keep, id, lane, digest, by, request = unpack(ARGV)
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local row = (tonumber(call('GET', prefix .. 'row')) or 0) + 1
call('EXISTS', prefix .. 'holds')
call('EXISTS', prefix .. 'job:' .. id)
call('GET', prefix .. 'lanes')
call('EXISTS', prefix .. 'stale:interactive', prefix .. 'stale:batch', prefix .. 'stale:campaign')
call('HSET', prefix .. 'job:' .. id, 'r', row, 'l', lane, 't', now, 'd', digest, 'y', by, 'q', request)
call('HSET', prefix .. 'rows:' .. math.floor(row / 100), row % 100, id)
call('SET', prefix .. 'row', row)
call('RPUSH', prefix .. 'waiting:' .. lane, id)
local bell = prefix .. 'bell:' .. lane
if call('EXISTS', bell) == 0 then call('RPUSH', bell, '1') end
local event = call('INCRBY', prefix .. 'sequence', 1)
call('XADD', prefix .. 'events', 'MINID', '~', math.max(0, event - keep), event .. '-0', 't', now, 'b', '\1\2\1' .. id)
return {now, 1}
