/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: the record's rows, in blocks (record/block.h).
 *
 * Rows that are new wait here until they fill a block, the transaction ends, or a
 * statement names the table. So a block is never larger than a transaction, and an anchor,
 * which is made when one ends, always stands at a block's end.
 *
 * Documents are read by their place: of the blocks that were unpacked last some are kept,
 * since who asks for one row mostly asks for its neighbours next.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/store/derive.h"
#include "collector/store/parts.h"

#define KEPT 8 /* blocks; a megabyte */

struct store_blocks {
	struct block_tools *tools;
	struct block waiting;
	bool derived; /* of those that wait */
	struct {
		struct block block;
		uint64_t used;
	} kept[KEPT];
	uint64_t uses;
	uint64_t found; /* place of the row that store_block_find() found last */
	char *text;	/* of store_text() */
	size_t text_size;
};

static int no_memory(struct store *s)
{
	return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
}

int store_blocks_open(struct store *s)
{
	s->blocks = calloc(1, sizeof(*s->blocks));
	if (!s->blocks || !(s->blocks->tools = block_tools_new()))
		return no_memory(s);
	s->watch_blocks = db_watch(s->db, "blocks", store_blocks_write, s);
	return 0;
}

void store_blocks_close(struct store *s)
{
	if (!s->blocks)
		return;
	block_tools_free(s->blocks->tools);
	block_free(&s->blocks->waiting);
	for (unsigned i = 0; i < KEPT; i++)
		block_free(&s->blocks->kept[i].block);
	free(s->blocks->text);
	free(s->blocks);
	s->blocks = NULL;
}

void store_blocks_forget(struct store *s)
{
	block_clear(&s->blocks->waiting);
	for (unsigned i = 0; i < KEPT; i++)
		block_clear(&s->blocks->kept[i].block);
	s->blocks->found = 0;
}

/* ---- writing --------------------------------------------------------------- */

int store_blocks_write(void *arg)
{
	struct store *s = arg;
	struct block *b = &s->blocks->waiting;
	uint64_t first = b->first, count = b->count, events = b->events;
	const uint8_t *body;
	size_t len;

	if (!b->count)
		return 0;
	body = block_pack(s->blocks->tools, b, &len);
	if (!body)
		return no_memory(s);
	block_clear(b); /* the statement names the table, and would have them written first */
	return db_later(s->db,
			"INSERT INTO blocks (first, count, events, stored, derived, links, body)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7)",
			"iiiiibb", first, count, events, s->blocks_stored_ns,
			(uint64_t)s->blocks->derived, b->links, (size_t)count * BLOCK_LINK, body,
			len);
}

int store_block_add(struct store *s, uint64_t place, const struct block_row *row,
		    const struct chain_hash *digest, const struct chain_hash *hash, bool derived)
{
	struct block *b = &s->blocks->waiting;
	int rc = 0;

	if (b->count && (block_is_full(b) || s->blocks->derived != derived))
		rc = store_blocks_write(s);
	if (rc)
		return rc;
	if (!b->count) {
		b->first = place;
		s->blocks->derived = derived;
		s->blocks_stored_ns = row->stored_ns;
	}
	if (!block_add(b, row, digest, hash))
		return no_memory(s);
	db_pending(s->db, s->watch_blocks);
	return 0;
}

/* ---- reading --------------------------------------------------------------- */

/* Columns first, count, derived, links, body. */
static bool take_block(struct store *s, struct db_row *row, struct block *b)
{
	uint64_t first = db_u64(row, 0), count = db_u64(row, 1);
	size_t links, len;
	const void *data = db_blob(row, 3, &links);
	bool good = count && count <= BLOCK_ROWS && data && links == count * BLOCK_LINK;

	if (good) {
		const uint8_t *body = db_blob(row, 4, &len);

		good = body && block_unpack(s->blocks->tools, b, first, (unsigned)count, body, len);
	}
	if (!good)
		block_clear(b);
	data = db_blob(row, 3, &links); /* after the other column was read */
	memset(b->links, 0, sizeof(b->links));
	if (data)
		memcpy(b->links, data, links < sizeof(b->links) ? links : sizeof(b->links));
	if (!good) {
		b->first = first;
		b->count = count > BLOCK_ROWS ? BLOCK_ROWS : count ? (unsigned)count : 1;
		memset(b->rows, 0, sizeof(b->rows));
	}
	return good;
}

