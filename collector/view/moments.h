/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_MOMENTS_H
#define GW_VIEW_MOMENTS_H
/*
 * The moments of an incident in the order in which they happened: path changes,
 * sessions over lo6 from their beginning to their end, attempts, untrusted sources,
 * BGP, alerts. Whatever shows a timeline shows these.
 *
 * An attempt that is made again and again (same device, source, destination, outcome)
 * is one moment with a count, as long as no event of the device lies between: what was
 * tried before a failover and after it are two things.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/store/store.h"

enum moment_tone {
	MOMENT_PLAIN,
	MOMENT_BLUE,  /* in-band in use */
	MOMENT_AMBER, /* not known, failing */
	MOMENT_RED,   /* lost, untrusted, not justified */
	MOMENT_STRONG,
	MOMENT_NUM_TONES
};

const char *moment_tone_name(enum moment_tone t); /* "plain", "blue", ... */

struct moment {
	uint64_t time_ns, last_ns; /* last: of the same, tried again */
	uint64_t count;
	const char *mark; /* one of the words of docs/collector.md */
	enum moment_tone tone;
	char *device;	/* "": none */
	char *text;	/* one line, cleaned */
	char *id;	/* of the event, or flow */
	uint64_t order; /* among equal times: as it was stored */
};

struct moments {
	struct moment *list;
	size_t n, size;
	bool failed; /* memory ran out */
};

/* 0, or below 0: STORE_*. Release it in any case. */
int moments_gather(struct store *s, uint64_t incident, struct moments *out);
void moments_free(struct moments *m);

#endif
