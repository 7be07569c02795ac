/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/store/chain_check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* Runs and changed rows that are compared with each other, each with each. What is
 * beyond is reported, but not where it stood before. */
#define MOST_COMPARED 1024

static const char *const fault_str[] = {
	[CHAIN_CHANGED] = "changed",	 [CHAIN_REMOVED] = "removed",
	[CHAIN_INSERTED] = "inserted",	 [CHAIN_MOVED] = "moved",
	[CHAIN_BROKEN] = "broken",	 [CHAIN_TAIL_CUT] = "tail-cut",
	[CHAIN_REWRITTEN] = "rewritten", [CHAIN_UNANCHORED] = "unanchored",
	[CHAIN_LOST] = "lost",		 [CHAIN_DAMAGED] = "damaged",
	[CHAIN_SEAL] = "bad-seal",
};
static_assert(sizeof(fault_str) / sizeof(fault_str[0]) == CHAIN_NUM_FAULTS, "one name each");

/* The row that a finding is about. */
struct name {
	uint64_t place, n, seq, time_ns;
	char kind[16], agent[256], type[64];
};

/* A row that is not what its digest says. */
struct altered {
	struct name name;
	struct chain_hash stored, now;
};

/* Places that follow each other; the first one does not follow the one before. */
struct run {
	struct name name;	  /* of the first */
	struct chain_hash digest; /* of the first */
	struct chain_hash hash;	  /* of the first, as stored */
	struct chain_hash end;	  /* hash of the last */
	uint64_t places;
	bool after_hole, used;
};

/* One source of anchors: outside, or the store's own table. */
struct anchors {
	uint64_t seen, last_number;
	uint64_t good_place, good_ns; /* newest that agrees */
	struct chain_anchor wrong;    /* first that disagrees; number 0: none */
	struct chain_anchor beyond;   /* newest whose place is gone; number 0: none */
};

struct chain_check {
	struct chain_digest *digest;
	struct chain_totals totals;
	struct chain_finding found[CHAIN_KEEP];
	size_t n_found;

	uint64_t next;			    /* place expected */
	struct chain_hash before, computed; /* of the place before: stored, and as it should be */
	struct chain_hash earlier;	    /* of the place before that one */
	struct name last;		    /* the place before */
	struct altered altered[MOST_COMPARED];
	size_t n_altered;
	struct run runs[MOST_COMPARED + 1]; /* 0: the beginning, whose first place is sound */
	size_t n_runs;
	struct anchors own, outside;

	struct seal {
		uint64_t first, last;
		struct chain_hash before, hash;
	} *seals;
	size_t n_seals, seal_room;
	bool begun;	/* a place has been seen */
	bool free_link; /* the next place has nothing before it */
	uint64_t told;	/* number of the newest seal that an event tells of */
};

const char *chain_fault_name(enum chain_fault f)
{
	return fault_str[f];
}

/* ---- findings -------------------------------------------------------------- */

