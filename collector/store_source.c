/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: what is known of each source, summed up as flows change.
 *
 * `sources` has one row for what a source's inbound flows have in common (path, service,
 * verdict), `source_uses` how many flows it had with which device and user. Both say what
 * `flows` says, at the end of each transaction: each change of a flow is told to
 * store_source_note(), the sums of a batch are kept here and written at its end. A source
 * of which there are other flows only, or events without a flow, has a row that sums up
 * nothing. So a prefix is looked up here: whoever is not in `sources` is in no list.
 *
 * An address is kept so that those of a prefix stand together: its family, 4 or 6, and its
 * bytes in hexadecimal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store_db.h"
#include "collector/store_source.h"

#define BUCKETS 8192
#define MOST 32768 /* changes that wait */
#define FEW 20000 /* flows: as many are sorted in a moment */
#define FEW_SOURCES 2000

/* One row's change; its texts are in one block, "" for none. */
struct change {
	struct change *next;
	bool use; /* of source_uses; else of sources */
	bool removed;
	const char *key[6]; /* address, path, service, verdict, source | device, user */
	int64_t total, established;
	uint64_t first_ns, last_ns;
};

struct store_sums {
	struct change *buckets[BUCKETS];
	unsigned n;
};

void store_sums_forget(struct store *s)
{
	struct change *x, *next;

	for (unsigned i = 0; s->sums && s->sums->n && i < BUCKETS; i++)
		for (x = s->sums->buckets[i]; x; x = next) {
			next = x->next;
			free(x);
		}
	free(s->sums);
	s->sums = NULL;
}

static void address_text(const struct addr *a, char buf[STORE_ADDRESS_LEN])
{
	unsigned n = addr_bits(a) / 8;

	buf[0] = a->family == 4 ? '4' : '6';
	for (unsigned i = 0; i < n; i++)
		snprintf(buf + 1 + 2 * i, 3, "%02x", a->bytes[i]);
}

/* ---- what changes -------------------------------------------------------------- */

static uint64_t mix(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 1099511628211u;
	return (h ^ 255) * 1099511628211u;
}

static int no_memory(struct store *s)
{
	return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
}

static struct change *make(bool use, const char *const key[6])
{
	size_t len = 0;
	struct change *x;
	char *to;

	for (int i = 0; i < 6; i++)
		len += strlen(key[i]) + 1;
	x = calloc(1, sizeof(*x) + len);
	if (!x)
		return NULL;
	x->use = use;
	to = (char *)(x + 1);
	for (int i = 0; i < 6; i++) {
		x->key[i] = to;
		to = stpcpy(to, key[i]) + 1;
	}
	return x;
}

static int have(struct store *s, bool use, const char *const key[6], struct change **out)
{
	uint64_t h = use;
	struct change **at;
	int rc;

	if (s->sums && s->sums->n >= MOST) {
		rc = store_sums_write(s);
		if (rc)
			return rc;
	}
	if (!s->sums && !(s->sums = calloc(1, sizeof(*s->sums))))
		return no_memory(s);
	for (int i = 0; i < 6; i++)
		h = mix(h, key[i]);
	for (at = &s->sums->buckets[(h >> 20) & (BUCKETS - 1)]; *at; at = &(*at)->next) {
		bool same = (*at)->use == use;

		for (int i = 0; same && i < 6; i++)
			same = strcmp((*at)->key[i], key[i]) == 0;
		if (same)
			break;
	}
	if (!*at) {
		*at = make(use, key);
		if (!*at)
			return no_memory(s);
		s->sums->n++;
		db_pending(s->db, s->watch_sums);
	}
	*out = *at;
	return 0;
}

static const char *word(const char *text)
{
	return text ? text : "";
}

static bool counts(const struct store_flow *f)
{
	return f && !f->outbound && !f->same_as;
}

static bool same(const char *a, const char *b)
{
	return strcmp(word(a), word(b)) == 0;
}

/* by: 1 or -1; 0: it stays, and what it says of time may be new. */
static int count(struct store *s, const struct store_flow *f, int by, int established, bool removed)
{
	char address[STORE_ADDRESS_LEN];
	struct change *x;
	struct addr a;
	int rc;

	if (!f->source || !addr_parse(f->source, &a))
		return 0;
	address_text(&a, address);
	if (!counts(f)) {
		const char *const none[6] = { address, "", "", "", f->source, "" };

		return by > 0 ? have(s, false, none, &x) : 0;
	}
	const char *const sum[6] = { address,	       word(f->path), word(f->service),
				     word(f->verdict), f->source,     "" };
	const char *const use[6] = { address,	       word(f->path),	word(f->service),
				     word(f->verdict), word(f->device), word(f->user) };

	rc = have(s, false, sum, &x);
	if (rc)
		return rc;
	x->total += by;
	x->established += established;
	x->removed |= removed;
	if (by >= 0) {
		if (!x->first_ns || f->start_ns < x->first_ns)
			x->first_ns = f->start_ns;
		if (f->end_ns > x->last_ns)
			x->last_ns = f->end_ns;
	}
	if (!by)
		return 0;
	rc = have(s, true, use, &x);
	if (!rc)
		x->total += by;
	return rc;
}

