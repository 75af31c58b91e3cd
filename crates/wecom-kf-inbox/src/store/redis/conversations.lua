-- ARGV: format, the only customer or '', the customer after whom to begin or '', how many.
-- Returns the stored values, in the order of their customers.
local problem = foreign()
if problem then
    return problem
end
local customers
if ARGV[2] ~= '' then
    customers = {ARGV[2]}
else
    local from = ARGV[3] == '' and '-' or '(' .. ARGV[3]
    customers = redis.call('ZRANGEBYLEX', CUSTOMERS, from, '+', 'LIMIT', 0, ARGV[4])
end
local found = {}
for _, customer in ipairs(customers) do
    local stored = redis.call('HGET', CONVERSATIONS, customer)
    if stored then
        table.insert(found, stored)
    end
end
return found
