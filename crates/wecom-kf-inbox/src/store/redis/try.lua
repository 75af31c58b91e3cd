-- Goes before every script that writes more than once. Redis undoes nothing if a script fails half-way, so each command
-- of ours is tried on keys of no other use first. If this user may not run it, this is a replica, or memory is used up,
-- nothing else has happened. The first one needs memory: Redis refuses only the first write of a script for want of it.
local function tried(hash, sorted)
    local commands = {
        {'HSET', hash, 'a', 1}, {'HGET', hash, 'a'}, {'HMGET', hash, 'a'}, {'HGETALL', hash}, {'HINCRBY', hash, 'a', 1},
        {'HDEL', hash, 'a'}, {'HSET', hash, 'a', 1}, {'PEXPIRE', hash, 60000}, {'PTTL', hash},
        {'PEXPIREAT', hash, '4000000000000'}, {'EXPIREAT', hash, 4000000000}, {'DEL', hash},
        {'ZADD', sorted, 1, 'a'}, {'ZSCORE', sorted, 'a'}, {'ZCARD', sorted},
        {'ZRANGEBYSCORE', sorted, '-inf', '+inf', 'LIMIT', 0, 1}, {'ZRANGEBYLEX', sorted, '-', '+', 'LIMIT', 0, 1},
        {'ZREVRANGE', sorted, 0, 0, 'WITHSCORES'}, {'ZREM', sorted, 'a'}, {'DEL', sorted}, {'TYPE', hash}, {'TIME'},
    }
    local failures = {}
    for _, command in ipairs(commands) do
        local answer = redis.pcall(unpack(command))
        if type(answer) == 'table' and answer.err then
            table.insert(failures, {command[1], answer.err})
        end
    end
    return failures
end

