/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/store/span.h"

#include <string.h>

#include "collector/store/parts.h"
#include "common/clock.h"

#define COLUMNS                                                                                    \
	"n, start, \"end\", device, path, source, verdict, outcome, justified, open,"              \
	" established, \"user\""

_Static_assert(STORE_SPAN_EARLY == STORE_LONG_NS, "one of them");

struct call {
	store_span_fn *fn;
	void *arg;
};

static int take(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct store_span_flow f = { .n = db_u64(row, 0),
				     .start_ns = db_u64(row, 1),
				     .end_ns = db_u64(row, 2),
				     .device = db_text(row, 3),
				     .path = db_text(row, 4),
				     .source = db_text(row, 5),
				     .verdict = db_text(row, 6),
				     .outcome = db_text(row, 7),
				     .justified = db_text(row, 8),
				     .open = db_u64(row, 9) != 0,
				     .established = db_u64(row, 10) != 0,
				     .user = db_text(row, 11) };

	return call->fn(call->arg, &f);
}

/* lasting: so that none of the indexes on the start fits, only those of what lasts. */
static const char *condition(enum store_span_what what, bool lasting)
{
	if (lasting)
		return what == STORE_SPAN_SESSIONS
			       ? "path || '' = 'in-band' AND service = 'ssh' AND established = 1"
		       : what == STORE_SPAN_UNTRUSTED
			       ? "verdict || '' <> 'trusted' AND service = 'ssh'"
			       : "service = 'ssh' AND verdict = 'trusted'"
				 " AND (path = 'primary' OR established = 0)";
	switch (what) {
	case STORE_SPAN_SESSIONS:
		return STORE_IS_SESSION;
	case STORE_SPAN_UNTRUSTED:
		return "verdict <> 'trusted' AND service = 'ssh'";
	case STORE_SPAN_REST:
		break;
	}
	return "service = 'ssh' AND verdict = 'trusted' AND (path = 'primary' OR established = 0)";
}

static void begin(struct db_query *q, enum store_span_what what, bool lasting, const char *device)
{
	db_add(q, "SELECT " COLUMNS " FROM flows");
	db_where(q, condition(what, lasting));
	db_where(q, "direction = 'inbound' AND same_as IS NULL");
	db_where_text(q, "device = ", device);
}

int store_span_flows(struct store *s, enum store_span_what what, const char *device,
		     uint64_t from_ns, uint64_t to_ns, uint64_t most, store_span_fn *fn, void *arg)
{
	uint64_t early = from_ns > STORE_LONG_NS ? from_ns - STORE_LONG_NS : 0;
	struct call call = { fn, arg };
	struct db_query q = { 0 }, before = { 0 };
	int rc;

	begin(&q, what, false, device);
	db_where_u64(&q, "start >= ", from_ns);
	db_where_u64(&q, "start < ", to_ns);
	db_add_u64(&q, " ORDER BY start DESC LIMIT ", most);
	rc = db_query_each(s->db, &q, take, &call);
	if (rc)
		return rc;
	/* What lasted when the span began; see STORE_LONG_NS. */
	begin(&before, what, false, device);
	db_where_u64(&before, "start >= ", early);
	db_where_u64(&before, "start < ", from_ns);
	db_where_u64(&before, "(open = 1 OR \"end\" >= ", from_ns);
	db_add_u64(&before, ") ORDER BY start DESC LIMIT ", most);
	rc = db_query_each(s->db, &before, take, &call);
	return rc ? rc : store_span_lasting(s, what, device, from_ns, most, fn, arg);
}

int store_span_lasting(struct store *s, enum store_span_what what, const char *device,
		       uint64_t from_ns, uint64_t most, store_span_fn *fn, void *arg)
{
	uint64_t early = from_ns > STORE_LONG_NS ? from_ns - STORE_LONG_NS : 0;
	struct call call = { fn, arg };
	struct db_query lasting = { 0 }, open = { 0 };
	int rc;

	begin(&lasting, what, true, device);
	db_where_u64(&lasting, STORE_IS_LONG " AND \"end\" >= ", from_ns);
	db_where_u64(&lasting, "open = 0 AND start + 0 < ", early);
	db_add_u64(&lasting, " LIMIT ", most);
	rc = db_query_each(s->db, &lasting, take, &call);
	if (rc)
		return rc;
	begin(&open, what, true, device);
	db_where_u64(&open, "open = 1 AND start + 0 < ", early);
	db_add_u64(&open, " LIMIT ", most);
	return db_query_each(s->db, &open, take, &call);
}

