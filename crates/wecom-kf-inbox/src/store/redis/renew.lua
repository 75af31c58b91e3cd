-- KEYS: lease. ARGV: holder, fence, limit in ms.
local lease = redis.call('HMGET', KEYS[1], 'holder', 'fence')
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then
    return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
