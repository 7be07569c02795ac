/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RECALL_BGP_H
#define GW_RECALL_BGP_H
/*
 * The BGP side of a flow's note (recall.h): what the event says of it, and beside that
 * where each direction's reader stands, so that the next agent reads on in the middle of
 * a message. Segments that came too early are not kept, nor are routes.
 */
#include <jansson.h>

struct flow;

json_t *recall_keep_bgp(const struct flow *f); /* new; NULL: no memory */

/* part: "bgp" of the event; keep: what recall_keep_bgp() gave. Either may be NULL. Whatever
 * they hold, the flow is left in a state that it could be in. */
void recall_bgp(struct flow *f, const json_t *part, const json_t *keep);

#endif
