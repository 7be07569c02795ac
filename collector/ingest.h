/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INGEST_H
#define GW_INGEST_H
/*
 * One event's journey: decode, record; then what follows from it: its row, its flow,
 * incidents, alerts. All of a batch is one transaction:
 *
 *	ingest_begin()  ingest_batch()  ingest_commit()  and only then XACK
 *
 * ingest_batch() derives at once what it records, unless something older still waits
 * for that. ingest_record() leaves it for later: where more comes than can be derived, the
 * record goes first. It is all that an acknowledgement promises.
 *
 *	ingest_begin()  ingest_derive()...  ingest_commit()
 *
 * Each returns 0, or STORE_FAILED / STORE_BROKEN (the store cannot take it now;
 * nothing of the batch is stored, acknowledge nothing, store_error() says why).
 * An entry that can never be stored is no error: it goes to the dead letters.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/store.h"

#define INGEST_MAX_JSON (1024 * 1024) /* a longer document is a dead letter */

struct ingest_counts {
	uint64_t stored, duplicates, dead;
	char dead_reason[256]; /* of the newest dead letter */
	char dead_entry[64];
};

/* An entry of the stream, borrowed. json NULL: it has no such field, then raw is
 * what it has. */
struct ingest_entry {
	const char *id; /* the stream's */
	const char *json;
	size_t len;
	const char *raw;
	size_t raw_len;
	bool lost; /* it was handed out before and is no longer in the stream */
};

int ingest_begin(struct store *s);
/* All of a transaction's entries. When the store refuses something of one, the
 * transaction is begun anew and each is stored by ingest_entry(). */
int ingest_batch(struct store *s, const struct ingest_entry *entries, size_t n,
		 uint64_t now_real_ns, struct ingest_counts *counts);
int ingest_entry(struct store *s, const struct ingest_entry *entry, uint64_t now_real_ns,
		 struct ingest_counts *counts);
int ingest_record(struct store *s, const struct ingest_entry *entries, size_t n,
		  uint64_t now_real_ns, struct ingest_counts *counts);

/* Derives the next of what was left; a thousand events or fewer. 1: there is more. When the
 * store refuses something of one, the transaction is undone and begun anew, so nothing
 * else should be in it. Counts dead letters alone. */
struct ingest_later;
struct ingest_later *ingest_later_new(void); /* NULL: no memory */
void ingest_later_free(struct ingest_later *l); /* accepts NULL */
int ingest_derive(struct store *s, struct ingest_later *l, struct ingest_counts *counts);

int ingest_commit(struct store *s); /* rolls back when it fails */

/* Within a transaction: an event of the collector's own. Gives it agent and number. *n:
 * its row. */
int ingest_own(struct store *s, struct event *e, uint64_t now_real_ns, uint64_t *n);

#endif
