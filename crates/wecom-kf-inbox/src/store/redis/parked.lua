-- ARGV: format, which ('all', 'wished' or 'id'), that id, the number after which to begin or '', how many.
-- Returns of each: number, whether its replay is wished, JSON.
local problem = foreign()
if problem then
    return problem
end
local ids
if ARGV[2] == 'id' then
    ids = {ARGV[3]}
else
    local from = ARGV[4] == '' and '-inf' or '(' .. ARGV[4]
    local key = ARGV[2] == 'wished' and WISHED or ORDER
    local upto = '(' .. string.format('%.0f', next_parked())
    ids = redis.call('ZRANGEBYSCORE', key, from, upto, 'LIMIT', 0, ARGV[5])
end
local found = {}
for _, id in ipairs(ids) do
    local number, json = redis.call('ZSCORE', ORDER, id), redis.call('HGET', PARKED, id)
    if number and json and tonumber(number) < next_parked() then
        local is_wished = redis.call('ZSCORE', WISHED, id) and 1 or 0
        table.insert(found, {string.format('%.0f', tonumber(number)), is_wished, json})
    end
end
return found
