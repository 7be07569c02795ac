/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_DELIVER_H
#define GW_STORE_DELIVER_H
/*
 * Notifications that wait in the store. A change of an alert writes one row for each
 * receiver, or joins a row of its bundle that nobody has begun to send; one that has many
 * alerts already is full, and a new row begins. Who sends
 * claims rows for a while; a claim that is not answered for (the process died) is
 * anybody's again. So each is sent at least once.
 *
 * Returns as in store.h.
 */
#include "collector/store/alert.h"
#include "common/clock.h"

/* Within a transaction: every receiver is to be told of this alert. */
int store_deliver_queue(struct store *s, const char *bundle, uint64_t alert, uint64_t now_ns);

/* Each of the following is a transaction of its own. */

/* The receiver is there: what changes from now on is queued for it. wait_ns: so long
 * others of a bundle are waited for. */
int store_receiver_note(struct store *s, const char *receiver, const char *kind, uint64_t wait_ns,
			uint64_t now_ns);
/* Receivers that were not noted for a day are forgotten, and what waits for them. Only after
 * all that are there were noted, by other collectors, too. */
int store_receivers_forget(struct store *s, uint64_t now_ns);

/* One receiver is to be told of these, at once: a repetition, or the end of a silence. Nothing
 * of an alert that waits for it already: is on its way, or is tried again later. */
struct store_again {
	uint64_t alert;
	char bundle[400];
};

int store_deliver_again(struct store *s, const char *receiver, const struct store_again *list,
			size_t n, uint64_t now_ns);

/* No attempt is put off for longer. What is due later than that was written by a clock that
 * has been set back since, or is another collector's and ahead of ours: it is due now. */
#define STORE_DUE_MOST (660 * NS_PER_S)

/* The oldest due bundle of a receiver, claimed until lease_ns; 1, or 0: none is due. Rows
 * beyond STORE_CLAIM_ENOUGH alerts are left to the next claim: each alert is read again, and
 * a notification takes so many. Release with store_claim_free(). */
#define STORE_CLAIM_ENOUGH 100
struct store_claim {
	char bundle[400];
	uint64_t rows[64]; /* deliveries.id */
	size_t n_rows;
	uint64_t created_ns; /* the oldest of them */
	uint64_t attempts;   /* with this one */
	uint64_t *alerts;    /* each once, in order */
	size_t n_alerts;
	size_t n_rest; /* who sends moves what did not fit to the front of alerts */
};

int store_deliver_claim(struct store *s, const char *receiver, uint64_t now_ns, uint64_t lease_ns,
			struct store_claim *out);
void store_claim_free(struct store_claim *c); /* accepts a zeroed one */

/* What a receiver was told of an alert last. */
struct store_told {
	uint64_t alert;
	bool firing; /* false: resolved */
	enum event_severity severity;
	uint64_t time_ns;
};

/* 1 and *out; 0: nothing. */
int store_told_get(struct store *s, const char *receiver, uint64_t alert, struct store_told *out);

/* The receiver has answered: the rows go, and it was told this of these alerts. The rest of
 * the claim is due at once. */
int store_deliver_done(struct store *s, const char *receiver, const struct store_claim *c,
		       const struct store_told *told, size_t n_told, uint64_t now_ns);
/* It did not take them for too long: the rows from before old_ns go. So that they do not begin
 * anew, it passes for told of what was in no other row. */
int store_deliver_give_up(struct store *s, const char *receiver, const struct store_claim *c,
			  const struct store_told *told, size_t n_told, uint64_t old_ns);
/* It has not answered: again at due_ns. */
int store_deliver_failed(struct store *s, const char *receiver, const struct store_claim *c,
			 uint64_t due_ns, const char *error);

/* How many wait for a receiver (NULL: all), and since when. */
int store_deliver_waiting(struct store *s, const char *receiver, uint64_t *rows,
			  uint64_t *oldest_ns);

struct store_receiver {
	const char *receiver, *kind, *error; /* error NULL: the newest attempt was answered */
	uint64_t seen_ns, waiting, oldest_ns;
};

typedef int store_receiver_fn(void *arg, const struct store_receiver *r);
int store_receivers(struct store *s, store_receiver_fn *fn, void *arg);

#endif
