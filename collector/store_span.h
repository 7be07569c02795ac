/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_SPAN_H
#define GW_STORE_SPAN_H
/*
 * What a span of time holds, for drawing: rows are slim, there may be many of them.
 * Returns as in store.h; strings live until the callback returns.
 */
#include "collector/store.h"

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

/* The first flow of a device toward Ma1 that begins in [from, to); 1 or 0. */
int store_span_next(struct store *s, const char *device, uint64_t from_ns, uint64_t to_ns,
		    store_span_fn *fn, void *arg);

/* The number of the first flow row that began then or later; 0: there is none. */
int store_span_row(struct store *s, uint64_t time_ns, uint64_t *n);

/* Between which moments numbers of an agent are missing: the times of the events
 * around them. 1; 0: one of them is not there. */
int store_span_gap(struct store *s, const char *agent, uint64_t first, uint64_t last,
		   uint64_t *from_ns, uint64_t *to_ns);

/* The devices whose path an agent sees, by name, at most `most`. */
typedef int store_span_name_fn(void *arg, const char *device);
int store_span_watched(struct store *s, const char *agent, uint64_t most, store_span_name_fn *fn,
		       void *arg);

#endif
