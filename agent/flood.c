/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two windows, one for the interval that lasts and one for the interval that has ended,
 * of which the capture's numbers are awaited. Each is a table of rows with open
 * addressing, emptied by its list of used rows: an interval without attempts costs
 * nothing. A target that finds no row within PROBES places is one of the others, which
 * share a row.
 */
#include "agent/flood.h"

#include <stdlib.h>
#include <string.h>

#include "agent/hash.h"

#define PROBES 16
#define OTHERS FLOOD_TARGETS	/* their row */
#define OTHERS_SHARE 64		/* times a target's room */
#define TOPS 256		/* rows whose sources are kept */
#define NO_TOP 0xffffffffu
/* SYNs of one attempt: the first and what a usual stack repeats. What goes beyond was
 * not handed up one by one. */
#define SYNS_EACH 8

struct top {
	struct flood_source sources[FLOOD_SOURCES]; /* heaviest first */
	size_t n;
};

struct row {
	struct addr target;
	bool used;
	uint32_t admitted[FLOOD_KINDS];
	uint32_t top; /* index or NO_TOP */
	uint64_t refused, syns;
};

struct window {
	uint64_t from_ns, to_ns;
	uint32_t n;
	uint32_t used[FLOOD_TARGETS + 1];
	struct row rows[FLOOD_TARGETS + 1];
};

struct flood {
	uint32_t limit;
	uint64_t seed;
	struct window *now, *past;
	struct top tops[TOPS];
	uint32_t n_tops;
};

struct flood *flood_new(uint32_t limit)
{
	struct flood *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->limit = limit;
	f->seed = hash_seed(f);
	f->now = calloc(1, sizeof(*f->now));
	f->past = calloc(1, sizeof(*f->past));
	if (!f->now || !f->past) {
		flood_free(f);
		return NULL;
	}
	return f;
}

void flood_free(struct flood *f)
{
	if (!f)
		return;
	free(f->now);
	free(f->past);
	free(f);
}

static uint32_t place_of(const struct flood *f, const struct addr *target)
{
	uint8_t bytes[16] = { 0 };

	memcpy(bytes, target->bytes, target->family == 4 ? 4 : 16);
	return (uint32_t)(hash_bytes(bytes, sizeof(bytes), f->seed ^ target->family) %
			  FLOOD_TARGETS);
}

static struct row *use(struct window *w, uint32_t i, const struct addr *target)
{
	struct row *r = &w->rows[i];

	if (!r->used) {
		memset(r, 0, sizeof(*r));
		r->used = true;
		r->top = NO_TOP;
		if (target)
			r->target = *target;
		w->used[w->n++] = i;
	}
	return r;
}

/* target NULL: of the others */
static struct row *row_of(const struct flood *f, struct window *w, const struct addr *target)
{
	uint32_t at = target ? place_of(f, target) : 0, i;

	for (i = 0; target && i < PROBES; i++) {
		struct row *r = &w->rows[(at + i) % FLOOD_TARGETS];

		if (!r->used)
			return use(w, (at + i) % FLOOD_TARGETS, target);
		if (addr_equal(&r->target, target))
			return r;
	}
	return use(w, OTHERS, NULL);
}

static const struct row *row_find(const struct flood *f, const struct window *w,
				  const struct addr *target)
{
	uint32_t at = place_of(f, target), i;

	for (i = 0; i < PROBES; i++) {
		const struct row *r = &w->rows[(at + i) % FLOOD_TARGETS];

		if (!r->used)
			return NULL;
		if (addr_equal(&r->target, target))
			return r;
	}
	return w->rows[OTHERS].used ? &w->rows[OTHERS] : NULL;
}

bool flood_admit(struct flood *f, const struct addr *target, enum flood_kind kind)
{
	struct row *r;
	uint64_t room = f->limit;

	if (!f->limit)
		return true;
	r = row_of(f, f->now, target);
	if (kind != FLOOD_OTHER)
		room *= FLOOD_TRUSTED_SHARE;
	if (r == &f->now->rows[OTHERS])
		room *= OTHERS_SHARE;
	if (r->admitted[kind] >= room) {
		r->refused++;
		return false;
	}
	r->admitted[kind]++;
	return true;
}

