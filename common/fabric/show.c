/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing a fabric. Names and descriptions come from configurations: in JSON
 * they are made valid UTF-8, in text for a terminal control characters are
 * escaped.
 *
 * The document of `fabric --format json`:
 *
 *   generation  digest of targets and lists
 *   devices[]   name, role, file, vrfs[] (those defined), management_switch where known,
 *               configuration false where no configuration tells of it,
 *               told[] (addresses from other sources): address, path, file, line,
 *               management[], loopbacks[]: interface, vrf ("default" if none),
 *                 addresses ["address/length"], and only where they apply
 *                 secondary ["address"], shutdown true
 *               prefix_lists, ipv6_prefix_lists: NAME -> entries in the order of
 *                 seq: seq, action, prefix, and eq, ge, le where given
 *               bgp (absent without `router bgp`): asn, neighbors[]: address, and
 *                 where known asn, interface (of a link-local address), peer_group, vrf,
 *                 description
 *   targets[]   address, device, path
 *   sources[]   files that are no configurations: file, kind, devices, incomplete true
 *               where it is one page of several; absent when there are none
 *   ip_prefixes[]  of Nexus: name, file, line, trusted, entries; absent when none
 *   problems[]  file, line (absent: the file as a whole), text, conflict true where two
 *               sources differ
 *   notes[]     the same; absent when there are none
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "common/fabric/device.h"
#include "common/fabric/show.h"
#include "common/fabric/text.h"
#include "common/event.h"
#include "common/log.h"

#define MAX_SUGGESTIONS 3
#define MAX_DISTANCE_NAME 64

/* ---- fabric, JSON ---- */

static json_t *json_interfaces(const struct fabric_device *d, enum fabric_interface_kind kind)
{
	json_t *array = json_array();
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < d->n_interfaces; i++) {
		const struct fabric_interface *in = &d->interfaces[i];
		json_t *o, *addresses, *secondary = NULL;

		if (in->kind != kind)
			continue;
		o = json_object();
		text_set(o, "interface", in->name);
		text_set(o, "vrf", in->vrf ? in->vrf : "default");
		addresses = json_array();
		for (size_t k = 0; k < in->n_addresses; k++) {
			const struct fabric_address *a = &in->addresses[k];

			json_array_append_new(addresses,
					      json_string(prefix_format(&a->prefix, text)));
			if (!a->secondary)
				continue;
			if (!secondary)
				secondary = json_array();
			json_array_append_new(secondary,
					      json_string(addr_format(&a->prefix.addr, text)));
		}
		json_object_set_new(o, "addresses", addresses);
		if (secondary)
			json_object_set_new(o, "secondary", secondary);
		if (in->shutdown)
			json_object_set_new(o, "shutdown", json_true());
		json_array_append_new(array, o);
	}
	return array;
}

static json_t *json_entries(const struct prefix_list *l)
{
	json_t *array = json_array();
	char text[PREFIX_STRLEN];

	for (size_t k = 0; k < l->n_entries; k++) {
		const struct prefix_entry *e = &l->entries[k];
		json_t *o = json_object();

		json_object_set_new(o, "seq", json_integer(e->seq));
		json_object_set_new(o, "action", json_string(e->permit ? "permit" : "deny"));
		json_object_set_new(o, "prefix", json_string(prefix_format(&e->prefix, text)));
		if (e->eq)
			json_object_set_new(o, "eq", json_integer(e->eq));
		if (e->ge)
			json_object_set_new(o, "ge", json_integer(e->ge));
		if (e->le)
			json_object_set_new(o, "le", json_integer(e->le));
		json_array_append_new(array, o);
	}
	return array;
}

static json_t *json_lists(const struct fabric_device *d, uint8_t family)
{
	json_t *object = json_object();

	for (size_t i = 0; i < d->n_lists; i++) {
		const struct prefix_list *l = &d->lists[i];
		char *name;

		if (l->family != family)
			continue;
		name = text_clean(l->name, false);
		if (name)
			json_object_set_new(object, name, json_entries(l));
		free(name);
	}
	return object;
}

static json_t *json_bgp(const struct fabric_device *d)
{
	json_t *bgp = json_object(), *array = json_array();
	char text[ADDR_STRLEN];

	json_object_set_new(bgp, "asn", json_integer(d->asn));
	for (size_t i = 0; i < d->n_neighbors; i++) {
		const struct fabric_neighbor *n = &d->neighbors[i];
		json_t *o = json_object();

		json_object_set_new(o, "address", json_string(addr_format(&n->address, text)));
		if (n->asn)
			json_object_set_new(o, "asn", json_integer(n->asn));
		text_set(o, "interface", n->scope);
		text_set(o, "peer_group", n->peer_group);
		text_set(o, "vrf", n->vrf);
		text_set(o, "description", n->description);
		json_array_append_new(array, o);
	}
	json_object_set_new(bgp, "neighbors", array);
	return bgp;
}

