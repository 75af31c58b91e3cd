-- KEYS: the wake of an inbox. ARGV: the callback, how long it is kept in ms, a channel. Returns its number, which is the time, since one
-- that was counted would begin again when the key has ended.
local time = redis.call('TIME')
local number = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('HGET', KEYS[1], 'number') or 0)
if number <= last then
    number = last + 1
end
local digits = string.format('%.0f', number)
redis.call('HSET', KEYS[1], 'number', digits, 'callback', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
-- Only a hint: a user who may not publish loses nothing but time.
redis.pcall('PUBLISH', ARGV[3], 'woken')
return digits