int store_span_odd(struct store *s, const char *device, uint64_t from_ns, uint64_t to_ns,
		   uint64_t most, uint64_t *n)
{
	static const char *const conditions[] = { "verdict <> 'trusted'", STORE_IS_SESSION,
						  STORE_IS_ODD };
	struct db_row *row;
	int rc = 0;

	*n = 0;
	/* The first two are indexes that have nothing but this and the start. */
	for (int i = device ? 2 : 0; i < (device ? 3 : 2) && rc >= 0 && *n < most; i++) {
		struct db_query q = { 0 };

		db_add(&q, "SELECT COUNT(*) FROM (SELECT 1 FROM flows");
		db_where(&q, conditions[i]);
		db_where_text(&q, "device = ", device);
		db_where_u64(&q, "start >= ", from_ns);
		db_where_u64(&q, "start < ", to_ns);
		db_add_u64(&q, " LIMIT ", most);
		db_add(&q, ") AS x");
		rc = db_get_values(s->db, &row, q.sql, q.values, q.n);
		if (rc > 0)
			*n += db_u64(row, 0);
	}
	return rc < 0 ? rc : 0;
}

/* Every kind that flows_odd may hold, and what of it an index step finds. */
#define ODD_KINDS                                                                                  \
	"odd (path, established, kind) AS (VALUES ('primary', 0, 'untrusted'),"                    \
	" ('primary', 1, 'untrusted'), ('primary', 0, 'no-policy'), ('primary', 1, 'no-policy'),"  \
	" ('in-band', 0, 'untrusted'), ('in-band', 1, 'untrusted'), ('in-band', 0, 'no-policy'),"  \
	" ('in-band', 1, 'no-policy'), ('in-band', 1, 'yes'), ('in-band', 1, 'no'),"               \
	" ('in-band', 1, 'unknown'), ('in-band', 1, 'drill'))"
#define ODD_OF(k, device, since, until)                                                            \
	" FROM flows x WHERE x.device = " device " AND x.path = " k ".path"                        \
	" AND x.established = " k ".established AND " STORE_ODD_KIND " = " k ".kind"               \
	" AND x.start >= " since " AND x.start < " until " AND " STORE_IS_ODD
#define REST_OF(since, until)                                                                      \
	"(SELECT x.n FROM flows x WHERE x.device = $1 AND x.start >= " since                       \
	" AND x.start < " until " AND x.service = 'ssh' AND x.path = 'primary'"                    \
	" AND x.verdict = 'trusted' ORDER BY x.start LIMIT 1)"
/* Where the next one is looked for: a step on, and not within this one. */
#define STEP_ON                                                                                    \
	"CASE WHEN f.\"end\" > f.start + $4 THEN f.\"end\" ELSE f.start + $4 END"

int store_span_walk(struct store *s, bool odd, const char *device, uint64_t from_ns,
		    uint64_t to_ns, uint64_t step_ns, store_span_fn *fn, void *arg)
{
	struct call call = { fn, arg };
	const char *sql =
		odd ? "WITH RECURSIVE " ODD_KINDS ", walk (path, established, kind, n) AS ("
		      "SELECT k.path, k.established, k.kind, (SELECT x.n" ODD_OF("k", "$1", "$2",
										 "$3")
		      " ORDER BY x.start LIMIT 1) FROM odd k UNION ALL"
		      " SELECT w.path, w.established, w.kind, (SELECT x.n" ODD_OF("w", "$1",
										  STEP_ON, "$3")
		      " ORDER BY x.start LIMIT 1) FROM walk w JOIN flows f ON f.n = w.n)"
		      " SELECT " COLUMNS " FROM flows WHERE n IN (SELECT n FROM walk)"
		    : "WITH RECURSIVE walk (n) AS (SELECT " REST_OF("$2", "$3") " UNION ALL"
		      " SELECT " REST_OF(STEP_ON, "$3") " FROM walk w JOIN flows f ON f.n = w.n)"
		      " SELECT " COLUMNS " FROM flows WHERE n IN (SELECT n FROM walk)";

	return db_each(s->db, take, &call, sql, "tiii", device, from_ns, to_ns, step_ns);
}

struct name_call {
	store_span_name_fn *fn;
	void *arg;
};