static json_t *json_vrfs(const struct fabric_device *d)
{
	json_t *array = json_array();

	for (size_t i = 0; i < d->n_vrfs; i++)
		json_array_append_new(array, text_json(d->vrfs[i].name));
	return array;
}

static json_t *json_told(const struct fabric *f, const struct fabric_device *d)
{
	json_t *array = json_array();
	char text[ADDR_STRLEN];

	for (size_t i = 0; i < d->n_told; i++) {
		const struct fabric_told *t = &d->told[i];
		json_t *o = json_object();

		json_object_set_new(o, "address", json_string(addr_format(&t->address, text)));
		text_set(o, "path", event_path_name(t->path));
		text_set(o, "file", f->sources[t->source].file);
		if (t->line)
			json_object_set_new(o, "line", json_integer(t->line));
		json_array_append_new(array, o);
	}
	return array;
}

static json_t *json_sources(const struct fabric *f)
{
	json_t *array = json_array();

	for (size_t i = 0; i < f->n_sources; i++) {
		const struct fabric_source *s = &f->sources[i];
		json_t *o = json_object();

		text_set(o, "file", s->file);
		text_set(o, "kind", s->kind);
		json_object_set_new(o, "devices", json_integer((json_int_t)s->n_devices));
		if (s->incomplete)
			json_object_set_new(o, "incomplete", json_true());
		json_array_append_new(array, o);
	}
	return array;
}

static json_t *json_intended(const struct fabric *f)
{
	json_t *array = json_array();

	for (size_t i = 0; i < f->n_intended; i++) {
		const struct fabric_intent *n = &f->intended[i];
		json_t *o = json_object();

		text_set(o, "name", n->list.name);
		text_set(o, "file", f->sources[n->source].file);
		if (n->list.line)
			json_object_set_new(o, "line", json_integer(n->list.line));
		json_object_set_new(o, "trusted", json_boolean(n->trusted));
		json_object_set_new(o, "entries", json_entries(&n->list));
		json_array_append_new(array, o);
	}
	return array;
}

static json_t *json_remarks(const struct fabric_problem *p, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();

		text_set(o, "file", p[i].file);
		if (p[i].line)
			json_object_set_new(o, "line", json_integer(p[i].line));
		text_set(o, "text", p[i].text);
		if (p[i].conflict)
			json_object_set_new(o, "conflict", json_true());
		json_array_append_new(array, o);
	}
	return array;
}

static void show_json(const struct fabric *f, FILE *to)
{
	json_t *doc = json_object(), *devices = json_array(), *targets = json_array();
	char text[ADDR_STRLEN];

	text_set(doc, "generation", f->generation);
	for (size_t i = 0; i < f->n_devices; i++) {
		const struct fabric_device *d = &f->devices[i];
		json_t *o = json_object();

		text_set(o, "name", d->name);
		text_set(o, "role", fabric_role_name(d->role));
		text_set(o, "file", d->file);
		if (d->no_config)
			json_object_set_new(o, "configuration", json_false());
		text_set(o, "management_switch", d->management_switch);
		json_object_set_new(o, "vrfs", json_vrfs(d));
		if (d->n_told)
			json_object_set_new(o, "told", json_told(f, d));
		json_object_set_new(o, "management", json_interfaces(d, IF_MANAGEMENT));
		json_object_set_new(o, "loopbacks", json_interfaces(d, IF_LOOPBACK));
		json_object_set_new(o, "prefix_lists", json_lists(d, 4));
		json_object_set_new(o, "ipv6_prefix_lists", json_lists(d, 6));
		if (d->asn)
			json_object_set_new(o, "bgp", json_bgp(d));
		json_array_append_new(devices, o);
	}
	json_object_set_new(doc, "devices", devices);
	for (size_t i = 0; i < f->n_targets; i++) {
		const struct fabric_target *t = &f->targets[i];
		json_t *o = json_object();

		json_object_set_new(o, "address", json_string(addr_format(&t->address, text)));
		text_set(o, "device", f->devices[t->device].name);
		text_set(o, "path", event_path_name(t->path));
		json_array_append_new(targets, o);
	}
	json_object_set_new(doc, "targets", targets);
	if (f->n_sources)
		json_object_set_new(doc, "sources", json_sources(f));
	if (f->n_intended)
		json_object_set_new(doc, "ip_prefixes", json_intended(f));
	json_object_set_new(doc, "problems", json_remarks(f->problems, f->n_problems));
	if (f->n_notes)
		json_object_set_new(doc, "notes", json_remarks(f->notes, f->n_notes));
	json_dumpf(doc, to, JSON_INDENT(1));
	fputc('\n', to);
	json_decref(doc);
}

