/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: what `verify` reads. A row of the record is its document, which stands in a
 * block, and the columns that were read out of it, which stand in `events`: the digest
 * is of both. Of what is not derived yet, or cannot be, the columns are read out of the
 * document here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"

/* ---- places ---------------------------------------------------------------- */

/* A row of events, copied: n, place, then what the digest is of. */
struct columns {
	uint64_t n, place;
	struct db_value v[STORE_CHAIN_EVENT_N + 1];
	char *text; /* that the values stand in */
	size_t size;
};

struct place_call {
	struct store *s;
	store_place_fn *fn;
	void *arg;
	uint64_t derived;
	const struct block *b;
	struct columns columns[BLOCK_ROWS]; /* of the block, by place; 0: none */
	char agent[256];
};

static int no_memory(struct store *s)
{
	return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
}

static bool copy_values(struct columns *c, struct db_row *row)
{
	size_t len[STORE_CHAIN_EVENT_N], need = 0, at = 0;
	const void *data[STORE_CHAIN_EVENT_N];

	for (int i = 0; i < STORE_CHAIN_EVENT_N; i++) {
		c->v[i] = (struct db_value){ .kind = db_kind(row, 2 + i) };
		len[i] = 0;
		if (c->v[i].kind == 'n')
			c->v[i].number = db_i64(row, 2 + i);
		else if (c->v[i].kind)
			data[i] = db_blob(row, 2 + i, &len[i]);
		need += len[i] + 1;
	}
	if (need > c->size) {
		char *text = realloc(c->text, need);

		if (!text)
			return false;
		c->text = text;
		c->size = need;
	}
	for (int i = 0; i < STORE_CHAIN_EVENT_N; i++) {
		if (!c->v[i].kind || c->v[i].kind == 'n')
			continue;
		memcpy(c->text + at, data[i], len[i]);
		c->text[at + len[i]] = '\0';
		c->v[i].data = c->text + at;
		c->v[i].len = len[i];
		at += len[i] + 1;
	}
	return true;
}

static int keep_columns(void *arg, struct db_row *row)
{
	struct place_call *call = arg;
	uint64_t place = db_u64(row, 1);
	struct columns *c = &call->columns[place - call->b->first];

	if (c->place)
		return 0; /* a second one is a stray */
	c->n = db_u64(row, 0);
	c->place = place;
	return copy_values(c, row) ? 0 : no_memory(call->s);
}

static bool is_text(const struct db_value *v, const char *text, size_t len)
{
	return v->kind == 't' && v->len == len && memcmp(v->data, text, len) == 0;
}

/* The columns that a block has as well. */
static bool agrees(const struct columns *c, const struct block_row *row)
{
	return is_text(&c->v[0], row->agent, row->agent_len) && c->v[1].kind == 'n' &&
	       (uint64_t)c->v[1].number == row->number && c->v[3].kind == 'n' &&
	       (uint64_t)c->v[3].number == row->stored_ns;
}

static struct db_value document(const struct block_row *row)
{
	return (struct db_value){
		.kind = 't', .type = 't', .data = row->json, .len = row->json_len
	};
}

static const char *text_of(const struct db_value *v)
{
	return v->kind == 't' ? v->data : NULL;
}

static int check_columns(struct store *s, struct columns *c, const struct block_row *row,
			 struct store_place *p)
{
	c->v[STORE_CHAIN_EVENT_N] = document(row);
	if (!store_chain_digest(s->digest, true, c->v, STORE_CHAIN_EVENT_N + 1, &p->row))
		return store_no_hash(s);
	if (!agrees(c, row))
		memset(&p->row, 0, sizeof(p->row));
	p->there = true;
	p->n = c->n;
	p->agent = text_of(&c->v[0]);
	p->seq = c->v[1].kind == 'n' ? (uint64_t)c->v[1].number : 0;
	p->time_ns = c->v[2].kind == 'n' ? (uint64_t)c->v[2].number : 0;
	p->type = text_of(&c->v[4]);
	return 0;
}

/* 1: an event of which nothing is derived, and that is known. */
static int is_underived(struct place_call *call, uint64_t place)
{
	struct db_row *row;

	return place > call->derived
		       ? 1
		       : db_get(call->s->db, &row,
				"SELECT n FROM dead_letters WHERE refused = $1", "i", place);
}

static int check_document(struct place_call *call, const struct block_row *row,
			  struct store_place *p)
{
	struct event e = { 0 };
	char err[256];
	bool good;

