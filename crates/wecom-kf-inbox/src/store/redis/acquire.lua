-- ARGV: format, holder, limit in ms.
local problem = foreign()
if problem then
    return problem
end
local holder = redis.call('HGET', LEASE, 'holder')
if holder and holder ~= ARGV[2] then
    return {'held', holder, redis.call('PTTL', LEASE)}
end
local failure = tried(TRY_HASH, TRY_SORTED)[1]
if failure then
    return redis.error_reply(failure[2])
end
-- The fence is the time, so that it goes up even if the last one was forgotten; its 16 digits fit a number of Lua's.
local time = redis.call('TIME')
local fence = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('HGET', STATE, 'fence') or 0)
if fence <= last then
    fence = last + 1
end
local digits = string.format('%.0f', fence)
redis.call('HSET', STATE, 'fence', digits)
redis.call('HSET', LEASE, 'holder', ARGV[2], 'fence', digits)
redis.call('PEXPIRE', LEASE, ARGV[3])
return {'lease', digits, 0}
