/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_SPAN_H
#define GW_STORE_SPAN_H
/*
 * What a span of time holds, for drawing: rows are slim, there may be many of them.
 * Returns as in store.h; strings live until the callback returns.
 */
#include "collector/store/store.h"

struct store_span_flow {
	uint64_t n, start_ns, end_ns;
	const char *device, *path, *source, *user, *verdict, *outcome, *justified;
	bool open, established;
};

/* Inbound SSH flows that overlap [from, to). The first two have indexes of their own, so
 * all of them are found; of the third there may be more than anybody wants to read. */
enum store_span_what {
	STORE_SPAN_SESSIONS,  /* established, toward lo6 */
	STORE_SPAN_UNTRUSTED, /* of sources that are untrusted, or cannot be judged */
	STORE_SPAN_REST	      /* trusted ones, toward Ma1 or never established */
};

/* The newest `most` of them; device NULL: of all. */
typedef int store_span_fn(void *arg, const struct store_span_flow *row);
int store_span_flows(struct store *s, enum store_span_what what, const char *device,
		     uint64_t from_ns, uint64_t to_ns, uint64_t most, store_span_fn *fn, void *arg);
/* Only those of them that began long before the span and lasted into it. */
int store_span_lasting(struct store *s, enum store_span_what what, const char *device,
		       uint64_t from_ns, uint64_t most, store_span_fn *fn, void *arg);

/* How many of the first two kinds begin in the span; it stops where they are `most`. */
int store_span_odd(struct store *s, const char *device, uint64_t from_ns, uint64_t to_ns,
		   uint64_t most, uint64_t *n);

/* What began so long before a span may last into it and be found by its start. */
#define STORE_SPAN_EARLY UINT64_C(60000000000)

/* One of a device, and the next that begins a step later and after its end, and so on. odd:
 * so for each kind (path, verdict, established, justified) of the first two by itself: none
 * that is rare is hidden by one that is frequent. Else of the third, those toward Ma1. What
 * it costs is the steps, not the flows. */
int store_span_walk(struct store *s, bool odd, const char *device, uint64_t from_ns,
		    uint64_t to_ns, uint64_t step_ns, store_span_fn *fn, void *arg);

/* By name the first `most` devices with flows that begin in the span; odd: with such. */
typedef int store_span_name_fn(void *arg, const char *device);
int store_span_devices(struct store *s, bool odd, uint64_t from_ns, uint64_t to_ns, uint64_t most,
		       store_span_name_fn *fn, void *arg);

/* Of sessions over lo6 that begin in the span the first `most`: how many, and the last. */
int store_span_sessions(struct store *s, uint64_t from_ns, uint64_t to_ns, uint64_t most,
			uint64_t *n, uint64_t *last_ns);

/* Events that change how a device stands, without their documents, the newest first. */
struct store_span_change {
	uint64_t n, time_ns;
	const char *agent, *device, *change; /* as in the schema */
};

typedef int store_span_change_fn(void *arg, const struct store_span_change *row);
int store_span_changes(struct store *s, const char *type, const char *device, uint64_t from_ns,
		       uint64_t to_ns, uint64_t most, store_span_change_fn *fn, void *arg);

/* The number of the first flow row that began then or later; 0: there is none. */
int store_span_row(struct store *s, uint64_t time_ns, uint64_t *n);
int store_span_rows(struct store *s, uint64_t *n); /* the last number */

/* Between which moments numbers of an agent are missing: the times of the events
 * around them. 1; 0: one of them is not there. */
int store_span_gap(struct store *s, const char *agent, uint64_t first, uint64_t last,
		   uint64_t *from_ns, uint64_t *to_ns);

/* The devices whose path an agent sees, by name, at most `most`. */
int store_span_watched(struct store *s, const char *agent, uint64_t most, store_span_name_fn *fn,
		       void *arg);

#endif
