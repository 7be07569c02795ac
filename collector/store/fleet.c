/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/store/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"

struct call {
	union {
		store_fleet_fn *device;
		store_target_fn *target;
		store_refused_fn *refused;
		store_fleet_gap_fn *gap;
		store_known_fn *known;
		store_drilled_fn *drilled;
		store_fleet_change_fn *change;
		store_fleet_end_fn *end;
	} fn;
	void *arg;
};

static int take_device(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct store_fleet_device d = { .device = db_text(row, 0),
					.role = db_text(row, 1),
					.policy = db_text(row, 2),
					.updated_ns = db_u64(row, 3),
					.json = db_text(row, 4),
					.state = db_text(row, 5),
					.since_ns = db_u64(row, 6),
					.agent = db_text(row, 7),
					.seq = db_u64(row, 8),
					.failing_ns = db_u64(row, 9),
					.stale = db_u64(row, 10) != 0,
					.fabric = db_text(row, 11),
					.subnet = db_text(row, 12),
					.trust = db_text(row, 13),
					.ready = db_text(row, 14) };

	if (d.state && !d.state[0])
		d.state = NULL;
	return call->fn.device(call->arg, &d);
}

/* Two halves, because a device may be known by one of the tables only. */
int store_fleet(struct store *s, const char *device, bool documents, store_fleet_fn *fn, void *arg)
{
	struct call call = { .fn.device = fn, .arg = arg };
	struct db_query q = { 0 };

	/* Without the documents the index devices_subnet answers. */
	db_add(&q, "SELECT d.device, d.role, d.policy, d.updated, ");
	db_add(&q, documents ? "d.json" : "NULL");
	db_add(&q, ", p.state, p.since, p.agent, p.seq, p.failing, p.stale, d.fabric, d.subnet,"
		   " d.trust, d.ready"
		   " FROM devices d LEFT JOIN device_paths p ON p.device = d.device");
	db_where_text(&q, "d.device = ", device);
	db_add(&q, " UNION ALL SELECT p.device, NULL, NULL, 0, NULL, p.state, p.since, p.agent,"
		   " p.seq, p.failing, p.stale, NULL, NULL, NULL, NULL FROM device_paths p"
		   " WHERE NOT EXISTS (SELECT 1 FROM devices d WHERE d.device = p.device)");
	if (device)
		db_add_text(&q, " AND p.device = ", device);
	return db_query_each(s->db, &q, take_device, &call);
}

bool store_trust_digest(struct store *s, const json_t *fabric, char out[STORE_TRUST_LEN])
{
	static const char *const places[] = { "prefix_lists", "ipv6_prefix_lists" };
	static const char *const names[] = { "trusted_sources", "trusted_sources_v6" };
	struct chain_hash hash;
	char hex[CHAIN_HEX_LEN];
	json_t *entry;
	size_t i;

	chain_begin(s->digest, "trust");
	for (int v = 0; v < 2; v++) {
		json_t *list = json_object_get(json_object_get(fabric, places[v]), names[v]);

		if (!list)
			chain_null(s->digest);
		json_array_foreach(list, i, entry)
		{
			const char *action = json_string_value(json_object_get(entry, "action"));
			const char *prefix = json_string_value(json_object_get(entry, "prefix"));

			chain_text(s->digest, action ? action : "", action ? strlen(action) : 0);
			chain_text(s->digest, prefix ? prefix : "", prefix ? strlen(prefix) : 0);
		}
		chain_int(s->digest, v);
	}
	if (!chain_end(s->digest, &hash))
		return false;
	memcpy(out, chain_hex(&hash, hex), STORE_TRUST_LEN - 1);
	out[STORE_TRUST_LEN - 1] = '\0';
	return true;
}