	p->there = true;
	if (event_read(row->json, row->json_len, &e, err, sizeof(err)))
		return 0;
	good = store_event_digest(call->s->digest, &e, row->json, row->json_len, row->stored_ns,
				  &p->row);
	event_clear(&e);
	return good ? 0 : store_no_hash(call->s);
}

static int check_event(struct place_call *call, unsigned i, struct store_place *p)
{
	const struct block_row *row = &call->b->rows[i];
	struct columns *c = &call->columns[i];
	int rc;

	p->kind = "event";
	if (c->place)
		return check_columns(call->s, c, row, p);
	snprintf(call->agent, sizeof(call->agent), "%.*s", (int)row->agent_len, row->agent);
	p->agent = call->agent;
	p->seq = row->number;
	rc = is_underived(call, p->place);
	return rc > 0 ? check_document(call, row, p) : rc;
}

static int check_dead(struct store *s, const struct block_row *at, struct store_place *p)
{
	struct db_value v[STORE_CHAIN_DEAD_N];
	struct db_row *row;
	int rc;

	p->kind = p->type = "dead-letter";
	p->n = at->number;
	rc = db_get(s->db, &row,
		    "SELECT " STORE_CHAIN_DEAD " FROM dead_letters WHERE n = $1 AND place = $2",
		    "ii", at->number, p->place);
	if (rc <= 0)
		return rc;
	for (int i = 0; i < STORE_CHAIN_DEAD_N; i++) {
		v[i] = (struct db_value){ .kind = db_kind(row, i) };
		if (v[i].kind == 'n')
			v[i].number = db_i64(row, i);
		else if (v[i].kind)
			v[i].data = db_blob(row, i, &v[i].len);
	}
	p->there = true;
	p->time_ns = db_u64(row, 1);
	return store_chain_digest(s->digest, false, v, STORE_CHAIN_DEAD_N, &p->row)
		       ? 0
		       : store_no_hash(s);
}

static void links_of(const struct block *b, unsigned i, struct store_place *p)
{
	const uint8_t *link = b->links + (size_t)i * BLOCK_LINK;

	memcpy(p->digest.bytes, link, CHAIN_HASH_LEN);
	memcpy(p->hash.bytes, link + CHAIN_HASH_LEN, CHAIN_HASH_LEN);
}

/* The rows cannot be read; that their digests follow each other still can be seen. */
static int hand_unreadable(struct place_call *call, const struct block *b)
{
	int rc = 0;

	for (unsigned i = 0; i < b->count && !rc; i++) {
		struct store_place p = { .place = b->first + i, .kind = "event", .there = true };

		links_of(b, i, &p);
		p.row = p.digest;
		p.unreadable = i ? 0 : b->count;
		rc = call->fn(call->arg, &p);
	}
	return rc;
}

static int take_block(void *arg, const struct block *b, bool readable, bool derived)
{
	struct place_call *call = arg;
	int rc = 0;

	if (!readable)
		return hand_unreadable(call, b);
	call->b = b;
	for (unsigned i = 0; i < b->count; i++)
		call->columns[i].place = 0;
	rc = db_each(call->s->db, keep_columns, call,
		     "SELECT n, place, " STORE_CHAIN_EVENT " FROM events WHERE place >= $1"
		     " AND place < $2 ORDER BY place, n",
		     "ii", b->first, b->first + b->count);
	for (unsigned i = 0; i < b->count && !rc; i++) {
		struct store_place p = { .place = b->first + i };

		links_of(b, i, &p);
		rc = b->rows[i].event ? check_event(call, i, &p)
				      : check_dead(call->s, &b->rows[i], &p);
		if (!rc)
			rc = call->fn(call->arg, &p);
	}
	return rc;
}

int store_chain(struct store *s, store_place_fn *fn, void *arg)
{
	struct place_call *call = calloc(1, sizeof(*call));
	uint64_t places, oldest_ns;
	int rc;

	if (!call)
		return no_memory(s);
	call->s = s;
	call->fn = fn;
	call->arg = arg;
	rc = store_behind(s, &call->derived, &places, &oldest_ns);
	if (!rc)
		rc = store_blocks(s, 0, INT64_MAX, take_block, call);
	for (unsigned i = 0; i < BLOCK_ROWS; i++)
		free(call->columns[i].text);
	free(call);
	return rc;
}

/* ---- rows that have no place ------------------------------------------------- */

struct stray_call {
	struct store *s;
	store_place_fn *fn;
	void *arg;
	bool event;
};