struct block_call {
	struct store *s;
	struct block *b;
	store_block_fn *fn;
	void *arg;
};

static int hand_block(void *arg, struct db_row *row)
{
	struct block_call *call = arg;
	bool derived = db_u64(row, 2) != 0, good = take_block(call->s, row, call->b);

	return call->fn(call->arg, call->b, good, derived);
}

int store_blocks(struct store *s, uint64_t from, uint64_t to, store_block_fn *fn, void *arg)
{
	struct block_call call = { s, calloc(1, sizeof(struct block)), fn, arg };
	int rc;

	if (!call.b)
		return no_memory(s);
	rc = db_each(s->db, hand_block, &call,
		     "SELECT first, count, derived, links, body FROM blocks WHERE first >="
		     " COALESCE((SELECT MAX(first) FROM blocks WHERE first <= $1), 0)"
		     " AND first <= $2 ORDER BY first",
		     "ii", from, to);
	block_free(call.b);
	free(call.b);
	return rc;
}

/* 1 and the block that the place is in; it lives until the next call. 0: there is none
 * that can be read. */
static int find_block(struct store *s, uint64_t place, const struct block **out)
{
	unsigned oldest = 0;
	struct db_row *row;
	int rc;

	for (unsigned i = 0; i < KEPT; i++) {
		const struct block *b = &s->blocks->kept[i].block;

		if (b->count && place >= b->first && place - b->first < b->count) {
			s->blocks->kept[i].used = ++s->blocks->uses;
			*out = b;
			return 1;
		}
		if (s->blocks->kept[i].used < s->blocks->kept[oldest].used)
			oldest = i;
	}
	rc = db_get(s->db, &row,
		    "SELECT first, count, derived, links, body FROM blocks WHERE first <= $1"
		    " ORDER BY first DESC LIMIT 1",
		    "i", place);
	if (rc <= 0 || place - db_u64(row, 0) >= db_u64(row, 1))
		return rc < 0 ? rc : 0;
	if (!take_block(s, row, &s->blocks->kept[oldest].block)) {
		block_clear(&s->blocks->kept[oldest].block);
		return 0;
	}
	s->blocks->kept[oldest].used = ++s->blocks->uses;
	*out = &s->blocks->kept[oldest].block;
	return 1;
}

int store_row(struct store *s, uint64_t place, const struct block_row **out)
{
	const struct block *b;
	int rc = find_block(s, place, &b);

	if (rc > 0)
		*out = &b->rows[place - b->first];
	return rc;
}

int store_text(struct store *s, uint64_t place, struct store_text *t)
{
	const struct block_row *row;
	int rc = store_row(s, place, &row);
	char *larger;

	if (rc < 0)
		return rc;
	if (!rc || !row->event) {
		t->json = NULL;
		return 0;
	}
	if (t->size < row->json_len + 1) {
		larger = realloc(t->text, row->json_len + 1024);
		if (!larger)
			return no_memory(s);
		t->text = larger;
		t->size = row->json_len + 1024;
	}
	memcpy(t->text, row->json, row->json_len);
	t->text[row->json_len] = '\0';
	t->json = t->text;
	t->len = row->json_len;
	return 1;
}

/* From `from` on and before `to`. */
static int find_between(struct store *s, uint64_t from, uint64_t to, const char *agent,
			uint64_t seq, const struct block_row **out)
{
	size_t len = strlen(agent);
	const struct block *b;
	int rc = 1;

	for (uint64_t place = from; place < to; place = b->first + b->count) {
		rc = find_block(s, place, &b);
		if (rc <= 0)
			return rc;
		for (unsigned i = (unsigned)(place - b->first); i < b->count; i++) {
			const struct block_row *row = &b->rows[i];

			if (!row->event || row->number != seq || row->agent_len != len ||
			    memcmp(row->agent, agent, len) != 0)
				continue;
			s->blocks->found = b->first + i;
			*out = row;
			return 1;
		}
	}
	return 0;
}