const char *store_ready_codes(const json_t *fabric, char out[STORE_READY_LEN])
{
	const json_t *ready = json_object_get(fabric, "ready"), *code;
	size_t used = 0, i;

	if (!json_is_boolean(ready))
		return NULL;
	out[0] = '\0';
	if (json_is_true(ready))
		return out;
	json_array_foreach(json_object_get(fabric, "codes"), i, code)
	{
		const char *text = json_string_value(code);

		if (!text || !text[0] || strchr(text, ' ') ||
		    strlen(text) + 2 > STORE_READY_LEN - used)
			continue;
		used += (size_t)snprintf(out + used, STORE_READY_LEN - used, "%s%s",
					 used ? " " : "", text);
	}
	return used ? out : strcpy(out, "not-ready");
}

int store_device_says(struct store *s, const char *device, const json_t *fabric)
{
	char digest[STORE_TRUST_LEN], codes[STORE_READY_LEN];

	if (!store_trust_digest(s, fabric, digest))
		return STORE_FAILED;
	return store_done(db_run(s->db,
				 "UPDATE devices SET trust = $1, ready = $2 WHERE device = $3",
				 "ttt", digest, store_ready_codes(fabric, codes), device));
}

int store_fleet_document(struct store *s, const char *device, json_t **json)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT json FROM devices WHERE device = $1", "t", device);

	if (rc <= 0)
		return rc;
	*json = json_loads(db_text(row, 0), 0, NULL);
	return *json != NULL;
}

static int take_target(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct store_target t = { .address = db_text(row, 0),
				  .device = db_text(row, 1),
				  .path = db_text(row, 2),
				  .since_ns = db_u64(row, 3),
				  .seen_ns = db_u64(row, 4),
				  .reached_ns = db_u64(row, 5),
				  .armed = db_is_null(row, 6) ? -1 : db_u64(row, 6) != 0,
				  .armed_ns = db_u64(row, 7) };

	return call->fn.target(call->arg, &t);
}

int store_targets(struct store *s, const char *device, store_target_fn *fn, void *arg)
{
	struct call call = { .fn.target = fn, .arg = arg };
	struct db_query q = { 0 };

	db_add(&q, "SELECT address, device, path, since, seen, reached, armed, armed_since"
		   " FROM targets");
	db_where_text(&q, "device = ", device);
	return db_query_each(s->db, &q, take_target, &call);
}

int store_target_armed(struct store *s, const char *address, const char *device, bool armed,
		       uint64_t time_ns)
{
	return store_done(
		db_run(s->db,
		       "UPDATE targets SET armed = $1, armed_since = $2 WHERE address = $3"
		       " AND COALESCE(armed_since, 0) <= $2 AND COALESCE(armed, -1) <> $1"
		       " AND device = COALESCE($4, device)",
		       "iitt", (uint64_t)armed, time_ns, address, device));
}

int store_fleet_event(struct store *s, const char *agent, uint64_t seq, store_event_fn *fn,
		      void *arg)
{
	struct store_event e = { 0 };
	struct store_text text = { 0 };
	struct db_row *row;
	int rc = db_get(
		s->db, &row,
		"SELECT n, time, type, device, place FROM events WHERE agent = $1 AND seq = $2",
		"ti", agent, seq);

	if (rc > 0)
		rc = store_text(s, db_u64(row, 4), &text);
	if (rc <= 0)
		return rc;
	e.n = db_u64(row, 0);
	e.time_ns = db_u64(row, 1);
	e.type = db_text(row, 2);
	e.device = db_text(row, 3);
	e.json = text.json;
	rc = fn(arg, &e);
	free(text.text);
	return rc ? rc : 1;
}

static int take_change(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct store_fleet_change c = { .n = db_u64(row, 0),
					.time_ns = db_u64(row, 1),
					.agent = db_text(row, 2),
					.change = db_text(row, 3) };

	return c.agent && c.change ? call->fn.change(call->arg, &c) : 0;
}

