/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows that are kept in memory. The next event of a flow finds it here, and what it
 * changes is written when the transaction ends or a statement names the table: a flow that
 * begins and ends in one batch is written once, and of one that was there before only the
 * columns that differ, so that most indexes are left alone.
 *
 * Each row has one place, by its number; the place is taken by the next one that falls on
 * it, after what waits was written. Those of a transaction that failed, and all when
 * somebody else has written, are forgotten.
 *
 * Statements that write FLOWS in capitals do not wait for what is kept (db/db.h); who uses
 * one asks here first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"
#include "common/fnv.h"

#define PLACES 16384 /* powers of two */
#define BUCKETS 32768
#define LONGEST 1024 /* bytes of a flow's texts; longer ones are not kept */

struct kept {
	struct store_flow flow; /* n 0: nobody */
	char *texts;
	struct store_flow was; /* changed: as its row is; n 0: there is no row yet */
	char *was_texts;
	bool changed;
	uint32_t bucket, twins;
	int next, next_twin; /* in the bucket; -1: the last */
};

struct store_kept {
	struct kept at[PLACES];
	int buckets[BUCKETS]; /* by agent and flow */
	int twins[BUCKETS];   /* by Community ID */
	struct {
		uint64_t n;
		int place;
	} changed[PLACES];
	unsigned n_changed;
	bool writing;
};

/* With its end, so that two texts are not mistaken for their joint. */
static uint64_t mix(uint64_t h, const char *text)
{
	return fnv1a64(h, text, strlen(text) + 1);
}

static uint32_t bucket_of(const char *agent, const char *flow)
{
	return (uint32_t)(mix(mix(FNV1A64_START, agent), flow) >> 20) & (BUCKETS - 1);
}

static uint32_t twins_of(const char *community_id)
{
	return (uint32_t)(mix(FNV1A64_START, community_id) >> 20) & (BUCKETS - 1);
}

static void leave_bucket(struct store_kept *k, int place)
{
	int *p = &k->buckets[k->at[place].bucket];

	while (*p != place)
		p = &k->at[*p].next;
	*p = k->at[place].next;
	if (!k->at[place].flow.community_id)
		return;
	for (p = &k->twins[k->at[place].twins]; *p != place;)
		p = &k->at[*p].next_twin;
	*p = k->at[place].next_twin;
}

static void enter_bucket(struct store_kept *k, int place)
{
	struct kept *x = &k->at[place];

	x->bucket = bucket_of(x->flow.agent, x->flow.flow);
	x->next = k->buckets[x->bucket];
	k->buckets[x->bucket] = place;
	if (!x->flow.community_id)
		return;
	x->twins = twins_of(x->flow.community_id);
	x->next_twin = k->twins[x->twins];
	k->twins[x->twins] = place;
}

static void leave(struct store_kept *k, int place)
{
	struct kept *x = &k->at[place];

	if (!x->flow.n)
		return;
	leave_bucket(k, place);
	free(x->texts);
	free(x->was_texts);
	*x = (struct kept){ .next = -1, .next_twin = -1 };
}

void store_kept_forget_all(struct store *s)
{
	s->newest_flow = 0;
	if (!s->kept_flows)
		return;
	s->kept_flows->n_changed = 0;
	for (int i = 0; i < PLACES; i++)
		leave(s->kept_flows, i);
}

void store_kept_free(struct store *s)
{
	store_kept_forget_all(s);
	free(s->kept_flows);
	s->kept_flows = NULL;
}

const struct store_flow *store_kept_find(struct store *s, const char *agent, const char *flow)
{
	struct store_kept *k = s->kept_flows;

	if (!k)
		return NULL;
	for (int i = k->buckets[bucket_of(agent, flow)]; i >= 0; i = k->at[i].next)
		if (strcmp(k->at[i].flow.flow, flow) == 0 &&
		    strcmp(k->at[i].flow.agent, agent) == 0)
			return &k->at[i].flow;
	return NULL;
}

const struct store_flow *store_kept_row(struct store *s, uint64_t n)
{
	const struct store_flow *f;

	if (!s->kept_flows)
		return NULL;
	f = &s->kept_flows->at[n & (PLACES - 1)].flow;
	return f->n == n && n ? f : NULL;
}

int store_kept_twins(struct store *s, const char *community_id, store_flow_fn *fn, void *arg)
{
	struct store_kept *k = s->kept_flows;
	int rc = 0;

	for (int i = k ? k->twins[twins_of(community_id)] : -1; i >= 0 && !rc;
	     i = k->at[i].next_twin)
		if (strcmp(k->at[i].flow.community_id, community_id) == 0)
			rc = fn(arg, &k->at[i].flow);
	return rc;
}

static struct store_kept *have_table(struct store *s)
{
	if (s->kept_flows || (s->kept_flows = calloc(1, sizeof(*s->kept_flows))) == NULL)
		return s->kept_flows;
	for (int i = 0; i < BUCKETS; i++)
		s->kept_flows->buckets[i] = s->kept_flows->twins[i] = -1;
	return s->kept_flows;
}

/* Lets copy have texts of its own, in one block; NULL: they are too long, or there is no
 * memory. */
