/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread goes from one block of items to the next, and around: it fills a block that
 * is empty, the caller empties one that is full. It lives as long as its batch: to
 * make one costs as much as to store two events.
 */
#include "collector/ingest_ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "collector/metrics.h"

#define BLOCK 64   /* items; the lock is taken once for each */
#define BLOCKS 4   /* small enough to stay in the processor's cache */
#define ENOUGH 256 /* entries that are worth a thread */

struct ahead {
	const struct ingest_entry *entries;
	size_t n, given; /* items handed out */
	struct metrics *metrics;
	bool derive;
	uint64_t stored_ns;
	struct chain_digest *digest; /* the thread's; NULL: it makes none */
	struct ahead_item *last; /* handed out, to be cleared */
	bool many; /* items for a thread */
	bool threaded, stop;
	pthread_t thread;
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

static void read_item(const struct ahead *a, const struct ingest_entry *entry,
		      struct ahead_item *item)
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
	if (!item->why && a->digest && entry->json)
		item->hashed = store_event_digest(a->digest, &item->event, entry->json, entry->len,
						  a->stored_ns, &item->digest);
	if (item->why)
		memset(&item->event, 0, sizeof(item->event));
	metrics_lap(m, METRIC_EVENT_SECONDS, METRICS_DECODE, lap);
}

/* ---- the thread ------------------------------------------------------------ */

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
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static void *run(void *arg)
{
	struct ahead *a = arg;

	for (size_t i = 0; i * BLOCK < a->n; i++) {
		if (!wait_for(a, i, false))
			break;
		for (size_t k = i * BLOCK; k < i * BLOCK + items_of(a, i); k++)
			read_item(a, &a->entries[k], item_of(a, k));
		set(a, i, true);
	}
	return NULL;
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
	a->digest = stored_ns && n >= ENOUGH ? chain_digest_new() : NULL;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->many = n >= ENOUGH;
	a->threaded = n >= ENOUGH; /* the thread looks at it */
	if (a->threaded && pthread_create(&a->thread, NULL, run, a) != 0)
		a->threaded = false;
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
		read_item(a, &a->entries[a->given], a->last);
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
	if (a->threaded) {
		pthread_mutex_lock(&a->lock);
		a->stop = true;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	/* Read, and not handed out: something failed before. */
	for (size_t i = a->given; a->threaded && i < a->n && i < a->given + BLOCK * BLOCKS; i++)
		event_clear(&item_of(a, i)->event);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
	chain_digest_free(a->digest);
	for (size_t i = 0; i < (a->many ? BLOCKS * BLOCK : 1); i++)
		json_tree_clear(&a->items[i].room);
	free(a->items);
	free(a);
}
