/* SPDX-License-Identifier: Apache-2.0 */
/* The store: flows. */
#include <stdio.h>
#include <string.h>

#include "collector/store/parts.h"
#include "collector/store/source.h"

void store_flow_row(struct db_row *row, struct store_flow *out)
{
	const char *direction = db_text(row, 6);

	*out = (struct store_flow){
		.n = db_u64(row, 0),
		.agent = db_text(row, 1),
		.flow = db_text(row, 2),
		.seq = db_u64(row, 3),
		.open = db_u64(row, 4) != 0,
		.established = db_u64(row, 5) != 0,
		.outbound = direction && strcmp(direction, "outbound") == 0,
		.device = db_text(row, 7),
		.role = db_text(row, 8),
		.path = db_text(row, 9),
		.service = db_text(row, 10),
		.source = db_text(row, 11),
		.source_port = db_u64(row, 12),
		.source_packets = db_u64(row, 13),
		.source_bytes = db_u64(row, 14),
		.destination = db_text(row, 15),
		.destination_port = db_u64(row, 16),
		.destination_packets = db_u64(row, 17),
		.destination_bytes = db_u64(row, 18),
		.state = db_text(row, 19),
		.outcome = db_text(row, 20),
		.verdict = db_text(row, 21),
		.list = db_text(row, 22),
		.rule = db_is_null(row, 23) ? -1 : db_i64(row, 23),
		.prefix = db_text(row, 24),
		.start_ns = db_u64(row, 25),
		.end_ns = db_u64(row, 26),
		.community_id = db_text(row, 27),
		.user = db_text(row, 28),
		.json = db_text(row, 29),
		.parts = db_text(row, 30),
		.same_as = db_u64(row, 31),
		.justified = db_text(row, 32),
		.login = db_text(row, 33),
		.updated = db_u64(row, 34),
	};
}

int store_flow_recall(struct store *s, const char *agent, const char *flow, struct store_flow *out)
{
	const struct store_flow *kept;
	/* It forgets what is kept when that is not good any more. */
	int rc = s->kept_flows ? store_chain_head(s) : 0;

	if (rc)
		return rc;
	kept = store_kept_find(s, agent, flow);
	if (!kept)
		return 0;
	*out = *kept;
	return 1;
}

/* A row that was read is kept for what changes it next, unless nobody will. */
static int kept_of(struct store *s, struct store_flow *f)
{
	const struct store_flow *kept;
	int rc;

	if (!s->writing)
		return 1;
	rc = store_kept_read(s, f);
	if (rc < 0)
		return rc;
	kept = store_kept_row(s, f->n);
	if (kept)
		*f = *kept;
	return 1;
}

int store_flow_find(struct store *s, const char *agent, const char *flow, struct store_flow *out)
{
	struct db_row *row;
	int rc = store_flow_recall(s, agent, flow, out);

	if (rc)
		return rc;
	rc = db_get(s->db, &row,
		    "SELECT " STORE_FLOW_COLUMNS " FROM FLOWS WHERE agent = $1 AND flow = $2", "tt",
		    agent, flow);
	if (rc <= 0)
		return rc;
	store_flow_row(row, out);
	return kept_of(s, out);
}

int store_flow_row_get(struct store *s, uint64_t n, struct store_flow *out)
{
	const struct store_flow *kept;
	struct db_row *row;
	int rc = s->kept_flows ? store_chain_head(s) : 0;

	if (rc)
		return rc;
	kept = store_kept_row(s, n);
	if (kept) {
		*out = *kept;
		return 1;
	}
	rc = db_get(s->db, &row, "SELECT " STORE_FLOW_COLUMNS " FROM FLOWS WHERE n = $1", "i", n);
	if (rc <= 0)
		return rc;
	store_flow_row(row, out);
	return kept_of(s, out);
}

