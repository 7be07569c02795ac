/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch is read in blocks of items. Its window holds some of them: a block is read
 * into the place of one that was handed out. Who reads a block takes it first, under the
 * lock: a thread any that there is room for, of the batches in their order; the caller
 * the one that it needs now, if no thread has taken it. So a batch that nobody asks for
 * yet is read up to its window, and no thread waits while there is something to read.
 *
 * The tree of a document is needed while it is read, its text as long as the event: the
 * text is the item's, the tree the reader's, where it stays in the processor's cache.
 */
#include "collector/ingest/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/metrics.h"
#include "common/json_tree.h"

#define BLOCK 64   /* items; the lock is taken once for each */
#define WINDOW 32  /* blocks: most of a batch of 2000, some 5 MB */
#define THREADS 2  /* to read an event takes as long as all else till it is recorded */
#define ENOUGH 256 /* entries that are worth waking a thread */

#define KEPT 3	   /* windows: a batch, the one behind it, and what is derived */
#define LONG 16384 /* bytes of text that are not kept for the next event */

enum block_state { BLOCK_EMPTY, BLOCK_TAKEN, BLOCK_READ };

struct window {
	size_t blocks;
	struct ahead_item *items; /* blocks times BLOCK */
	enum block_state state[WINDOW];
};

/* What one needs who reads. */
struct reader {
	struct readers *all;
	struct json_tree room;
	struct chain_digest *digest; /* NULL: it makes none */
	pthread_t thread;
};

struct readers {
	struct metrics *metrics;
	struct reader caller, threads[THREADS];
	unsigned n; /* threads that run */
	bool started, stop;
	struct window *kept[KEPT]; /* not used now, with the memory for texts; the caller's */
	struct ahead *first;	   /* batches for threads, the oldest first */
	pthread_mutex_t lock;
	pthread_cond_t work, read;
};

struct ahead {
	struct readers *readers;
	struct ahead *next;
	const struct ingest_entry *entries;
	size_t n, given; /* items handed out */
	size_t begun;	 /* blocks below it were taken once */
	size_t emptied;	 /* blocks below it were handed out whole */
	unsigned busy;	 /* threads that read one of it */
	bool derive, offered;
	uint64_t stored_ns;
	struct ahead_item *last; /* handed out, to be cleared */
	struct window *window;
};

/* ---- one item -------------------------------------------------------------- */

/* An event in whose document others look for more than the struct has. */
static bool needs_document(const struct event *e)
{
	return !e->has_flow || e->type == EVENT_BGP_ROUTE || e->type == EVENT_BGP_SESSION;
}

static void read_item(const struct ahead *a, struct reader *r, const struct ingest_entry *entry,
		      struct ahead_item *item)
{
	struct metrics *m = a->readers->metrics;
	uint64_t lap = metrics_clock(m);

	item->entry = entry;
	item->why = NULL;
	item->failed = item->hashed = false;
	r->room.text = item->text;
	r->room.text_size = item->text_size;
	if (entry->lost)
		item->why = "it was trimmed from the stream or deleted before it was acknowledged; "
			    "if it was never stored, its agent's gaps show it";
	else if (!entry->json)
		item->why = "the entry has no field \"json\"";
	else if (entry->len > INGEST_MAX_JSON)
		item->why = "the document is larger than 1 MiB";
	else if (event_read_in(&r->room, entry->json, entry->len, &item->event, item->err,
			       sizeof(item->err)))
		item->why = item->err;
	else if (a->derive && needs_document(&item->event))
		item->failed = event_doc(&item->event) == NULL;
	item->text = r->room.text;
	item->text_size = r->room.text_size;
	r->room.text = NULL;
	r->room.text_size = 0;
	if (!item->why && a->stored_ns && r->digest)
		item->hashed = store_event_digest(r->digest, &item->event, entry->json, entry->len,
						  a->stored_ns, &item->digest);
	if (item->why)
		memset(&item->event, 0, sizeof(item->event));
	metrics_lap(m, METRIC_EVENT_SECONDS, METRICS_DECODE, lap);
}

