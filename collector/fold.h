/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FOLD_H
#define GW_FOLD_H
/*
 * flow.start, flow.update and flow.end of one flow fold into one row: of each part
 * of the document the newest counts, a part that only an older one has stays.
 */
#include <stdint.h>

#include "collector/store.h"
#include "common/event.h"

/* Folds a flow event, event_n in the record, into its row; *n is the row. 0, or
 * STORE_*. */
int fold_flow(struct store *s, const struct event *e, uint64_t event_n, uint64_t *n);

#endif