int store_flow_get(struct store *s, const char *agent, const char *flow, struct store_flow *out)
{
	int rc = store_flow_find(s, agent, flow, out), made;

	if (rc <= 0)
		return rc;
	made = store_document(s, out);
	return made ? made : 1;
}

/* Those that store_flow_put() writes, in the order of flow_values(). */
static const char *const columns[] = { "agent",
				       "flow",
				       "seq",
				       "open",
				       "established",
				       "direction",
				       "device",
				       "role",
				       "path",
				       "service",
				       "source",
				       "source_port",
				       "source_packets",
				       "source_bytes",
				       "destination",
				       "destination_port",
				       "destination_packets",
				       "destination_bytes",
				       "state",
				       "outcome",
				       "verdict",
				       "list",
				       "rule",
				       "prefix",
				       "start",
				       "\"end\"",
				       "community_id",
				       "\"user\"",
				       "json",
				       "parts",
				       "login",
				       "updated",
				       "same_as",
				       "justified" };
#define FLOW_COLUMNS                                                                               \
	"agent, flow, seq, open, established, direction, device, role, path, service, source,"     \
	" source_port, source_packets, source_bytes, destination, destination_port,"               \
	" destination_packets, destination_bytes, state, outcome, verdict, list, rule, prefix,"    \
	" start, \"end\", community_id, \"user\", json, parts, login, updated,"                    \
	" same_as, justified, n"

#define COLUMNS ((int)(sizeof(columns) / sizeof(columns[0])))

static void flow_values(const struct store_flow *f, struct db_value v[COLUMNS + 1])
{
	int i = 0;

	v[i++] = db_value_text(f->agent);
	v[i++] = db_value_text(f->flow);
	v[i++] = db_value_u64(f->seq);
	v[i++] = db_value_u64(f->open);
	v[i++] = db_value_u64(f->established);
	v[i++] = db_value_text(f->outbound ? "outbound" : "inbound");
	v[i++] = db_value_text(f->device);
	v[i++] = db_value_text(f->role);
	v[i++] = db_value_text(f->path);
	v[i++] = db_value_text(f->service);
	v[i++] = db_value_text(f->source);
	v[i++] = db_value_u64(f->source_port);
	v[i++] = db_value_u64(f->source_packets);
	v[i++] = db_value_u64(f->source_bytes);
	v[i++] = db_value_text(f->destination);
	v[i++] = db_value_u64(f->destination_port);
	v[i++] = db_value_u64(f->destination_packets);
	v[i++] = db_value_u64(f->destination_bytes);
	v[i++] = db_value_text(f->state);
	v[i++] = db_value_text(f->outcome);
	v[i++] = db_value_text(f->verdict);
	v[i++] = db_value_text(f->list);
	v[i] = db_value_u64((uint64_t)f->rule);
	if (f->rule < 0)
		v[i].kind = 0;
	i++;
	v[i++] = db_value_text(f->prefix);
	v[i++] = db_value_u64(f->start_ns);
	v[i++] = db_value_u64(f->end_ns);
	v[i++] = db_value_text(f->community_id);
	v[i++] = db_value_text(f->user);
	v[i++] = db_value_text(f->json ? f->json : "");
	v[i++] = db_value_text(f->parts);
	v[i++] = db_value_text(f->login);
	v[i++] = db_value_u64(f->updated);
	v[i] = db_value_u64(f->same_as);
	if (!f->same_as)
		v[i].kind = 0;
	i++;
	v[i++] = db_value_text(f->justified);
}

int store_flow_open(struct store *s)
{
	s->flows = (struct db_bulk){ .table = "flows", .columns = FLOW_COLUMNS };
	return db_bulk_open(s->db, &s->flows);
}