int store_source_note(struct store *s, const struct store_flow *was, const struct store_flow *now)
{
	int rc;

	if (was && now && counts(was) == counts(now) && same(was->source, now->source) &&
	    same(was->path, now->path) && same(was->service, now->service) &&
	    same(was->verdict, now->verdict) && same(was->device, now->device) &&
	    same(was->user, now->user))
		return counts(now) ? count(s, now, 0, now->established - was->established, false)
				   : 0;
	rc = was ? count(s, was, -1, -was->established, !now) : 0;
	return rc || !now ? rc : count(s, now, 1, now->established, false);
}

int store_source_seen(struct store *s, const struct addr *a)
{
	char address[STORE_ADDRESS_LEN], source[ADDR_STRLEN];
	const char *none[6] = { address, "", "", "", source, "" };
	struct change *x;

	if (!a->family)
		return 0;
	address_text(a, address);
	addr_format(a, source);
	return have(s, false, none, &x);
}

/* ---- writing ------------------------------------------------------------------- */

static int write_use(struct store *s, const struct change *x)
{
	int rc;

	if (!x->total)
		return 0;
	rc = db_later(s->db,
		      "INSERT INTO source_uses (address, path, service, verdict, device, actor,"
		      " total) VALUES ($1, $2, $3, $4, $5, $6, $7)"
		      " ON CONFLICT (address, device, path, service, verdict, actor)"
		      " DO UPDATE SET total = source_uses.total + excluded.total",
		      "ttttttn", x->key[0], x->key[1], x->key[2], x->key[3], x->key[4], x->key[5],
		      x->total);
	if (!rc && x->total < 0)
		rc = db_later(s->db,
			      "DELETE FROM source_uses WHERE address = $1 AND path = $2"
			      " AND service = $3 AND verdict = $4 AND device = $5 AND actor = $6"
			      " AND total <= 0",
			      "tttttt", x->key[0], x->key[1], x->key[2], x->key[3], x->key[4],
			      x->key[5]);
	return rc;
}

/* Flows were removed: since when the others are is asked of them. */
static int write_first(struct store *s, const struct change *x)
{
	return db_later(s->db,
			"UPDATE sources SET first = COALESCE((SELECT start FROM flows"
			" WHERE source = $1 AND COALESCE(path, '') = $2"
			" AND COALESCE(service, '') = $3 AND COALESCE(verdict, '') = $4"
			" AND direction = 'inbound' AND same_as IS NULL ORDER BY start LIMIT 1),"
			" first) WHERE address = $5 AND path = $2 AND service = $3"
			" AND verdict = $4",
			"ttttt", x->key[4], x->key[1], x->key[2], x->key[3], x->key[0]);
}

static int write_sum(struct store *s, const struct change *x)
{
	int rc = db_later(
		s->db,
		"INSERT INTO sources (address, path, service, verdict, source, total, established,"
		" first, last) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT (address, path, service, verdict) DO UPDATE SET"
		" total = sources.total + excluded.total,"
		" established = sources.established + excluded.established,"
		" first = CASE WHEN excluded.first <> 0 AND (excluded.first < sources.first"
		"  OR sources.first = 0) THEN excluded.first ELSE sources.first END,"
		" last = CASE WHEN excluded.last > sources.last THEN excluded.last"
		"  ELSE sources.last END",
		"tttttnnii", x->key[0], x->key[1], x->key[2], x->key[3], x->key[4], x->total,
		x->established, x->first_ns, x->last_ns);

	if (rc || x->total >= 0)
		return rc;
	rc = db_later(s->db,
		      "DELETE FROM sources WHERE address = $1 AND path = $2 AND service = $3"
		      " AND verdict = $4 AND total <= 0 AND last <> 0",
		      "tttt", x->key[0], x->key[1], x->key[2], x->key[3]);
	return rc || !x->removed ? rc : write_first(s, x);
}