/* What comes twice mostly comes in the order in which it came first. */
int store_block_find(struct store *s, const char *agent, uint64_t seq,
		     const struct block_row **out)
{
	uint64_t from = s->derived + 1, to = s->head_place + 1, hint = s->blocks->found + 1;
	int rc;

	if (hint < from || hint > to)
		hint = from;
	rc = find_between(s, hint, to, agent, seq, out);
	return rc ? rc : find_between(s, from, hint, agent, seq, out);
}

/* ---- what is not derived yet ------------------------------------------------ */

struct batch_call {
	struct store *s;
	struct store_batch *b;
	uint64_t after;
};

static int take_batch(void *arg, struct db_row *row)
{
	struct batch_call *call = arg;
	struct store_batch *x = call->b;
	struct block *b = &x->blocks[x->n_blocks];
	bool derived = db_u64(row, 2) != 0, good = take_block(call->s, row, b);

	if (!good)
		return db_say(call->s->db, STORE_BROKEN,
			      "%s: the record is damaged: place %llu to %llu cannot be read, and "
			      "nothing can be derived from it; restore a copy of the store",
			      db_name(call->s->db), (unsigned long long)b->first,
			      (unsigned long long)b->first + b->count - 1);
	x->upto = b->first + b->count - 1;
	x->n_blocks++;
	for (unsigned i = 0; i < b->count && !derived; i++)
		if (b->first + i > call->after && b->rows[i].event)
			x->rows[x->n++] = (struct store_batch_row){ b->first + i, &b->rows[i] };
	return 0;
}

int store_batch_next(struct store *s, struct store_batch *b)
{
	struct batch_call call = { .s = s, .b = b };
	int rc;

	b->n = b->n_blocks = 0;
	rc = store_chain_head(s);
	b->upto = s->derived;
	call.after = s->derived;
	return rc ? rc : db_each(s->db, take_batch, &call,
		       "SELECT first, count, derived, links, body FROM blocks WHERE first >="
		       " COALESCE((SELECT MAX(first) FROM blocks WHERE first <= $1), 0)"
		       " AND first + count > $1 ORDER BY first LIMIT $2",
		       "ii", s->derived + 1, (uint64_t)STORE_BATCH_BLOCKS);
}

void store_batch_clear(struct store_batch *b)
{
	for (unsigned i = 0; i < STORE_BATCH_BLOCKS; i++)
		block_free(&b->blocks[i]);
	b->n = b->n_blocks = 0;
}

/* ---- how far it is ---------------------------------------------------------- */

int store_derived_write(void *arg)
{
	struct store *s = arg;
	char value[24];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)s->derived);
	return db_later(s->db,
			"INSERT INTO meta (key, value) VALUES ('derived', $1)"
			" ON CONFLICT (key) DO UPDATE SET value = excluded.value",
			"t", value);
}

int store_lag(struct store *s, uint64_t *places)
{
	int rc = store_chain_head(s);

	*places = rc ? 0 : s->head_place - s->derived;
	return rc;
}

void store_derived_put(struct store *s, uint64_t place)
{
	if (place <= s->derived)
		return;
	s->derived = place;
	db_pending(s->db, s->watch_derived);
}

int store_derived_all(struct store *s)
{
	store_derived_put(s, s->head_place);
	return 0;
}

int store_behind(struct store *s, uint64_t *derived, uint64_t *places, uint64_t *oldest_ns)
{
	struct db_row *row;
	int rc;

	*derived = *places = *oldest_ns = 0;
	rc = db_get(s->db, &row,
		    "SELECT first + count - 1, (SELECT value FROM meta WHERE key = 'derived')"
		    " FROM blocks ORDER BY first DESC LIMIT 1",
		    "");
	if (rc <= 0)
		return rc;
	*places = db_u64(row, 0);
	*derived = db_is_null(row, 1) ? 0 : strtoull(db_text(row, 1), NULL, 10);
	if (*derived >= *places)
		return 0;
	rc = db_get(s->db, &row,
		    "SELECT stored FROM blocks WHERE first <= $1 ORDER BY first DESC LIMIT 1", "i",
		    *derived + 1);
	if (rc > 0)
		*oldest_ns = db_u64(row, 0);
	return store_done(rc);
}
