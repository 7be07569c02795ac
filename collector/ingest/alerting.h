/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INGEST_ALERTING_H
#define GW_INGEST_ALERTING_H
/*
 * Carries what rules/alert.h judges to the store. What is raised, becomes worse or is over is
 * an event of the collector's own in the record (alert.NAME), a row of the alert, and
 * something to send: all in the caller's transaction. A further sign of an open alert
 * is counted in its row and makes no event.
 *
 * Returns as ingest.h's functions.
 */
#include <jansson.h>
#include <stdint.h>

#include "collector/rules/alert.h"
#include "collector/store/store.h"
#include "common/event.h"

/* What a new event with number n raises and resolves. Most touch nothing. */
int alerting_event(struct store *s, struct event *e, uint64_t n, uint64_t now_ns);

/* What is over without an event that says so, now and then. */
int alerting_tick(struct store *s, uint64_t now_ns);

/* Tells this even when nothing is open, or it is open already: who calls has judged
 * that. more: members besides, taken over; NULL: none. */
int alerting_tell(struct store *s, const struct alert_change *c, json_t *more, uint64_t now_ns);

#endif
