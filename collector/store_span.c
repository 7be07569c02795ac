/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/store_span.h"

#include <string.h>

#include "collector/store_db.h"
#include "common/clock.h"

#define LONG_NS (600 * NS_PER_S) /* as in store_list.c */
#define COLUMNS                                                                                    \
	"n, start, \"end\", device, path, source, verdict, outcome, justified, open,"              \
	" established, \"user\""

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

static const char *condition(enum store_span_what what)
{
	switch (what) {
	case STORE_SPAN_SESSIONS:
		return "path = 'in-band' AND service = 'ssh' AND established = 1";
	case STORE_SPAN_UNTRUSTED:
		return "verdict <> 'trusted' AND service = 'ssh'";
	case STORE_SPAN_REST:
		break;
	}
	return "service = 'ssh' AND verdict = 'trusted' AND (path = 'primary' OR established = 0)";
}

static void begin(struct db_query *q, enum store_span_what what, const char *device)
{
	db_add(q, "SELECT " COLUMNS " FROM flows");
	db_where(q, condition(what));
	db_where(q, "direction = 'inbound' AND same_as IS NULL");
	db_where_text(q, "device = ", device);
}

int store_span_flows(struct store *s, enum store_span_what what, const char *device,
		     uint64_t from_ns, uint64_t to_ns, uint64_t most, store_span_fn *fn, void *arg)
{
	uint64_t early = from_ns > LONG_NS ? from_ns - LONG_NS : 0;
	struct call call = { fn, arg };
	struct db_query q = { 0 }, before = { 0 }, lasting = { 0 }, open = { 0 };
	int rc;

	begin(&q, what, device);
	db_where_u64(&q, "start >= ", from_ns);
	db_where_u64(&q, "start < ", to_ns);
	db_add_u64(&q, " ORDER BY start DESC LIMIT ", most);
	rc = db_query_each(s->db, &q, take, &call);
	if (rc)
		return rc;
	/* What lasted when the span began; see store_list.c. */
	begin(&before, what, device);
	db_where_u64(&before, "start >= ", early);
	db_where_u64(&before, "start < ", from_ns);
	db_where_u64(&before, "(open = 1 OR \"end\" >= ", from_ns);
	db_add_u64(&before, ") ORDER BY start DESC LIMIT ", most);
	rc = db_query_each(s->db, &before, take, &call);
	if (rc)
		return rc;
	begin(&lasting, what, device);
	db_where_u64(&lasting, "\"end\" - start > 600000000000 AND \"end\" >= ", from_ns);
	db_where_u64(&lasting, "open = 0 AND start + 0 < ", early);
	db_add_u64(&lasting, " LIMIT ", most);
	rc = db_query_each(s->db, &lasting, take, &call);
	if (rc)
		return rc;
	begin(&open, what, device);
	db_where_u64(&open, "open = 1 AND start + 0 < ", early);
	db_add_u64(&open, " LIMIT ", most);
	return db_query_each(s->db, &open, take, &call);
}

int store_span_next(struct store *s, const char *device, uint64_t from_ns, uint64_t to_ns,
		    store_span_fn *fn, void *arg)
{
	struct call call = { fn, arg };
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT " COLUMNS " FROM flows WHERE device = $1 AND start >= $2"
			" AND start < $3 AND service = 'ssh' AND path = 'primary'"
			" AND verdict = 'trusted' ORDER BY start LIMIT 1",
			"tii", device, from_ns, to_ns);

	if (rc <= 0)
		return rc;
	rc = take(&call, row);
	return rc ? rc : 1;
}

int store_span_row(struct store *s, uint64_t time_ns, uint64_t *n)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT n FROM flows WHERE start >= $1 ORDER BY start LIMIT 1",
			"i", time_ns);

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

struct name_call {
	store_span_name_fn *fn;
	void *arg;
};

static int take_name(void *arg, struct db_row *row)
{
	struct name_call *call = arg;

	return call->fn(call->arg, db_text(row, 0));
}

int store_span_watched(struct store *s, const char *agent, uint64_t most, store_span_name_fn *fn,
		       void *arg)
{
	struct name_call call = { fn, arg };

	return db_each(s->db, take_name, &call,
		       "SELECT device FROM device_views WHERE agent = $1 ORDER BY device LIMIT $2",
		       "ti", agent, most);
}