/* ---- one block ------------------------------------------------------------- */

static enum block_state *state_of(struct ahead *a, size_t block)
{
	return &a->window->state[block % a->window->blocks];
}

static struct ahead_item *item_of(struct ahead *a, size_t i)
{
	return &a->window->items[i % (a->window->blocks * BLOCK)];
}

static bool has_room(const struct ahead *a)
{
	return a->begun * BLOCK < a->n && a->begun < a->emptied + a->window->blocks;
}

/* The next block, for the one who calls; has_room(). Under the lock. */
static size_t take_block(struct ahead *a)
{
	*state_of(a, a->begun) = BLOCK_TAKEN;
	return a->begun++;
}

static void read_block(struct ahead *a, struct reader *r, size_t block)
{
	size_t from = block * BLOCK, to = from + BLOCK < a->n ? from + BLOCK : a->n;

	for (size_t i = from; i < to; i++)
		read_item(a, r, &a->entries[i], item_of(a, i));
}

/* ---- windows --------------------------------------------------------------- */

static void window_free(struct window *w)
{
	if (!w)
		return;
	for (size_t i = 0; w->items && i < w->blocks * BLOCK; i++)
		free(w->items[i].text);
	free(w->items);
	free(w);
}

static struct window *window_take(struct readers *all, size_t blocks)
{
	struct window *w;

	for (unsigned i = 0; i < KEPT; i++)
		if (all->kept[i] && all->kept[i]->blocks == blocks) {
			w = all->kept[i];
			all->kept[i] = NULL;
			return w;
		}
	w = calloc(1, sizeof(*w));
	if (w)
		w->items = calloc(blocks * BLOCK, sizeof(*w->items));
	if (!w || !w->items) {
		free(w);
		return NULL;
	}
	w->blocks = blocks;
	return w;
}

/* Empties it. */
static void window_clear(struct window *w)
{
	for (size_t i = 0; i < w->blocks * BLOCK; i++) {
		struct ahead_item *item = &w->items[i];

		event_clear(&item->event);
		if (item->text_size > LONG) {
			free(item->text);
			item->text = NULL;
			item->text_size = 0;
		}
	}
	memset(w->state, 0, sizeof(w->state));
}

static void window_give(struct readers *all, struct window *w)
{
	for (unsigned i = 0; i < KEPT; i++)
		if (!all->kept[i]) {
			window_clear(w);
			all->kept[i] = w;
			return;
		}
	window_clear(w);
	window_free(w);
}

/* ---- the threads ----------------------------------------------------------- */

static struct ahead *with_room(const struct readers *all)
{
	struct ahead *a = all->first;

	while (a && !has_room(a))
		a = a->next;
	return a;
}

