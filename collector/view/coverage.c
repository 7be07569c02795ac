/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is watched: of each device and each of its ways (Ma1, lo6 by IPv4, lo6 by IPv6)
 * whether a packet was ever seen, when a session was established last, and whether
 * that is recent enough to rely on the way.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/view/fleet.h"
#include "collector/view/row.h"
#include "common/clock.h"

#define DAY_NS (86400 * NS_PER_S)
#define DAYS 90

/* The newest drill of each device; "" is of all. */
static int take_drill(void *arg, const char *device, uint64_t since_ns)
{
	json_object_set_new(arg, device, json_integer((json_int_t)since_ns));
	return 0;
}

static uint64_t drill_of(const json_t *drills, const char *device)
{
	json_int_t all = json_integer_value(json_object_get(drills, ""));
	json_int_t own = json_integer_value(json_object_get(drills, device));

	return (uint64_t)(own > all ? own : all);
}

/* One way to a device; t NULL: it has none. */
static json_t *path_row(const struct fleet_device *d, const struct fleet_target *t, bool in_band,
			int family, uint64_t now_ns, uint64_t days, json_t *why, bool *covered)
{
	json_t *o = json_object();
	struct say w = { 0 };
	bool recent = t && t->reached_ns + days * DAY_NS >= now_ns;

	row_text(o, "path", in_band ? "in-band" : "primary");
	if (family)
		row_count(o, "family", (uint64_t)family);
	row_text(o, "address", t ? t->address : NULL);
	row_text(o, "watched", !t ? "none" : t->seen_ns ? "yes" : "blind");
	if (t)
		row_time(o, "seen", t->seen_ns);
	if (t)
		row_time(o, "reached", t->reached_ns);
	row_flag(o, "recent", recent);
	if (t && t->seen_ns && (recent || !in_band)) {
		json_object_set_new(o, "words", json_string("watched"));
		return o;
	}
	if (!t && !in_band && !d->wants_lo6 && d->policy != SIZE_MAX) { /* a terminal server, say */
		json_object_set_new(o, "words", json_string("none by design"));
		return o;
	}
	*covered = false;
	say(&w, "%s", in_band ? "lo6" : "Ma1");
	if (in_band && family)
		say(&w, " IPv%d", family);
	if (!t && d->policy == SIZE_MAX)
		say(&w, ": no configuration is known, so neither is its address");
	else if (!t)
		say(&w, ": the configuration has no address");
	else if (!t->seen_ns)
		say(&w, ": no packet was ever seen, so no agent is on this way, or nobody took it");
	else if (t->reached_ns) {
		say(&w, ": last reached ");
		say_lasting(&w, (double)(now_ns - t->reached_ns) / (double)NS_PER_S);
		say(&w, " ago");
	} else {
		say(&w, ": seen, but no session was ever established");
	}
	row_text(o, "words", w.text);
	json_array_append_new(why, json_string(w.text));
	return o;
}

json_t *view_coverage(struct store *s, const struct view_args *a)
{
	json_t *doc = view_begin(s, a), *rows, *drills, *o, *totals;
	uint64_t days = a->days ? a->days : DAYS, now = view_moment(a);
	size_t covered = 0, blind = 0, never = 0;
	struct fleet f;
	int rc;

	if (!doc)
		return NULL;
	rows = json_array();
	drills = json_object();
	rc = fleet_load(s, a, a->device, 0, &f);
	if (!rc)
		rc = store_fleet_drills(s, take_drill, drills);
	for (size_t i = 0; !rc && i < f.n; i++) {
		const struct fleet_device *d = &f.devices[i];
		bool good = true, dark = false, lo6 = fleet_has(d, true) || d->wants_lo6;
		json_t *paths = json_array(), *why = json_array();
		uint64_t reached = 0;

		if (a->device && strcmp(a->device, d->name) != 0) {
			json_decref(paths);
			json_decref(why);
			continue;
		}
		json_array_append_new(paths, path_row(d, fleet_target(d, false, 0), false, 0, now,
						      days, why, &good));
		for (int family = 4; lo6 && family <= 6; family += 2)
			json_array_append_new(paths,
					      path_row(d, fleet_target(d, true, (uint8_t)family),
						       true, family, now, days, why, &good));
		for (size_t k = 0; k < d->n_targets; k++) {
			dark |= !d->targets[k].seen_ns;
			if (d->targets[k].in_band && d->targets[k].reached_ns > reached)
				reached = d->targets[k].reached_ns;
		}
		covered += good;
		blind += dark;
		never += lo6 && !reached;
		o = json_object();
		row_text(o, "device", d->name);
		row_text(o, "role", d->role);
		json_object_set_new(o, "paths", paths);
		row_flag(o, "in_band", lo6);
		row_time(o, "reached", reached);
		row_time(o, "last_drill", drill_of(drills, d->name));
		row_flag(o, "covered", good);
		json_object_set_new(o, "why", why);
		json_array_append_new(rows, o);
	}
	row_count(doc, "days", days);
	totals = json_object();
	row_count(totals, "devices", json_array_size(rows));
	row_count(totals, "covered", covered);
	row_count(totals, "blind", blind);
	row_count(totals, "never_reached", never);
	json_object_set_new(doc, "totals", totals);
	json_object_set_new(doc, "devices", rows);
	json_decref(drills);
	fleet_free(&f);
	return view_end(s, doc, rc);
}
