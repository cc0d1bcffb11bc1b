-- A node says what its part of a page is now.
-- KEYS: nodes, c:PAGE, v:PAGE, p:NODE, index
-- ARGV: publish command, beginning of channels, call, number, epoch, previous, page, connections, anonymous,
--       anonymous_visible, stays (1 or 0), how many visitors see it, how many don't, how many are absent, then
--       these visitors, and those who have joined once more
-- Returns {0} for an unknown node; {1, last write} where the one before is missing;
--   {2, version, connections, visitors, visible, entered, exited}.
local nodes, c, v, p, index = unpack(KEYS)
local publish, channel, call, number, my_epoch, previous, key = unpack(ARGV, 1, 7)
local value, everywhere = unpack(redis.call('HMGET', nodes, number, '@all'))
local epoch, write, beat = string.match(value or '', '^([^:]+):(%d+):(%d+)$')
if epoch ~= my_epoch then
  return refuse(nodes)
end
local page = read_page(c, v, number)
if write == call then
  local version = page.version or tonumber(redis.call('HGET', nodes, '@version') or 0)
  return {2, version, page.connections, page.visitors, page.visible, {}, {}}
end
if write ~= previous then
  return {1, tonumber(write)}
end
redis.call('HSET', nodes, number, epoch .. ':' .. call .. ':' .. beat)

local before = copy_total(page)
local connections, anonymous, visible = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
if connections > 0 or ARGV[11] == '1' then
  redis.call('HSET', c, number, connections .. ',' .. anonymous .. ',' .. visible)
  local mine = page.mine
  local is_same = page.is_mine and connections == mine[1] and anonymous == mine[2] and visible == mine[3]
  if is_same or not page.is_mine then -- what is said again may be so because somebody has deleted it
    redis.call('SADD', p, key)
  end
  if not page.is_mine then
    page.numbers[#page.numbers + 1] = number
  end
elseif page.is_mine then
  redis.call('HDEL', c, number)
  redis.call('SREM', p, key)
  local kept = {}
  for _, other in ipairs(page.numbers) do
    if other ~= number then
      kept[#kept + 1] = other
    end
  end
  page.numbers = kept
end
page.connections = page.connections + connections - page.mine[1]
page.visitors = page.visitors + anonymous - page.mine[2]
page.visible = page.visible + visible - page.mine[3]

local names, states, joined = {}, {}, {}
local seeing, hidden, absent = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
for i = 15, #ARGV do
  local n = i - 14
  if n <= seeing + hidden + absent then
    names[n] = ARGV[i]
    states[n] = n <= seeing and 'v' or n <= seeing + hidden and 'h' or 'a'
  else
    joined[#joined + 1] = ARGV[i]
  end
end
local entered, exited, returned = {}, {}, {}
if #names > 0 then
  local places = redis.call('HMGET', v, unpack(names))
  entered, exited, returned = place(v, page, number, names, places, states)
end
if #joined > 0 then
  local places = redis.call('HMGET', v, unpack(joined))
  for i, name in ipairs(joined) do
    for other in string.gmatch(places[i] or '', '(%d+)v?,') do
      if other ~= number then
        returned[other] = returned[other] or {}
        table.insert(returned[other], name)
      end
    end
  end
end
local version = change(nodes, c, v, index, key, page, before, number, everywhere, publish, channel)
for other, visitors in pairs(returned) do
  redis.call(publish, channel .. other, cmsgpack.pack({24, key, visitors}))
end
return {2, version, page.connections, page.visitors, page.visible, entered, exited}