/* ---- fabric, for people ---- */

static void put_count(FILE *to, size_t n, const char *one, const char *many)
{
	fprintf(to, "  %zu %s", n, n == 1 ? one : many);
}

static void show_interface(const struct fabric *f, const struct fabric_interface *in, FILE *to)
{
	const char *path = in->kind == IF_MANAGEMENT		       ? "primary"
			   : strcmp(in->name, f->names.interface) == 0 ? "in-band"
								       : "-";
	char text[PREFIX_STRLEN];

	fprintf(to, "  ");
	text_put(to, 14, in->name);
	fprintf(to, " %-8s ", path);
	text_put(to, 14, in->vrf ? in->vrf : "default");
	for (size_t k = 0; k < in->n_addresses; k++)
		fprintf(to, " %s%s", prefix_format(&in->addresses[k].prefix, text),
			in->addresses[k].secondary ? " (secondary)" : "");
	fprintf(to, "%s%s\n", in->n_addresses ? "" : " no address",
		in->shutdown ? "  shut down" : "");
}

static void show_list(const struct prefix_list *l, FILE *to)
{
	char text[PREFIX_STRLEN];

	fprintf(to, "  %s prefix-list ", l->family == 4 ? "ip" : "ipv6");
	text_put(to, 0, l->name);
	fprintf(to, "%s\n",
		l->external    ? "  (entries are outside the configuration)"
		: l->n_entries ? ""
			       : "  (empty: denies all)");
	for (size_t k = 0; k < l->n_entries; k++) {
		const struct prefix_entry *e = &l->entries[k];

		fprintf(to, "    seq %u %s %s", e->seq, e->permit ? "permit" : "deny",
			prefix_format(&e->prefix, text));
		if (e->eq)
			fprintf(to, " eq %u", e->eq);
		if (e->ge)
			fprintf(to, " ge %u", e->ge);
		if (e->le)
			fprintf(to, " le %u", e->le);
		fputc('\n', to);
	}
}

static void show_device(const struct fabric *f, const struct fabric_device *d, FILE *to)
{
	char text[ADDR_STRLEN];

	text_put(to, 0, d->name);
	fprintf(to, "  %s  policy %u", fabric_role_name(d->role), d->policy);
	if (d->asn)
		fprintf(to, "  AS %u", d->asn);
	fputs("  ", to);
	text_put(to, 0, d->file);
	fputs(d->no_config ? "  (no configuration)\n" : "\n", to);
	if (d->management_switch) {
		fputs("  management switch ", to);
		text_put(to, 0, d->management_switch);
		fputc('\n', to);
	}
	if (d->n_vrfs) {
		fputs("  vrfs", to);
		for (size_t i = 0; i < d->n_vrfs; i++) {
			fputc(' ', to);
			text_put(to, 0, d->vrfs[i].name);
		}
		fputc('\n', to);
	}
	for (size_t i = 0; i < d->n_told; i++) {
		const struct fabric_told *t = &d->told[i];

		fprintf(to, "  %-14s %-8s %s  ", "", event_path_name(t->path),
			addr_format(&t->address, text));
		text_put(to, 0, f->sources[t->source].file);
		fprintf(to, ":%d\n", t->line);
	}
	for (size_t i = 0; i < d->n_interfaces; i++)
		if (d->interfaces[i].kind != IF_OTHER)
			show_interface(f, &d->interfaces[i], to);
	for (size_t i = 0; i < d->n_neighbors; i++) {
		const struct fabric_neighbor *n = &d->neighbors[i];

		fprintf(to, "  neighbor %s", addr_format(&n->address, text));
		if (n->asn)
			fprintf(to, "  AS %u", n->asn);
		fputs("  vrf ", to);
		text_put(to, 0, n->vrf ? n->vrf : "default");
		if (n->peer_group) {
			fputs("  peer group ", to);
			text_put(to, 0, n->peer_group);
		}
		if (n->description) {
			fputs("  ", to);
			text_put(to, 0, n->description);
		}
		fputc('\n', to);
	}
	for (size_t i = 0; i < d->n_lists; i++)
		show_list(&d->lists[i], to);
	fputc('\n', to);
}

