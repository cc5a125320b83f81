-- Makes a batch the next entry of a log and takes its changes into the state.
--
-- KEYS: the log, the site's hash, then one state hash after the other, then tiles.
-- ARGV: what the writer knows to be the last id; the highest id it has merged; the
--       cap of the log; the milliseconds that a beat leaves in it; the entry; the binary, and its region and version where the
--       entry is a beat (else empty); a count of features and their names; a count of
--       state hashes; then for each of them a count of changes and those:
--         r field index value             a register
--         x field index                   its removal
--         p field index value             a member
--         d field                         a member who left
--         c field index place delta stamp total   a counter: its place among the
--                                         counters, and the newest that the writer knows
--         l field index cap value         an item for a list
--       then a count of tiles of boards, whose keys are the last, and for each the place
--       of its state hash among the keys, the field there, a count of runs, and those:
--       first cell, length, colour.
-- Returns {'taken', id, previous id, totals...}, {'lost', last id} or {'full'}.
--
-- Everything is read first, so that a key of a wrong type stops the script while
-- nothing is written; the entry comes last, so that who sees it finds its cells.
local log, site = KEYS[1], KEYS[2]
local known, after, cap, age, entry = arg(), arg(), arg(), arg(), arg()
local binary, region, version = arg(), arg(), arg()
local features = readFeatures()

local last = lastOf(log)
if before(parseID(last), parseID(known)) then return {'lost', last} end
follow(parseID(last))
follow(parseID(after))

local sizes = {r = 4, x = 3, p = 4, d = 2, c = 7, l = 5}
local hashes = {}
local count = tonumber(arg())
for k = 3, 2 + count do
	local fields, changes, asked = {}, {}, {}
	for _ = 1, tonumber(arg()) do
		local change = {}
		local kind = ARGV[at + 1]
		for i = 1, sizes[kind] do change[i] = arg() end
		changes[#changes + 1] = change
		local field = change[2]
		if kind == 'l' then field = field .. '\31' end
		if not asked[field] then
			asked[field] = true
			fields[#fields + 1] = field
		end
		if kind == 'c' and change[6] ~= '' then follow(stampOf(change[6])) end
	end
	local values, there = fetch(KEYS[k], fields), {}
	for i, field in ipairs(fields) do
		local kind, stamp, rest = split(values[i])
		if kind then
			there[field] = {kind, stamp, rest}
			follow(stamp)
		end
	end
	hashes[#hashes + 1] = {KEYS[k], changes, there}
end

local tiles = readTiles(3 + count, 3)
local id = nextID()
if not id then return {'full'} end

local totals = {}
for _, hash in ipairs(hashes) do
	local key, changes, there = hash[1], hash[2], hash[3]
	local fields, set, put = newSet()
	local sums, lists = {}, {} -- of this batch
	for _, change in ipairs(changes) do
		local kind, field, index = change[1], change[2], change[3]
		if kind == 'r' or kind == 'p' then
			put(field, kind .. ' ' .. id .. '-' .. index .. ' ' .. change[4])
		elseif kind == 'x' then
			put(field, 'x ' .. id .. '-' .. index .. ' ')
		elseif kind == 'd' then
			put(field, false)
		elseif kind == 'c' then
			local sum, base = sums[field], there[field]
			if not sum then
				sum = '0'
				if base and base[1] ~= 'c' then base = nil end
				if base then sum = base[3] end
				if change[6] ~= '' and (not base or older(base[2], stampOf(change[6]))) then sum = change[7] end
			end
			sum = add(sum, change[5])
			sums[field] = sum
			totals[tonumber(change[4])] = sum
			put(field, 'c ' .. id .. '-' .. index .. ' ' .. sum)
		elseif kind == 'l' then
			local list = lists[field]
			if not list then
				list = {1, 1}
				local base = there[field .. '\31']
				if base then
					local first, after = string.match(base[3], '^(%d+) (%d+) ')
					list = {tonumber(first), tonumber(after)}
				end
				lists[field] = list
			end
			put(string.format('%s\31%.0f', field, list[2]), 'i ' .. id .. '-' .. index .. ' ' .. change[5])
			list[2] = list[2] + 1
			while list[2] - list[1] > tonumber(change[4]) do
				put(string.format('%s\31%.0f', field, list[1]), false)
				list[1] = list[1] + 1
			end
			put(field .. '\31', string.format('l %s-%s %.0f %.0f %s', id, index, list[1], list[2], change[4]))
		end
	end
	hash[2], hash[3] = fields, set
end

if region ~= '' then
	local time = redis.call('TIME')
	local now = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
	for _, value in ipairs({'region', region, 'version', version, 'beat', now, 'binary:' .. binary, now}) do
		features[#features + 1] = value
	end
	redis.call('HSETNX', site, 'started', now)
end
for from = 1, #features, 1000 do
	redis.call('HSET', site, unpack(features, from, math.min(from + 999, #features)))
end
for _, hash in ipairs(hashes) do store(hash[1], hash[2], hash[3]) end
local at = parseID(id)
for _, tile in ipairs(tiles) do
	for _, run in ipairs(tile.pieces) do
		redis.call('SETRANGE', tile.key, run[1] * 9, string.rep(packCell(tonumber(at[1]), tonumber(at[2]), run[3]), run[2]))
	end
	markTile(tile)
end
if #totals > 0 then
	redis.call('XADD', log, 'MAXLEN', '~', cap, id, 'e', entry, 'p', last, 't', table.concat(totals, ' '))
else
	redis.call('XADD', log, 'MAXLEN', '~', cap, id, 'e', entry, 'p', last)
end
if region ~= '' then forget(log, id, age) end
return {'taken', id, last, unpack(totals)}
