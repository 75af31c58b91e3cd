-- KEYS: token, and two that are only tried. ARGV: id of the turn, how long to hold the outcome in ms, then 'token', the token,
-- how long it is still good in ms; or 'failed', the message, the errcode or ''.
local kept = redis.call('HMGET', KEYS[1], 'turn', 'turn_until', 'token_until')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if kept[1] ~= ARGV[1] or tonumber(kept[2]) <= now then
    return 0
end
local failure = tried(KEYS[2], KEYS[3])[1]
if failure then
    return redis.error_reply(failure[2])
end
local held_until = now + tonumber(ARGV[2])
local token_until = tonumber(kept[3] or 0)
redis.call('HDEL', KEYS[1], 'turn', 'turn_until', 'failed_code', 'failed_message')
redis.call('HSET', KEYS[1], 'held_until', string.format('%.0f', held_until))
if ARGV[3] == 'token' then
    token_until = now + tonumber(ARGV[5])
    redis.call('HSET', KEYS[1], 'token', ARGV[4], 'token_until', string.format('%.0f', token_until), 'failures', 0)
else
    redis.call('HSET', KEYS[1], 'failed_message', ARGV[4])
    if ARGV[5] ~= '' then
        redis.call('HSET', KEYS[1], 'failed_code', ARGV[5])
    end
    redis.call('HINCRBY', KEYS[1], 'failures', 1)
end
-- The number of failures is remembered for two minutes more.
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.max(held_until, token_until) + 120000))
return 1
