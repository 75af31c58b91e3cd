-- KEYS: members, reads. ARGV: member, limit in ms, a channel. Returns all members. Each command may be repeated, so a
-- script that fails half-way does no harm.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))) do
    redis.call('ZREM', KEYS[1], gone)
end
local is_new = not redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last))
if is_new then
    redis.pcall('PUBLISH', ARGV[3], 'members')
end
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')
