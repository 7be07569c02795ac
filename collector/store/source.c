/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: what is known of each source, summed up as flows change.
 *
 * `sources` has one row for what a source's inbound flows have in common (path, service,
 * verdict), `source_spans` the same of those that began within five minutes and within a
 * day, `source_uses` how many flows it had with which device and user. All say what
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

#include "collector/store/parts.h"
#include "collector/store/source.h"
#include "common/clock.h"

#define BUCKETS 8192
#define MOST 32768 /* changes that wait, and what one writing of flows adds */
#define FEW 20000  /* flows: as many are sorted in a moment */
#define FEW_SOURCES 2000

enum table { SOURCES, SPANS, USES };

enum text { ADDRESS, PATH, SERVICE, VERDICT, SOURCE, DEVICE, USER, N_TEXTS };

/* Which row; "" for none. The last two are of USES. */
struct key {
	enum table table;
	const char *text[N_TEXTS];
	uint64_t span_ns, start_ns; /* of SPANS: how long, and when it begins */
};

/* One row's change; its texts are in one block. */
struct change {
	struct change *next;
	struct key key;
	bool left;	  /* flows left it, */
	uint64_t left_ns; /* and the last of those ended */
	int64_t total, established;
	uint64_t first_ns, last_ns; /* of USES: when the first and the newest began */
};

struct store_sums {
	struct change *buckets[BUCKETS];
	unsigned n;
	bool left; /* flows left one of them */
};

static void free_sums(struct store_sums *sums)
{
	struct change *x, *next;

	for (unsigned i = 0; sums && sums->n && i < BUCKETS; i++)
		for (x = sums->buckets[i]; x; x = next) {
			next = x->next;
			free(x);
		}
	free(sums);
}

void store_sums_forget(struct store *s)
{
	free_sums(s->sums);
	s->sums = NULL;
}

void store_source_address(const struct addr *a, char buf[STORE_ADDRESS_LEN])
{
	unsigned n = addr_bits(a) / 8;

	buf[0] = a->family == 4 ? '4' : '6';
	for (unsigned i = 0; i < n; i++)
		snprintf(buf + 1 + 2 * i, 3, "%02x", a->bytes[i]);
}

/* ---- what changes -------------------------------------------------------------- */

static uint64_t hash_of(const struct key *key)
{
	uint64_t h = key->table ^ key->span_ns ^ key->start_ns;

	for (int i = 0; i < N_TEXTS; i++) {
		for (const char *at = key->text[i]; *at; at++)
			h = (h ^ (uint8_t)*at) * 1099511628211u;
		h = (h ^ 255) * 1099511628211u;
	}
	return h;
}

static bool is_key(const struct key *a, const struct key *b)
{
	bool same = a->table == b->table && a->span_ns == b->span_ns && a->start_ns == b->start_ns;

	for (int i = 0; same && i < N_TEXTS; i++)
		same = strcmp(a->text[i], b->text[i]) == 0;
	return same;
}

static int no_memory(struct store *s)
{
	return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
}

static struct change *make(const struct key *key)
{
	struct change *x;
	size_t len = 0;
	char *to;

	for (int i = 0; i < N_TEXTS; i++)
		len += strlen(key->text[i]) + 1;
	x = calloc(1, sizeof(*x) + len);
	if (!x)
		return NULL;
	x->key = *key;
	to = (char *)(x + 1);
	for (int i = 0; i < N_TEXTS; i++) {
		x->key.text[i] = to;
		to = stpcpy(to, key->text[i]) + 1;
	}
	return x;
}

