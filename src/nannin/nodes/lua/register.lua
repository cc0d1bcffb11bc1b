-- A node asks for a number.
-- KEYS: nodes
-- ARGV: call, epoch, whether it is told of every page (1 or 0), a random name for the data if it has none
-- Returns {0, number, id, version}, or {1, number, value, number, value, ...} with the numbers that the process has.
local nodes = KEYS[1]
local call, epoch, everything, id = unpack(ARGV)
local former, fields = {1}, redis.call('HGETALL', nodes)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 1) ~= '@' and string.sub(fields[i + 1], 1, #epoch + 1) == epoch .. ':' then
    former[#former + 1] = tonumber(fields[i])
    former[#former + 1] = fields[i + 1]
  end
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
