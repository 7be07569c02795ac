/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/ingest/quiet.h"

#include <jansson.h>

#include "collector/ingest/own.h"
#include "collector/rules/joint.h"
#include "collector/store/episode.h"
#include "collector/words/words.h"

#define A_TICK 64	       /* incidents at once; the next tick goes on */
#define SETTLED (60 * NS_PER_S) /* listening for so long before anything is called quiet */

struct quiet {
	struct event events[A_TICK];
	size_t n;
	uint64_t now_ns;
};

/* Not told while they are read: telling changes them. */
static int note(void *arg, const struct store_incident *i)
{
	struct quiet *q = arg;
	struct event *e = &q->events[q->n];
	char since[TIME_STRLEN], words[WORDS_LEN];

	if (q->n == A_TICK)
		return 0;
	*e = (struct event){ .type = EVENT_ALERT,
			     .alert = "incident",
			     .severity = SEVERITY_INFO,
			     .time_ns = q->now_ns };
	e->extra = json_pack("{s:{s:s,s:s,s:s,s:I,s:s,s:s}}", "alert", "state", "cleared", "since",
			     time_format(i->began_ns, since), "text",
			     words_quiet(i, words), "incident", (json_int_t)i->id, "kind", i->kind,
			     "subject", i->subject);
	if (!e->extra)
		return STORE_FAILED;
	q->n++;
	return 0;
}

int quiet_tick(struct store *s, uint64_t now_ns, uint64_t listening_ns)
{
	struct quiet q = { .now_ns = now_ns };
	uint64_t n;
	int rc;

	if (!listening_ns || now_ns < listening_ns + SETTLED || now_ns < JOINT_QUIET)
		return 0;
	rc = store_incident_quiet(s, now_ns - JOINT_QUIET, A_TICK, note, &q);
	for (size_t i = 0; i < q.n; i++) {
		if (!rc)
			rc = ingest_own(s, &q.events[i], now_ns, &n);
		json_decref(q.events[i].extra);
	}
	return rc;
}
