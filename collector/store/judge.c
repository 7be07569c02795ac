/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/store/judge.h"

#include "collector/store/parts.h"

struct call {
	store_judged_fn *fn;
	void *arg;
};

static int take(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct store_judged j = { .device = db_text(row, 0),
				  .source = db_text(row, 1),
				  .verdict = db_text(row, 2),
				  .list = db_text(row, 3),
				  .rule = db_is_null(row, 4) ? -1 : db_i64(row, 4),
				  .prefix = db_text(row, 5),
				  .flows = db_u64(row, 6),
				  .established = db_u64(row, 7),
				  .first_ns = db_u64(row, 8),
				  .last_ns = db_u64(row, 9),
				  .user = db_text(row, 10) };

	return call->fn(call->arg, &j);
}

int store_judged(struct store *s, const struct store_list *l, store_judged_fn *fn, void *arg)
{
	struct call call = { fn, arg };
	struct db_query q = { 0 };
	char text[PREFIX_STRLEN];

	db_add(&q, "SELECT device, source, verdict, list, rule, prefix, COUNT(*),"
		   " SUM(established), MIN(start), MAX(\"end\"), MAX(\"user\") FROM flows");
	db_where(&q, "device IS NOT NULL AND source IS NOT NULL AND verdict IS NOT NULL"
		     " AND direction = 'inbound' AND same_as IS NULL");
	db_where_u64(&q, "start >= ", l->since_ns);
	db_where_u64(&q, "start < ", l->until_ns);
	db_where_text(&q, "device = ", l->device);
	if (l->has_source && l->source.len == addr_bits(&l->source.addr)) {
		db_where_text(&q, "source = ", addr_format(&l->source.addr, text));
	} else if (l->has_source) {
		db_where(&q, "");
		store_list_within(s, &q, l, text);
	}
	db_add(&q, " GROUP BY device, source, verdict, list, rule, prefix"
		   " ORDER BY device, source, 10");
	return db_query_each(s->db, &q, take, &call);
}
