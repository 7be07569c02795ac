/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_DELIVER_DELIVER_H
#define GW_DELIVER_DELIVER_H
/*
 * Notifications go out: a thread of its own, with its own connection to the store,
 * takes what waits there (store/deliver.h), and posts it over HTTP. Ingest never waits
 * for a receiver, nor one receiver for another.
 *
 *	deliver_open()	reads URLs; before rights are given up and threads start
 *	deliver_start()	the thread
 *	deliver_close()	what is on its way may arrive, for a few seconds; the rest waits
 *			in the store for the next start
 *
 * A notification is sent until the receiver answers 2xx: again after 1, 2, 4, ... 300 s,
 * a fifth more or less by chance, as long as 7 days. While a receiver is not reached or
 * says 429 or 5xx, its other notifications wait behind the oldest. Certificates are
 * verified, redirects not followed. What a receiver is called in logs and in the store
 * has nothing of its URL that may be a secret.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/deliver/notify.h"

struct deliver;
struct metrics;

struct deliver_config {
	const char *const *urls[NOTIFY_KINDS]; /* borrowed until deliver_close() */
	size_t n[NOTIFY_KINDS];
	const char *token_file; /* bearer token, for webhooks and Alertmanagers; NULL: none */
	const char *ca_file;	/* NULL: the system's */
	const char *store_name; /* to be opened again */
	const char *collector;	/* name of its own events' agent */
	struct notify_policy policy;
	uint64_t wait_ns;	    /* for others of the bundle */
	unsigned per_minute;	    /* notifications to one receiver; 0: no limit */
	struct metrics *metrics;    /* borrowed; NULL: nothing is counted */
	uint64_t (*now_real)(void); /* the clock; main.c owns it */
};

/* NULL with one line in err, or without a receiver: then err is "". */
struct deliver *deliver_open(const struct deliver_config *config, char *err, size_t size);
bool deliver_start(struct deliver *d, char *err, size_t size); /* true for NULL, too */
void deliver_close(struct deliver *d);			       /* accepts NULL */

/* What a receiver is called. False, with one line in err: not a URL for this. */
bool deliver_name(enum notify_kind kind, const char *url, char *name, size_t name_size, char *err,
		  size_t size);

#endif
