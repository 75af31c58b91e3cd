-- KEYS: those of the inbox, and its wake. ARGV: format, holder, fence, limit in ms. Returns the number of wishes, or -1 if the
-- lease is not the current one; and the number of the last callback.
if not is_current(ARGV[2], ARGV[3]) then
    return {-1, false}
end
redis.call('PEXPIRE', LEASE, ARGV[4])
return {redis.call('ZCARD', WISHED), redis.call('HGET', KEYS[#KEYS], 'number')}
