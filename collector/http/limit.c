/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/http/limit.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fnv.h"

#define SETS 256
#define WAYS 8 /* 2,048 clients */

struct bucket {
	char name[64];	    /* cut: names that long are no client's */
	uint64_t tokens_ns; /* what is in it, as the time it took to flow in */
	uint64_t at_ns;
};

struct http_limit {
	uint64_t each_ns, most_ns;
	struct bucket buckets[SETS][WAYS];
};

struct http_limit *http_limit_new(uint32_t per_second, uint32_t burst)
{
	struct http_limit *l = calloc(1, sizeof(*l));

	if (l && per_second) {
		l->each_ns = NS_PER_S / per_second;
		l->most_ns = l->each_ns * (burst ? burst : 1);
	}
	return l;
}

void http_limit_free(struct http_limit *l)
{
	free(l);
}

/* Who finds names that share a set slows down the others of that set only
 * as far as its own limit goes. */
static unsigned hash(const char *name)
{
	return fnv1a(name) % SETS;
}

static struct bucket *find(struct http_limit *l, const char *name, uint64_t now_ns)
{
	struct bucket *set = l->buckets[hash(name)], *oldest = set;

	for (int i = 0; i < WAYS; i++) {
		if (strncmp(set[i].name, name, sizeof(set[i].name) - 1) == 0)
			return &set[i];
		if (set[i].at_ns < oldest->at_ns)
			oldest = &set[i];
	}
	strncpy(oldest->name, name, sizeof(oldest->name) - 1);
	oldest->tokens_ns = l->most_ns;
	oldest->at_ns = now_ns;
	return oldest;
}

bool http_limit_take(struct http_limit *l, const char *name, uint64_t now_ns, unsigned *wait_s)
{
	struct bucket *b;

	if (!l->each_ns)
		return true;
	b = find(l, name, now_ns);
	if (now_ns > b->at_ns)
		b->tokens_ns += now_ns - b->at_ns;
	if (b->tokens_ns > l->most_ns)
		b->tokens_ns = l->most_ns;
	b->at_ns = now_ns;
	if (b->tokens_ns < l->each_ns) {
		*wait_s = (unsigned)((l->each_ns - b->tokens_ns + NS_PER_S - 1) / NS_PER_S);
		return false;
	}
	b->tokens_ns -= l->each_ns;
	return true;
}
