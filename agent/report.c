/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/check/ready.h"
#include "common/fabric/fabric.h"
#include "common/event.h"

static const char *const stat_names[] = {
	[GW_STAT_PACKETS] = "packets",
	[GW_STAT_WATCHED] = "watched",
	[GW_STAT_FLOWS] = "flows",
	[GW_STAT_RECORDS] = "records",
	[GW_STAT_DROP_RING] = "dropped_ring_full",
	[GW_STAT_DROP_MAP] = "dropped_map_full",
	[GW_STAT_PARSE_SHORT] = "parse_short",
	[GW_STAT_PARSE_BAD] = "parse_bad",
	[GW_STAT_FRAGMENTS] = "later_fragments",
	[GW_STAT_OTHER_HOOK] = "other_interface",
	[GW_STAT_ICMP] = "icmp_errors",
	[GW_STAT_SYNS] = "syns",
	[GW_STAT_UNTOLD] = "half_open_untold",
	[GW_STAT_DROP_RESERVE] = "dropped_ring_reserve",
};
static_assert(sizeof(stat_names) / sizeof(stat_names[0]) == GW_STAT_MAX, "stat names");

static json_t *addresses_of(const struct fabric_interface *i)
{
	json_t *list = json_array();
	char text[PREFIX_STRLEN];
	size_t k;

	for (k = 0; k < i->n_addresses; k++)
		json_array_append_new(list,
				      json_string(prefix_format(&i->addresses[k].prefix, text)));
	return list;
}

static json_t *entries_of(const struct prefix_list *l, bool with_lines)
{
	json_t *list = json_array();
	char text[PREFIX_STRLEN];
	size_t i;

	for (i = 0; i < l->n_entries; i++) {
		const struct prefix_entry *e = &l->entries[i];
		json_t *o = json_pack("{s:I,s:s,s:s}", "seq", (json_int_t)e->seq, "action",
				      e->permit ? "permit" : "deny", "prefix",
				      prefix_format(&e->prefix, text));

		if (with_lines)
			json_object_set_new(o, "line", json_integer(e->line));
		json_array_append_new(list, o);
	}
	return list;
}

/* IPv4 and IPv6 lists have names of their own: one of each may be called the same. */
static json_t *lists_of(const struct fabric_device *d, uint8_t family, bool with_lines)
{
	json_t *lists = json_object();
	size_t i;

	for (i = 0; i < d->n_lists; i++)
		if (d->lists[i].family == family)
			json_object_set_new(lists, d->lists[i].name,
					    entries_of(&d->lists[i], with_lines));
	return lists;
}

/* with_lines false: only what matters to trust and targets, to be compared. */
static json_t *device_body(const struct fabric *f, size_t device, bool with_lines)
{
	const struct fabric_device *d = &f->devices[device];
	json_t *body = json_object(), *management = json_array(), *loopbacks = json_array();
	json_t *neighbors = json_array(), *targets = json_array();
	char text[ADDR_STRLEN];
	size_t i;

	for (i = 0; i < d->n_interfaces; i++) {
		const struct fabric_interface *n = &d->interfaces[i];

		if (n->kind == IF_OTHER || !n->n_addresses)
			continue;
		json_array_append_new(n->kind == IF_MANAGEMENT ? management : loopbacks,
				      json_pack("{s:s,s:s,s:o}", "interface", n->name, "vrf",
						n->vrf ? n->vrf : "default", "addresses",
						addresses_of(n)));
	}
	for (i = 0; i < d->n_neighbors; i++)
		json_array_append_new(neighbors,
				      json_string(addr_format(&d->neighbors[i].address, text)));
	for (i = 0; i < f->n_targets; i++)
		if (f->targets[i].device == device)
			json_array_append_new(
				targets, json_pack("{s:s,s:s*}", "address",
						   addr_format(&f->targets[i].address, text),
						   "path", event_path_name(f->targets[i].path)));
	if (with_lines)
		json_object_set_new(body, "file", json_string(d->file));
	json_object_set_new(body, "management", management);
	json_object_set_new(body, "loopbacks", loopbacks);
	json_object_set_new(body, "prefix_lists", lists_of(d, 4, with_lines));
	json_object_set_new(body, "ipv6_prefix_lists", lists_of(d, 6, with_lines));
	if (d->asn)
		json_object_set_new(body, "asn", json_integer(d->asn));
	json_object_set_new(body, "neighbors", neighbors);
	json_object_set_new(body, "targets", targets);
	return body;
}

json_t *report_device(const struct fabric *f, size_t device)
{
	json_t *body = device_body(f, device, true);

	ready_describe(ready_of(f, device), body);
	return json_pack("{s:o}", "fabric", body);
}

