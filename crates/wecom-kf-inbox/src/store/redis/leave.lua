-- KEYS: members, reads. ARGV: member, a channel.
redis.call('ZREM', KEYS[1], ARGV[1])
redis.pcall('PUBLISH', ARGV[2], 'members')
return 0
