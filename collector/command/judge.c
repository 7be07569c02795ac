/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/command/judge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/store/judge.h"
#include "common/event.h"
#include "common/fabric/device.h"
#include "common/log.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ROW struct judge_row
#define TEXT(field) COLUMN_TEXT, offsetof(ROW, field)

struct judge_row {
	struct store_judged j;
	const char *change;	  /* cut-off, let-in, no-policy, other-rule, gone, same */
	const char *after, *list; /* verdict and list of the new policy; NULL: none */
	int64_t seq;
	char prefix_text[PREFIX_STRLEN];
	const char *prefix, *file;
	int64_t line;
	char rule_before[128], rule_after[256];
	const char *before_text, *after_text;
};

static const struct column columns[] = {
	{ "device", "DEVICE", TEXT(j.device), 12 },
	{ "source", "SOURCE", TEXT(j.source), 15 },
	{ "user", NULL, TEXT(j.user) },
	{ "change", "WOULD BE", TEXT(change) },
	{ "before.verdict", "BEFORE", TEXT(j.verdict) },
	{ "before.list", NULL, TEXT(j.list) },
	{ "before.seq", NULL, COLUMN_NUMBER, offsetof(ROW, j.rule) },
	{ "before.prefix", NULL, TEXT(j.prefix) },
	{ NULL, "BY", TEXT(before_text), 12 },
	{ "after.verdict", "AFTER", TEXT(after) },
	{ "after.list", NULL, TEXT(list) },
	{ "after.seq", NULL, COLUMN_NUMBER, offsetof(ROW, seq) },
	{ "after.prefix", NULL, TEXT(prefix) },
	{ "after.file", NULL, TEXT(file) },
	{ "after.line", NULL, COLUMN_NUMBER, offsetof(ROW, line) },
	{ NULL, "BY", TEXT(after_text), 16 },
	{ "flows", "FLOWS", COLUMN_COUNT, offsetof(ROW, j.flows) },
	{ "established", NULL, COLUMN_COUNT, offsetof(ROW, j.established) },
	{ "first_seen", NULL, COLUMN_TIME, offsetof(ROW, j.first_ns) },
	{ "last_seen", "LAST SEEN", COLUMN_TIME, offsetof(ROW, j.last_ns) },
};

struct judge {
	const struct judge_config *config;
	struct output *out;
	uint64_t cut, let_in, none, gone, same;
};

/* "seq 10 (10.20.0.0/16)", "end of list", "no list" */
static const char *rule_text(char *buf, size_t size, const char *list, int64_t seq,
			     const char *prefix)
{
	if (!list)
		snprintf(buf, size, "no list");
	else if (seq < 0)
		snprintf(buf, size, "end of list");
	else
		snprintf(buf, size, "seq %" PRId64 " (%s)", seq, prefix ? prefix : "");
	return buf;
}

static void judge_again(const struct fabric *f, const struct fabric_device *d,
			const struct addr *source, struct judge_row *row)
{
	struct fabric_trust t = fabric_judge(f, d->policy, source);
	const struct prefix_list *own = device_list(
		d, source->family, source->family == 4 ? f->names.trusted : f->names.trusted_v6);
	size_t len;

	row->after = event_verdict_name(t.verdict);
	row->file = d->file;
	if (!t.list || !own)
		return;
	row->list = own->name;
	row->line = own->line;
	if (t.rule != GW_RULE_IMPLICIT && t.rule < own->n_entries) {
		const struct prefix_entry *e = &own->entries[t.rule];

		row->seq = e->seq;
		row->prefix = prefix_format(&e->prefix, row->prefix_text);
		row->line = e->line;
	}
	rule_text(row->rule_after, sizeof(row->rule_after), row->list, row->seq, row->prefix);
	len = strlen(row->rule_after);
	snprintf(row->rule_after + len, sizeof(row->rule_after) - len, " %s:%d", d->file,
		 (int)row->line);
}

static const char *change_of(const struct judge_row *row)
{
	bool was = strcmp(row->j.verdict, "trusted") == 0;
	bool is = row->after && strcmp(row->after, "trusted") == 0;

	if (!row->after)
		return "gone";
	if (was && !is)
		return "cut-off";
	if (!was && is)
		return "let-in";
	if (strcmp(row->j.verdict, row->after) != 0)
		return row->after;
	if (row->j.rule != row->seq ||
	    strcmp(row->j.prefix ? row->j.prefix : "", row->prefix ? row->prefix : "") != 0)
		return "other-rule";
	return "same";
}

static int take(void *arg, const struct store_judged *j)
{
	struct judge *x = arg;
	struct judge_row row = { .j = *j, .seq = -1, .line = -1 };
	const struct fabric_device *d = fabric_find_device(x->config->fabric, j->device);
	struct addr source;

	if (!addr_parse(j->source, &source))
		return 0;
	rule_text(row.rule_before, sizeof(row.rule_before), j->list, j->rule, j->prefix);
	snprintf(row.rule_after, sizeof(row.rule_after), "%s", d ? "no list" : "no such device");
	if (d)
		judge_again(x->config->fabric, d, &source, &row);
	row.before_text = row.rule_before;
	row.after_text = row.rule_after;
	row.change = change_of(&row);
	x->cut += strcmp(row.change, "cut-off") == 0;
	x->let_in += strcmp(row.change, "let-in") == 0;
	x->gone += strcmp(row.change, "gone") == 0;
	if (strcmp(row.change, "same") == 0) {
		x->same++;
		if (!x->config->all)
			return 0;
	}
	output_row(x->out, &row, NULL);
	return 0;
}

int judge_run(struct store *s, const struct judge_config *config, FILE *to)
{
	const struct store_filter *f = &config->query.filter;
	struct store_list l = { .since_ns = f->since_ns,
				.until_ns = f->until_ns,
				.device = f->device,
				.has_source = f->has_source,
				.source = f->source };
	struct judge x = { .config = config };
	long rows;
	int rc;

	x.out = output_open(to, config->query.format, columns, ARRAY_SIZE(columns),
			    config->query.width);
	if (!x.out)
		return QUERY_WRITE_FAILED;
	rc = store_judged(s, &l, take, &x);
	rows = output_close(x.out);
	if (rc < 0)
		return rc;
	if (rows < 0)
		return QUERY_WRITE_FAILED;
	if (config->query.format == OUTPUT_TABLE || rows == 0)
		log_info("generation %s: %" PRIu64 " would be cut off, %" PRIu64 " let in, %" PRIu64
			 " are of a device that it has not, %" PRIu64 " stay as they are",
			 config->fabric->generation, x.cut, x.let_in, x.gone, x.same);
	return x.cut != 0;
}