static int take_stray(void *arg, struct db_row *row)
{
	struct stray_call *call = arg;
	struct store_place p = { .n = db_u64(row, 0),
				 .kind = call->event ? "event" : "dead-letter",
				 .there = true,
				 .time_ns = db_u64(row, 1),
				 .agent = db_text(row, 2),
				 .seq = db_u64(row, 3),
				 .type = db_text(row, 4) };

	return call->fn(call->arg, &p);
}

/* Rows of a place that no block has, or that has another row already. */
#define WITHOUT_PLACE(t)                                                                           \
	"COALESCE((SELECT first + count FROM blocks WHERE first <= " t                             \
	".place ORDER BY first DESC LIMIT 1), 0) <= " t ".place"

int store_chain_strays(struct store *s, store_place_fn *fn, void *arg)
{
	struct stray_call call = { s, fn, arg, true };
	int rc = db_each(s->db, take_stray, &call,
			 "SELECT n, time, agent, seq, type FROM events WHERE " WITHOUT_PLACE(
				 "events") " OR place IN (SELECT place FROM dead_letters)"
					   " ORDER BY n",
			 "");

	if (!rc)
		rc = db_each(s->db, take_stray, &call,
			     "SELECT n, time, agent, seq, type FROM events e WHERE place IN"
			     " (SELECT place FROM events GROUP BY place HAVING COUNT(*) > 1)"
			     " AND n > (SELECT MIN(n) FROM events f WHERE f.place = e.place)"
			     " ORDER BY n",
			     "");
	call.event = false;
	if (!rc)
		rc = db_each(s->db, take_stray, &call,
			     "SELECT n, received, NULL, NULL, 'dead-letter' FROM dead_letters"
			     " WHERE " WITHOUT_PLACE("dead_letters") " ORDER BY n",
			     "");
	return rc;
}

int store_chain_length(struct store *s, uint64_t *places)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT first + count - 1 FROM blocks ORDER BY first DESC LIMIT 1", "");

	*places = rc == 1 ? db_u64(row, 0) : 0;
	return store_done(rc);
}

int store_chain_hash(struct store *s, uint64_t place, struct chain_hash *out)
{
	const uint8_t *links;
	struct db_row *row;
	size_t len, at;
	int rc = db_get(s->db, &row,
			"SELECT first, count, links FROM blocks WHERE first <= $1"
			" ORDER BY first DESC LIMIT 1",
			"i", place);

	if (rc <= 0 || place - db_u64(row, 0) >= db_u64(row, 1))
		return rc < 0 ? rc : 0;
	at = (size_t)(place - db_u64(row, 0)) * BLOCK_LINK + CHAIN_HASH_LEN;
	links = db_blob(row, 2, &len);
	memset(out, 0, sizeof(*out));
	if (links && at + CHAIN_HASH_LEN <= len)
		memcpy(out->bytes, links + at, CHAIN_HASH_LEN);
	return 1;
}

/* ---- numbers that are missing ------------------------------------------------- */

/* Numbers that are in the record and not derived yet. */
struct waiting {
	struct store *s;
	uint64_t derived;
	struct number {
		uint64_t seq;
		char *agent;
	} *list;
	size_t n, room;
};

static int keep_waiting(void *arg, const struct block *b, bool readable, bool derived)
{
	struct waiting *w = arg;

	for (unsigned i = 0; readable && !derived && i < b->count; i++) {
		const struct block_row *row = &b->rows[i];

		if (!row->event || b->first + i <= w->derived)
			continue;
		if (w->n == w->room) {
			size_t room = w->room ? 2 * w->room : 1024;
			struct number *list = realloc(w->list, room * sizeof(*list));

			if (!list)
				return no_memory(w->s);
			w->list = list;
			w->room = room;
		}
		w->list[w->n].seq = row->number;
		w->list[w->n].agent = strndup(row->agent, row->agent_len);
		if (!w->list[w->n].agent)
			return no_memory(w->s);
		w->n++;
	}
	return 0;
}

static int compare_numbers(const void *x, const void *y)
{
	const struct number *a = x, *b = y;
	int order = strcmp(a->agent, b->agent);

	return order ? order : a->seq < b->seq ? -1 : a->seq > b->seq;
}

struct hole_call {
	store_hole_fn *fn;
	void *arg;
	struct waiting *waiting;
};