/* Called by the database before any statement that names `sources`. */
int store_sums_write(void *arg)
{
	struct store *s = arg;
	struct store_sums *sums = s->sums;
	struct change *x, *next;
	int rc = 0;

	s->sums = NULL; /* its own statements name the table too */
	for (unsigned i = 0; sums && i < BUCKETS; i++)
		for (x = sums->buckets[i]; x; x = next) {
			next = x->next;
			if (!rc)
				rc = x->use ? write_use(s, x) : write_sum(s, x);
			free(x);
		}
	free(sums);
	return rc;
}

/* ---- prefixes ------------------------------------------------------------------ */

static void bounds(const struct prefix *p, struct store_gate *g)
{
	struct prefix low = prefix_mask(p);
	struct addr high = low.addr;

	for (unsigned bit = p->len; bit < addr_bits(&high); bit++)
		high.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	address_text(&low.addr, g->low);
	address_text(&high, g->high);
}

int store_gate(struct store *s, const struct prefix *p, struct store_gate *g)
{
	struct db_row *row;
	int rc;

	bounds(p, g);
	rc = db_get(s->db, &row,
		    "SELECT COUNT(*), COALESCE(SUM(total), 0) FROM (SELECT total FROM sources"
		    " WHERE address >= $1 AND address <= $2 LIMIT $3) AS x",
		    "tti", g->low, g->high, (uint64_t)FEW_SOURCES + 1);
	if (rc < 0)
		return rc;
	g->few = db_u64(row, 0) <= FEW_SOURCES && db_u64(row, 1) <= FEW;
	return 0;
}

void store_gate_add(struct db_query *q, const struct store_gate *g)
{
	db_add_text(q, "source IN (SELECT source FROM sources WHERE address >= ", g->low);
	db_add_text(q, " AND address <= ", g->high);
	db_add(q, ")");
}

/* ---- the list ------------------------------------------------------------------ */

struct found {
	char address[STORE_ADDRESS_LEN], source[ADDR_STRLEN];
};

struct walk {
	struct store *s;
	const struct store_filter *filter;
	struct found *list; /* the newest first */
	size_t n, size;
	store_source_fn *fn;
	void *arg;
};

/* What is open lasts, whenever its newest packet was. */
static void where_since(struct db_query *q, uint64_t since_ns)
{
	if (!since_ns)
		return;
	db_where_u64(q, "(last >= ", since_ns);
	db_add(q, " OR source IN (SELECT source FROM flows WHERE open = 1))");
}

static void where_filter(struct db_query *q, const struct store_filter *f)
{
	db_where_text(q, "path = ", f->path);
	db_where_text(q, "service = ", f->service);
	db_where_text(q, "verdict = ", f->verdict);
}

static void where_prefix(struct db_query *q, const struct store_filter *f, struct store_gate *g)
{
	if (!f->has_source)
		return;
	bounds(&f->source, g);
	db_where_text(q, "address >= ", g->low);
	db_where_text(q, "address <= ", g->high);
}

static const char *const verdicts[] = { NULL, "trusted", "no-policy", "untrusted" };

#define RANK                                                                                       \
	"MAX(CASE verdict WHEN 'untrusted' THEN 3 WHEN 'no-policy' THEN 2"                         \
	" WHEN 'trusted' THEN 1 ELSE 0 END)"

static const char *worst(uint64_t rank)
{
	return rank < sizeof(verdicts) / sizeof(verdicts[0]) ? verdicts[rank] : NULL;
}

struct sums_of {
	struct store_source row;
	bool there;
};

static int take_sums(void *arg, struct db_row *from)
{
	struct sums_of *out = arg;

	out->row.first_ns = db_u64(from, 0);
	out->row.last_ns = db_u64(from, 1);
	out->row.flows = db_u64(from, 2);
	out->row.established = db_u64(from, 3);
	out->row.untrusted = db_u64(from, 4);
	out->row.verdict = worst(db_u64(from, 5));
	out->there = out->row.flows != 0;
	return 0;
}

struct uses_of {
	struct walk *walk;
	struct store_source *row;
	int rc;
};

/* The primary path stands first, however the database puts them. */
static const char *paths_in_order(const char *paths)
{
	return paths && strcmp(paths, "in-band,primary") == 0 ? "primary,in-band" : paths;
}

/* Lives as long as the row. */
static int take_uses(void *arg, struct db_row *from)
{
	struct uses_of *out = arg;

	out->row->devices = db_u64(from, 0);
	out->row->paths = paths_in_order(db_text(from, 1));
	out->row->users = db_text(from, 2);
	out->rc = out->walk->fn(out->walk->arg, out->row);
	return 1;
}