static void show_remarks(const char *kind, const struct fabric_problem *p, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		fprintf(to, "%s: ", kind);
		if (p[i].file)
			text_put(to, 0, p[i].file);
		if (p[i].line)
			fprintf(to, ":%d", p[i].line);
		fputs(p[i].file ? ": " : "", to);
		text_put(to, 0, p[i].text);
		fputc('\n', to);
	}
}

static void show_table(const struct fabric *f, FILE *to)
{
	char text[PREFIX_STRLEN];

	fprintf(to, "generation %s", f->generation);
	put_count(to, f->n_devices, "device", "devices");
	put_count(to, f->n_targets, "target", "targets");
	put_count(to, f->n_policies, "policy", "policies");
	put_count(to, f->n_problems, "problem", "problems");
	put_count(to, f->n_notes, "note", "notes");
	fputs("\n\n", to);
	for (size_t i = 0; i < f->n_devices; i++)
		show_device(f, &f->devices[i], to);
	for (size_t i = 0; i < f->n_policies; i++) {
		const struct fabric_policy *p = &f->policies[i];
		size_t n = 0;

		for (size_t k = 0; k < f->n_devices; k++)
			n += f->devices[k].policy == i;
		fprintf(to, "policy %zu ", i);
		put_count(to, n, "device", "devices");
		if (p->v4)
			put_count(to, p->v4->n_entries, "IPv4 entry", "IPv4 entries");
		else
			fputs("  no IPv4 list", to);
		if (p->v6)
			put_count(to, p->v6->n_entries, "IPv6 entry", "IPv6 entries");
		else
			fputs("  no IPv6 list", to);
		fputc('\n', to);
	}
	for (size_t i = 0; i < f->n_ranges; i++)
		fprintf(to, "in-band range %s%s\n", prefix_format(&f->ranges[i].prefix, text),
			f->ranges[i].permit ? "" : "  (a hole: not in-band)");
	for (size_t i = 0; i < f->n_sources; i++) {
		fputs("source ", to);
		text_put(to, 0, f->sources[i].file);
		fprintf(to, "  %s", f->sources[i].kind);
		put_count(to, f->sources[i].n_devices, "device", "devices");
		fputs(f->sources[i].incomplete ? "  one page of several\n" : "\n", to);
	}
	show_remarks("problem", f->problems, f->n_problems, to);
	show_remarks("note", f->notes, f->n_notes, to);
}

int fabric_show(const struct fabric *f, bool json, FILE *to)
{
	if (json)
		show_json(f, to);
	else
		show_table(f, to);
	return f->n_problems ? 1 : 0;
}

/* ---- trust ---- */

static const char *list_name(const struct fabric *f, uint8_t family)
{
	return family == 4 ? f->names.trusted : f->names.trusted_v6;
}

/* What a device answers about one source. */
struct answer {
	struct fabric_trust trust;
	const struct prefix_list *list;	  /* the device's own; NULL: none */
	const struct prefix_entry *entry; /* that decides; NULL: implicit deny */
	bool ambiguous;			  /* as a host route it would be decided otherwise */
};

static struct answer answer_of(const struct fabric *f, const struct fabric_device *d,
			       const struct addr *a)
{
	struct answer n = { .trust = fabric_judge(f, d->policy, a) };
	struct prefix host = { *a, addr_bits(a) };
	uint32_t rule;

	/* Devices with equal lists share a policy, but not its file and lines. */
	n.list = device_list(d, a->family, list_name(f, a->family));
	if (!n.trust.list)
		return n;
	if (n.trust.rule != GW_RULE_IMPLICIT)
		n.entry = &n.list->entries[n.trust.rule];
	if (prefix_list_has_bounds(n.list)) {
		bool permit = prefix_list_route(n.list, &host, &rule) &&
			      n.list->entries[rule].permit;

		n.ambiguous = permit != (n.trust.verdict == GW_VERDICT_TRUSTED);
	}
	return n;
}

static const char *verdict_name(enum gw_verdict v)
{
	return v == GW_VERDICT_TRUSTED	   ? "trusted"
	       : v == GW_VERDICT_UNTRUSTED ? "untrusted"
					   : "no-policy";
}

static int answer_line(const struct answer *n)
{
	return n->entry ? n->entry->line : n->list ? n->list->line : 0;
}

