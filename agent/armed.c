/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: the in-band targets stand sorted by address, so those that a
 * prefix covers are neighbors; a route of the rest of the world costs one binary search.
 * Each target counts the announced routes of its deciding length. Routes are kept in a
 * chained hash table over a pool; an index of 0 ends a chain, so both are ready when
 * they are zero. A withdrawn route of a session met in mid-stream stays in the table, so
 * that its withdrawal is told once.
 */
#include "agent/armed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fabric/fabric.h"

struct armed_target {
	struct addr address;
	uint32_t target; /* index into fabric->targets */
	uint32_t count;	 /* announced routes of the deciding length */
	uint8_t decides; /* that length; 0: no route was ever seen */
};

struct armed_entry {
	struct armed_route route; /* memset() before it was filled */
	uint32_t next;
	bool announced;
};

struct armed {
	struct armed_target *targets, *prepared;
	uint32_t n_targets;
	struct armed_entry *pool; /* [0] is not used */
	uint32_t *buckets;
	uint32_t mask, capacity, fresh, free, count;
	uint64_t refused;
};

struct armed *armed_new(uint32_t max_routes)
{
	struct armed *a = calloc(1, sizeof(*a));
	uint32_t n = 1024;

	if (!a)
		return NULL;
	while (n < max_routes && n < 1u << 30)
		n <<= 1;
	a->mask = n - 1;
	a->capacity = max_routes;
	a->fresh = 1;
	/* as large as it may become, and touched only as far as it is used */
	a->pool = calloc((size_t)max_routes + 1, sizeof(*a->pool));
	a->buckets = calloc(n, sizeof(*a->buckets));
	if (!a->pool || !a->buckets) {
		armed_free(a);
		return NULL;
	}
	return a;
}

void armed_free(struct armed *a)
{
	if (!a)
		return;
	free(a->targets);
	free(a->prepared);
	free(a->pool);
	free(a->buckets);
	free(a);
}

uint32_t armed_routes(const struct armed *a)
{
	return a->count;
}

uint64_t armed_refused(const struct armed *a)
{
	return a->refused;
}

/* ---- routes ------------------------------------------------------------------------ */

/* A copy whose padding is zero, to be compared and hashed as bytes. */
static void plain_copy(struct armed_route *to, const struct armed_route *r)
{
	memset(to, 0, sizeof(*to));
	to->session = r->session;
	to->dir = r->dir;
	to->family = r->family;
	memcpy(to->rd, r->rd, sizeof(to->rd));
	to->prefix.addr.family = r->prefix.addr.family;
	memcpy(to->prefix.addr.bytes, r->prefix.addr.bytes, sizeof(to->prefix.addr.bytes));
	to->prefix.len = r->prefix.len;
	to->has_path_id = r->has_path_id;
	to->path_id = r->has_path_id ? r->path_id : 0;
}