static char *own_texts(struct store_flow *copy)
{
	const char **texts[] = { &copy->agent,	  &copy->flow,	       &copy->device,
				 &copy->role,	  &copy->path,	       &copy->service,
				 &copy->source,	  &copy->destination,  &copy->state,
				 &copy->outcome,  &copy->verdict,      &copy->list,
				 &copy->prefix,	  &copy->community_id, &copy->user,
				 &copy->json,	  &copy->parts,	       &copy->login,
				 &copy->justified };
	size_t lengths[sizeof(texts) / sizeof(texts[0])], total = 0;
	int n = sizeof(texts) / sizeof(texts[0]);
	char *block, *to;

	for (int i = 0; i < n; i++) {
		lengths[i] = *texts[i] ? strlen(*texts[i]) + 1 : 0;
		total += lengths[i];
	}
	block = total <= LONGEST ? malloc(total + 1) : NULL;
	for (int i = 0; block && i < n; i++) {
		if (i == 0)
			to = block;
		if (!*texts[i])
			continue;
		memcpy(to, *texts[i], lengths[i]);
		*texts[i] = to;
		to += lengths[i];
	}
	return block;
}

static int write_kept(struct store *s, struct kept *x)
{
	int rc = store_flow_write(s, x->was.n ? &x->was : NULL, &x->flow);

	x->changed = false;
	free(x->was_texts);
	x->was_texts = NULL;
	x->was.n = 0;
	return rc;
}

/* Another flow takes the place: of all that waits this one alone is written. */
static int make_way(struct store *s, int place)
{
	struct store_kept *k = s->kept_flows;
	unsigned i = 0;
	int rc;

	while (i < k->n_changed && k->changed[i].place != place)
		i++;
	if (i < k->n_changed)
		k->changed[i] = k->changed[--k->n_changed];
	k->writing = true;
	rc = write_kept(s, &k->at[place]);
	rc = rc ? rc : store_flow_written(s);
	k->writing = false;
	if (k->n_changed)
		db_pending(s->db, s->watch_flows);
	return rc;
}

static void note_change(struct store *s, int place)
{
	struct store_kept *k = s->kept_flows;

	k->at[place].changed = true;
	k->changed[k->n_changed].n = k->at[place].flow.n;
	k->changed[k->n_changed++].place = place;
	db_pending(s->db, s->watch_flows);
}

/* The flow takes its place, as its row is, or as a change of what was there. 1; 0: it
 * cannot be kept, and is not. */
static int keep(struct store *s, const struct store_flow *f, bool change)
{
	struct store_kept *k = have_table(s);
	int place = (int)(f->n & (PLACES - 1)), rc;
	struct store_flow copy = *f;
	struct kept *x;
	char *texts;

	if (!k)
		return 0;
	x = &k->at[place];
	if (!change && x->flow.n == f->n)
		return 1; /* what is kept is newer */
	if (x->changed && x->flow.n != f->n) {
		rc = make_way(s, place);
		if (rc)
			return rc;
	}
	texts = own_texts(&copy);
	if (!texts) {
		/* What waits of it is written first; then it is not kept any more. */
		rc = x->changed ? store_flows_write(s) : 0;
		if (x->flow.n == f->n)
			leave(k, place);
		return rc;
	}
	if (x->flow.n != f->n) {
		leave(k, place);
		x->flow = copy;
		x->texts = texts;
		enter_bucket(k, place);
		if (change)
			note_change(s, place);
		return 1;
	}
	leave_bucket(k, place);
	if (change && !x->changed) {
		x->was = x->flow;
		x->was_texts = x->texts;
		note_change(s, place);
	} else {
		free(x->texts);
	}
	x->flow = copy;
	x->texts = texts;
	enter_bucket(k, place);
	return 1;
}

int store_kept_read(struct store *s, const struct store_flow *f)
{
	return keep(s, f, false);
}

int store_kept_put(struct store *s, const struct store_flow *f)
{
	return keep(s, f, true);
}

/* Of elements of `changed`, whose number comes first. */
static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of all that waits, what is of this device. */
int store_flows_write_of(struct store *s, const char *device)
{
	struct store_kept *k = s->kept_flows;
	unsigned left = 0;
	int rc = 0;

	if (!k || !k->n_changed || k->writing)
		return 0;
	k->writing = true;
	for (unsigned i = 0; i < k->n_changed; i++) {
		struct kept *x = &k->at[k->changed[i].place];

		if (rc || !x->flow.device || strcmp(x->flow.device, device) != 0)
			k->changed[left++] = k->changed[i];
		else
			rc = write_kept(s, x);
	}
	k->n_changed = left;
	rc = rc ? rc : store_flow_written(s);
	k->writing = false;
	if (left)
		db_pending(s->db, s->watch_flows);
	return rc;
}

/* Called by the database before any statement that names the table. */
int store_flows_write(void *arg)
{
	struct store *s = arg;
	struct store_kept *k = s->kept_flows;
	int rc = 0;

	/* its own statements name the table too */
	if (!k || !k->n_changed || k->writing)
		return 0;
	k->writing = true;
	qsort(k->changed, k->n_changed, sizeof(k->changed[0]), by_number);
	for (unsigned i = 0; i < k->n_changed && !rc; i++)
		rc = write_kept(s, &k->at[k->changed[i].place]);
	k->n_changed = 0;
	k->writing = false;
	return rc ? rc : store_flow_written(s);
}