static void trust_json(const struct fabric_device *d, const struct addr *a, const struct answer *n,
		       FILE *to)
{
	json_t *o = json_object();
	char text[PREFIX_STRLEN];

	text_set(o, "device", d->name);
	text_set(o, "address", addr_format(a, text));
	text_set(o, "verdict", verdict_name(n->trust.verdict));
	if (n->trust.list)
		text_set(o, "list", n->list->name);
	if (n->entry) {
		json_object_set_new(o, "seq", json_integer(n->entry->seq));
		text_set(o, "prefix", prefix_format(&n->entry->prefix, text));
		text_set(o, "action", n->entry->permit ? "permit" : "deny");
	}
	text_set(o, "file", d->file);
	if (answer_line(n))
		json_object_set_new(o, "line", json_integer(answer_line(n)));
	if (n->ambiguous)
		json_object_set_new(o, "ambiguous", json_true());
	json_dumpf(o, to, JSON_COMPACT);
	fputc('\n', to);
	json_decref(o);
}

static void trust_text(const struct fabric_device *d, const struct addr *a, const struct answer *n,
		       const char *name, int width, FILE *to)
{
	char text[PREFIX_STRLEN];

	text_put(to, width, d->name);
	fprintf(to, "  %-9s  ", verdict_name(n->trust.verdict));
	if (n->entry)
		fprintf(to, "%s seq %u %s %s", name, n->entry->seq,
			n->entry->permit ? "permit" : "deny",
			prefix_format(&n->entry->prefix, text));
	else if (n->trust.list)
		fprintf(to, "%s: no entry contains it (implicit deny)", name);
	else if (n->list)
		fprintf(to, "%s: its entries are outside the configuration", name);
	else
		fprintf(to, "no prefix-list %s", name);
	fputs("  ", to);
	text_put(to, 0, d->file);
	if (answer_line(n))
		fprintf(to, ":%d", answer_line(n));
	if (n->ambiguous)
		fprintf(to, "  (as a route %s/%u the list would %s it)", addr_format(a, text),
			addr_bits(a), n->trust.verdict == GW_VERDICT_TRUSTED ? "deny" : "permit");
	fputc('\n', to);
}

/* Edits that turn a into b, without case; long names count as far apart. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[MAX_DISTANCE_NAME + 1];
	size_t n = strlen(b);

	if (n > MAX_DISTANCE_NAME)
		return MAX_DISTANCE_NAME;
	for (unsigned k = 0; k <= n; k++)
		row[k] = k;
	for (unsigned i = 1; *a; a++, i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (size_t k = 1; k <= n; k++) {
			unsigned best = corner + (strncasecmp(a, b + k - 1, 1) != 0);

			corner = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[n];
}

static int unknown_device(const struct fabric *f, const char *name)
{
	const char *near[MAX_SUGGESTIONS];
	unsigned far[MAX_SUGGESTIONS];
	size_t n = 0;
	char list[256] = "";

	for (size_t i = 0; i < f->n_devices; i++) {
		unsigned d = distance(name, f->devices[i].name);
		size_t k;

		/* a part of the name is as good as a small slip */
		if (strcasestr(f->devices[i].name, name))
			d = 1;
		if (n == MAX_SUGGESTIONS && d >= far[n - 1])
			continue;
		if (n < MAX_SUGGESTIONS)
			n++;
		for (k = n - 1; k > 0 && far[k - 1] > d; k--) {
			far[k] = far[k - 1];
			near[k] = near[k - 1];
		}
		far[k] = d;
		near[k] = f->devices[i].name;
	}
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(list);

		snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", near[i]);
	}
	log_error("--device %s: no such device in %s; near it: %s", name, f->directory, list);
	return 2;
}

int trust_show(const struct fabric *f, const char *address, const char *device, bool json, FILE *to)
{
	bool found = false, trusted = false;
	struct addr a;
	int width = 0;

	if (!addr_parse(address, &a)) {
		log_error("%s: not an IPv4 or IPv6 address (full form wanted, no prefix length)",
			  address);
		return 2;
	}
	for (size_t i = 0; i < f->n_devices; i++)
		if ((!device || strcmp(device, f->devices[i].name) == 0) &&
		    (int)strlen(f->devices[i].name) > width)
			width = (int)strlen(f->devices[i].name);
	for (size_t i = 0; i < f->n_devices; i++) {
		const struct fabric_device *d = &f->devices[i];
		struct answer n;

		if (device && strcmp(device, d->name) != 0)
			continue;
		found = true;
		n = answer_of(f, d, &a);
		trusted = trusted || n.trust.verdict == GW_VERDICT_TRUSTED;
		if (json)
			trust_json(d, &a, &n, to);
		else
			trust_text(d, &a, &n, list_name(f, a.family), width, to);
	}
	if (!found)
		return unknown_device(f, device);
	return trusted ? 0 : 1;
}
