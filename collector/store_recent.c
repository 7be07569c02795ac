/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: what was noted within the last minute need not be noted again.
 *
 * Rows that say when something was seen last are exact to a minute, so most statements
 * would change nothing. Which ones is remembered here, in slots that a newer one may
 * take. What is remembered is as good as other rows that are kept (store_chain.c says
 * when they are not).
 */
#include <stdlib.h>
#include <string.h>

#include "collector/store_db.h"
#include "common/fnv.h"

#define SLOTS 4096
#define KEY_LEN 112 /* a longer one is not remembered */

struct store_recent {
	struct {
		char key[KEY_LEN];
		uint64_t noted_ns;
	} slots[SLOTS];
};

/* "kind a\nb"; false: too long. */
static bool make_key(char kind, const char *a, const char *b, char key[KEY_LEN], unsigned *slot)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	uint32_t h;

	if (a_len + b_len + 3 > KEY_LEN)
		return false;
	key[0] = kind;
	memcpy(key + 1, a, a_len);
	key[1 + a_len] = '\n';
	memcpy(key + 2 + a_len, b, b_len + 1);
	h = fnv1a(key);
	*slot = (h ^ h >> 16) % SLOTS;
	return true;
}

bool store_recent(const struct store *s, char kind, const char *a, const char *b, uint64_t time_ns)
{
	char key[KEY_LEN];
	unsigned slot;

	return s->recent && make_key(kind, a, b, key, &slot) &&
	       strcmp(s->recent->slots[slot].key, key) == 0 &&
	       time_ns <= s->recent->slots[slot].noted_ns + STORE_RECENT_NS;
}

void store_recent_note(struct store *s, char kind, const char *a, const char *b, uint64_t time_ns)
{
	char key[KEY_LEN];
	unsigned slot;

	if (!s->recent)
		s->recent = calloc(1, sizeof(*s->recent));
	if (!s->recent || !make_key(kind, a, b, key, &slot))
		return;
	memcpy(s->recent->slots[slot].key, key, sizeof(key));
	s->recent->slots[slot].noted_ns = time_ns;
}

void store_recent_forget(struct store *s)
{
	free(s->recent);
	s->recent = NULL;
}