static int take_name(void *arg, struct db_row *row)
{
	struct name_call *call = arg;

	return call->fn(call->arg, db_text(row, 0));
}

int store_span_devices(struct store *s, bool odd, uint64_t from_ns, uint64_t to_ns, uint64_t most,
		       store_span_name_fn *fn, void *arg)
{
	struct name_call call = { fn, arg };

	if (odd)
		return db_each(s->db, take_name, &call,
			       "WITH " ODD_KINDS " SELECT d.device FROM devices d WHERE EXISTS"
			       " (SELECT 1 FROM odd k WHERE EXISTS (SELECT 1" ODD_OF(
				       "k", "d.device", "$1", "$2")
			       ")) ORDER BY d.device LIMIT $3",
			       "iii", from_ns, to_ns, most);
	return db_each(s->db, take_name, &call,
		       "SELECT d.device FROM devices d WHERE EXISTS (SELECT 1 FROM flows x"
		       " WHERE x.device = d.device AND x.start >= $1 AND x.start < $2)"
		       " ORDER BY d.device LIMIT $3",
		       "iii", from_ns, to_ns, most);
}

int store_span_sessions(struct store *s, uint64_t from_ns, uint64_t to_ns, uint64_t most,
			uint64_t *n, uint64_t *last_ns)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT COUNT(*), MAX(start) FROM (SELECT start FROM flows"
			" WHERE " STORE_IS_SESSION " AND start >= $1 AND start < $2"
			" ORDER BY start LIMIT $3) AS x",
			"iii", from_ns, to_ns, most);

	*n = rc > 0 ? db_u64(row, 0) : 0;
	*last_ns = rc > 0 ? db_u64(row, 1) : 0;
	return rc < 0 ? rc : 0;
}

struct change_call {
	store_span_change_fn *fn;
	void *arg;
};

static int take_change(void *arg, struct db_row *row)
{
	struct change_call *call = arg;
	struct store_span_change c = { .n = db_u64(row, 0),
				       .time_ns = db_u64(row, 1),
				       .agent = db_text(row, 2),
				       .device = db_text(row, 3),
				       .change = db_text(row, 4) };

	return c.change ? call->fn(call->arg, &c) : 0;
}

int store_span_changes(struct store *s, const char *type, const char *device, uint64_t from_ns,
		       uint64_t to_ns, uint64_t most, store_span_change_fn *fn, void *arg)
{
	struct change_call call = { fn, arg };
	struct db_query q = { 0 };

	db_add(&q, "SELECT n, time, agent, device, change FROM events");
	db_where_text(&q, "type = ", type);
	db_where_text(&q, "device = ", device);
	db_where_u64(&q, "time >= ", from_ns);
	db_where_u64(&q, "time < ", to_ns);
	db_add_u64(&q, " ORDER BY time DESC, n DESC LIMIT ", most);
	return db_query_each(s->db, &q, take_change, &call);
}

int store_span_row(struct store *s, uint64_t time_ns, uint64_t *n)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT n FROM flows WHERE start >= $1 ORDER BY start LIMIT 1",
			"i", time_ns);

	*n = rc > 0 ? db_u64(row, 0) : 0;
	return rc < 0 ? rc : 0;
}

int store_span_rows(struct store *s, uint64_t *n)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT MAX(n) FROM flows", "");

	*n = rc > 0 ? db_u64(row, 0) : 0;
	return rc < 0 ? rc : 0;
}

int store_span_gap(struct store *s, const char *agent, uint64_t first, uint64_t last,
		   uint64_t *from_ns, uint64_t *to_ns)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT time FROM events WHERE agent = $1 AND seq < $2"
			" ORDER BY seq DESC LIMIT 1",
			"ti", agent, first);

	if (rc <= 0)
		return rc;
	*from_ns = db_u64(row, 0);
	rc = db_get(s->db, &row,
		    "SELECT time FROM events WHERE agent = $1 AND seq > $2 ORDER BY seq LIMIT 1",
		    "ti", agent, last);
	if (rc > 0)
		*to_ns = db_u64(row, 0);
	return rc;
}

int store_span_watched(struct store *s, const char *agent, uint64_t most, store_span_name_fn *fn,
		       void *arg)
{
	struct name_call call = { fn, arg };

	return db_each(s->db, take_name, &call,
		       "SELECT device FROM device_views WHERE agent = $1 ORDER BY device LIMIT $2",
		       "ti", agent, most);
}
