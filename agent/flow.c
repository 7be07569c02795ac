/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/fabric/fabric.h"
#include "agent/flowkey.h"

#define NO_FLOW 0xffffffffu

struct flow_table {
	struct flow *pool;
	uint32_t *buckets;
	uint32_t mask, capacity, fresh, free, count;
	uint64_t seed;
};

static const char *const outcome_names[] = {
	[OUTCOME_ATTEMPT] = "attempt",	       [OUTCOME_UNANSWERED] = "unanswered",
	[OUTCOME_REFUSED] = "refused",	       [OUTCOME_UNREACHABLE] = "unreachable",
	[OUTCOME_ESTABLISHED] = "established", [OUTCOME_CLOSED] = "closed",
	[OUTCOME_RESET] = "reset",
};
static_assert(sizeof(outcome_names) / sizeof(outcome_names[0]) == OUTCOME_NUM, "outcome names");

const char *flow_outcome_name(enum flow_outcome o)
{
	return outcome_names[o];
}

struct flow_table *flow_table_new(uint32_t capacity)
{
	struct flow_table *t = calloc(1, sizeof(*t));
	uint32_t n = 1024, i;

	if (!t)
		return NULL;
	while (n < capacity && n < 1u << 30)
		n <<= 1;
	t->mask = n - 1;
	t->capacity = capacity;
	t->free = NO_FLOW;
	t->seed = hash_seed(t);
	t->pool = calloc(capacity, sizeof(*t->pool));
	t->buckets = malloc(n * sizeof(*t->buckets));
	if (!t->pool || !t->buckets) {
		flow_table_free(t);
		return NULL;
	}
	for (i = 0; i < n; i++)
		t->buckets[i] = NO_FLOW;
	return t;
}

void flow_table_free(struct flow_table *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 0; t->pool && i < t->fresh; i++) {
		ssh_flow_free(t->pool[i].ssh);
		flow_forget_bgp(&t->pool[i]);
		json_decref(t->pool[i].read_before);
		fabric_unref(t->pool[i].fabric);
	}
	free(t->pool);
	free(t->buckets);
	free(t);
}

void flow_forget_bgp(struct flow *f)
{
	if (f->bgp)
		bgp_clear(&f->bgp->bgp);
	free(f->bgp);
	f->bgp = NULL;
}

struct flow *flow_find(struct flow_table *t, const struct gw_key *key)
{
	uint32_t i = t->buckets[flowkey_hash(key, t->seed) & t->mask];

	for (; i != NO_FLOW; i = t->pool[i].next)
		if (memcmp(&t->pool[i].key, key, sizeof(*key)) == 0)
			return &t->pool[i];
	return NULL;
}

struct flow *flow_add(struct flow_table *t, const struct gw_key *key)
{
	uint32_t *bucket = &t->buckets[flowkey_hash(key, t->seed) & t->mask], i = t->free;
	struct flow *f;

	if (i != NO_FLOW)
		t->free = t->pool[i].next;
	else if (t->fresh < t->capacity)
		i = t->fresh++;
	else
		return NULL;
	f = &t->pool[i];
	memset(f, 0, sizeof(*f));
	f->key = *key;
	f->used = true;
	f->next = *bucket;
	*bucket = i;
	t->count++;
	return f;
}

void flow_remove(struct flow_table *t, struct flow *f)
{
	uint32_t *link = &t->buckets[flowkey_hash(&f->key, t->seed) & t->mask];
	uint32_t i = (uint32_t)(f - t->pool);

	while (*link != i) {
		assert(*link != NO_FLOW);
		link = &t->pool[*link].next;
	}
	*link = f->next;
	ssh_flow_free(f->ssh);
	flow_forget_bgp(f);
	json_decref(f->read_before);
	fabric_unref(f->fabric);
	memset(f, 0, sizeof(*f));
	f->next = t->free;
	t->free = i;
	t->count--;
}

uint32_t flow_count(const struct flow_table *t)
{
	return t->count;
}

void flow_each(struct flow_table *t, uint64_t due_ns, void (*fn)(void *arg, struct flow *f),
	       void *arg)
{
	uint32_t i;

	for (i = 0; i < t->fresh; i++)
		if (t->pool[i].used && t->pool[i].due_ns <= due_ns)
			fn(arg, &t->pool[i]);
}

uint64_t flow_make_id(const struct gw_key *key, uint64_t start_ns)
{
	return flowkey_hash(key, start_ns * 0x9e3779b97f4a7c15ull + 1);
}

bool flow_is_closed(const struct gw_flow *c)
{
	return c->dir[0].state == GW_TCP_RESET || c->dir[1].state == GW_TCP_RESET ||
	       (c->dir[0].state == GW_TCP_CLOSED && c->dir[1].state == GW_TCP_CLOSED);
}

/* A handshake was completed, or, met in mid-stream, both sides spoke. */
bool flow_is_established(const struct gw_flow *c)
{
	if (c->established_ns)
		return true;
	/* not packets: a stray one is nobody's word */
	return !((c->dir[0].flags | c->dir[1].flags) & GW_SYN) && c->dir[0].flags &&
	       c->dir[1].flags;
}

uint64_t flow_last_ns(const struct gw_flow *c)
{
	uint64_t last = c->start_ns;

	if (c->dir[0].last_ns > last)
		last = c->dir[0].last_ns;
	return c->dir[1].last_ns > last ? c->dir[1].last_ns : last;
}

bool flow_is_unanswered(const struct gw_flow *c)
{
	const struct gw_dir *init = &c->dir[c->initiator & 1], *resp = &c->dir[!c->initiator];

	return init->state == GW_TCP_SYN_SENT && !resp->flags;
}

enum flow_outcome flow_outcome(const struct flow *f)
{
	const struct gw_flow *c = &f->counters;
	const struct gw_dir *init = &c->dir[c->initiator & 1], *resp = &c->dir[!c->initiator];

	if (flow_is_closed(c)) {
		if (init->state == GW_TCP_CLOSED && resp->state == GW_TCP_CLOSED)
			return OUTCOME_CLOSED;
		/* REJ: a reset instead of a handshake */
		if (resp->state == GW_TCP_RESET && (init->state == GW_TCP_SYN_SENT ||
						    (init->state == GW_TCP_RESET &&
						     !init->payload && !resp->payload)))
			return OUTCOME_REFUSED;
		return OUTCOME_RESET;
	}
	if (flow_is_established(c))
		return OUTCOME_ESTABLISHED;
	if (f->icmp_seen)
		return OUTCOME_UNREACHABLE;
	if (flow_is_unanswered(c))
		return init->again ? OUTCOME_UNANSWERED : OUTCOME_ATTEMPT;
	/* one direction only, or data without a handshake in sight */
	if (init->state == GW_TCP_CLOSED || resp->state == GW_TCP_CLOSED)
		return OUTCOME_CLOSED;
	if ((init->flags | resp->flags) & GW_SYN)
		return resp->packets && init->state == GW_TCP_ESTABLISHED ? OUTCOME_ESTABLISHED :
									    OUTCOME_ATTEMPT;
	return OUTCOME_ESTABLISHED;
}
