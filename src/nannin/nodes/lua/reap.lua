-- Removes a slice of a page's visitors who are with a node that is gone, and at last the node's part.
-- KEYS: nodes, c:PAGE, v:PAGE, p:NODE, index
-- ARGV: publish command, beginning of channels, number, its value ('epoch:-'), page, cursor, about how many
-- Returns {cursor for the next slice, or '0', visitors who exited}.
local nodes, c, v, p, index = unpack(KEYS)
local publish, channel, number, value, key, cursor, count = unpack(ARGV)
local now, everywhere = unpack(redis.call('HMGET', nodes, number, '@all'))
if now ~= value then
  return {'0', {}}
end
local page = read_page(c, v, number)
local before = copy_total(page)
local scanned = redis.call('HSCAN', v, cursor, 'COUNT', count)
local names, places, states, seen = {}, {}, {}, {}
for i = 1, #scanned[2], 2 do
  local name, at = scanned[2][i], scanned[2][i + 1]
  if name ~= '@' and not seen[name] and without(at, number) ~= at then
    seen[name] = true
    names[#names + 1], places[#places + 1], states[#states + 1] = name, at, 'a'
  end
end
local _, exited = place(v, page, number, names, places, states)
if scanned[1] == '0' then
  redis.call('HDEL', c, number)
  redis.call('SREM', p, key)
  local kept = {}
  for _, other in ipairs(page.numbers) do
    if other ~= number then
      kept[#kept + 1] = other
    end
  end
  page.numbers = kept
  page.connections = page.connections - page.mine[1]
  page.visitors = page.visitors - page.mine[2]
  page.visible = page.visible - page.mine[3]
end
change(nodes, c, v, index, key, page, before, number, everywhere, publish, channel)
return {scanned[1], exited}
