-- ARGV: format. Returns the holder of the lease and how long it lasts in ms, or nothing.
local problem = foreign()
if problem then
    return problem
end
local holder = redis.call('HGET', LEASE, 'holder')
if not holder then
    return false
end
return {holder, redis.call('PTTL', LEASE)}
