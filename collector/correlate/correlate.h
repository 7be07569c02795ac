/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CORRELATE_CORRELATE_H
#define GW_CORRELATE_CORRELATE_H
/* What an event changes of incidents and sessions, within the transaction that stores
 * the event. The rules are in rules/incident.h and rules/joint.h. */
#include <stdint.h>

#include "collector/correlate/fold.h"
#include "collector/store/store.h"
#include "common/event.h"

/* n: the event's row; flow: what its flow is now, NULL: it is of none. 0, or STORE_*. */
int correlate(struct store *s, const struct event *e, uint64_t n, struct folded *flow);

#endif
