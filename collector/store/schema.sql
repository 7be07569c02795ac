-- SPDX-License-Identifier: Apache-2.0
--
-- The store of glasswatch-collector, schema 9. Built into the program; only store*.c runs
-- SQL against it. Versions before it were never released, and are refused.
--
-- `blocks` and `dead_letters` are the record: every document as it came, in the order in
-- which it came, in a chain of hashes; with `agents`, `gaps` and `sealed`, which know
-- every number that is in it. A collector writes that first and acknowledges it. All other
-- tables are derived from it, in the order of the places, and agree with it up to the
-- place that meta has under 'derived'; both change in one transaction. Times are
-- nanoseconds since the epoch, UTC. Words (type, path, verdict, ...) are stored as the
-- document spells them; NULL means that the document had no such part.
--
-- `updated` is everywhere events.n of the event that changed the row last, so that
-- who follows the record knows which rows to read again. AUTOINCREMENT: rows go, and
-- others know their numbers, which are not given again (PostgreSQL never does).

-- 'schema': the version of these tables; 'store': its id (record/chain.h); 'derived': up to this
-- place; 'swept': how often rows were removed.
CREATE TABLE meta (
	key TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- ---- the record -----------------------------------------------------------------

-- Some hundred rows of the record together, record/block.h specifies the two BLOBs. Each row has
-- a place, from 1, without holes: first, first + 1, ...
CREATE TABLE blocks (
	first INTEGER PRIMARY KEY,
	count INTEGER NOT NULL,
	events INTEGER NOT NULL,  -- of the rows; the others are dead letters
	stored INTEGER NOT NULL,  -- when its first row was written
	derived INTEGER NOT NULL, -- 1: what follows from it was written with it
	links BLOB NOT NULL,	  -- of each row: its digest, its hash
	body BLOB NOT NULL	  -- the rows
) STRICT;

-- What came through the stream and could not be stored as an event.
CREATE TABLE dead_letters (
	n INTEGER PRIMARY KEY,
	place INTEGER NOT NULL, -- in the record
	refused INTEGER,	-- place of an event that is in the record, of which nothing can
				-- be derived; NULL: it is none
	entry TEXT NOT NULL,	-- id of the stream entry; "place N" where refused
	received INTEGER NOT NULL,
	reason TEXT NOT NULL,
	data BLOB NOT NULL, -- its json field, or all fields; cut at 64 KiB
	UNIQUE (entry, data)
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
CREATE INDEX anchors_unsent ON anchors (number) WHERE sent = 0;

-- Places of the chain whose rows retention removed: what verify needs to go on.
CREATE TABLE segments (
	number INTEGER PRIMARY KEY, -- from 1, without holes
	first INTEGER NOT NULL,	    -- place
	last INTEGER NOT NULL,
	before BLOB NOT NULL,	    -- hash before the first
	hash BLOB NOT NULL,	    -- of the last
	events INTEGER NOT NULL,
	oldest INTEGER NOT NULL,    -- stored between
	newest INTEGER NOT NULL,
	removed INTEGER NOT NULL,   -- when all were; 0: under way
	why TEXT NOT NULL	    -- age, size
) STRICT;

-- The highest number of an agent among the events that retention removed.
CREATE TABLE sealed (
	agent TEXT PRIMARY KEY,
	last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
	agent TEXT PRIMARY KEY,
	first_seen INTEGER NOT NULL, -- times of its events
	last_seen INTEGER NOT NULL,
	last_seq INTEGER NOT NULL,   -- highest number stored
	events INTEGER NOT NULL,     -- how many are stored
	state TEXT NOT NULL,	     -- running, stopped
	policy TEXT,		     -- generation of its newest event
	stats_time INTEGER,
	stats TEXT,		     -- its newest agent.stats document
	heard INTEGER NOT NULL,	     -- its newest was stored then
	interval INTEGER NOT NULL    -- of its heartbeat, ns
) STRICT, WITHOUT ROWID;

-- Numbers of an agent below its last_seq that are not stored, as ranges. A
-- number that arrives late shrinks or splits its range.
CREATE TABLE gaps (
	agent TEXT NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	found INTEGER NOT NULL, -- time of the event that showed the gap
	noticed INTEGER NOT NULL, -- when that was stored,
	told INTEGER NOT NULL,	-- and whether an alert has told of it
	PRIMARY KEY (agent, first)
) STRICT, WITHOUT ROWID;

-- ---- derived --------------------------------------------------------------------

CREATE TABLE events (
	n INTEGER PRIMARY KEY,	  -- in the order in which they became visible, without holes
	place INTEGER NOT NULL,	  -- in the record, where its document is
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
	change TEXT		  -- path.change: the state that it led to and why, "in-band
				  -- primary-refused"; bgp.session, bgp.route: the state
) STRICT;
CREATE INDEX events_place ON events (place);
CREATE INDEX events_agent ON events (agent, seq);
CREATE INDEX events_time ON events (time);
CREATE INDEX events_type ON events (type, time);
CREATE INDEX events_device ON events (device, time);
-- What is rare among the events, and what is asked of one source.
CREATE INDEX events_source ON events (source, time) WHERE source IS NOT NULL;
CREATE INDEX events_untrusted ON events (verdict, time) WHERE verdict <> 'trusted';
CREATE INDEX events_inband ON events (time) WHERE path = 'in-band';
CREATE INDEX events_bgp ON events (time) WHERE service = 'bgp';
CREATE INDEX events_severe ON events (time) WHERE severity IN ('warning', 'critical');
CREATE INDEX events_critical ON events (time) WHERE severity = 'critical';
-- Events that say how a device stands; they are few among the others.
CREATE INDEX events_state ON events (device, type, time)
	WHERE type IN ('path.change', 'fabric.device', 'bgp.route');

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
	json TEXT NOT NULL,	  -- its document where retention removed what it is made of; or ''
	-- Where the parts of its document stand: "n:mask,..." in hexadecimal, events.n and bits
	-- of event_part_name(). NULL: all is in this row's json.
	parts TEXT,
	login TEXT,		  -- ssh.auth.result
	-- The same flow seen by a second agent: Community ID, device and time agree.
	same_as INTEGER,	  -- flows.n of the one that is counted
	justified TEXT,		  -- break-glass: yes, no, unknown, drill
	updated INTEGER NOT NULL DEFAULT 0,
	UNIQUE (agent, flow)
) STRICT;
CREATE INDEX flows_start ON flows (start);
CREATE INDEX flows_device ON flows (device, start);
CREATE INDEX flows_source ON flows (source, start);
CREATE INDEX flows_community ON flows (community_id, start);
CREATE INDEX flows_twins ON flows (same_as) WHERE same_as IS NOT NULL;
CREATE INDEX flows_open ON flows (device) WHERE open = 1;
CREATE INDEX flows_user ON flows ("user", established) WHERE open = 1 AND "user" IS NOT NULL;
CREATE INDEX flows_sessions ON flows (start)
	WHERE path = 'in-band' AND service = 'ssh' AND established = 1;
CREATE INDEX flows_sessions_user ON flows (COALESCE(user, ''), start)
	WHERE path = 'in-band' AND service = 'ssh' AND established = 1;
CREATE INDEX flows_sessions_login ON flows (COALESCE(login, ''), start)
	WHERE path = 'in-band' AND service = 'ssh' AND established = 1 AND login <> 'success';
CREATE INDEX flows_untrusted ON flows (start) WHERE verdict <> 'trusted';
CREATE INDEX flows_intruders ON flows (verdict, start)
	WHERE verdict <> 'trusted' AND established = 1;
CREATE INDEX flows_justified ON flows (COALESCE(justified, 'unknown'), start)
	WHERE path = 'in-band' AND service = 'ssh' AND established = 1;
CREATE INDEX flows_no_policy ON flows (start) WHERE verdict = 'no-policy';
CREATE INDEX flows_bgp ON flows (start) WHERE service = 'bgp';
CREATE INDEX flows_inband ON flows (start) WHERE path = 'in-band';
CREATE INDEX flows_failed ON flows (outcome, start) WHERE established = 0;
CREATE INDEX flows_login ON flows (login, start) WHERE login <> 'success';
CREATE INDEX flows_actor ON flows (user, start) WHERE user IS NOT NULL;
-- What lasted at some moment is found by its start when it took less than a minute.
CREATE INDEX flows_long ON flows (end, start) WHERE end - start > 60000000000;
-- What is not normal, each kind of it by itself: of a long span one step of each device and
-- kind finds whether there was any (span.c).
CREATE INDEX flows_odd ON flows (device, path, established,
	(CASE verdict WHEN 'trusted' THEN COALESCE(justified, 'unknown') ELSE verdict END), start)
	WHERE service = 'ssh' AND direction = 'inbound' AND same_as IS NULL
	AND (verdict <> 'trusted' OR (path = 'in-band' AND established = 1));

-- What the inbound flows of a source add up to, those with the same path, service and
-- verdict ('': none); what another agent saw too is counted once. total 0: a source of other
-- flows, or of events without one.
CREATE TABLE sources (
	address TEXT NOT NULL,	  -- the source so that those of a prefix stand together: 4 or 6,
				  -- and its bytes in hexadecimal
	path TEXT NOT NULL,
	service TEXT NOT NULL,
	verdict TEXT NOT NULL,
	source TEXT NOT NULL,
	total INTEGER NOT NULL,
	established INTEGER NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	PRIMARY KEY (address, path, service, verdict)
) STRICT, WITHOUT ROWID;
CREATE INDEX sources_last ON sources (last, first);

-- The same of those that began in a span of time: of each five minutes and of each day, since
-- 1970. So what they add up to between any two times is read in some hundred rows.
CREATE TABLE source_spans (
	address TEXT NOT NULL,
	span INTEGER NOT NULL,	  -- how long it is
	start INTEGER NOT NULL,	  -- when it begins
	path TEXT NOT NULL,
	service TEXT NOT NULL,
	verdict TEXT NOT NULL,
	total INTEGER NOT NULL,
	established INTEGER NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	PRIMARY KEY (address, span, start, path, service, verdict)
) STRICT, WITHOUT ROWID;

-- And how many of them were to a device, of a user, and when the first and the newest began.
CREATE TABLE source_uses (
	address TEXT NOT NULL,
	device TEXT NOT NULL,
	path TEXT NOT NULL,
	service TEXT NOT NULL,
	verdict TEXT NOT NULL,
	actor TEXT NOT NULL,
	total INTEGER NOT NULL,
	first INTEGER NOT NULL,
	newest INTEGER NOT NULL,
	PRIMARY KEY (address, device, path, service, verdict, actor)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
	device TEXT PRIMARY KEY,
	role TEXT,
	policy TEXT,
	updated INTEGER NOT NULL,
	json TEXT NOT NULL, -- its newest fabric.device document
	-- Where it belongs, out of that. '': to none; NULL: not read yet.
	fabric TEXT,
	subnet TEXT, -- of its Ma1: 192.0.2.0/24
	trust TEXT,  -- digest of its trust lists; NULL: not read yet
	ready TEXT   -- codes of what its configuration lacks, by blanks; '': nothing; NULL: not said
) STRICT, WITHOUT ROWID;
-- All but the documents, which are long: what is asked for at every change.
CREATE INDEX devices_subnet ON devices (subnet, fabric, device, role, policy, updated, trust, ready);
CREATE INDEX devices_switches ON devices (subnet) WHERE role = 'mgmt-switch';

-- The watched addresses of all devices, those of Ma1 and lo6.
CREATE TABLE targets (
	address TEXT NOT NULL,
	device TEXT NOT NULL,
	path TEXT NOT NULL,
	since INTEGER NOT NULL, -- first known here
	seen INTEGER,		-- newest flow, its own time; NULL: none so far
	reached INTEGER,	-- when a flow to it was established last
	armed INTEGER,		-- whether it is announced (bgp.route); NULL: nothing was seen of that
	armed_since INTEGER,
	PRIMARY KEY (address, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX targets_device ON targets (device);

-- What correlation remembers of a device between two events (rules/incident.c). Its state is
-- the worst that an agent sees (device_views).
CREATE TABLE device_paths (
	device TEXT PRIMARY KEY,
	state TEXT NOT NULL,	   -- state of the newest path.change
	since INTEGER NOT NULL,
	agent TEXT NOT NULL,	   -- who said so: (agent, seq) of that event
	seq INTEGER NOT NULL,
	failing INTEGER NOT NULL,  -- since when the primary path fails, 0: it does not
	failing_event INTEGER NOT NULL, -- events.n that said so
	incident INTEGER NOT NULL, -- open episode, 0: none
	stale INTEGER NOT NULL,	   -- 1: that agent has started anew since
	joint INTEGER NOT NULL DEFAULT 0 -- the open incident of its subnet; 0: none
) STRICT, WITHOUT ROWID;

-- What each agent sees of a device.
CREATE TABLE device_views (
	device TEXT NOT NULL,
	agent TEXT NOT NULL,
	state TEXT NOT NULL,	   -- of its newest path.change,
	since INTEGER NOT NULL,
	seq INTEGER NOT NULL,	   -- and that event's number
	failing INTEGER NOT NULL,  -- since when it sees the primary path fail, 0: it does not
	failing_event INTEGER NOT NULL,
	stale INTEGER NOT NULL,	   -- 1: it cannot say more: it has begun anew, or is gone
	PRIMARY KEY (device, agent)
) STRICT, WITHOUT ROWID;

-- One device, from failover to failback.
CREATE TABLE episodes (
	id INTEGER PRIMARY KEY,
	device TEXT NOT NULL,
	began INTEGER NOT NULL,	 -- first sign: primary-failing, or the failover itself
	opened INTEGER NOT NULL, -- failover
	closed INTEGER,		 -- failback; NULL: open
	state TEXT NOT NULL,	 -- the device's path state now, or at its end
	worst TEXT NOT NULL,	 -- the worst state it was in
	reason TEXT NOT NULL,	 -- why it opened
	closed_by TEXT,		 -- why it closed
	outage REAL,		 -- seconds without the primary path; NULL: not known
	incident INTEGER NOT NULL DEFAULT 0,
	lost INTEGER NOT NULL DEFAULT 0 -- 1: Ma1 was seen to fail
) STRICT;
CREATE INDEX episodes_device ON episodes (device, opened);
CREATE INDEX episodes_incident ON episodes (incident);

-- What happened: one or more episodes that belong together, or one untrusted source.
-- incident_events and incident_flows are of these.
CREATE TABLE incidents (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	kind TEXT NOT NULL,	 -- failover, management-switch, untrusted-source
	subject TEXT NOT NULL,	 -- the device; the Ma1 subnet; the source's address
	fabric TEXT NOT NULL DEFAULT '',
	subnet TEXT NOT NULL DEFAULT '', -- of the devices' Ma1
	switch TEXT,		 -- management-switch: its name, where it is known
	began INTEGER NOT NULL,	 -- first sign
	opened INTEGER NOT NULL,
	closed INTEGER,		 -- NULL: open
	last INTEGER NOT NULL,	 -- newest moment that belongs to it
	worst TEXT NOT NULL,	 -- path state; of a source: attempt, established, logged-in
	severity TEXT NOT NULL,
	reason TEXT NOT NULL,
	closed_by TEXT,
	drill INTEGER NOT NULL DEFAULT 0, -- drills.id that covers it; 0: none
	joined INTEGER NOT NULL DEFAULT 0, -- it turned out to be part of this one; 0: it is not
	suspicion TEXT NOT NULL DEFAULT '', -- of the switch (rules/joint.h): suspected, over, withdrawn
	suspected INTEGER,	 -- since
	answered INTEGER,	 -- until: a device of the subnet answered over Ma1,
	witness TEXT,		 -- this one
	flood_syns INTEGER NOT NULL DEFAULT 0,
	updated INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX incidents_opened ON incidents (opened);
CREATE INDEX incidents_subject ON incidents (subject, kind);
CREATE INDEX incidents_subnet ON incidents (subnet, opened) WHERE subnet <> '';
CREATE INDEX incidents_open ON incidents (kind, joined, drill) WHERE closed IS NULL;
CREATE INDEX incidents_updated ON incidents (updated);

-- What an untrusted source did at each device.
CREATE TABLE incident_devices (
	incident INTEGER NOT NULL,
	device TEXT NOT NULL,
	attempts INTEGER NOT NULL,    -- flows that were never established
	established INTEGER NOT NULL, -- flows that were
	logged_in INTEGER NOT NULL,   -- of them, with a login that succeeded
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	PRIMARY KEY (incident, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_devices_device ON incident_devices (device);

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

-- Alerts that are raised and not over, and what was told last: of counters; "newest NAME":
-- of what an alert of this name would be about, so that what comes late is known as such.
-- "beyond NAME": one alert stands for it and others.
CREATE TABLE alarms (
	name TEXT NOT NULL,    -- agent-silent, interface-down, ...
	agent TEXT NOT NULL,   -- '': none
	subject TEXT NOT NULL, -- interface, device; '': the agent itself; else the alert's key
	since INTEGER NOT NULL,
	data TEXT,	       -- events-lost: the counters as they were told; newest: who said it
	PRIMARY KEY (name, agent, subject)
) STRICT, WITHOUT ROWID;

-- Who came to a device, and who uses which SSH client.
CREATE TABLE known_sources (
	device TEXT NOT NULL,
	source TEXT NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	PRIMARY KEY (device, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE known_hassh (
	hash TEXT NOT NULL,
	source TEXT NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	sessions INTEGER NOT NULL,
	PRIMARY KEY (hash, source)
) STRICT, WITHOUT ROWID;

-- One row for each thing that is wrong: name and what it is about (key) make it one.
-- A resolved alert stays; the same again is a new row.
CREATE TABLE alerts (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,	  -- untrusted-source, in-band-unjustified, ...
	key TEXT NOT NULL,	  -- what it is about, for de-duplication
	bundle TEXT NOT NULL,	  -- notifications are sent together for these
	severity TEXT NOT NULL,
	device TEXT,
	agent TEXT,
	source TEXT,
	incident INTEGER,
	since INTEGER NOT NULL,
	last INTEGER NOT NULL,
	heard INTEGER NOT NULL,	  -- when the newest of it came here; its silence is counted from it
	count INTEGER NOT NULL,	  -- how often it was seen
	text TEXT NOT NULL,	  -- one sentence
	resolved INTEGER,	  -- NULL: open
	resolved_by TEXT,
	drill INTEGER NOT NULL DEFAULT 0,
	acked INTEGER,		  -- when; NULL: nobody has
	acked_by TEXT,
	acked_why TEXT,
	acked_until INTEGER,	  -- NULL: until it is resolved
	updated INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX alerts_open ON alerts (name, key) WHERE resolved IS NULL;
CREATE INDEX alerts_since ON alerts (since);
CREATE INDEX alerts_now ON alerts (id) WHERE resolved IS NULL;
CREATE INDEX alerts_updated ON alerts (updated);
CREATE INDEX alerts_incident ON alerts (incident);

-- Events that made, changed or ended an alert, and what operators said of it.
CREATE TABLE alert_events (
	alert INTEGER NOT NULL,
	event INTEGER NOT NULL, -- events.n
	PRIMARY KEY (alert, event)
) STRICT, WITHOUT ROWID;

-- What operators said. An event of the collector's own tells of each.
CREATE TABLE silences (
	id INTEGER PRIMARY KEY,
	name TEXT, device TEXT, source TEXT, agent TEXT, -- NULL: any
	who TEXT NOT NULL,
	why TEXT NOT NULL,
	since INTEGER NOT NULL,
	until INTEGER NOT NULL,
	ended INTEGER		  -- before its time
) STRICT;
CREATE TABLE drills (
	id INTEGER PRIMARY KEY,
	device TEXT,		  -- NULL: all
	who TEXT NOT NULL,
	why TEXT NOT NULL,
	since INTEGER NOT NULL,
	until INTEGER NOT NULL,
	ended INTEGER
) STRICT;

-- Who is told of alerts. Each collector notes its own here, so that whoever changes an
-- alert knows for whom.
CREATE TABLE receivers (
	receiver TEXT PRIMARY KEY, -- kind and URL, without what is secret in it
	kind TEXT NOT NULL,	   -- webhook, slack, alertmanager
	wait INTEGER NOT NULL,	   -- so long others of the bundle are waited for, ns
	seen INTEGER NOT NULL,	   -- a collector that has it ran then
	error TEXT		   -- of the newest attempt; NULL: it was answered
) STRICT;

-- What is to be sent: one row for each receiver and notification, written together
-- with the change of the alert. Sent at least once; the row goes when the receiver has
-- answered. What the alerts are is read again when it is sent.
CREATE TABLE deliveries (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	receiver TEXT NOT NULL,
	bundle TEXT NOT NULL,
	alerts TEXT NOT NULL,	  -- their numbers: "7 8 12"
	created INTEGER NOT NULL,
	due INTEGER NOT NULL,	  -- next attempt
	attempts INTEGER NOT NULL DEFAULT 0, -- while it is 0, more alerts may join
	error TEXT
) STRICT;
CREATE INDEX deliveries_due ON deliveries (receiver, due);
CREATE INDEX deliveries_bundle ON deliveries (bundle);

-- What receivers were told of an alert last.
CREATE TABLE told (
	alert INTEGER NOT NULL,
	receiver TEXT NOT NULL,
	state TEXT NOT NULL,	  -- firing, resolved
	severity TEXT NOT NULL,
	time INTEGER NOT NULL,
	PRIMARY KEY (alert, receiver)
) STRICT, WITHOUT ROWID;