/* As the index events_state has it. */
int store_fleet_changes(struct store *s, const char *device, uint64_t from_ns, uint64_t until_ns,
			uint64_t most, store_fleet_change_fn *fn, void *arg)
{
	struct call call = { .fn.change = fn, .arg = arg };

	return db_each(s->db, take_change, &call,
		       "SELECT n, time, agent, change FROM events"
		       " WHERE type IN ('path.change', 'fabric.device', 'bgp.route')"
		       " AND device = $1 AND type = 'path.change' AND time >= $2 AND time <= $3"
		       " ORDER BY time DESC, n DESC LIMIT $4",
		       "tiii", device, from_ns, until_ns, most);
}

int store_fleet_episode(struct store *s, const char *device, uint64_t time_ns,
			struct store_fleet_episode *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT began, closed FROM episodes WHERE device = $1 AND opened <= $2"
			" ORDER BY opened DESC, id DESC LIMIT 1",
			"ti", device, time_ns);

	*out = (struct store_fleet_episode){ 0 };
	if (rc > 0) {
		out->began_ns = db_u64(row, 0);
		out->closed_ns = db_u64(row, 1);
	}
	return rc;
}

static int take_end(void *arg, struct db_row *row)
{
	struct call *call = arg;

	return call->fn.end(call->arg, db_u64(row, 0));
}

int store_fleet_ends(struct store *s, const char *device, uint64_t from_ns, uint64_t until_ns,
		     uint64_t most, store_fleet_end_fn *fn, void *arg)
{
	struct call call = { .fn.end = fn, .arg = arg };

	return db_each(s->db, take_end, &call,
		       "SELECT closed FROM episodes WHERE device = $1 AND opened < $2"
		       " AND closed >= $3 AND closed < $2 ORDER BY closed LIMIT $4",
		       "tiii", device, until_ns, from_ns, most);
}

static int take_refused(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct store_refused r = { .source = db_text(row, 0),
				   .device = db_text(row, 1),
				   .attempts = db_u64(row, 2),
				   .established = db_u64(row, 3),
				   .logged_in = db_u64(row, 4),
				   .open = db_u64(row, 5),
				   .first_ns = db_u64(row, 6),
				   .last_ns = db_u64(row, 7) };

	return call->fn.refused(call->arg, &r);
}

/* The words are those of the indexes flows_intruders and flows_untrusted. */
#define UNTRUSTED(established)                                                                     \
	"SELECT * FROM (SELECT source, device, established, login, open, start, \"end\""           \
	" FROM flows WHERE verdict <> 'trusted' AND verdict = 'untrusted' AND start >= $1"         \
	" AND start < $2 AND established = " established " AND same_as IS NULL"                    \
	" AND direction = 'inbound' AND source IS NOT NULL ORDER BY start DESC LIMIT $3) AS x"

int store_refused(struct store *s, uint64_t since_ns, uint64_t until_ns, uint64_t most,
		  store_refused_fn *fn, void *arg)
{
	struct call call = { .fn.refused = fn, .arg = arg };

	return db_each(
		s->db, take_refused, &call,
		"SELECT source, device, SUM(CASE WHEN established = 0 THEN 1 ELSE 0 END),"
		" SUM(established), SUM(CASE WHEN login = 'success' THEN 1 ELSE 0 END),"
		" SUM(CASE WHEN open = 1 AND established = 1 THEN 1 ELSE 0 END), MIN(start),"
		" MAX(\"end\") FROM (" UNTRUSTED("1") " UNION ALL " UNTRUSTED("0")
		") AS newest GROUP BY source, device",
		"iii", since_ns, until_ns ? until_ns : (uint64_t)INT64_MAX, most);
}

static int take_count(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct store_refused r = { .device = db_text(row, 0),
				   .attempts = db_u64(row, 1),
				   .established = db_u64(row, 2) };

	return call->fn.refused(call->arg, &r);
}

#define COUNT_OF(path, established)                                                                \
	"(SELECT COUNT(*) FROM flows WHERE device = d.device AND path = '" path "'"                \
	" AND established = " established " AND " STORE_ODD_KIND " = 'untrusted'"                  \
	" AND start >= $1 AND start < $2 AND " STORE_IS_ODD ")"

