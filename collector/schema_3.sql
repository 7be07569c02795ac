-- SPDX-License-Identifier: Apache-2.0
--
-- What schema 3 adds: incidents over devices and agents, sessions, alerts, what
-- operators said, deliveries, and segments of the record that were removed.
--
-- `updated` is everywhere events.n of the event that changed the row last, so that
-- who follows the record knows which rows to read again.

-- One device, from failover to failback. Until now that was an incident.
ALTER TABLE incidents RENAME TO episodes;
DROP INDEX incidents_device;
CREATE INDEX episodes_device ON episodes (device, opened);
ALTER TABLE episodes ADD COLUMN incident INTEGER NOT NULL DEFAULT 0;
UPDATE episodes SET incident = id;
ALTER TABLE episodes ADD COLUMN lost INTEGER NOT NULL DEFAULT 0; -- 1: Ma1 was seen to fail
UPDATE episodes SET lost = 1 WHERE began < opened OR worst IN ('in-band', 'unreachable');
CREATE INDEX episodes_incident ON episodes (incident);

-- What happened: one or more episodes that belong together, or one untrusted source.
-- incident_events and incident_flows are of these.
CREATE TABLE incidents (
	id INTEGER PRIMARY KEY,
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
	suspicion TEXT NOT NULL DEFAULT '', -- of the switch (joint.h): suspected, over, withdrawn
	suspected INTEGER,	 -- since
	answered INTEGER,	 -- until: a device of the subnet answered over Ma1,
	witness TEXT,		 -- this one
	flood_syns INTEGER NOT NULL DEFAULT 0,
	updated INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX incidents_opened ON incidents (opened);
CREATE INDEX incidents_subject ON incidents (subject, kind);
CREATE INDEX incidents_subnet ON incidents (subnet, opened) WHERE subnet <> '';
CREATE INDEX incidents_open ON incidents (kind) WHERE closed IS NULL;
CREATE INDEX incidents_updated ON incidents (updated);
INSERT INTO incidents (id, kind, subject, began, opened, closed, last, worst, severity, reason,
	closed_by)
	SELECT id, 'failover', device, began, opened, closed, COALESCE(closed, opened), worst,
		CASE worst WHEN 'unreachable' THEN 'critical' ELSE 'warning' END, reason, closed_by
	FROM episodes;

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

-- The memory of a device (device_paths.incident) names the open episode. Its state is
-- the worst that an agent sees; what each one sees:
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
INSERT INTO device_views SELECT device, agent, state, since, seq, failing, failing_event, stale
	FROM device_paths WHERE agent <> '';
-- The open incident of its subnet; 0: none.
ALTER TABLE device_paths ADD COLUMN joint INTEGER NOT NULL DEFAULT 0;

-- Where a device belongs, out of its fabric.device. '': to none; NULL: not read yet.
ALTER TABLE devices ADD COLUMN fabric TEXT;
ALTER TABLE devices ADD COLUMN subnet TEXT; -- of its Ma1: 192.0.2.0/24
ALTER TABLE devices ADD COLUMN trust TEXT; -- digest of its trust lists; NULL: not read yet
-- All but the documents, which are long: what is asked for at every change.
CREATE INDEX devices_subnet ON devices (subnet, fabric, device, role, policy, updated, trust);
CREATE INDEX devices_switches ON devices (subnet) WHERE role = 'mgmt-switch';

-- The same flow seen by a second agent: Community ID, device and time agree.
ALTER TABLE flows ADD COLUMN same_as INTEGER;	 -- flows.n of the one that is counted
ALTER TABLE flows ADD COLUMN justified TEXT;	 -- break-glass: yes, no, unknown, drill
-- Where the parts of its document stand: "n:mask,..." in hexadecimal, events.n and bits of
-- event_part_name(). So what an event says is stored once. n 0: in this row's json, which
-- is '' for a flow that began with this schema; NULL: all is there.
ALTER TABLE flows ADD COLUMN parts TEXT;
ALTER TABLE flows ADD COLUMN login TEXT;	 -- ssh.auth.result
ALTER TABLE flows ADD COLUMN updated INTEGER NOT NULL DEFAULT 0;
CREATE INDEX flows_community ON flows (community_id, start);
CREATE INDEX flows_twins ON flows (same_as) WHERE same_as IS NOT NULL;
CREATE INDEX flows_open ON flows (device) WHERE open = 1;
CREATE INDEX flows_user ON flows ("user", established) WHERE open = 1 AND "user" IS NOT NULL;
CREATE INDEX flows_sessions ON flows (start)
	WHERE path = 'in-band' AND service = 'ssh' AND established = 1;
CREATE INDEX flows_untrusted ON flows (start) WHERE verdict <> 'trusted';
CREATE INDEX flows_bgp ON flows (start) WHERE service = 'bgp';
CREATE INDEX flows_inband ON flows (start) WHERE path = 'in-band';
CREATE INDEX flows_failed ON flows (outcome, start) WHERE established = 0;
CREATE INDEX flows_login ON flows (login, start) WHERE login <> 'success';
CREATE INDEX flows_actor ON flows (user, start) WHERE user IS NOT NULL;
-- What lasted at some moment is found by its start when it took less than ten minutes.
CREATE INDEX flows_long ON flows (end) WHERE end - start > 600000000000;

-- What is rare among the events, and what is asked of one source.
CREATE INDEX events_source ON events (source, time) WHERE source IS NOT NULL;
CREATE INDEX events_untrusted ON events (verdict, time) WHERE verdict <> 'trusted';
CREATE INDEX events_inband ON events (time) WHERE path = 'in-band';
CREATE INDEX events_bgp ON events (time) WHERE service = 'bgp';
-- Events that say how a device stands; they are few among the others.
CREATE INDEX events_state ON events (device, type, time)
	WHERE type IN ('path.change', 'fabric.device', 'bgp.route');

-- A watched address: when a flow to it was established last; whether it is announced
-- (bgp.route), NULL: nothing was seen of that, and since when.
ALTER TABLE targets ADD COLUMN reached INTEGER;
ALTER TABLE targets ADD COLUMN armed INTEGER;
ALTER TABLE targets ADD COLUMN armed_since INTEGER;
UPDATE targets SET reached = (SELECT MAX(f.end) FROM flows f WHERE f.device = targets.device
	AND f.established = 1 AND f.destination = targets.address);

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
	id INTEGER PRIMARY KEY,
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
	id INTEGER PRIMARY KEY,
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

-- The highest number of an agent among the events that retention removed.
CREATE TABLE sealed (
	agent TEXT PRIMARY KEY,
	last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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

DROP INDEX anchors_unsent; -- conditions are spelled so that both databases know them
CREATE INDEX anchors_unsent ON anchors (number) WHERE sent = 0;