static void *run(void *arg)
{
	struct reader *r = arg;
	struct readers *all = r->all;
	struct ahead *a;
	size_t block;

	pthread_mutex_lock(&all->lock);
	while (!all->stop) {
		a = with_room(all);
		if (!a) {
			pthread_cond_wait(&all->work, &all->lock);
			continue;
		}
		block = take_block(a);
		a->busy++;
		pthread_mutex_unlock(&all->lock);
		read_block(a, r, block);
		pthread_mutex_lock(&all->lock);
		*state_of(a, block) = BLOCK_READ;
		a->busy--;
		pthread_cond_signal(&all->read);
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

static void reader_init(struct readers *all, struct reader *r)
{
	r->all = all;
	r->digest = chain_digest_new();
}

static void reader_clear(struct reader *r)
{
	json_tree_clear(&r->room);
	chain_digest_free(r->digest);
}

/* Not before there is a batch for them: most commands that open a store have none. */
static void start(struct readers *all)
{
	all->started = true;
	while (all->n < THREADS) {
		struct reader *r = &all->threads[all->n];

		reader_init(all, r);
		if (pthread_create(&r->thread, NULL, run, r)) {
			reader_clear(r);
			break;
		}
		all->n++;
	}
}

struct readers *readers_new(struct metrics *m)
{
	struct readers *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->metrics = m;
	reader_init(all, &all->caller);
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->work, NULL);
	pthread_cond_init(&all->read, NULL);
	return all;
}

void readers_free(struct readers *all)
{
	if (!all)
		return;
	pthread_mutex_lock(&all->lock);
	all->stop = true;
	pthread_cond_broadcast(&all->work);
	pthread_mutex_unlock(&all->lock);
	for (unsigned i = 0; i < all->n; i++) {
		pthread_join(all->threads[i].thread, NULL);
		reader_clear(&all->threads[i]);
	}
	reader_clear(&all->caller);
	for (unsigned i = 0; i < KEPT; i++)
		window_free(all->kept[i]);
	pthread_cond_destroy(&all->work);
	pthread_cond_destroy(&all->read);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* ---- the caller ------------------------------------------------------------ */

static void offer(struct ahead *a)
{
	struct readers *all = a->readers;
	struct ahead **at = &all->first;

	if (!all->started)
		start(all);
	pthread_mutex_lock(&all->lock);
	while (*at)
		at = &(*at)->next;
	*at = a;
	a->offered = true;
	pthread_cond_broadcast(&all->work);
	pthread_mutex_unlock(&all->lock);
}

/* No thread reads it then, nor will. */
static void withdraw(struct ahead *a)
{
	struct readers *all = a->readers;
	struct ahead **at = &all->first;

	if (!a->offered)
		return;
	pthread_mutex_lock(&all->lock);
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	a->next = NULL;
	a->offered = false;
	while (a->busy)
		pthread_cond_wait(&all->read, &all->lock);
	pthread_mutex_unlock(&all->lock);
}

struct ahead *ahead_begin(struct readers *r, const struct ingest_entry *entries, size_t n,
			  bool derive, uint64_t stored_ns)
{
	struct ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->readers = r;
	a->entries = entries;
	a->n = n;
	a->derive = derive;
	a->stored_ns = stored_ns;
	a->window = window_take(r, n < ENOUGH ? 1 : WINDOW);
	if (!a->window) {
		free(a);
		return NULL;
	}
	if (n >= ENOUGH)
		offer(a);
	return a;
}

/* The block is read when this returns: by the caller, or by a thread that has it. */
static void have_block(struct ahead *a, size_t block)
{
	struct readers *all = a->readers;
	bool mine;

	pthread_mutex_lock(&all->lock);
	if (block) {
		*state_of(a, block - 1) = BLOCK_EMPTY;
		a->emptied = block;
		if (a->offered && has_room(a))
			pthread_cond_signal(&all->work);
	}
	mine = a->begun == block;
	if (mine)
		take_block(a);
	while (!mine && *state_of(a, block) != BLOCK_READ)
		pthread_cond_wait(&all->read, &all->lock);
	pthread_mutex_unlock(&all->lock);
	if (!mine)
		return;
	read_block(a, &all->caller, block);
	pthread_mutex_lock(&all->lock);
	*state_of(a, block) = BLOCK_READ;
	pthread_mutex_unlock(&all->lock);
}

struct ahead_item *ahead_next(struct ahead *a)
{
	if (a->last)
		event_clear(&a->last->event);
	a->last = NULL;
	if (a->given == a->n)
		return NULL;
	if (a->given % BLOCK == 0)
		have_block(a, a->given / BLOCK);
	a->last = item_of(a, a->given++);
	return a->last;
}

void ahead_again(struct ahead *a)
{
	bool offered = a->offered;

	withdraw(a);
	window_clear(a->window);
	a->last = NULL;
	a->given = a->begun = a->emptied = 0;
	if (offered)
		offer(a);
}

void ahead_end(struct ahead *a)
{
	if (!a)
		return;
	withdraw(a);
	window_give(a->readers, a->window);
	free(a);
}

uint64_t ahead_stored(const struct ahead *a)
{
	return a->stored_ns;
}
