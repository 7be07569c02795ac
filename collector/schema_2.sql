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
