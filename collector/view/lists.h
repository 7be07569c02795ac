/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_LISTS_H
#define GW_VIEW_LISTS_H
#include <jansson.h>

#include "collector/store/incident.h"

/* A row of the list of incidents; one that closed after `moment` is open in it. */
json_t *view_incident_row(const struct store_incident *i, uint64_t moment_ns);

#endif