/* Its flows overlap the time that is asked for, some of them: they are counted. */
static int tell_part(struct walk *w, const char *source)
{
	struct store_filter f = *w->filter;

	f.limit = 0;
	f.has_source = addr_parse(source, &f.source.addr);
	f.source.len = addr_bits(&f.source.addr);
	return store_sources_counted(w->s, &f, w->fn, w->arg);
}

static int tell(struct walk *w, const char *address, const char *source)
{
	struct sums_of sums = { .row.source = source };
	struct uses_of uses = { .walk = w, .row = &sums.row };
	struct db_query q = { 0 };
	int rc;

	db_add(&q, "SELECT MIN(first), MAX(last), SUM(total), SUM(established),"
		   " SUM(CASE verdict WHEN 'untrusted' THEN total ELSE 0 END), " RANK
		   " FROM sources");
	db_where_text(&q, "address = ", address);
	db_where(&q, "total > 0");
	where_filter(&q, w->filter);
	rc = db_query_each(w->s->db, &q, take_sums, &sums);
	if (rc || !sums.there)
		return rc;
	if (w->filter->since_ns > sums.row.first_ns)
		return tell_part(w, source);
	memset(&q, 0, sizeof(q));
	db_add(&q, "SELECT COUNT(DISTINCT NULLIF(device, '')), ");
	db_add(&q, db_is_pg(w->s->db) ? "string_agg(DISTINCT NULLIF(path, ''), ','),"
					" string_agg(DISTINCT NULLIF(actor, ''), ',')"
				      : "GROUP_CONCAT(DISTINCT NULLIF(path, '')),"
					" GROUP_CONCAT(DISTINCT NULLIF(actor, ''))");
	db_add(&q, " FROM source_uses");
	db_where_text(&q, "address = ", address);
	where_filter(&q, w->filter);
	rc = db_query_each(w->s->db, &q, take_uses, &uses);
	return rc < 0 ? rc : uses.rc;
}

static int tell_row(void *arg, struct db_row *row)
{
	struct found x;

	snprintf(x.address, sizeof(x.address), "%s", db_text(row, 0));
	snprintf(x.source, sizeof(x.source), "%s", db_text(row, 1));
	return tell(arg, x.address, x.source);
}

/* All of them, in their order; the database sorts. */
static int tell_all(struct walk *w)
{
	struct db_query q = { 0 };
	struct store_gate g;

	db_add(&q, "SELECT address, MAX(source) FROM sources");
	db_where(&q, "total > 0");
	where_since(&q, w->filter->since_ns);
	where_filter(&q, w->filter);
	where_prefix(&q, w->filter, &g);
	db_add(&q, " GROUP BY address ORDER BY MAX(last), address");
	return db_query_each(w->s->db, &q, tell_row, w);
}

static int find(void *arg, struct db_row *row)
{
	struct walk *w = arg;
	const char *address = db_text(row, 0);

	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->list[i].address, address) == 0)
			return 0;
	if (w->n == w->size)
		return 1; /* enough */
	snprintf(w->list[w->n].address, sizeof(w->list[0].address), "%s", address);
	snprintf(w->list[w->n].source, sizeof(w->list[0].source), "%s", db_text(row, 1));
	w->n++;
	return 0;
}

/* The newest so many: found by the index on `last`. */
static int tell_newest(struct walk *w)
{
	struct db_query q = { 0 };
	struct store_gate g;
	int rc;

	db_add(&q, "SELECT address, source FROM sources");
	db_where(&q, "total > 0");
	where_since(&q, w->filter->since_ns);
	where_filter(&q, w->filter);
	where_prefix(&q, w->filter, &g);
	db_add(&q, " ORDER BY last DESC, address DESC");
	rc = db_query_each(w->s->db, &q, find, w);
	if (rc < 0)
		return rc;
	rc = 0;
	for (size_t i = w->n; i > 0 && !rc; i--)
		rc = tell(w, w->list[i - 1].address, w->list[i - 1].source);
	return rc;
}

#define LIST_MOST 10000 /* more are sorted by the database */

int store_sources(struct store *s, const struct store_filter *f, store_source_fn *fn, void *arg)
{
	struct walk w = { .s = s, .filter = f, .size = f->limit, .fn = fn, .arg = arg };
	int rc;

	if (f->until_ns || f->device || f->incident || f->limit > LIST_MOST || f->oldest)
		return store_sources_counted(s, f, fn, arg);
	if (!f->limit)
		return tell_all(&w);
	w.list = calloc(w.size, sizeof(*w.list));
	if (!w.list)
		return no_memory(s);
	rc = tell_newest(&w);
	free(w.list);
	return rc;
}