/* Numbers count on from the highest there is. */
static int next_number(struct store *s, uint64_t *n)
{
	struct db_row *row;
	int rc = store_chain_head(s);

	if (!rc && !s->newest_flow) {
		rc = db_get(s->db, &row, "SELECT COALESCE(MAX(n), 0) FROM flows", "");
		if (rc > 0)
			s->newest_flow = db_u64(row, 0);
	}
	*n = s->newest_flow + 1;
	return rc < 0 ? rc : 0;
}

static bool equal(const struct db_value *a, const struct db_value *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == 't')
		return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
	return a->kind == 0 || a->number == b->number;
}

/* Names the columns that differ from what the row has, in sql, and moves their values
 * to the front. Their number. */
static int choose(const struct store_flow *old, struct db_value v[COLUMNS + 1], char *sql)
{
	struct db_value before[COLUMNS + 1];
	int n = 0;

	if (old)
		flow_values(old, before);
	for (int i = 0; i < COLUMNS; i++) {
		if (old && equal(&before[i], &v[i]))
			continue;
		v[n++] = v[i];
		sql = stpcpy(sql, n > 1 ? ", " : "UPDATE flows SET ");
		sql = stpcpy(sql, columns[i]);
		sql = stpcpy(sql, " = $");
		if (n >= 10)
			*sql++ = (char)('0' + n / 10);
		*sql++ = (char)('0' + n % 10);
		*sql = '\0';
	}
	if (n)
		sprintf(sql, " WHERE n = $%d", n + 1);
	return n;
}

static int change_row(struct store *s, const struct store_flow *old, const struct store_flow *f)
{
	struct db_value v[COLUMNS + 1];
	char sql[COLUMNS * 30 + 64];
	int n;

	flow_values(f, v);
	n = choose(old, v, sql);
	v[n] = db_value_u64(f->n);
	return n ? db_later_values(s->db, sql, v, n + 1) : 0;
}

static int add_row(struct store *s, const struct store_flow *f)
{
	struct db_value v[COLUMNS + 1];

	flow_values(f, v);
	v[COLUMNS] = db_value_u64(f->n);
	return db_bulk_add(s->db, &s->flows, v, COLUMNS + 1);
}

/* old: the row as it is; NULL: there is none. */
int store_flow_write(struct store *s, const struct store_flow *old, const struct store_flow *f)
{
	int rc = store_source_note(s, old, f);

	if (rc)
		return rc;
	store_twins_note(s, f->community_id);
	return old ? change_row(s, old, f) : add_row(s, f);
}

int store_flow_written(struct store *s)
{
	int rc = db_bulk_write(s->db, &s->flows);

	return rc ? rc : store_sums_bound(s);
}

/* A flow that is not kept. */
static int write_now(struct store *s, const struct store_flow *f, bool added)
{
	struct store_flow old;
	struct db_row *row;
	int rc = 0;

	if (!added) {
		rc = db_get(s->db, &row, "SELECT " STORE_FLOW_COLUMNS " FROM FLOWS WHERE n = $1",
			    "i", f->n);
		if (rc <= 0)
			return rc;
		store_flow_row(row, &old);
	}
	rc = store_source_note(s, added ? NULL : &old, f);
	store_twins_note(s, f->community_id);
	if (!rc)
		rc = added ? add_row(s, f) : change_row(s, NULL, f);
	return rc ? rc : store_flow_written(s);
}

int store_flow_put(struct store *s, struct store_flow *f)
{
	bool added = !f->n;
	const struct store_flow *kept;
	int rc = added ? next_number(s, &f->n) : 0;

	if (!rc)
		rc = f->agent && f->flow ? store_kept_put(s, f) : 0;
	/* What cannot be kept is written now. */
	if (rc == 0)
		rc = write_now(s, f, added);
	if (rc < 0) {
		f->n = added ? 0 : f->n;
		return rc;
	}
	if (added)
		s->newest_flow = f->n;
	kept = store_kept_row(s, f->n);
	if (kept)
		*f = *kept; /* its texts may have been those of what was kept before */
	store_shared_note(s, f);
	return 0;
}
