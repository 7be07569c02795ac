/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment is not sealed for each row that becomes too old: some are let become a
 * little older, a thirty-second part of the age, so that a year has some dozen seals.
 *
 * What is removed does not come again when the clock was wrong. So age counts only when it
 * has gone on evenly for an hour: after a start, or a jump ahead, that is waited for.
 *
 * A batch has at most 500 events by default; each step removes more rows than that, so
 * that the record does not grow while it is swept.
 */
#include "collector/ingest/retain.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "collector/ingest/own.h"
#include "collector/store/retain.h"
#include "common/clock.h"
#include "common/log.h"

#define STEP_ROWS 1000
#define LOOK_EVERY (2 * NS_PER_S)
#define SLACK 32
#define EVEN (3600 * NS_PER_S)
#define JUMP (300 * NS_PER_S) /* between two ticks */
/* A part of the size. Where the record is less than that, sealing all of it would not make
 * the store small enough: what is known of sources, the anchors, what is told of alerts stay.
 * The record's size is an estimate, which may be wrong by two or three times. */
#define RECORD_LEAST 4

static bool is_even(struct retain *r, uint64_t now_ns)
{
	uint64_t wait = r->age_ns / SLACK < EVEN ? r->age_ns / SLACK : EVEN;

	if (!r->tick_ns || now_ns < r->even_ns || now_ns > r->tick_ns + JUMP)
		r->even_ns = now_ns;
	r->tick_ns = now_ns;
	return now_ns - r->even_ns >= wait;
}

/* Said once, and again when it was otherwise between. */
static bool is_crowded(struct retain *r, uint64_t bytes, uint64_t record)
{
	bool crowded = record < r->size / RECORD_LEAST;

	if (crowded && !r->crowded)
		log_warning("the store has %" PRIu64 " bytes, of which the record takes about %"
			    PRIu64 ": nothing is removed because of its size, as the rest stays; "
			    "give --retain-size more",
			    bytes, record);
	r->crowded = crowded;
	return crowded;
}

/* 1: *x is due. */
static int find_due(struct store *s, struct retain *r, uint64_t now_ns, bool even,
		    struct store_segment *x)
{
	uint64_t oldest = 0, bytes, places, record, part;
	int rc;

	if (r->age_ns && now_ns > r->age_ns && even) {
		rc = store_seal_oldest(s, &oldest);
		if (rc)
			return rc;
		if (oldest && oldest < now_ns - r->age_ns &&
		    now_ns - r->age_ns - oldest >= r->age_ns / SLACK) {
			rc = store_seal_older(s, now_ns - r->age_ns, x);
			x->why = "age";
			if (rc)
				return rc;
		}
	}
	if (!r->size)
		return 0;
	rc = store_size(s, &bytes, &places, &record);
	if (rc || bytes <= r->size || is_crowded(r, bytes, record))
		return rc;
	/* what is too much, and a little more */
	part = (uint64_t)((double)places * (double)(bytes - r->size) / (double)bytes);
	rc = store_seal_places(s, part + places / SLACK, x);
	x->why = "size";
	return rc;
}

static int tell(struct store *s, const struct store_segment *x, uint64_t now_ns)
{
	struct event e = { .type = EVENT_ALERT,
			   .alert = "record-sealed",
			   .severity = SEVERITY_INFO,
			   .time_ns = now_ns };
	char before[CHAIN_HEX_LEN], hash[CHAIN_HEX_LEN], since[TIME_STRLEN], text[200];
	uint64_t n;
	int rc;

	snprintf(text, sizeof(text),
		 "place %" PRIu64 " to %" PRIu64 " of the record sealed: their %" PRIu64
		 " events are removed because of their %s",
		 x->first, x->last, x->events, x->why);
	e.extra = json_pack("{s:{s:s,s:s,s:s,s:I,s:I,s:I,s:s,s:s,s:I,s:s}}", "alert", "state",
			    "told", "since", time_format(now_ns, since), "text", text, "segment",
			    (json_int_t)x->number, "first", (json_int_t)x->first, "last",
			    (json_int_t)x->last, "before", chain_hex(&x->before, before), "hash",
			    chain_hex(&x->hash, hash), "events", (json_int_t)x->events, "reason",
			    x->why);
	if (!e.extra)
		return STORE_FAILED;
	rc = ingest_own(s, &e, now_ns, &n);
	json_decref(e.extra);
	return rc;
}

int retain_tick(struct store *s, struct retain *r, uint64_t now_ns)
{
	struct store_segment x;
	bool even = is_even(r, now_ns);
	int rc;

	if (r->sweeping) {
		rc = store_sweep(s, STEP_ROWS, now_ns);
		r->sweeping = rc == 1;
		return rc < 0 ? rc : 0;
	}
	if ((!r->age_ns && !r->size) ||
	    (r->looked_ns && now_ns > r->looked_ns && now_ns - r->looked_ns < LOOK_EVERY))
		return 0;
	/* also what an earlier run has sealed and not removed */
	rc = store_sweep(s, STEP_ROWS, now_ns);
	if (rc < 0)
		return rc;
	r->sweeping = rc == 1;
	if (r->sweeping)
		return 0;
	r->looked_ns = now_ns;
	rc = find_due(s, r, now_ns, even, &x);
	if (rc <= 0)
		return rc;
	rc = store_seal(s, &x);
	if (!rc)
		rc = tell(s, &x, now_ns);
	r->sweeping = true;
	return rc ? rc : 1;
}
