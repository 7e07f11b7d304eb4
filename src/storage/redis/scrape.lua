-- One scrape: counts of one family's swarm, as announce.lua keeps it. It changes nothing.
--
-- KEYS  1  the swarm
--       2  the torrent's completed downloads
--
-- Returns seeders, leechers, downloaders, completed downloads.

local RANGE = 2 ^ 44

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Those of a role that have not expired.
local function count(of)
    return redis.call('ZCOUNT', KEYS[1], of * RANGE + 2 * now + 2, (of + 1) * RANGE - 1)
end

local downloaders, seeders, partial_seeds = count(0), count(1), count(2)
return { seeders, downloaders + partial_seeds, downloaders, tonumber(redis.call('GET', KEYS[2]) or 0) }
