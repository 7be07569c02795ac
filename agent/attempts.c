/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tables of sets: a key's hash names the set, in which it may stand at WAYS places. In
 * a full set of sources the smallest count makes room: a source that sends much is soon no
 * more the smallest. In a full set of targets none does.
 */
#include "agent/attempts.h"

#include <stdlib.h>
#include <string.h>

#include "agent/hash.h"

#define WAYS 8
#define SETS (GW_MAX_ATTEMPTS / WAYS)

struct row {
	struct gw_attempts who;
	uint64_t n; /* 0: free */
};

struct attempts {
	uint64_t seed;
	bool any;
	uint64_t others; /* toward targets without a row */
	struct row targets[SETS * WAYS], sources[SETS * WAYS];
};

struct attempts *attempts_new(void)
{
	struct attempts *a = calloc(1, sizeof(*a));

	if (a)
		a->seed = hash_seed(a);
	return a;
}

void attempts_free(struct attempts *a)
{
	free(a);
}

static struct row *set_of(const struct attempts *a, struct row *table,
			  const struct gw_attempts *who)
{
	return table + hash_bytes(who, sizeof(*who), a->seed) % SETS * WAYS;
}

/* The row of who, perhaps a new one; NULL: its set is full. */
static struct row *row_of(struct row *set, const struct gw_attempts *who, bool evict)
{
	struct row *least = set;
	int i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].n && memcmp(&set[i].who, who, sizeof(*who)) == 0)
			return &set[i];
		if (set[i].n < least->n)
			least = &set[i];
	}
	if (least->n && !evict)
		return NULL;
	least->who = *who;
	least->n = 0;
	return least;
}

void attempts_add(struct attempts *a, uint8_t family, const uint8_t *target,
		  const uint8_t *source)
{
	struct gw_attempts who = { .family = family };
	struct row *r;

	memcpy(who.target, target, family == 4 ? 4 : 16);
	a->any = true;
	r = row_of(set_of(a, a->targets, &who), &who, false);
	if (!r) {
		a->others++;
		return;
	}
	r->n++;
	memcpy(who.source, source, family == 4 ? 3 : 8);
	who.by_source = 1;
	r = row_of(set_of(a, a->sources, &who), &who, true);
	r->n++;
}

static void take(struct row *table, capture_attempts_fn *fn, void *arg)
{
	size_t i;

	for (i = 0; i < SETS * WAYS; i++) {
		if (!table[i].n)
			continue;
		fn(arg, &table[i].who, table[i].n);
		table[i].n = 0;
	}
}

void attempts_take(struct attempts *a, capture_attempts_fn *fn, void *arg)
{
	const struct gw_attempts others = { .family = 0 };

	if (!a->any)
		return;
	take(a->targets, fn, arg);
	if (a->others)
		fn(arg, &others, a->others);
	take(a->sources, fn, arg);
	a->others = 0;
	a->any = false;
}
