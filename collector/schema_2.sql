-- SPDX-License-Identifier: Apache-2.0
--
-- What schema 2 adds: the hash chain and its anchors. chain.h specifies the hashes;
-- meta has the store's id under 'store'.

-- One row per row of the record, events and dead letters, in the order in which
-- they were stored.
CREATE TABLE chain (
	place INTEGER PRIMARY KEY, -- from 1, without holes
	kind TEXT NOT NULL,	   -- event, dead-letter
	n INTEGER NOT NULL,	   -- events.n, dead_letters.n
	digest BLOB NOT NULL,	   -- of that row
	hash BLOB NOT NULL	   -- of the place before and the digest
) STRICT;

-- The anchors made so far. They are worth something where they are kept besides:
-- in Redis, in a file.
CREATE TABLE anchors (
	number INTEGER PRIMARY KEY, -- from 1, without holes
	place INTEGER NOT NULL,
	hash BLOB NOT NULL,
	time INTEGER NOT NULL,
	sent INTEGER NOT NULL -- 1: Redis has it
) STRICT;
CREATE INDEX anchors_unsent ON anchors (number) WHERE NOT sent;

-- What is missing (silence.h).

ALTER TABLE agents ADD COLUMN heard INTEGER NOT NULL DEFAULT 0; -- its newest was stored then
ALTER TABLE agents ADD COLUMN interval INTEGER NOT NULL DEFAULT 0; -- of its heartbeat, ns

-- When it was noticed here, and whether an alert has told of it. What an older
-- collector has noticed is not told any more.
ALTER TABLE gaps ADD COLUMN noticed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gaps ADD COLUMN told INTEGER NOT NULL DEFAULT 1;

-- Alerts that are raised and not over, and what was told last of counters.
CREATE TABLE alarms (
	name TEXT NOT NULL,    -- agent-silent, interface-down, ...
	agent TEXT NOT NULL,   -- '': none
	subject TEXT NOT NULL, -- interface, device; '': the agent itself
	since INTEGER NOT NULL,
	data TEXT,	       -- events-lost: the counters as they were told
	PRIMARY KEY (name, agent, subject)
) STRICT, WITHOUT ROWID;

-- The watched addresses of all devices, those of Ma1 and lo6.
CREATE TABLE targets (
	address TEXT NOT NULL,
	device TEXT NOT NULL,
	path TEXT NOT NULL,
	since INTEGER NOT NULL, -- first known here
	seen INTEGER,		-- newest flow, its own time; NULL: none so far
	PRIMARY KEY (address, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX targets_device ON targets (device);
INSERT OR IGNORE INTO targets
	SELECT json_extract(t.value, '$.address'), d.device, json_extract(t.value, '$.path'),
		d.updated, (SELECT MAX(f.end) FROM flows f WHERE f.device = d.device AND
			json_extract(t.value, '$.address') IN (f.source, f.destination))
	FROM devices d, json_each(d.json, '$.fabric.targets') t
	WHERE json_valid(d.json) AND json_type(t.value, '$.address') = 'text'
		AND json_type(t.value, '$.path') = 'text';