json_t *report_policy(const struct fabric *f, const struct fabric *old)
{
	json_t *c = json_pack("{s:I,s:I,s:I,s:I}", "devices", (json_int_t)f->n_devices, "targets",
			      (json_int_t)f->n_targets, "policies", (json_int_t)f->n_policies,
			      "problems", (json_int_t)f->n_problems);
	json_t *added = json_array(), *removed = json_array(), *changed = json_array();
	size_t i;

	for (i = 0; old && i < f->n_devices; i++) {
		const char *name = f->devices[i].name;
		const struct fabric_device *was = fabric_find_device(old, name);
		json_t *before, *after;

		if (!was) {
			json_array_append_new(added, json_string(name));
			continue;
		}
		before = device_body(old, (size_t)(was - old->devices), false);
		after = device_body(f, i, false);
		if (!json_equal(before, after))
			json_array_append_new(changed, json_string(name));
		json_decref(before);
		json_decref(after);
	}
	for (i = 0; old && i < old->n_devices; i++)
		if (!fabric_find_device(f, old->devices[i].name))
			json_array_append_new(removed, json_string(old->devices[i].name));
	if (old) {
		json_object_set_new(c, "previous", json_string(old->generation));
		json_object_set(c, "added", added);
		json_object_set(c, "removed", removed);
		json_object_set(c, "changed", changed);
	}
	json_decref(added);
	json_decref(removed);
	json_decref(changed);
	return json_pack("{s:o}", "change", c);
}

static json_t *sources_of(const struct flood_sum *sum)
{
	json_t *list = json_array();
	char text[PREFIX_STRLEN];
	size_t i;

	for (i = 0; i < sum->n_sources; i++) {
		const struct flood_source *s = &sum->sources[i];
		struct prefix p = { .addr.family = s->family, .len = s->family == 4 ? 24 : 64 };

		memcpy(p.addr.bytes, s->prefix, s->family == 4 ? 3 : 8);
		prefix_format(&p, text);
		json_array_append_new(list, json_pack("{s:s,s:I}", "prefix", text, "syns",
						      (json_int_t)s->syns));
	}
	return list;
}

json_t *report_flood(const struct flood_sum *sum)
{
	char target[ADDR_STRLEN + 16], since[TIME_STRLEN], until[TIME_STRLEN], text[256];
	json_t *a;

	if (sum->has_target)
		addr_format(&sum->target, target);
	else if (sum->targets > 1)
		snprintf(target, sizeof(target), "%u more addresses", sum->targets);
	else
		snprintf(target, sizeof(target), "more addresses");
	snprintf(text, sizeof(text),
		 "%llu SYNs toward %s in %.0f s, more attempts than are told one by one (%llu)",
		 (unsigned long long)sum->syns, target, (double)(sum->to_ns - sum->from_ns) / 1e9,
		 (unsigned long long)sum->reported);
	a = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:o}", "state", "told", "since",
		      time_format(sum->from_ns, since), "until", time_format(sum->to_ns, until),
		      "text", text, "syns", (json_int_t)sum->syns, "reported",
		      (json_int_t)sum->reported, "sources", sources_of(sum));
	if (a && sum->has_target)
		json_object_set_new(a, "target", json_string(target));
	return json_pack("{s:o*}", "alert", a);
}

json_t *report_start(const struct capture_config *config, const char *capture)
{
	json_t *interfaces = json_array();
	size_t i;

	for (i = 0; i < config->n_interfaces; i++)
		json_array_append_new(interfaces, json_string(config->interfaces[i]));
	return json_pack("{s:s,s:s,s:o}", "version", GLASSWATCH_VERSION, "capture", capture,
			 "interfaces", interfaces);
}

json_t *report_stats(const uint64_t capture[GW_STAT_MAX], const struct pipeline_counters *engine,
		     const struct outbox_counters *delivery)
{
	json_t *c = json_object(), *e;
	int i;

	for (i = 0; i < GW_STAT_MAX; i++)
		json_object_set_new(c, stat_names[i], json_integer((json_int_t)capture[i]));
	e = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "events",
		      (json_int_t)engine->events, "flows", (json_int_t)engine->flows, "flows_now",
		      (json_int_t)engine->flows_open, "late_packets",
		      (json_int_t)engine->late_packets, "table_full",
		      (json_int_t)engine->table_full, "found_by_sweep",
		      (json_int_t)engine->found_by_sweep, "path_changes",
		      (json_int_t)engine->path_changes, "routes_now", (json_int_t)engine->routes,
		      "routes_refused", (json_int_t)engine->routes_refused, "attempts_summed",
		      (json_int_t)engine->attempts_summed);
	return json_pack("{s:{s:o,s:o,s:o}}", "stats", "capture", c, "engine", e, "delivery",
			 outbox_counters_json(delivery));
}

void report_heartbeat(json_t *stats, const struct capture_config *config, uint64_t interval_ns,
		      bool (*up)(const char *interface))
{
	json_t *body = json_object_get(stats, "stats"), *interfaces = json_object();
	size_t i;

	for (i = 0; i < config->n_interfaces; i++)
		json_object_set_new(interfaces, config->interfaces[i],
				    json_boolean(up(config->interfaces[i])));
	json_object_set_new(body, "interfaces", interfaces);
	json_object_set_new(body, "heartbeat",
			    json_pack("{s:f}", "interval_s",
				      (double)interval_ns / (double)NS_PER_S));
}
