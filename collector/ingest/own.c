/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/ingest/own.h"

#include <stdlib.h>
#include <string.h>

#include "collector/base/metrics.h"
#include "collector/correlate/correlate.h"
#include "common/event.h"

static int store_own(struct store *s, const struct event *e, const char *json, uint64_t now_ns,
		     uint64_t *n)
{
	int rc = store_event(s, e, json, strlen(json), now_ns, n);

	if (rc != STORE_NEW)
		return rc < 0 ? rc : STORE_REFUSED;
	metrics_note(store_counts(s), METRIC_EVENTS, e->type, 1);
	return correlate(s, e, *n, NULL);
}

int ingest_own(struct store *s, struct event *e, uint64_t now_real_ns, uint64_t *n)
{
	char *json;
	int rc;

	e->agent = store_name(s);
	rc = store_own_next(s, &e->seq);
	if (rc < 0)
		return rc;
	json = event_encode(e);
	if (!json)
		return STORE_FAILED;
	rc = store_own(s, e, json, now_real_ns, n);
	free(json);
	return rc;
}
