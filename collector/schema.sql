-- SPDX-License-Identifier: Apache-2.0
--
-- The store of glasswatch-collector, schema 1. Built into the program; only
-- store*.c runs SQL against it.
--
-- `events` is the record: every document as it came, in the order of arrival (n
-- has no holes). All other tables are derived from it in the same transaction,
-- so after a crash they agree with it. Times are nanoseconds since the epoch,
-- UTC. Words (type, path, verdict, ...) are stored as the document spells them;
-- NULL means that the document had no such part.

CREATE TABLE meta (
	key TEXT PRIMARY KEY, -- 'schema': the version of these tables
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
	n INTEGER PRIMARY KEY,	  -- order of arrival
	agent TEXT NOT NULL,
	seq INTEGER NOT NULL,
	time INTEGER NOT NULL,	  -- the event's own time
	stored INTEGER NOT NULL,  -- when the collector wrote it
	type TEXT NOT NULL,
	severity TEXT NOT NULL,
	device TEXT,
	path TEXT,
	service TEXT,
	source TEXT,		  -- address of the initiator
	verdict TEXT,
	policy TEXT,		  -- generation that was in force
	flow TEXT,		  -- flow.id
	json TEXT NOT NULL,	  -- the document, byte by byte as received
	UNIQUE (agent, seq)
) STRICT;
CREATE INDEX events_time ON events (time);
CREATE INDEX events_type ON events (type, time);
CREATE INDEX events_device ON events (device, time);

-- One row per flow; flow.start, flow.update and flow.end fold into it.
CREATE TABLE flows (
	n INTEGER PRIMARY KEY,
	agent TEXT NOT NULL,
	flow TEXT NOT NULL,	  -- flow.id
	seq INTEGER NOT NULL,	  -- newest event folded in
	open INTEGER NOT NULL,	  -- 1 until flow.end
	established INTEGER NOT NULL, -- 1: it was, at some time
	device TEXT,
	role TEXT,
	path TEXT,
	service TEXT,
	direction TEXT NOT NULL,  -- inbound, outbound
	source TEXT,
	source_port INTEGER,
	source_packets INTEGER NOT NULL,
	source_bytes INTEGER NOT NULL,
	destination TEXT,
	destination_port INTEGER,
	destination_packets INTEGER NOT NULL,
	destination_bytes INTEGER NOT NULL,
	state TEXT,		  -- Zeek conn_state
	outcome TEXT,
	verdict TEXT,
	list TEXT,		  -- what decided: list, seq, prefix
	rule INTEGER,
	prefix TEXT,
	start INTEGER NOT NULL,
	end INTEGER NOT NULL,	  -- last packet so far
	community_id TEXT,
	user TEXT,		  -- actor.user
	json TEXT NOT NULL,	  -- the documents folded into one
	UNIQUE (agent, flow)
) STRICT;
CREATE INDEX flows_start ON flows (start);
CREATE INDEX flows_device ON flows (device, start);
CREATE INDEX flows_source ON flows (source, start);

CREATE TABLE agents (
	agent TEXT PRIMARY KEY,
	first_seen INTEGER NOT NULL, -- times of its events
	last_seen INTEGER NOT NULL,
	last_seq INTEGER NOT NULL,   -- highest number stored
	events INTEGER NOT NULL,     -- how many are stored
	state TEXT NOT NULL,	     -- running, stopped
	policy TEXT,		     -- generation of its newest event
	stats_time INTEGER,
	stats TEXT		     -- its newest agent.stats document
) STRICT, WITHOUT ROWID;

-- Numbers of an agent below its last_seq that are not stored, as ranges. A
-- number that arrives late shrinks or splits its range.
CREATE TABLE gaps (
	agent TEXT NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	found INTEGER NOT NULL, -- time of the event that showed the gap
	PRIMARY KEY (agent, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
	device TEXT PRIMARY KEY,
	role TEXT,
	policy TEXT,
	updated INTEGER NOT NULL,
	json TEXT NOT NULL -- its newest fabric.device document
) STRICT, WITHOUT ROWID;

-- What correlation remembers of a device between two events (incident.c).
CREATE TABLE device_paths (
	device TEXT PRIMARY KEY,
	state TEXT NOT NULL,	   -- state of the newest path.change
	since INTEGER NOT NULL,
	agent TEXT NOT NULL,	   -- who said so: (agent, seq) of that event
	seq INTEGER NOT NULL,
	failing INTEGER NOT NULL,  -- since when the primary path fails, 0: it does not
	failing_event INTEGER NOT NULL, -- events.n that said so
	incident INTEGER NOT NULL, -- open incident, 0: none
	stale INTEGER NOT NULL	   -- 1: that agent has started anew since
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
	id INTEGER PRIMARY KEY,
	device TEXT NOT NULL,
	began INTEGER NOT NULL,	 -- first sign: primary-failing, or the failover itself
	opened INTEGER NOT NULL, -- failover
	closed INTEGER,		 -- failback; NULL: open
	state TEXT NOT NULL,	 -- the device's path state now, or at its end
	worst TEXT NOT NULL,	 -- the worst state it was in
	reason TEXT NOT NULL,	 -- why it opened
	closed_by TEXT,		 -- why it closed
	outage REAL		 -- seconds without the primary path; NULL: not known
) STRICT;
CREATE INDEX incidents_device ON incidents (device, opened);

CREATE TABLE incident_events (
	incident INTEGER NOT NULL,
	event INTEGER NOT NULL, -- events.n: path changes, BGP, alerts
	PRIMARY KEY (incident, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE incident_flows (
	incident INTEGER NOT NULL,
	flow INTEGER NOT NULL, -- flows.n
	PRIMARY KEY (incident, flow)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_flows_flow ON incident_flows (flow);

-- What came through the stream and could not be stored as an event.
CREATE TABLE dead_letters (
	n INTEGER PRIMARY KEY,
	entry TEXT NOT NULL, -- id of the stream entry
	received INTEGER NOT NULL,
	reason TEXT NOT NULL,
	data BLOB NOT NULL, -- its json field, or all fields; cut at 64 KiB
	UNIQUE (entry, data)
) STRICT;