void flood_refuse(struct flood *f, const struct addr *target)
{
	row_of(f, f->now, target)->refused++;
}

bool flood_is_on(const struct flood *f, const struct addr *target)
{
	const struct row *now = row_find(f, f->now, target), *past = row_find(f, f->past, target);

	return (now && now->refused) || (past && past->refused);
}

static void window_clear(struct window *w)
{
	uint32_t i;

	for (i = 0; i < w->n; i++)
		w->rows[w->used[i]].used = false;
	w->n = 0;
}

void flood_turn(struct flood *f, uint64_t to_ns, uint64_t now_ns)
{
	struct window *past = f->past;

	f->past = f->now;
	f->past->to_ns = to_ns;
	window_clear(past);
	past->from_ns = now_ns;
	f->now = past;
	f->n_tops = 0;
}

static uint64_t reported(const struct row *r)
{
	return (uint64_t)r->admitted[FLOOD_OTHER] + r->admitted[FLOOD_TRUSTED] +
	       r->admitted[FLOOD_REPEATED];
}

/* Was there more than was reported one by one? */
static bool is_over(const struct flood *f, const struct row *r)
{
	return f->limit && (r->refused || r->syns > SYNS_EACH * (f->limit + reported(r)));
}

static void top_add(struct top *t, const struct gw_attempts *who, uint64_t syns)
{
	struct flood_source s = { .family = who->family, .syns = syns };
	size_t i = t->n < FLOOD_SOURCES ? t->n++ : FLOOD_SOURCES - 1;

	if (i == FLOOD_SOURCES - 1 && t->sources[i].family && t->sources[i].syns >= syns)
		return;
	memcpy(s.prefix, who->source, sizeof(s.prefix));
	for (; i && t->sources[i - 1].syns < syns; i--)
		t->sources[i] = t->sources[i - 1];
	t->sources[i] = s;
}

void flood_count(void *flood, const struct gw_attempts *who, uint64_t syns)
{
	struct addr target = addr_from_bytes(who->family == 4 ? 4 : 6, who->target);
	struct flood *f = flood;
	struct row *r = row_of(f, f->past, who->family ? &target : NULL);

	if (!who->by_source) {
		r->syns += syns;
		return;
	}
	if (!is_over(f, r))
		return;
	if (r->top == NO_TOP) {
		if (f->n_tops == TOPS)
			return;
		r->top = f->n_tops++;
		memset(&f->tops[r->top], 0, sizeof(f->tops[r->top]));
	}
	top_add(&f->tops[r->top], who, syns);
}

static int by_syns(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;

	return (x->syns < y->syns) - (x->syns > y->syns);
}

static void sum_of(const struct flood *f, const struct row *r, struct flood_sum *s)
{
	const struct top *t = r->top == NO_TOP ? NULL : &f->tops[r->top];

	memset(s, 0, sizeof(*s));
	s->from_ns = f->past->from_ns;
	s->to_ns = f->past->to_ns;
	s->has_target = r != &f->past->rows[OTHERS];
	s->target = r->target;
	s->targets = 1;
	s->syns = r->syns;
	s->reported = reported(r);
	if (t) {
		s->n_sources = t->n;
		memcpy(s->sources, t->sources, sizeof(s->sources));
	}
}

void flood_report(struct flood *f, flood_report_fn *fn, void *arg)
{
	const struct row **over = calloc(f->past->n + 1, sizeof(*over));
	struct flood_sum sum, rest;
	size_t n = 0, i;

	if (!over)
		return;
	for (i = 0; i < f->past->n; i++) {
		const struct row *r = &f->past->rows[f->past->used[i]];

		if (is_over(f, r))
			over[n++] = r;
	}
	qsort(over, n, sizeof(*over), by_syns);
	memset(&rest, 0, sizeof(rest));
	for (i = 0; i < n; i++) {
		sum_of(f, over[i], &sum);
		if (i < FLOOD_ALERTS - 1 || n == FLOOD_ALERTS) {
			fn(arg, &sum);
			continue;
		}
		rest.from_ns = sum.from_ns;
		rest.to_ns = sum.to_ns;
		rest.targets++;
		rest.syns += sum.syns;
		rest.reported += sum.reported;
	}
	if (rest.targets)
		fn(arg, &rest);
	free(over);
}
