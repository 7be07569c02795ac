/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads take the blocks of items in turn, and around: each fills a block that
 * is empty, the caller empties one that is full. They live as long as their batch: to
 * make one costs as much as to store two events.
 */
#include "collector/ingest_ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "collector/metrics.h"

#define BLOCK 64   /* items; the lock is taken once for each */
#define BLOCKS 4   /* small enough to stay in the processor's cache; a multiple of THREADS */
#define THREADS 2  /* to read an event takes longer than all else till it is recorded */
#define ENOUGH 256 /* entries that are worth a thread */

struct reader {
	struct ahead *ahead;
	size_t first;		     /* its blocks: this one, and each THREADS further */
	struct chain_digest *digest; /* its own; NULL: it makes none */
	pthread_t thread;
	bool runs;
};

struct ahead {
	const struct ingest_entry *entries;
	size_t n, given; /* items handed out */
	struct metrics *metrics;
	bool derive;
	uint64_t stored_ns;
	struct ahead_item *last; /* handed out, to be cleared */
	bool many; /* items for threads */
	bool threaded, stop;
	struct reader readers[THREADS];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool full[BLOCKS];
	struct ahead_item *items; /* BLOCKS times BLOCK; without a thread one */
};

/* An event in whose document others look for more than the struct has. */
static bool needs_document(const struct event *e)
{
	return !e->has_flow || e->type == EVENT_BGP_ROUTE;
}

static void read_item(const struct ahead *a, struct chain_digest *digest,
		      const struct ingest_entry *entry, struct ahead_item *item)
{
	struct metrics *m = a->metrics;
	uint64_t lap = metrics_clock(m);

	item->entry = entry;
	item->why = NULL;
	item->failed = item->hashed = false;
	if (entry->lost)
		item->why = "it was trimmed from the stream or deleted before it was acknowledged; "
			    "if it was never stored, its agent's gaps show it";
	else if (!entry->json)
		item->why = "the entry has no field \"json\"";
	else if (entry->len > INGEST_MAX_JSON)
		item->why = "the document is larger than 1 MiB";
	else if (event_read_in(&item->room, entry->json, entry->len, &item->event, item->err,
			       sizeof(item->err)))
		item->why = item->err;
	else if (a->derive && needs_document(&item->event))
		item->failed = event_doc(&item->event) == NULL;
	if (!item->why && digest && entry->json)
		item->hashed = store_event_digest(digest, &item->event, entry->json, entry->len,
						  a->stored_ns, &item->digest);
	if (item->why)
		memset(&item->event, 0, sizeof(item->event));
	metrics_lap(m, METRIC_EVENT_SECONDS, METRICS_DECODE, lap);
}

/* ---- the threads ----------------------------------------------------------- */

static struct ahead_item *item_of(struct ahead *a, size_t i)
{
	return &a->items[a->threaded ? i % (BLOCK * BLOCKS) : 0];
}

static size_t items_of(const struct ahead *a, size_t block)
{
	size_t left = a->n - block * BLOCK;

	return left < BLOCK ? left : BLOCK;
}

static bool wait_for(struct ahead *a, size_t block, bool full)
{
	bool stop;

	pthread_mutex_lock(&a->lock);
	while (a->full[block % BLOCKS] != full && !a->stop)
		pthread_cond_wait(&a->changed, &a->lock);
	stop = a->stop;
	pthread_mutex_unlock(&a->lock);
	return !stop;
}

static void set(struct ahead *a, size_t block, bool full)
{
	pthread_mutex_lock(&a->lock);
	a->full[block % BLOCKS] = full;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static void *run(void *arg)
{
	const struct reader *r = arg;
	struct ahead *a = r->ahead;

	for (size_t i = r->first; i * BLOCK < a->n; i += THREADS) {
		if (!wait_for(a, i, false))
			break;
		for (size_t k = i * BLOCK; k < i * BLOCK + items_of(a, i); k++)
			read_item(a, r->digest, &a->entries[k], item_of(a, k));
		set(a, i, true);
	}
	return NULL;
}

static void stop(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i < THREADS; i++)
		if (a->readers[i].runs)
			pthread_join(a->readers[i].thread, NULL);
}

/* All of them, or none: each has its blocks. Without them the caller reads. */
static void start(struct ahead *a)
{
	a->threaded = true; /* they look at it */
	for (size_t i = 0; i < THREADS; i++) {
		struct reader *r = &a->readers[i];

		r->ahead = a;
		r->first = i;
		r->digest = a->stored_ns ? chain_digest_new() : NULL;
		r->runs = pthread_create(&r->thread, NULL, run, r) == 0;
		if (!r->runs)
			break;
	}
	if (a->readers[THREADS - 1].runs)
		return;
	stop(a);
	for (size_t i = 0; i < BLOCK * BLOCKS; i++)
		event_clear(&a->items[i].event);
	memset(a->full, 0, sizeof(a->full));
	a->threaded = a->stop = false;
}

/* ---- the caller ------------------------------------------------------------ */

struct ahead *ahead_begin(const struct ingest_entry *entries, size_t n, bool derive,
			  uint64_t stored_ns, struct metrics *m)
{
	struct ahead *a = calloc(1, sizeof(*a));

	if (a)
		a->items = calloc(n >= ENOUGH ? BLOCKS * BLOCK : 1, sizeof(*a->items));
	if (!a || !a->items) {
		free(a);
		return NULL;
	}
	a->entries = entries;
	a->n = n;
	a->metrics = m;
	a->derive = derive;
	a->stored_ns = stored_ns;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->many = n >= ENOUGH;
	if (a->many)
		start(a);
	return a;
}

struct ahead_item *ahead_next(struct ahead *a)
{
	size_t block = a->given / BLOCK;
	bool first = a->given % BLOCK == 0;

	if (a->last)
		event_clear(&a->last->event);
	a->last = NULL;
	if (a->threaded && first && block)
		set(a, block - 1, false);
	if (a->given == a->n)
		return NULL;
	a->last = item_of(a, a->given);
	if (!a->threaded)
		read_item(a, NULL, &a->entries[a->given], a->last);
	else if (first)
		wait_for(a, block, true);
	a->given++;
	return a->last;
}

void ahead_end(struct ahead *a)
{
	if (!a)
		return;
	if (a->last)
		event_clear(&a->last->event);
	if (a->threaded)
		stop(a);
	/* Read, and not handed out: something failed before. */
	for (size_t i = a->given; a->threaded && i < a->n && i < a->given + BLOCK * BLOCKS; i++)
		event_clear(&item_of(a, i)->event);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
	for (size_t i = 0; i < THREADS; i++)
		chain_digest_free(a->readers[i].digest);
	for (size_t i = 0; i < (a->many ? BLOCKS * BLOCK : 1); i++)
		json_tree_clear(&a->items[i].room);
	free(a->items);
	free(a);
}
