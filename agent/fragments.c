/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/fragments.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/flowkey.h"

#define NO_ENTRY 0xffffffffu

/* A fuzz target makes the tables anew for each input, and is to see them full. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define ROOM(n) ((n) / 128)
#else
#define ROOM(n) (n)
#endif

/* Entries in a ring, the next one to be used is the oldest; found by hash. */
struct table {
	struct link {
		struct gw_datagram_key key;
		uint32_t chain; /* the next one of this bucket */
		bool used;
	} *links;
	uint8_t *values;
	size_t size; /* of a value */
	uint32_t *buckets;
	uint32_t n, oldest; /* n: a power of two */
};

struct fragments {
	struct table datagrams, early;
	uint64_t seed;
};

static_assert(sizeof(struct gw_datagram_key) == sizeof(struct gw_key), "one hash for both");
static_assert((GW_MAX_DATAGRAMS & (GW_MAX_DATAGRAMS - 1)) == 0, "a power of two");
static_assert((GW_MAX_EARLY & (GW_MAX_EARLY - 1)) == 0, "a power of two");

static void table_done(struct table *t)
{
	free(t->links);
	free(t->values);
	free(t->buckets);
	t->links = NULL;
	t->values = NULL;
	t->buckets = NULL;
}

static bool table_init(struct table *t)
{
	uint32_t n = t->n, i;

	t->links = calloc(n, sizeof(*t->links));
	t->values = calloc(n, t->size);
	t->buckets = malloc(n * sizeof(*t->buckets));
	for (i = 0; t->buckets && i < n; i++)
		t->buckets[i] = NO_ENTRY;
	if (t->links && t->values && t->buckets)
		return true;
	table_done(t);
	return false;
}

struct fragments *fragments_new(void)
{
	struct fragments *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->datagrams = (struct table){ .n = ROOM(GW_MAX_DATAGRAMS),
				       .size = sizeof(struct gw_datagram) };
	f->early = (struct table){ .n = ROOM(GW_MAX_EARLY), .size = sizeof(struct gw_record) };
	f->seed = hash_seed(f);
	return f;
}

void fragments_free(struct fragments *f)
{
	if (!f)
		return;
	table_done(&f->datagrams);
	table_done(&f->early);
	free(f);
}

static uint32_t *table_bucket(const struct fragments *f, const struct table *t,
			      const struct gw_datagram_key *key)
{
	struct gw_key k;

	memcpy(&k, key, sizeof(k));
	return &t->buckets[flowkey_hash(&k, f->seed) & (t->n - 1)];
}

static void *table_find(const struct fragments *f, const struct table *t,
			const struct gw_datagram_key *key)
{
	uint32_t i = t->links ? *table_bucket(f, t, key) : NO_ENTRY;

	for (; i != NO_ENTRY; i = t->links[i].chain)
		if (memcmp(&t->links[i].key, key, sizeof(*key)) == 0)
			return t->values + i * t->size;
	return NULL;
}

static void table_unlink(const struct fragments *f, struct table *t, uint32_t i)
{
	uint32_t *at = table_bucket(f, t, &t->links[i].key);

	while (*at != i)
		at = &t->links[*at].chain;
	*at = t->links[i].chain;
}

static void *table_add(const struct fragments *f, struct table *t,
		       const struct gw_datagram_key *key)
{
	void *value = table_find(f, t, key);
	uint32_t *bucket, i = t->oldest;

	if (value)
		return value;
	if (!t->links && !table_init(t))
		return NULL;
	t->oldest = (t->oldest + 1) & (t->n - 1);
	if (t->links[i].used)
		table_unlink(f, t, i);
	bucket = table_bucket(f, t, key);
	t->links[i] = (struct link){ *key, *bucket, true };
	*bucket = i;
	value = t->values + i * t->size;
	memset(value, 0, t->size);
	return value;
}

struct gw_datagram *datagram_find(struct fragments *f, const struct gw_datagram_key *key)
{
	return table_find(f, &f->datagrams, key);
}

struct gw_record *early_find(struct fragments *f, const struct gw_datagram_key *key)
{
	return table_find(f, &f->early, key);
}

struct gw_datagram *datagram_add(struct fragments *f, const struct gw_datagram_key *key)
{
	return table_add(f, &f->datagrams, key);
}

struct gw_record *early_add(struct fragments *f, const struct gw_datagram_key *key)
{
	return table_add(f, &f->early, key);
}
