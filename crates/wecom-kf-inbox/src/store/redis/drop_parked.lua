-- KEYS: lease, state, settled, parked, parked_until. ARGV: id.
forget_what_is_over()
return unpark(ARGV[1])