int store_refused_counts(struct store *s, uint64_t since_ns, uint64_t until_ns,
			 store_refused_fn *fn, void *arg)
{
	struct call call = { .fn.refused = fn, .arg = arg };

	return db_each(s->db, take_count, &call,
		       "SELECT d.device, " COUNT_OF("primary", "0") " + " COUNT_OF(
			       "in-band", "0") ", " COUNT_OF("primary", "1") " + "
		       COUNT_OF("in-band", "1") " FROM devices d",
		       "ii", since_ns, until_ns ? until_ns : (uint64_t)INT64_MAX);
}

static int take_gap(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct store_fleet_gap g = { .agent = db_text(row, 0),
				     .first = db_u64(row, 1),
				     .last = db_u64(row, 2),
				     .found_ns = db_u64(row, 3),
				     .noticed_ns = db_u64(row, 4) };

	return call->fn.gap(call->arg, &g);
}

int store_fleet_gaps(struct store *s, uint64_t since_ns, uint64_t until_ns, uint64_t most,
		     store_fleet_gap_fn *fn, void *arg)
{
	struct call call = { .fn.gap = fn, .arg = arg };

	return db_each(s->db, take_gap, &call,
		       "SELECT agent, first, last, found, noticed FROM gaps WHERE found >= $1"
		       " AND found < $2 ORDER BY found DESC LIMIT $3",
		       "iii", since_ns, until_ns ? until_ns : (uint64_t)INT64_MAX, most);
}

static int take_drilled(void *arg, struct db_row *row)
{
	struct call *call = arg;

	return call->fn.drilled(call->arg, db_text(row, 0), db_u64(row, 1));
}

int store_fleet_drills(struct store *s, store_drilled_fn *fn, void *arg)
{
	struct call call = { .fn.drilled = fn, .arg = arg };

	return db_each(s->db, take_drilled, &call,
		       "SELECT COALESCE(device, ''), MAX(since) FROM drills"
		       " GROUP BY COALESCE(device, '')",
		       "");
}

static int take_known(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct store_known k = { .device = db_text(row, 0),
				 .first_ns = db_u64(row, 1),
				 .last_ns = db_u64(row, 2) };

	return call->fn.known(call->arg, &k);
}

int store_fleet_known(struct store *s, const char *source, store_known_fn *fn, void *arg)
{
	struct call call = { .fn.known = fn, .arg = arg };

	/* Device by device, because that is how the key begins. */
	return db_each(s->db, take_known, &call,
		       "SELECT k.device, k.first, k.last FROM devices d CROSS JOIN"
		       " known_sources k WHERE k.device = d.device AND k.source = $1"
		       " ORDER BY d.device",
		       "t", source);
}

int store_fleet_hassh(struct store *s, const char *hash, const char *source,
		      struct store_hassh_facts *out)
{
	struct db_row *row;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = db_get(s->db, &row,
		    "SELECT MIN(first), MAX(last), SUM(sessions), COUNT(*),"
		    " SUM(CASE WHEN source = $1 THEN sessions ELSE 0 END)"
		    " FROM known_hassh WHERE hash = $2",
		    "tt", source, hash);
	if (rc <= 0)
		return rc;
	out->first_ns = db_u64(row, 0);
	out->last_ns = db_u64(row, 1);
	out->sessions = db_u64(row, 2);
	out->sources = db_u64(row, 3);
	out->here = db_u64(row, 4);
	rc = db_get(s->db, &row,
		    "SELECT SUM(sessions) FROM known_hassh WHERE source = $1 AND hash <> $2", "tt",
		    source, hash);
	if (rc > 0)
		out->other = db_u64(row, 0);
	return rc < 0 ? rc : out->sessions != 0;
}

int store_fleet_first(struct store *s, const char *device, const char *source, uint64_t *first_ns)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT first FROM known_sources WHERE device = $1 AND source = $2", "tt",
			device, source);

	*first_ns = rc > 0 ? db_u64(row, 0) : 0;
	return rc < 0 ? rc : 0;
}
