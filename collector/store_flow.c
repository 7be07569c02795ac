/* SPDX-License-Identifier: Apache-2.0 */
/* The store: flows. */
#include <string.h>

#include "collector/store_db.h"

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

int store_flow_find(struct store *s, const char *agent, const char *flow, struct store_flow *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT " STORE_FLOW_COLUMNS " FROM flows WHERE agent = $1 AND flow = $2",
			"tt", agent, flow);

	if (rc == 1)
		store_flow_row(row, out);
	return rc;
}

int store_flow_get(struct store *s, const char *agent, const char *flow, struct store_flow *out)
{
	int rc = store_flow_find(s, agent, flow, out), made;

	if (rc <= 0)
		return rc;
	made = store_document(s, out);
	return made ? made : 1;
}

/* The columns in their order, without n, and same_as and justified, which have
 * statements of their own (store_episode.c). Returns their number. */
static int flow_values(const struct store_flow *f, struct db_value v[DB_MAX_VALUES])
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
	return i;
}

static int add_flow(struct store *s, struct store_flow *f)
{
	struct db_value v[DB_MAX_VALUES];
	struct db_row *row;
	int rc = db_get_values(s->db, &row,
			       "INSERT INTO flows (agent, flow, seq, open, established, direction,"
			       " device, role, path, service, source, source_port, source_packets,"
			       " source_bytes, destination, destination_port, destination_packets,"
			       " destination_bytes, state, outcome, verdict, list, rule, prefix,"
			       " start, \"end\", community_id, \"user\", json, parts, login,"
			       " updated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,"
			       " $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,"
			       " $25, $26, $27, $28, $29, $30, $31, $32) RETURNING n",
			       v, flow_values(f, v));

	if (rc == 1)
		f->n = db_u64(row, 0);
	return store_done(rc);
}

int store_flow_put(struct store *s, struct store_flow *f)
{
	struct db_value v[DB_MAX_VALUES];
	int n;

	if (!f->n)
		return add_flow(s, f);
	n = flow_values(f, v);
	v[n++] = db_value_u64(f->n);
	return store_done(db_run_values(
		s->db,
		"UPDATE flows SET agent = $1, flow = $2, seq = $3, open = $4, established = $5,"
		" direction = $6, device = $7, role = $8, path = $9, service = $10, source = $11,"
		" source_port = $12, source_packets = $13, source_bytes = $14, destination = $15,"
		" destination_port = $16, destination_packets = $17, destination_bytes = $18,"
		" state = $19, outcome = $20, verdict = $21, list = $22, rule = $23, prefix = $24,"
		" start = $25, \"end\" = $26, community_id = $27, \"user\" = $28, json = $29,"
		" parts = $30, login = $31, updated = $32 WHERE n = $33",
		v, n));
}
