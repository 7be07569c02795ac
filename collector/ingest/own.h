/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INGEST_OWN_H
#define GW_INGEST_OWN_H
/* Events of the collector's own: they are in the record as those of an agent are. */
#include <stdint.h>

#include "collector/store/store.h"

/* Within a transaction: gives the event agent and number, records it, and joins it to its
 * incident. *n: its row. 0 or what the store returned. */
int ingest_own(struct store *s, struct event *e, uint64_t now_real_ns, uint64_t *n);

#endif
