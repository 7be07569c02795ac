/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CORRELATE_H
#define GW_CORRELATE_H
/* What an event changes of the incidents of its device, within the transaction that
 * stores the event. */
#include <stdint.h>

#include "collector/store.h"
#include "common/event.h"

/* n: the event's row; flow_n: the row of its flow, 0: it is of none. 0, or STORE_*. */
int correlate(struct store *s, const struct event *e, uint64_t n, uint64_t flow_n);

#endif
