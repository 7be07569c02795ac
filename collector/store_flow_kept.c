/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows that are kept in memory, as they are in their rows: the next event of a flow
 * finds it here, and only what it changes is written, so that most indexes are left
 * alone. Each row has one place, by its number; the place is taken by the next one
 * that falls on it. Those of a transaction that failed, and all when somebody else
 * has written, are forgotten.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/store_db.h"

#define PLACES 16384 /* powers of two */
#define BUCKETS 32768
#define LONGEST 1024 /* bytes of a flow's texts; longer ones are not kept */

struct kept {
	struct store_flow flow; /* n 0: nobody */
	char *texts;
	uint32_t bucket;
	int next; /* in the bucket; -1: the last */
};

struct store_kept {
	struct kept at[PLACES];
	int buckets[BUCKETS];
};

static uint32_t bucket_of(const char *agent, const char *flow)
{
	uint64_t h = 14695981039346656037u;

	for (; *agent; agent++)
		h = (h ^ (uint8_t)*agent) * 1099511628211u;
	h *= 1099511628211u;
	for (; *flow; flow++)
		h = (h ^ (uint8_t)*flow) * 1099511628211u;
	return (uint32_t)(h >> 20) & (BUCKETS - 1);
}

static void leave(struct store_kept *k, int place)
{
	struct kept *x = &k->at[place];
	int *p = &k->buckets[x->bucket];

	if (!x->flow.n)
		return;
	while (*p != place)
		p = &k->at[*p].next;
	*p = x->next;
	x->flow.n = 0;
	free(x->texts);
	x->texts = NULL;
}

void store_kept_forget(struct store *s, uint64_t n)
{
	int place = (int)(n & (PLACES - 1));

	if (s->kept_flows && s->kept_flows->at[place].flow.n == n)
		leave(s->kept_flows, place);
}

void store_kept_forget_all(struct store *s)
{
	s->newest_flow = 0;
	for (int i = 0; s->kept_flows && i < PLACES; i++)
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

static struct store_kept *have_table(struct store *s)
{
	if (!s->kept_flows && (s->kept_flows = calloc(1, sizeof(*s->kept_flows))) != NULL)
		for (int i = 0; i < BUCKETS; i++)
			s->kept_flows->buckets[i] = -1;
	return s->kept_flows;
}

/* What is not worth to be kept is not; that is no error. f's texts may be the kept
 * ones. */
void store_kept_put(struct store *s, const struct store_flow *f)
{
	const char **texts[] = { NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
				 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL };
	struct store_flow copy = *f;
	size_t lengths[sizeof(texts) / sizeof(texts[0])], total = 0;
	struct store_kept *k = have_table(s);
	int place = (int)(f->n & (PLACES - 1)), n = 0;
	struct kept *x;
	char *block, *to;

	texts[n++] = &copy.agent;
	texts[n++] = &copy.flow;
	texts[n++] = &copy.device;
	texts[n++] = &copy.role;
	texts[n++] = &copy.path;
	texts[n++] = &copy.service;
	texts[n++] = &copy.source;
	texts[n++] = &copy.destination;
	texts[n++] = &copy.state;
	texts[n++] = &copy.outcome;
	texts[n++] = &copy.verdict;
	texts[n++] = &copy.list;
	texts[n++] = &copy.prefix;
	texts[n++] = &copy.community_id;
	texts[n++] = &copy.user;
	texts[n++] = &copy.json;
	texts[n++] = &copy.parts;
	texts[n++] = &copy.login;
	texts[n++] = &copy.justified;
	for (int i = 0; i < n; i++) {
		lengths[i] = *texts[i] ? strlen(*texts[i]) + 1 : 0;
		total += lengths[i];
	}
	block = k && total <= LONGEST ? malloc(total + 1) : NULL;
	if (!block) {
		store_kept_forget(s, f->n);
		return;
	}
	to = block;
	for (int i = 0; i < n; i++) {
		if (!*texts[i])
			continue;
		memcpy(to, *texts[i], lengths[i]);
		*texts[i] = to;
		to += lengths[i];
	}
	x = &k->at[place];
	leave(k, place);
	*x = (struct kept){ .flow = copy,
			    .texts = block,
			    .bucket = bucket_of(copy.agent, copy.flow) };
	x->next = k->buckets[x->bucket];
	k->buckets[x->bucket] = place;
}
