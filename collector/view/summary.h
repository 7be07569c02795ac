/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_SUMMARY_H
#define GW_VIEW_SUMMARY_H
#include "collector/view/fleet.h"

/* Fills in the summary of a fleet that was loaded with FLEET_SESSIONS and FLEET_REFUSED;
 * changes its list `refused`. 0, or STORE_*. */
int view_summary_fill(struct store *s, const struct view_args *a, const struct fleet *f,
		      json_t *doc);

#endif
