/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_ALERT_H
#define GW_VIEW_ALERT_H
/*
 * Alerts, silences and drills as documents: the same for command, API, notification.
 *
 *	alert	id, name, state (open, acknowledged, silenced, resolved), severity, key,
 *		bundle, device, agent, source, incident, since, last, count, text,
 *		resolved, resolved_by, drill, silence, updated,
 *		acknowledged{at, by, reason, until}
 *	silence	id, name, device, source, agent, by, reason, since, until, ended, active
 *	drill	id, device, by, reason, since, until, ended, active
 *
 * Absent beats null. The caller owns what it gets; NULL without memory, or with
 * store_error() where a store is asked.
 */
#include <jansson.h>

#include "collector/store/alert.h"

json_t *view_alert_row(const struct store_alert *a);
json_t *view_silence_row(const struct store_silence *x, uint64_t now_ns);
json_t *view_drill_row(const struct store_drill *x, uint64_t now_ns);

/* An alert with `history`[{time, type, severity, state, text, by, reason, until}], in
 * order; json_null(): there is none of this number. */
json_t *view_alert(struct store *s, uint64_t id, uint64_t now_ns);

/* Arrays, the newest first. */
json_t *view_silences(struct store *s, bool active_only, uint64_t now_ns);
json_t *view_drills(struct store *s, bool active_only, uint64_t now_ns);

#endif