/* What is left of it when the numbers that wait are taken out. */
static int hand_hole(struct hole_call *call, struct store_hole *h)
{
	const struct waiting *w = call->waiting;
	uint64_t last = h->last;
	size_t low = 0, high = w->n;
	int rc = 0;

	while (low < high) { /* the first that is not before the hole */
		size_t at = low + (high - low) / 2;
		int order = strcmp(w->list[at].agent, h->agent);

		if (order < 0 || (order == 0 && w->list[at].seq < h->first))
			low = at + 1;
		else
			high = at;
	}
	/* An agent of which nothing is derived yet: what is before its first is not missed. */
	if (h->first == 1 && low < w->n && strcmp(w->list[low].agent, h->agent) == 0)
		h->first = w->list[low].seq;
	for (; low < w->n && !rc && w->list[low].seq <= last &&
	       strcmp(w->list[low].agent, h->agent) == 0;
	     low++) {
		h->last = w->list[low].seq - 1;
		if (h->first <= h->last)
			rc = call->fn(call->arg, h);
		h->first = w->list[low].seq + 1;
	}
	h->last = last;
	return rc || h->first > h->last ? rc : call->fn(call->arg, h);
}

static int take_hole(void *arg, struct db_row *row)
{
	struct hole_call *call = arg;
	struct store_hole h = { .agent = db_text(row, 0),
				.first = db_u64(row, 1),
				.last = db_u64(row, 2),
				.known = db_u64(row, 3) != 0 };
	uint64_t sealed = db_u64(row, 4);

	if (h.first <= sealed)
		h.first = sealed + 1;
	return h.first <= h.last ? hand_hole(call, &h) : 0;
}

/* Also those that were refused: the record has them. */
static int keep_refused(void *arg, struct db_row *of)
{
	struct waiting *w = arg;
	const struct block_row *row;
	int rc = store_row(w->s, db_u64(of, 0), &row);
	struct block one = { .count = 1, .first = w->derived + 1 };

	if (rc <= 0 || !row->event)
		return rc < 0 ? rc : 0;
	one.rows[0] = *row;
	return keep_waiting(w, &one, true, false);
}

/* Holes between stored numbers, and what the table of agents knows beyond them. The
 * numbers before an agent's first are not missed: the record began later, or that part
 * of it is sealed. Up to the highest number that was removed with it, holes are. */
int store_holes(struct store *s, store_hole_fn *fn, void *arg)
{
	struct waiting waiting = { .s = s };
	struct hole_call call = { fn, arg, &waiting };
	uint64_t places, oldest_ns;
	int rc = store_behind(s, &waiting.derived, &places, &oldest_ns);

	if (!rc && places > waiting.derived)
		rc = store_blocks(s, waiting.derived + 1, INT64_MAX, keep_waiting, &waiting);
	if (!rc)
		rc = db_each(s->db, keep_refused, &waiting,
			     "SELECT refused FROM dead_letters WHERE refused IS NOT NULL", "");
	if (waiting.n)
		qsort(waiting.list, waiting.n, sizeof(*waiting.list), compare_numbers);
	if (!rc)
		rc = db_each(s->db, take_hole, &call,
			     "SELECT agent, first, last, EXISTS (SELECT 1 FROM gaps g"
			     "  WHERE g.agent = h.agent AND g.first <= h.first"
			     "  AND g.last >= h.last),"
			     " (SELECT b.last FROM sealed b WHERE b.agent = h.agent) FROM ("
			     " SELECT agent, seq + 1 AS first, next - 1 AS last FROM (SELECT agent,"
			     "   seq, LEAD(seq) OVER (PARTITION BY agent ORDER BY seq) AS next"
			     "   FROM events) AS e WHERE next > seq + 1"
			     " UNION ALL"
			     " SELECT agent, COALESCE((SELECT MAX(seq) FROM events e"
			     "  WHERE e.agent = a.agent),"
			     "  (SELECT last FROM sealed b WHERE b.agent = a.agent), 0) + 1,"
			     "  last_seq FROM agents a WHERE last_seq >"
			     "  COALESCE((SELECT MAX(seq) FROM events e WHERE e.agent = a.agent),"
			     "  (SELECT last FROM sealed b WHERE b.agent = a.agent), 0)) AS h"
			     " ORDER BY agent, first",
			     "");
	for (size_t i = 0; i < waiting.n; i++)
		free(waiting.list[i].agent);
	free(waiting.list);
	return rc;
}

/* ---- the file ------------------------------------------------------------------ */

struct damage_call {
	store_damage_fn *fn;
	void *arg;
};

static int take_damage(void *arg, struct db_row *row)
{
	const char *what = db_text(row, 0);
	struct damage_call *call = arg;

	return what && strcmp(what, "ok") != 0 ? call->fn(call->arg, what) : 0;
}

int store_damage(struct store *s, store_damage_fn *fn, void *arg)
{
	struct damage_call call = { fn, arg };

	return db_damage(s->db, take_damage, &call);
}
