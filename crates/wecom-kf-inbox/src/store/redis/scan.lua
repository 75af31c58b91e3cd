-- KEYS: any key, or none. ARGV: cursor, pattern, how many keys to look at. Returns the next cursor, and the names of keys that match.
return redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