static int have(struct store *s, const struct key *key, struct change **out)
{
	struct change **at;

	if (!s->sums && !(s->sums = calloc(1, sizeof(*s->sums))))
		return no_memory(s);
	at = &s->sums->buckets[(hash_of(key) >> 20) & (BUCKETS - 1)];
	while (*at && !is_key(&(*at)->key, key))
		at = &(*at)->next;
	if (!*at) {
		*at = make(key);
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

/* A flow of a sum: what it says of time may be new; it is new itself; it is there no more. */
enum how { STAYS, COMES, GOES };

static void change(struct store *s, struct change *x, enum how how, int established,
		   uint64_t first_ns, uint64_t last_ns)
{
	x->total += how == COMES ? 1 : how == STAYS ? 0 : -1;
	x->established += established;
	if (how == GOES) {
		x->left = s->sums->left = true;
		if (last_ns > x->left_ns)
			x->left_ns = last_ns;
		return;
	}
	if (!x->first_ns || first_ns < x->first_ns)
		x->first_ns = first_ns;
	if (last_ns > x->last_ns)
		x->last_ns = last_ns;
}

/* Of a flow that counts: its address has been read. */
static struct key key_of(const struct store_flow *f, const char *address)
{
	return (struct key){ .text = { address, word(f->path), word(f->service), word(f->verdict),
				       f->source, "", "" } };
}

static int sum(struct store *s, const struct store_flow *f, const char *address, enum how how,
	       int established)
{
	static const uint64_t spans[] = { STORE_SOURCE_SHORT, STORE_SOURCE_LONG };
	struct key key = key_of(f, address);
	struct change *x;
	int rc;

	rc = have(s, &key, &x);
	if (rc)
		return rc;
	change(s, x, how, established, f->start_ns, f->end_ns);
	key.table = SPANS;
	for (int i = 0; i < 2; i++) {
		key.span_ns = spans[i];
		key.start_ns = store_span_floor(f->start_ns, spans[i]);
		rc = have(s, &key, &x);
		if (rc)
			return rc;
		change(s, x, how, established, f->start_ns, f->end_ns);
	}
	return 0;
}

static int use(struct store *s, const struct store_flow *f, const char *address, enum how how)
{
	struct key key = key_of(f, address);
	struct change *x;
	int rc;

	key.table = USES;
	key.text[DEVICE] = word(f->device);
	key.text[USER] = word(f->user);
	rc = have(s, &key, &x);
	if (!rc)
		change(s, x, how, 0, f->start_ns, f->start_ns);
	return rc;
}

/* There is such a source. */
static int seen(struct store *s, const char *address, const char *source)
{
	struct key key = { .text = { address, "", "", "", source, "", "" } };
	struct change *x;

	return have(s, &key, &x);
}

static bool has_address(const struct store_flow *f, char address[STORE_ADDRESS_LEN])
{
	struct addr a;

	if (!f || !f->source || !addr_parse(f->source, &a))
		return false;
	store_source_address(&a, address);
	return true;
}

int store_source_note(struct store *s, const struct store_flow *was, const struct store_flow *now)
{
	bool had = counts(was), has = counts(now);
	char address[STORE_ADDRESS_LEN];
	bool stays, same_use;
	int rc = 0;

	stays = had && has && same(was->source, now->source) && same(was->path, now->path) &&
		same(was->service, now->service) && same(was->verdict, now->verdict) &&
		was->start_ns == now->start_ns;
	same_use = stays && same(was->device, now->device) && same(was->user, now->user);
	if (had && !same_use && has_address(was, address)) {
		if (!stays)
			rc = sum(s, was, address, GOES, -was->established);
		if (!rc)
			rc = use(s, was, address, GOES);
	}
	if (rc || !has_address(now, address))
		return rc;
	if (!has)
		return was && !had && same(was->source, now->source)
			       ? 0
			       : seen(s, address, now->source);
	rc = sum(s, now, address, stays ? STAYS : COMES,
		 now->established - (stays ? was->established : 0));
	return rc || same_use ? rc : use(s, now, address, COMES);
}

int store_source_seen(struct store *s, const struct addr *a)
{
	char address[STORE_ADDRESS_LEN], source[ADDR_STRLEN];

	if (!a->family)
		return 0;
	store_source_address(a, address);
	addr_format(a, source);
	return seen(s, address, source);
}

/* ---- writing ------------------------------------------------------------------- */

#define SUMS_OF(table)                                                                             \
	" DO UPDATE SET total = " table ".total + excluded.total,"                                 \
	" established = " table ".established + excluded.established,"                             \
	" first = CASE WHEN excluded.first <> 0 AND (excluded.first < " table ".first"             \
	"  OR " table ".first = 0) THEN excluded.first ELSE " table ".first END,"                  \
	" last = CASE WHEN excluded.last > " table ".last THEN excluded.last"                      \
	"  ELSE " table ".last END"

int store_sources_open(struct store *s)
{
	s->sum_rows = (struct db_bulk){
		.table = "sources",
		.columns =
			"address, path, service, verdict, source, total, established, first, last",
		.conflict = "ON CONFLICT (address, path, service, verdict)" SUMS_OF("sources")
	};
	s->span_rows = (struct db_bulk){ .table = "source_spans",
					 .columns = "address, path, service, verdict, span, start,"
						    " total, established, first, last",
					 .conflict = "ON CONFLICT (address, span, start, path,"
						     " service, verdict)" SUMS_OF("source_spans") };
	s->use_rows = (struct db_bulk){
		.table = "source_uses",
		.columns = "address, path, service, verdict, device, actor, total, first, newest",
		.conflict = "ON CONFLICT (address, device, path, service, verdict, actor)"
			    " DO UPDATE SET total = source_uses.total + excluded.total,"
			    " first = CASE WHEN excluded.first <> 0 AND"
			    "  excluded.first < source_uses.first THEN excluded.first"
			    "  ELSE source_uses.first END,"
			    " newest = CASE WHEN excluded.newest > source_uses.newest THEN"
			    "  excluded.newest ELSE source_uses.newest END"
	};
	return db_bulk_open(s->db, &s->sum_rows) || db_bulk_open(s->db, &s->span_rows) ||
	       db_bulk_open(s->db, &s->use_rows);
}

static struct db_value number(int64_t n)
{
	return db_value_u64((uint64_t)n);
}

static int add_change(struct store *s, const struct change *x)
{
	struct db_bulk *rows = x->key.table == SOURCES ? &s->sum_rows
			       : x->key.table == SPANS ? &s->span_rows
						       : &s->use_rows;
	struct db_value v[10];
	int n;

	if (x->key.table != SOURCES && !x->total && !x->first_ns)
		return 0; /* it was never anything but gone */
	for (n = 0; n <= VERDICT; n++)
		v[n] = db_value_text(x->key.text[n]);
	switch (x->key.table) {
	case SOURCES:
		v[n++] = db_value_text(x->key.text[SOURCE]);
		break;
	case SPANS:
		v[n++] = db_value_u64(x->key.span_ns);
		v[n++] = db_value_u64(x->key.start_ns);
		break;
	case USES:
		v[n++] = db_value_text(x->key.text[DEVICE]);
		v[n++] = db_value_text(x->key.text[USER]);
		break;
	}
	v[n++] = number(x->total);
	if (x->key.table != USES)
		v[n++] = number(x->established);
	v[n++] = db_value_u64(x->first_ns);
	v[n++] = db_value_u64(x->last_ns);
	return db_bulk_add(s->db, rows, v, n);
}

/* Flows left these sums. Those of which none is left are removed; of the others it is asked
 * when they began and ended, of flows or of the shorter spans. */
#define OF_FLOWS                                                                                   \
	" AND COALESCE(path, '') = $2 AND COALESCE(service, '') = $3"                              \
	" AND COALESCE(verdict, '') = $4 AND direction = 'inbound' AND same_as IS NULL"
#define IN_SPAN "FROM flows x WHERE source = $1" OF_FLOWS " AND x.start >= $5 AND x.start < $6"
#define IS_SPAN                                                                                    \
	" WHERE address = $8 AND path = $2 AND service = $3 AND verdict = $4"                      \
	" AND span = $9 AND start = $5"
#define OF_SPANS                                                                                   \
	"(SELECT COALESCE(MIN(x.first), y.first), COALESCE(MAX(x.last), y.last)"                   \
	" FROM source_spans x WHERE x.address = y.address AND x.path = y.path"                     \
	" AND x.service = y.service AND x.verdict = y.verdict AND x.span = "

/* Of many flows one that left is seldom the last to end: the others are read only then. */
static int mend_short(struct store *s, const struct change *x)
{
	const struct key *k = &x->key;

	return db_later(s->db,
			"UPDATE source_spans AS y SET first = COALESCE((SELECT x.start " IN_SPAN
			" ORDER BY x.start LIMIT 1), first), last = CASE WHEN last > $7 THEN last"
			" ELSE COALESCE((SELECT MAX(x.\"end\") " IN_SPAN "), last) END" IS_SPAN,
			"ttttiiiti", k->text[SOURCE], k->text[PATH], k->text[SERVICE],
			k->text[VERDICT], k->start_ns, k->start_ns + k->span_ns, x->left_ns,
			k->text[ADDRESS], k->span_ns);
}

static int mend_long(struct store *s, const struct key *k)
{
	return db_later(s->db,
			"UPDATE source_spans AS y SET (first, last) = " OF_SPANS
			"$1 AND x.start >= $2 AND x.start < $3)"
			" WHERE address = $4 AND path = $5 AND service = $6 AND verdict = $7"
			" AND span = $8 AND start = $2",
			"iiitttti", STORE_SOURCE_SHORT, k->start_ns, k->start_ns + k->span_ns,
			k->text[ADDRESS], k->text[PATH], k->text[SERVICE], k->text[VERDICT],
			k->span_ns);
}

static int mend_sum(struct store *s, const struct key *k)
{
	return db_later(s->db,
			"UPDATE sources AS y SET (first, last) = " OF_SPANS
			"$1) WHERE address = $2 AND path = $3 AND service = $4 AND verdict = $5"
			" AND total > 0",
			"itttt", STORE_SOURCE_LONG, k->text[ADDRESS], k->text[PATH],
			k->text[SERVICE], k->text[VERDICT]);
}

#define FEW_OF_SOURCE "500" /* flows: they are read rather than those of the device */

#define END_OF_USE(by, order)                                                                      \
	"(SELECT start FROM flows WHERE " by " AND COALESCE(path, '') = $4"                        \
	" AND COALESCE(service, '') = $5 AND COALESCE(verdict, '') = $6"                           \
	" AND COALESCE(\"user\", '') = $7 AND direction = 'inbound' AND same_as IS NULL"           \
	" ORDER BY start" order " LIMIT 1)"
#define BY_SOURCE "COALESCE(device, '') = $2 AND source = $3"
#define BY_EITHER(by_device, order)                                                                \
	"CASE WHEN (SELECT SUM(total) FROM sources WHERE address = $1) <= " FEW_OF_SOURCE          \
	" THEN " END_OF_USE(BY_SOURCE, order) " ELSE " END_OF_USE(by_device, order) " END"
#define MEND_USE(by_device)                                                                        \
	"UPDATE source_uses SET first = COALESCE(" BY_EITHER(by_device, "") ", first),"            \
	" newest = COALESCE(" BY_EITHER(by_device, " DESC") ", newest)"                            \
	" WHERE address = $1 AND device = $2 AND path = $4 AND service = $5"                       \
	" AND verdict = $6 AND actor = $7"

/* By the index on sources; of one that has many flows by that on devices. */
static int mend_use(struct store *s, const struct key *k)
{
	return db_later(s->db,
			*k->text[DEVICE] ? MEND_USE("device = $2 AND source || '' = $3")
					 : MEND_USE(BY_SOURCE),
			"ttttttt", k->text[ADDRESS], k->text[DEVICE], k->text[SOURCE],
			k->text[PATH], k->text[SERVICE], k->text[VERDICT], k->text[USER]);
}

static int drop_span(struct store *s, const struct change *x)
{
	const struct key *k = &x->key;
	int rc = db_later(s->db,
			  "DELETE FROM source_spans WHERE address = $1 AND span = $2"
			  " AND start = $3 AND path = $4 AND service = $5 AND verdict = $6"
			  " AND total <= 0",
			  "tiittt", k->text[ADDRESS], k->span_ns, k->start_ns, k->text[PATH],
			  k->text[SERVICE], k->text[VERDICT]);

	if (rc)
		return rc;
	return k->span_ns == STORE_SOURCE_SHORT ? mend_short(s, x) : mend_long(s, k);
}

static int drop_sum(struct store *s, const struct change *x)
{
	const struct key *k = &x->key;
	int rc = db_later(s->db,
			  "DELETE FROM sources WHERE address = $1 AND path = $2 AND service = $3"
			  " AND verdict = $4 AND total <= 0 AND last <> 0",
			  "tttt", k->text[ADDRESS], k->text[PATH], k->text[SERVICE],
			  k->text[VERDICT]);

	return rc ? rc : mend_sum(s, k);
}

static int drop_use(struct store *s, const struct change *x)
{
	const struct key *k = &x->key;
	int rc = db_later(s->db,
			  "DELETE FROM source_uses WHERE address = $1 AND path = $2"
			  " AND service = $3 AND verdict = $4 AND device = $5 AND actor = $6"
			  " AND total <= 0",
			  "tttttt", k->text[ADDRESS], k->text[PATH], k->text[SERVICE],
			  k->text[VERDICT], k->text[DEVICE], k->text[USER]);

	return rc ? rc : mend_use(s, k);
}

static int add_all(struct store *s, const struct store_sums *sums)
{
	int rc = 0;

	for (unsigned i = 0; i < BUCKETS && !rc; i++)
		for (const struct change *x = sums->buckets[i]; x && !rc; x = x->next)
			rc = add_change(s, x);
	if (!rc)
		rc = db_bulk_write(s->db, &s->sum_rows);
	if (!rc)
		rc = db_bulk_write(s->db, &s->span_rows);
	return rc ? rc : db_bulk_write(s->db, &s->use_rows);
}

/* Those of a table, of spans those of one length, that flows left. */
static int drop_all(struct store *s, const struct store_sums *sums, enum table table,
		    uint64_t span_ns, int (*drop)(struct store *s, const struct change *x))
{
	int rc = 0;

	for (unsigned i = 0; i < BUCKETS && !rc; i++)
		for (const struct change *x = sums->buckets[i]; x && !rc; x = x->next)
			if (x->left && x->key.table == table && x->key.span_ns == span_ns)
				rc = drop(s, x);
	return rc;
}

/* Called by the database before any statement that names `sources`. */
int store_sums_write(void *arg)
{
	struct store *s = arg;
	struct store_sums *sums = s->sums;
	int rc;

	s->sums = NULL; /* its own statements name the table too */
	if (!sums)
		return 0;
	rc = add_all(s, sums);
	if (!rc && sums->left) { /* the longer spans are mended by the shorter ones */
		rc = drop_all(s, sums, SPANS, STORE_SOURCE_SHORT, drop_span);
		if (!rc)
			rc = drop_all(s, sums, SPANS, STORE_SOURCE_LONG, drop_span);
		if (!rc)
			rc = drop_all(s, sums, SOURCES, 0, drop_sum);
		if (!rc)
			rc = drop_all(s, sums, USES, 0, drop_use);
	}
	free_sums(sums);
	return rc;
}

int store_sums_bound(struct store *s)
{
	return s->sums && s->sums->n >= MOST ? store_sums_write(s) : 0;
}

/* ---- prefixes ------------------------------------------------------------------ */

void store_gate_bounds(const struct prefix *p, struct store_gate *g)
{
	struct prefix low = prefix_mask(p);
	struct addr high = low.addr;

	for (unsigned bit = p->len; bit < addr_bits(&high); bit++)
		high.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	store_source_address(&low.addr, g->low);
	store_source_address(&high, g->high);
}

int store_gate(struct store *s, const struct prefix *p, struct store_gate *g)
{
	struct db_row *row;
	int rc;

	store_gate_bounds(p, g);
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