/* FNV-1a; a session's id, which nobody outside can choose, begins it. */
static uint32_t *bucket_of(const struct armed *a, const struct armed_route *r)
{
	const uint8_t *p = (const uint8_t *)r;
	uint64_t h = 0xcbf29ce484222325ull;
	size_t i;

	for (i = 0; i < sizeof(*r); i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return &a->buckets[(h ^ h >> 32) & a->mask];
}

static struct armed_entry *find(const struct armed *a, const struct armed_route *r)
{
	uint32_t i = *bucket_of(a, r);

	for (; i; i = a->pool[i].next)
		if (memcmp(&a->pool[i].route, r, sizeof(*r)) == 0)
			return &a->pool[i];
	return NULL;
}

/* NULL: full. */
static struct armed_entry *add(struct armed *a, const struct armed_route *r)
{
	uint32_t *bucket = bucket_of(a, r), i = a->free;
	struct armed_entry *e;

	if (a->count == a->capacity) {
		a->refused++;
		return NULL;
	}
	if (i)
		a->free = a->pool[i].next;
	else
		i = a->fresh++;
	e = &a->pool[i];
	memcpy(&e->route, r, sizeof(*r));
	e->announced = false;
	e->next = *bucket;
	*bucket = i;
	a->count++;
	return e;
}

static void drop(struct armed *a, struct armed_entry *e)
{
	uint32_t *link = bucket_of(a, &e->route), i = (uint32_t)(e - a->pool);

	while (*link != i)
		link = &a->pool[*link].next;
	*link = e->next;
	memset(e, 0, sizeof(*e));
	e->next = a->free;
	a->free = i;
	a->count--;
}

/* ---- targets ------------------------------------------------------------------------- */

/* The targets that a prefix covers: how many, from *first on. */
static uint32_t covered(const struct armed *a, const struct prefix *p, uint32_t *first)
{
	uint32_t low = 0, high = a->n_targets, n = 0;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (addr_compare(&a->targets[mid].address, &p->addr) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*first = low;
	while (low + n < a->n_targets && prefix_contains(p, &a->targets[low + n].address))
		n++;
	return n;
}

/* A longer prefix than any before decides from now on, and nobody announces it yet. */
static bool route_decides(struct armed_target *t, uint8_t len)
{
	if (len > t->decides) {
		t->decides = len;
		t->count = 0;
	}
	return len && len == t->decides;
}

/* The route came (by 1), went (-1), or went without having been seen (0). */
static void settle(struct armed *a, const struct armed_route *r, int by, armed_fn *fn, void *arg)
{
	struct armed_change c = { .unseen = !by };
	uint32_t first, i;
	bool decided = false;

	c.covers = covered(a, &r->prefix, &first);
	for (i = first; i < first + c.covers; i++) {
		struct armed_target *t = &a->targets[i];

		c.was = t->count > 0;
		if (!route_decides(t, r->prefix.len))
			continue;
		t->count += (uint32_t)by;
		c.armed = t->count > 0;
		c.target = t->target;
		decided = true;
		fn(arg, r, &c);
	}
	if (decided || !c.covers)
		return;
	c.target = ARMED_NO_TARGET;
	c.was = c.armed = false;
	fn(arg, r, &c);
}

void armed_announce(struct armed *a, const struct armed_route *route, armed_fn *fn, void *arg)
{
	struct armed_entry *e;
	struct armed_route r;
	uint32_t first;

	plain_copy(&r, route);
	if (!covered(a, &r.prefix, &first))
		return;
	e = find(a, &r);
	if (!e)
		e = add(a, &r);
	if (!e || e->announced)
		return;
	e->announced = true;
	settle(a, &r, 1, fn, arg);
}

void armed_withdraw(struct armed *a, const struct armed_route *route, bool whole, armed_fn *fn,
		    void *arg)
{
	struct armed_entry *e;
	struct armed_route r;
	bool announced;
	uint32_t first;

	plain_copy(&r, route);
	if (!covered(a, &r.prefix, &first))
		return;
	e = find(a, &r);
	if (!e && (whole || !add(a, &r)))
		return;
	if (e && !e->announced)
		return;
	announced = e != NULL;
	if (e)
		e->announced = false;
	if (e && whole)
		drop(a, e);
	settle(a, &r, announced ? -1 : 0, fn, arg);
}

void armed_session_down(struct armed *a, uint64_t session, armed_fn *fn, void *arg)
{
	uint32_t i, end = a->fresh;

	for (i = 1; i < end; i++) {
		struct armed_entry *e = &a->pool[i];
		struct armed_route r = e->route;
		bool announced = e->announced;

		if (!r.prefix.addr.family || r.session != session)
			continue;
		drop(a, e);
		if (announced)
			settle(a, &r, -1, fn, arg);
	}
}

/* ---- loading --------------------------------------------------------------------------- */

static const struct armed_target *find_target(const struct armed *a, const struct addr *address)
{
	struct prefix host = { *address, addr_bits(address) };
	uint32_t first;

	return covered(a, &host, &first) ? &a->targets[first] : NULL;
}

static void ignore(void *arg, const struct armed_route *r, const struct armed_change *c)
{
}

int armed_prepare(struct armed *a, const struct fabric *f)
{
	free(a->prepared);
	a->prepared = calloc(f->n_targets ? f->n_targets : 1, sizeof(*a->prepared));
	return a->prepared ? 0 : -ENOMEM;
}

void armed_load(struct armed *a, const struct fabric *f)
{
	struct armed_target *targets = a->prepared;
	uint32_t i, n = 0, first;

	for (i = 0; i < f->n_targets; i++) {
		const struct armed_target *was;

		if (f->targets[i].path != GW_PATH_INBAND)
			continue;
		was = find_target(a, &f->targets[i].address);
		targets[n++] = (struct armed_target){ .address = f->targets[i].address,
						      .target = i,
						      .decides = was ? was->decides : 0 };
	}
	free(a->targets);
	a->prepared = NULL;
	a->targets = targets;
	a->n_targets = n;
	for (i = 1; i < a->fresh; i++) {
		struct armed_entry *e = &a->pool[i];

		if (!e->route.prefix.addr.family)
			continue;
		if (!covered(a, &e->route.prefix, &first))
			drop(a, e);
		else if (e->announced)
			settle(a, &e->route, 1, ignore, NULL);
	}
}
