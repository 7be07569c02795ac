/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INGEST_NOTICE_H
#define GW_INGEST_NOTICE_H
/*
 * Carries what rules/silence.h judges to the store: an alert, which is an event of the
 * collector's own in the record, and the alarm that is open until it is over. All
 * within the caller's transaction, so that collectors that share a store tell
 * everything once. Returns as ingest.h's functions.
 */
#include <stdint.h>

#include "collector/store/store.h"
#include "common/event.h"

/* A heartbeat was stored: counters that grew, interfaces that are down. */
int notice_stats(struct store *s, const struct event *e, uint64_t now_ns);

/* Now and then. listening_ns: since when everything is heard as it comes; 0: it is
 * not. unseen_ns: how long a target is known before it is missed. */
int notice_tick(struct store *s, uint64_t now_ns, uint64_t listening_ns, uint64_t unseen_ns);

/* notice_tick() and alerting_tick(). What the store refuses undoes the one of them that it is
 * of, and nothing else of the transaction: events are stored although something cannot be
 * told. refused, of size bytes, says what it was; "": nothing. */
int notice_careful(struct store *s, uint64_t now_ns, uint64_t listening_ns, uint64_t unseen_ns,
		   char *refused, size_t size);

#endif
