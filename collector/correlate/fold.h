/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CORRELATE_FOLD_H
#define GW_CORRELATE_FOLD_H
/* flow.start, flow.update and flow.end of one flow become one row. */
#include <stdint.h>

#include "collector/store/store.h"
#include "common/event.h"

/* What the row is now, and what this event made of it. */
struct folded {
	uint64_t n, same_as;
	uint64_t start_ns, end_ns;
	bool established, open;
	bool logged_in;	 /* ssh.auth says success */
	bool added;	 /* the row, by this event; here and below */
	bool rose;	 /* it became established */
	bool login_rose; /* it became known that the login succeeded */
	bool turned;	 /* its source is untrusted, which was not so while the row was there */
};

/* event_n: the event's row. 0, or STORE_*. */
int fold_flow(struct store *s, const struct event *e, uint64_t event_n, struct folded *out);

#endif
