-- ARGV: format, holder, fence, limit in ms. Returns -1 if the lease is not the current one, else the number of wishes.
if not is_current(ARGV[2], ARGV[3]) then
    return -1
end
redis.call('PEXPIRE', LEASE, ARGV[4])
return redis.call('ZCARD', WISHED)
