/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INGEST_QUIET_H
#define GW_INGEST_QUIET_H
/*
 * An untrusted source that has been quiet for JOINT_QUIET has gone: its incident is
 * closed. An event of the collector's own, alert.incident, says so, and closes it by
 * what correlate() makes of it; so who follows the record sees it, and the record alone
 * tells why it is closed.
 */
#include <stdint.h>

#include "collector/store/store.h"

/* Now and then, within a transaction. listening_ns: since when everything is heard as it
 * comes; 0: it is not, and what seems quiet may be under way. 0, or STORE_*. */
int quiet_tick(struct store *s, uint64_t now_ns, uint64_t listening_ns);

#endif
