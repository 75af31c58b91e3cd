-- ARGV: format, holder, fence, channel.
if is_current(ARGV[2], ARGV[3]) then
    redis.call('DEL', LEASE)
    tell('released')
end
return 0
