/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/command/report.h"

#include "collector/command/query.h"
#include "collector/view/incident.h"

int report_run(struct store *s, uint64_t id, enum report_format format, uint64_t now, FILE *to)
{
	struct view_args args = { .now_ns = now };
	json_t *doc = view_incident(s, &args, id);
	int rc = 1;

	if (!doc)
		return STORE_FAILED;
	if (json_is_null(doc))
		rc = 0;
	else if (report_write(doc, format, to))
		rc = QUERY_WRITE_FAILED;
	json_decref(doc);
	return rc;
}