static void find(struct chain_check *c, enum chain_fault fault, const struct name *name,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void find(struct chain_check *c, enum chain_fault fault, const struct name *name,
		 const char *fmt, ...)
{
	struct chain_finding *f;
	va_list ap;

	c->totals.findings++;
	if (c->n_found == CHAIN_KEEP)
		return;
	f = &c->found[c->n_found++];
	memset(f, 0, sizeof(*f));
	f->fault = fault;
	if (name) {
		f->place = name->place;
		f->n = name->n;
		f->time_ns = name->time_ns;
		snprintf(f->kind, sizeof(f->kind), "%s", name->kind);
		snprintf(f->type, sizeof(f->type), "%s", name->type);
		if (name->agent[0])
			snprintf(f->id, sizeof(f->id), "%s/%" PRIu64, name->agent, name->seq);
	}
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

static struct name name_of(const struct store_place *p)
{
	struct name n = { .place = p->place, .n = p->n, .seq = p->seq, .time_ns = p->time_ns };

	snprintf(n.kind, sizeof(n.kind), "%s", p->kind ? p->kind : "");
	snprintf(n.agent, sizeof(n.agent), "%s", p->agent ? p->agent : "");
	snprintf(n.type, sizeof(n.type), "%s", p->type ? p->type : "");
	return n;
}

/* ---- places ---------------------------------------------------------------- */

struct chain_check *chain_check_new(const char *store_id)
{
	struct chain_check *c = calloc(1, sizeof(*c));

	if (!c || !(c->digest = chain_digest_new()) ||
	    !chain_first(c->digest, store_id, &c->before)) {
		chain_check_free(c);
		return NULL;
	}
	c->computed = c->before;
	c->next = 1;
	c->runs[0].end = c->before;
	c->n_runs = 1;
	c->totals.head = c->before;
	return c;
}

void chain_check_free(struct chain_check *c)
{
	if (c) {
		chain_digest_free(c->digest);
		free(c->seals);
	}
	free(c);
}

/* ---- seals ----------------------------------------------------------------- */

static uint64_t sealed_last(const struct chain_check *c)
{
	return c->n_seals ? c->seals[c->n_seals - 1].last : 0;
}

void chain_check_seal(struct chain_check *c, const struct store_segment *x)
{
	struct name at = { .place = x->first };
	struct seal *seal;

	if (x->number != c->n_seals + 1)
		find(c, CHAIN_SEAL, &at, "seal %" PRIu64 " is missing", (uint64_t)c->n_seals + 1);
	else if (x->first != sealed_last(c) + 1 || x->last < x->first ||
		 !chain_equal(&x->before, &c->before))
		find(c, CHAIN_SEAL, &at,
		     "seal %" PRIu64 " of place %" PRIu64 " to %" PRIu64
		     " does not fit what is before it",
		     x->number, x->first, x->last);
	if (c->n_seals == c->seal_room) {
		size_t room = c->seal_room ? 2 * c->seal_room : 64;

		seal = realloc(c->seals, room * sizeof(*seal));
		if (!seal)
			return; /* then its places are named as removed */
		c->seals = seal;
		c->seal_room = room;
	}
	c->seals[c->n_seals++] = (struct seal){ x->first, x->last, x->before, x->hash };
	c->before = c->computed = c->totals.head = x->hash;
	c->runs[0].end = x->hash;
	c->runs[0].places = x->last;
	c->next = x->last + 1;
	c->totals.places = c->totals.sealed = x->last;
}

bool chain_check_is_sealed(const struct chain_check *c, uint64_t place, struct chain_hash *hash,
			   bool *known)
{
	*known = false;
	if (place > sealed_last(c))
		return false;
	for (size_t i = 0; i < c->n_seals; i++) {
		if (c->seals[i].last == place) {
			*hash = c->seals[i].hash;
			*known = true;
		}
	}
	return true;
}

void chain_check_told(struct chain_check *c, uint64_t number, uint64_t first, uint64_t last,
		      const char *before, const char *hash)
{
	char want_before[CHAIN_HEX_LEN], want[CHAIN_HEX_LEN];
	struct name at = { .place = first };
	const struct seal *seal;

	if (c->told && number != c->told + 1)
		find(c, CHAIN_SEAL, &at, "no event tells of seal %" PRIu64, c->told + 1);
	c->told = number;
	if (!number || number > c->n_seals) {
		find(c, CHAIN_SEAL, &at,
		     "seal %" PRIu64 " of place %" PRIu64 " to %" PRIu64 " is gone", number, first,
		     last);
		return;
	}
	seal = &c->seals[number - 1];
	if (seal->first != first || seal->last != last ||
	    strcmp(chain_hex(&seal->before, want_before), before) != 0 ||
	    strcmp(chain_hex(&seal->hash, want), hash) != 0)
		find(c, CHAIN_SEAL, &at,
		     "seal %" PRIu64 " is not the one that the record tells of: place %" PRIu64
		     " to %" PRIu64,
		     number, first, last);
}

/* Seals whose events are sealed themselves are older than one that is told of. */
static void finish_seals(struct chain_check *c)
{
	for (uint64_t i = c->told; i < c->n_seals; i++) {
		struct name at = { .place = c->seals[i].first };

		if (c->told || i + 1 == c->n_seals)
			find(c, CHAIN_SEAL, &at, "no event of the record tells of seal %" PRIu64,
			     i + 1);
	}
}

/* ---- links ----------------------------------------------------------------- */

static bool follows(struct chain_check *c, const struct chain_hash *before,
		    const struct chain_hash *digest, const struct chain_hash *hash)
{
	struct chain_hash want;

	return chain_next(c->digest, before, digest, &want) && chain_equal(&want, hash);
}

static void begin_run(struct chain_check *c, const struct store_place *p, bool after_hole)
{
	struct name name = name_of(p);
	struct run *run;

	if (c->n_runs > MOST_COMPARED) {
		find(c, CHAIN_BROKEN, &name, "does not follow the place before it");
		return;
	}
	run = &c->runs[c->n_runs++];
	memset(run, 0, sizeof(*run));
	run->name = name;
	run->digest = p->digest;
	run->hash = p->hash;
	run->after_hole = after_hole;
}

/* The place before has a hash that is not its own, and is sound otherwise: it was
 * taken for the beginning of a run. */
static void join_run(struct chain_check *c)
{
	struct run *last = &c->runs[c->n_runs - 1];

	if (c->n_runs > 1 && last->places == 1 && last->name.place == c->last.place) {
		c->runs[c->n_runs - 2].places++;
		c->n_runs--;
	}
	find(c, CHAIN_CHANGED, &c->last, "its hash in the chain was changed; the row is as stored");
}

/* The place before fits what stands before it. */
static bool fits_before(const struct chain_check *c)
{
	return c->runs[c->n_runs - 1].places > (c->n_runs > 1);
}

static void check_link(struct chain_check *c, const struct store_place *p, bool after_hole)
{
	if (c->free_link || follows(c, &c->before, &p->digest, &p->hash)) {
		/* as it should be, or nobody can say */
	} else if (follows(c, &c->computed, &p->digest, &p->hash)) {
		join_run(c);
	} else if (p->there && follows(c, &c->before, &p->row, &p->hash)) {
		struct name name = name_of(p);

		find(c, CHAIN_CHANGED, &name,
		     "its digest in the chain was changed; the row is as stored");
	} else if (!after_hole && fits_before(c) && follows(c, &c->earlier, &p->digest, &p->hash)) {
		find(c, CHAIN_INSERTED, &c->last, "was put in: the chain goes on behind it");
	} else {
		begin_run(c, p, after_hole);
	}
	c->free_link = false;
	c->runs[c->n_runs - 1].end = p->hash;
	c->runs[c->n_runs - 1].places++;
	chain_next(c->digest, &c->before, &p->digest, &c->computed);
	c->earlier = c->before;
	c->before = p->hash;
}

static void check_row(struct chain_check *c, const struct store_place *p)
{
	struct name name = name_of(p);
	struct altered *a;

	if (!p->there && p->place <= sealed_last(c))
		return; /* its segment is being removed */
	if (!p->there) {
		find(c, CHAIN_REMOVED, &name, "was removed; its place in the chain is still there");
		return;
	}
	if (chain_equal(&p->row, &p->digest) || follows(c, &c->before, &p->row, &p->hash))
		return; /* in the second case check_link() has named the digest */
	if (c->n_altered == MOST_COMPARED) {
		find(c, CHAIN_CHANGED, &name, "was changed after it was stored");
		return;
	}
	a = &c->altered[c->n_altered++];
	a->name = name;
	a->stored = p->digest;
	a->now = p->row;
}

static void begin_sealed(struct chain_check *c, const struct store_place *p)
{
	c->next = p->place;
	c->runs[0].places = p->place - 1;
	for (size_t i = 0; i < c->n_seals; i++)
		if (c->seals[i].first == p->place) {
			c->before = c->computed = c->runs[0].end = c->seals[i].before;
			return;
		}
	c->free_link = true;
}

static void check_end_of_seal(struct chain_check *c, const struct store_place *p)
{
	struct chain_hash hash;
	bool known;

	if (chain_check_is_sealed(c, p->place, &hash, &known) && known &&
	    !chain_equal(&hash, &p->hash)) {
		struct name name = name_of(p);

		find(c, CHAIN_SEAL, &name, "the seal has another hash of this place");
	}
}

void chain_check_place(struct chain_check *c, const struct store_place *p)
{
	struct name hole = { .place = c->next };
	bool after_hole;

	/* What is sealed goes from its beginning: the first that is still there has
	 * nothing before it to be held against. */
	if (!c->begun && p->place <= sealed_last(c))
		begin_sealed(c, p);
	c->begun = true;
	after_hole = p->place != c->next;

	if (after_hole)
		find(c, CHAIN_REMOVED, &hole,
		     "%" PRIu64 " place%s of the chain removed, %" PRIu64 " to %" PRIu64,
		     p->place - c->next, p->place - c->next == 1 ? "" : "s", c->next, p->place - 1);
	if (p->unreadable) {
		struct name name = name_of(p);

		find(c, CHAIN_DAMAGED, &name,
		     "the documents of place %" PRIu64 " to %" PRIu64
		     " cannot be read: their block was changed or is damaged",
		     p->place, p->place + p->unreadable - 1);
	}
	check_row(c, p);
	check_link(c, p, after_hole);
	check_end_of_seal(c, p);
	c->last = name_of(p);
	c->next = p->place + 1;
	c->totals.places += p->place > sealed_last(c);
	c->totals.head = p->hash;
	if (strcmp(c->last.kind, "event") == 0)
		c->totals.events += p->there;
	else
		c->totals.dead_letters += p->there;
}

/* ---- rows that were changed, or changed places ------------------------------ */

static void name_altered(struct chain_check *c)
{
	for (size_t i = 0; i < c->n_altered; i++) {
		struct altered *a = &c->altered[i];
		size_t k;

		for (k = 0; k < c->n_altered; k++)
			if (k != i && chain_equal(&a->now, &c->altered[k].stored))
				break;
		if (k == c->n_altered)
			find(c, CHAIN_CHANGED, &a->name, "was changed after it was stored");
		else if (!chain_equal(&c->altered[k].now, &a->stored))
			find(c, CHAIN_MOVED, &a->name, "holds what was stored at place %" PRIu64,
			     c->altered[k].name.place);
		else if (i < k)
			find(c, CHAIN_MOVED, &a->name, "was swapped with the row at place %" PRIu64,
			     c->altered[k].name.place);
	}
}

static struct run *run_after(struct chain_check *c, const struct chain_hash *end)
{
	for (size_t i = 1; i < c->n_runs; i++)
		if (!c->runs[i].used && follows(c, end, &c->runs[i].digest, &c->runs[i].hash))
			return &c->runs[i];
	return NULL;
}

static struct run *first_unused(struct chain_check *c)
{
	for (size_t i = 1; i < c->n_runs; i++)
		if (!c->runs[i].used)
			return &c->runs[i];
	return NULL;
}

static bool leads_to(struct chain_check *c, const struct run *run)
{
	for (size_t i = 0; i < c->n_runs; i++)
		if (follows(c, &c->runs[i].end, &run->digest, &run->hash))
			return true;
	return false;
}

/* A run that nothing leads to and nothing follows from, while what stands around it
 * belongs together. */
static bool was_put_in(struct chain_check *c, const struct run *run, const struct chain_hash *end)
{
	struct run *next = run_after(c, end);

	return next && next != run && next->name.place > run->name.place &&
	       !run_after(c, &run->end) && !leads_to(c, run);
}

static void name_moved(struct chain_check *c, const struct run *run, uint64_t place)
{
	if (run->places == 1)
		find(c, CHAIN_MOVED, &run->name, "was stored at place %" PRIu64, place);
	else
		find(c, CHAIN_MOVED, &run->name,
		     "%" PRIu64 " rows from here on were stored from place %" PRIu64 " on",
		     run->places, place);
}

/* Puts the runs back into the order that their hashes tell. */
static void name_broken(struct chain_check *c)
{
	struct chain_hash end = c->runs[0].end;
	uint64_t place = c->runs[0].places + 1, shift = 0;
	struct run *run;

	while ((run = first_unused(c))) {
		struct run *next = run_after(c, &end);

		if (next && was_put_in(c, run, &end)) {
			find(c, CHAIN_INSERTED, &run->name,
			     "%" PRIu64 " row%s put in: the chain goes on behind", run->places,
			     run->places == 1 ? "" : "s");
			run->used = true;
			shift += run->places;
			continue;
		}
		if (next) {
			if (next->name.place != place + shift)
				name_moved(c, next, place + shift);
			run = next;
		} else {
			if (!run->after_hole)
				find(c, CHAIN_BROKEN, &run->name,
				     "does not follow the place before it: rows before it were "
				     "removed, or it was replaced");
			place = run->name.place;
			shift = 0;
		}
		run->used = true;
		place += run->places;
		end = run->end;
	}
}

void chain_check_finish_places(struct chain_check *c)
{
	name_altered(c);
	name_broken(c);
}

void chain_check_stray(struct chain_check *c, const struct store_place *p)
{
	struct name name = name_of(p);

	find(c, CHAIN_INSERTED, &name, "has no place in the chain: it was put in");
}

void chain_check_hole(struct chain_check *c, const struct store_hole *h)
{
	struct name name = { .seq = h->first };

	snprintf(name.agent, sizeof(name.agent), "%s", h->agent ? h->agent : "");
	if (h->known && h->first == h->last)
		find(c, CHAIN_LOST, &name, "never reached the store");
	else if (h->known)
		find(c, CHAIN_LOST, &name, "and on to %" PRIu64 ": never reached the store",
		     h->last);
	else if (h->first == h->last)
		find(c, CHAIN_REMOVED, &name, "was in the store and is gone");
	else
		find(c, CHAIN_REMOVED, &name,
		     "and on to %" PRIu64 ": were in the store and are gone", h->last);
}

void chain_check_damage(struct chain_check *c, const char *what)
{
	find(c, CHAIN_DAMAGED, NULL, "the file is damaged: %.300s", what);
}

/* ---- anchors --------------------------------------------------------------- */

static void numbers_missing(struct chain_check *c, uint64_t first, uint64_t last, bool outside)
{
	const char *where = outside ? "" : " in the store";

	if (first == last)
		find(c, CHAIN_UNANCHORED, NULL, "anchor %" PRIu64 " is missing%s", first, where);
	else
		find(c, CHAIN_UNANCHORED, NULL, "anchors %" PRIu64 " to %" PRIu64 " are missing%s",
		     first, last, where);
}

void chain_check_anchor(struct chain_check *c, const struct chain_anchor *a,
			const struct chain_hash *now, bool outside)
{
	struct anchors *s = outside ? &c->outside : &c->own;

	if (s->seen && a->number > s->last_number + 1)
		numbers_missing(c, s->last_number + 1, a->number - 1, outside);
	if (!s->seen || a->number > s->last_number)
		s->last_number = a->number;
	s->seen++;
	if (!now) {
		if (a->place >= s->beyond.place)
			s->beyond = *a;
	} else if (!chain_equal(now, &a->hash)) {
		if (!s->wrong.number)
			s->wrong = *a;
	} else if (!s->wrong.number) {
		s->good_place = a->place;
		s->good_ns = a->time_ns;
	}
}

void chain_check_unread(struct chain_check *c)
{
	find(c, CHAIN_UNANCHORED, NULL,
	     "behind the newest anchor of this store stands what is none: it may have been a "
	     "newer one");
}

static void name_anchors(struct chain_check *c, const struct anchors *s)
{
	char time[TIME_STRLEN];
	struct name at = { 0 };

	if (s->wrong.number) {
		at.place = s->good_place + 1;
		find(c, CHAIN_REWRITTEN, &at,
		     "the record is another one between place %" PRIu64 " and %" PRIu64
		     " than when anchor %" PRIu64 " was made, %s",
		     at.place, s->wrong.place, s->wrong.number,
		     time_format(s->wrong.time_ns, time));
	}
	if (s->beyond.number) {
		at.place = c->next;
		find(c, CHAIN_TAIL_CUT, &at,
		     "the end was cut off: anchor %" PRIu64 ", made %s, knows %" PRIu64
		     " places, the record has %" PRIu64,
		     s->beyond.number, time_format(s->beyond.time_ns, time), s->beyond.place,
		     c->next - 1);
	}
}

void chain_check_finish(struct chain_check *c, bool anchored)
{
	bool good;

	finish_seals(c);
	good = c->totals.findings == 0;
	name_anchors(c, &c->outside);
	/* The store's own tell nothing new where the chain itself is not good. */
	if (good && !c->totals.findings)
		name_anchors(c, &c->own);
	if (anchored && !c->outside.seen && c->totals.places)
		find(c, CHAIN_UNANCHORED, NULL, "there is no anchor of this store");
	c->totals.anchors = c->outside.seen;
	c->totals.newest_place = c->outside.seen ? c->outside.good_place : c->own.good_place;
	c->totals.newest_ns = c->outside.seen ? c->outside.good_ns : c->own.good_ns;
}

const struct chain_totals *chain_check_totals(const struct chain_check *c)
{
	return &c->totals;
}

size_t chain_check_findings(const struct chain_check *c, const struct chain_finding **out)
{
	*out = c->found;
	return c->n_found;
}
