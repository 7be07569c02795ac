/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: of which Community IDs there is no flow in the database. Each flow that begins
 * is looked for among those of other agents, and nearly always there is none. PostgreSQL
 * is asked that once for a batch, as a question takes longer on its way there and
 * back than the server needs for it; SQLite is asked each time.
 *
 * What is known is of this transaction, and a row that is written is taken out of it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "collector/store/derive.h"
#include "collector/store/parts.h"
#include "common/fnv.h"

#define SLOTS 16384 /* a power of two */
#define LONGEST 64  /* bytes of an ID; about a longer one nothing is known */
#define MEMBER "\"community_id\":\""

struct store_twins {
	uint64_t seed;	      /* IDs come from elsewhere */
	uint64_t none[SLOTS]; /* of an ID in its slot, its hash: it has no flow; 0: not known */
	char *ids;	      /* those that are asked for, between commas */
	size_t len, size;
};

static uint64_t key_of(const struct store_twins *t, const char *id, size_t len)
{
	return fnv1a64(t->seed, id, len) | 1;
}

static uint64_t *slot_of(struct store_twins *t, uint64_t key)
{
	return &t->none[(key >> 20) & (SLOTS - 1)];
}

void store_twins_forget(struct store *s)
{
	if (s->twins)
		memset(s->twins->none, 0, sizeof(s->twins->none));
}

void store_twins_free(struct store *s)
{
	if (s->twins)
		free(s->twins->ids);
	free(s->twins);
	s->twins = NULL;
}

bool store_twins_none(struct store *s, const char *id)
{
	uint64_t key;

	if (!s->twins)
		return false;
	key = key_of(s->twins, id, strlen(id));
	return *slot_of(s->twins, key) == key;
}

void store_twins_note(struct store *s, const char *id)
{
	if (id && s->twins)
		*slot_of(s->twins, key_of(s->twins, id, strlen(id))) = 0;
}

static struct store_twins *have(struct store *s)
{
	struct store_twins *t = s->twins;

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (t && getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed)) {
		free(t);
		t = NULL;
	}
	s->twins = t;
	return t;
}

/* Of a document as agents write it; 0: it has none, or one that is not as they are. */
static size_t find_id(const char *json, size_t json_len, const char **id)
{
	const char *at = memmem(json, json_len, MEMBER, strlen(MEMBER));
	size_t most, len = 0;

	if (!at)
		return 0;
	*id = at + strlen(MEMBER);
	most = json_len - (size_t)(*id - json);
	while (len < most && len <= LONGEST &&
	       ((*id)[len] == ':' || (*id)[len] == '+' || (*id)[len] == '/' || (*id)[len] == '=' ||
		((*id)[len] >= '0' && (*id)[len] <= '9') ||
		((*id)[len] >= 'A' && (*id)[len] <= 'Z') ||
		((*id)[len] >= 'a' && (*id)[len] <= 'z')))
		len++;
	return len < most && len <= LONGEST && (*id)[len] == '"' ? len : 0;
}

static int is_there(void *arg, const struct store_flow *f)
{
	return 1;
}

/* One of a flow that is kept is not asked for: what comes is of that flow. */
static bool ask_for(struct store *s, const char *id, size_t len)
{
	struct store_twins *t = s->twins;
	uint64_t key = key_of(t, id, len);
	char text[LONGEST + 1];

	memcpy(text, id, len);
	text[len] = '\0';
	if (*slot_of(t, key) || store_kept_twins(s, text, is_there, NULL))
		return true;
	if (t->len + len + 2 > t->size) {
		size_t size = t->size ? 2 * t->size : 65536;
		char *ids = realloc(t->ids, size);

		if (!ids)
			return false;
		t->ids = ids;
		t->size = size;
	}
	if (t->len)
		t->ids[t->len++] = ',';
	memcpy(t->ids + t->len, text, len + 1);
	t->len += len;
	*slot_of(t, key) = key;
	return true;
}

static int take_id(void *arg, struct db_row *row)
{
	struct store *s = arg;

	store_twins_note(s, db_text(row, 0));
	return 0;
}

int store_twins_ask(struct store *s, const struct store_batch *b)
{
	struct store_twins *t;
	const char *id;
	size_t len;
	int rc;

	store_twins_forget(s);
	if (!db_is_pg(s->db) || b->n < 2 || !(t = have(s)))
		return 0;
	t->len = 0;
	for (unsigned i = 0; i < b->n; i++) {
		len = find_id(b->rows[i].row->json, b->rows[i].row->json_len, &id);
		if (len && !ask_for(s, id, len))
			break;
	}
	if (!t->len)
		return 0;
	rc = db_each(s->db, take_id, s,
		     "SELECT DISTINCT community_id FROM FLOWS"
		     " WHERE community_id = ANY(string_to_array($1, ','))",
		     "t", t->ids);
	if (rc < 0)
		store_twins_forget(s);
	return rc < 0 ? rc : 0;
}
