-- A node asks for a number.
-- KEYS: nodes
-- ARGV: call, epoch, whether it is told of every page (1 or 0), a random name for the data if it has none,
--       whether all other keys have been cleared (1 or 0)
-- Returns {0, number, id, version}, or {1, number, value, number, value, ...} with the numbers that the process has,
--   or {2} where the other keys must be cleared first: somebody has deleted this one, or the data is new.
local nodes = KEYS[1]
local call, epoch, everything, id, is_clear = unpack(ARGV)
local former, fields, has_id = {1}, redis.call('HGETALL', nodes), false
for i = 1, #fields, 2 do
  if fields[i] == '@id' then
    has_id = true
  elseif string.sub(fields[i], 1, 1) ~= '@' and string.sub(fields[i + 1], 1, #epoch + 1) == epoch .. ':' then
    former[#former + 1] = tonumber(fields[i])
    former[#former + 1] = fields[i + 1]
  end
end
if not has_id and is_clear == '0' then
  return {2}
end
if #former > 1 then
  return former
end
local number = redis.call('HINCRBY', nodes, '@next', 1)
redis.call('HSET', nodes, number, epoch .. ':' .. call .. ':0')
if everything == '1' then
  redis.call('HSET', nodes, '@all', (redis.call('HGET', nodes, '@all') or '') .. number .. ',')
end
redis.call('HSETNX', nodes, '@id', id)
return {0, number, redis.call('HGET', nodes, '@id'), tonumber(redis.call('HGET', nodes, '@version') or 0)}
