-- KEYS: lease. ARGV: holder, fence.
local lease = redis.call('HMGET', KEYS[1], 'holder', 'fence')
if lease[1] == ARGV[1] and lease[2] == ARGV[2] then
    redis.call('DEL', KEYS[1])
end
return 0
