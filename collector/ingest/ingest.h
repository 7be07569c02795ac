/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INGEST_INGEST_H
#define GW_INGEST_INGEST_H
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

#include "collector/ingest/ahead.h"
#include "collector/store/store.h"

struct ingest_counts {
	uint64_t stored, duplicates, dead;
	char dead_reason[256]; /* of the newest dead letter */
	char dead_entry[64];
};

int ingest_begin(struct store *s);
/* All of a transaction's entries, as they were given to ahead_begin(), which is to be told
 * the same of derived: whether what follows is derived at once. When the store refuses
 * something of one, the transaction is begun anew and each is stored with a way back. */
int ingest_take(struct store *s, struct ahead *a, bool derived, struct ingest_counts *counts);
/* The same with readers of its own; ingest_record() derives nothing, ingest_entry() is for
 * one of several of a transaction. */
int ingest_batch(struct store *s, const struct ingest_entry *entries, size_t n,
		 uint64_t now_real_ns, struct ingest_counts *counts);
int ingest_entry(struct store *s, const struct ingest_entry *entry, uint64_t now_real_ns,
		 struct ingest_counts *counts);
int ingest_record(struct store *s, const struct ingest_entry *entries, size_t n,
		  uint64_t now_real_ns, struct ingest_counts *counts);

/* Derives the next of what was left; some thousand events or fewer. 1: there is more. When the
 * store refuses something of one, the transaction is undone and begun anew, so nothing
 * else should be in it. Counts dead letters alone. */
struct ingest_later;
struct ingest_later *ingest_later_new(struct readers *r); /* borrows r; NULL: no memory */
void ingest_later_free(struct ingest_later *l);		  /* accepts NULL */
int ingest_derive(struct store *s, struct ingest_later *l, struct ingest_counts *counts);

int ingest_commit(struct store *s); /* rolls back when it fails */

#endif
