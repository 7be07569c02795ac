/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what correlation remembers of a device, and its incidents. */
#include <stdio.h>
#include <string.h>

#include "collector/store_db.h"

static void copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

int store_path_get(struct store *s, const char *device, struct store_path *out)
{
	struct db_row *row;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = db_get(s->db, &row,
		    "SELECT state, since, agent, seq, failing, failing_event, incident, stale"
		    " FROM device_paths WHERE device = $1",
		    "t", device);
	if (rc != 1)
		return rc;
	copy(out->state, sizeof(out->state), db_text(row, 0));
	out->since_ns = db_u64(row, 1);
	copy(out->agent, sizeof(out->agent), db_text(row, 2));
	out->seq = db_u64(row, 3);
	out->failing_ns = db_u64(row, 4);
	out->failing_event = db_u64(row, 5);
	out->incident = db_u64(row, 6);
	out->stale = db_u64(row, 7) != 0;
	return 1;
}

int store_path_put(struct store *s, const char *device, const struct store_path *p)
{
	return store_done(db_run(s->db,
				 "INSERT INTO device_paths (device, state, since, agent, seq,"
				 " failing, failing_event, incident, stale)"
				 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
				 " ON CONFLICT (device) DO UPDATE SET state = excluded.state,"
				 " since = excluded.since, agent = excluded.agent,"
				 " seq = excluded.seq, failing = excluded.failing,"
				 " failing_event = excluded.failing_event,"
				 " incident = excluded.incident, stale = excluded.stale",
				 "ttitiiiii", device, p->state, p->since_ns, p->agent, p->seq,
				 p->failing_ns, p->failing_event, p->incident, (uint64_t)p->stale));
}

int store_path_stale(struct store *s, const char *agent)
{
	return store_done(
		db_run(s->db, "UPDATE device_paths SET stale = 1 WHERE agent = $1", "t", agent));
}

/* ---- incidents ------------------------------------------------------------- */

void store_episode_row(struct db_row *row, struct store_episode *out)
{
	*out = (struct store_episode){
		.id = db_u64(row, 0),
		.device = db_text(row, 1),
		.began_ns = db_u64(row, 2),
		.opened_ns = db_u64(row, 3),
		.closed_ns = db_u64(row, 4),
		.state = db_text(row, 5),
		.worst = db_text(row, 6),
		.reason = db_text(row, 7),
		.closed_by = db_text(row, 8),
		.outage_s = db_is_null(row, 9) ? -1 : db_real(row, 9),
		.sessions = db_u64(row, 10),
		.untrusted = db_u64(row, 11),
		.attempts = db_u64(row, 12),
	};
}

/* Each episode is an incident of its own, with the same number. */
int store_episode_add(struct store *s, struct store_episode *i)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"INSERT INTO incidents (kind, subject, began, opened, closed, last, worst,"
			" severity, reason, closed_by)"
			" VALUES ('failover', $1, $2, $3, $4, $5, $6, 'warning', $7, $8)"
			" RETURNING id",
			"tiioittt", i->device, i->began_ns, i->opened_ns, i->closed_ns,
			i->closed_ns ? i->closed_ns : i->opened_ns, i->worst, i->reason,
			i->closed_by);

	if (rc <= 0)
		return rc;
	i->id = db_u64(row, 0);
	return store_done(db_run(s->db,
				 "INSERT INTO episodes (id, device, began, opened, closed, state,"
				 " worst, reason, closed_by, outage, incident)"
				 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $1)",
				 "itiiottttd", i->id, i->device, i->began_ns, i->opened_ns,
				 i->closed_ns, i->state, i->worst, i->reason, i->closed_by,
				 i->outage_s));
}

int store_episode_put(struct store *s, const struct store_episode *i)
{
	int rc = db_run(s->db,
			"UPDATE episodes SET device = $1, began = $2, opened = $3, closed = $4,"
			" state = $5, worst = $6, reason = $7, closed_by = $8, outage = $9"
			" WHERE id = $10",
			"tiiottttdi", i->device, i->began_ns, i->opened_ns, i->closed_ns, i->state,
			i->worst, i->reason, i->closed_by, i->outage_s, i->id);

	if (rc < 0)
		return rc;
	return store_done(db_run(s->db,
				 "UPDATE incidents SET subject = $1, began = $2, opened = $3,"
				 " closed = $4, last = $5, worst = $6, reason = $7, closed_by = $8"
				 " WHERE id = $9",
				 "tiioittti", i->device, i->began_ns, i->opened_ns, i->closed_ns,
				 i->closed_ns ? i->closed_ns : i->opened_ns, i->worst, i->reason,
				 i->closed_by, i->id));
}

int store_episode_at(struct store *s, const char *device, uint64_t time_ns,
		     struct store_episode *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT " STORE_EPISODE_COLUMNS " FROM episodes i WHERE device = $1"
			" AND began <= $2 AND (closed IS NULL OR closed >= $2)"
			" ORDER BY opened DESC, id DESC LIMIT 1",
			"ti", device, time_ns);

	if (rc == 1)
		store_episode_row(row, out);
	return rc;
}

int store_episode_get(struct store *s, uint64_t id, struct store_episode *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT " STORE_EPISODE_COLUMNS " FROM episodes i WHERE id = $1", "i", id);

	if (rc == 1)
		store_episode_row(row, out);
	return rc;
}

int store_incident_event(struct store *s, uint64_t id, uint64_t event_n)
{
	return store_done(db_run(s->db,
				 "INSERT INTO incident_events (incident, event) VALUES ($1, $2)"
				 " ON CONFLICT (incident, event) DO NOTHING",
				 "ii", id, event_n));
}

int store_incident_flow(struct store *s, uint64_t id, uint64_t flow_n)
{
	return store_done(db_run(s->db,
				 "INSERT INTO incident_flows (incident, flow) VALUES ($1, $2)"
				 " ON CONFLICT (incident, flow) DO NOTHING",
				 "ii", id, flow_n));
}

int store_incident_gather(struct store *s, uint64_t id, const char *device, uint64_t since_ns)
{
	return store_done(db_run(s->db,
				 "INSERT INTO incident_flows (incident, flow)"
				 " SELECT CAST($1 AS BIGINT), n FROM flows WHERE device = $2"
				 " AND (open = 1 OR \"end\" >= $3) AND direction = 'inbound'"
				 " AND (path = 'in-band' OR verdict = 'untrusted'"
				 "      OR (path = 'primary' AND established = 0))"
				 " ON CONFLICT (incident, flow) DO NOTHING",
				 "iti", id, device, since_ns));
}
