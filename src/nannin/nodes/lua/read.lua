-- The totals of pages.
-- KEYS: nodes, then c:PAGE and v:PAGE of each
-- Returns version, connections, visitors, visible of each.
local totals, all = {}, nil
for i = 2, #KEYS, 2 do
  local page = read_page(KEYS[i], KEYS[i + 1], '')
  if not page.version then
    all = all or tonumber(redis.call('HGET', KEYS[1], '@version') or 0)
  end
  totals[#totals + 1] = page.version or all
  totals[#totals + 1] = page.connections
  totals[#totals + 1] = page.visitors
  totals[#totals + 1] = page.visible
end
return totals
