/* SPDX-License-Identifier: Apache-2.0 */
/* Who would trust an address, by which line, and where the devices' lists differ. */
#include "collector/view/trust.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/view/fleet.h"
#include "collector/view/row.h"
#include "common/clock.h"

static const char *const list_names[] = { "trusted_sources", "trusted_sources_v6" };
static const char *const list_places[] = { "prefix_lists", "ipv6_prefix_lists" };
static const char *const list_commands[] = { "ip prefix-list", "ipv6 prefix-list" };

static const json_t *list_in(const json_t *fabric, int v)
{
	return json_object_get(json_object_get(fabric, list_places[v]), list_names[v]);
}

static bool contains(const json_t *entry, const struct addr *source)
{
	const char *text = json_string_value(json_object_get(entry, "prefix"));
	struct prefix p;

	return text && prefix_parse(text, &p) && prefix_contains(&p, source);
}

static void copy_field(json_t *to, const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);

	if (value)
		json_object_set(to, key, value);
}

json_t *trust_walk(const json_t *fabric, const struct addr *source, json_t *out)
{
	int v = source->family == 6;
	const json_t *list = list_in(fabric, v), *entry;
	const char *file = json_string_value(json_object_get(fabric, "file"));
	json_t *walk = json_array(), *o;
	const char *result = "passed", *action;
	bool decided = false, in;
	size_t i;

	row_text(out, "list", list ? list_names[v] : NULL);
	row_text(out, "file", file);
	json_array_foreach(list, i, entry)
	{
		in = !decided && contains(entry, source);
		result = decided ? "not-reached" : in ? "decides" : "passed";
		action = json_string_value(json_object_get(entry, "action"));
		o = json_object();
		copy_field(o, entry, "seq");
		copy_field(o, entry, "action");
		copy_field(o, entry, "prefix");
		copy_field(o, entry, "line");
		row_text(o, "file", file);
		row_text(o, "result", result);
		row_text(o, "reason",
			 decided ? "not reached"
			 : in ? action && strcmp(action, "permit") == 0 ? "contains it and permits"
									: "contains it and denies"
			      : "does not contain it");
		json_array_append_new(walk, o);
		if (!in)
			continue;
		decided = true;
		copy_field(out, entry, "seq");
		copy_field(out, entry, "action");
		copy_field(out, entry, "prefix");
		copy_field(out, entry, "line");
		row_text(out, "verdict",
			 action && strcmp(action, "permit") == 0 ? "trusted" : "untrusted");
	}
	if (!decided)
		row_text(out, "verdict", list ? "untrusted" : "no-policy");
	return walk;
}

/* ---- policies ---------------------------------------------------------------- */

/* Entries of `list` that `other` has not, without their lines. */
static json_t *only_in(const json_t *list, const json_t *other)
{
	json_t *out = json_array(), *a, *b, *o;
	size_t i, k;

	json_array_foreach((json_t *)(uintptr_t)list, i, a)
	{
		bool found = false;

		json_array_foreach((json_t *)(uintptr_t)other, k, b) found |=
			json_equal(json_object_get(a, "prefix"), json_object_get(b, "prefix")) &&
			json_equal(json_object_get(a, "action"), json_object_get(b, "action"));
		if (found)
			continue;
		o = json_object();
		copy_field(o, a, "seq");
		copy_field(o, a, "action");
		copy_field(o, a, "prefix");
		json_array_append_new(out, o);
	}
	return out;
}

static void mend_line(json_t *mend, const char *fmt, const json_t *entry)
{
	struct say w = { 0 };

	say(&w, "   %s%" JSON_INTEGER_FORMAT " %s %s", fmt,
	    json_integer_value(json_object_get(entry, "seq")),
	    json_string_value(json_object_get(entry, "action")) ?: "",
	    json_string_value(json_object_get(entry, "prefix")) ?: "");
	json_array_append_new(mend, json_string(w.text));
}

/* What to type on a device of this policy so that its list is the others'. */
static json_t *mend_of(const json_t *missing, const json_t *extra, int v)
{
	json_t *mend = json_array(), *entry;
	struct say w = { 0 };
	size_t i;

	if (!json_array_size(missing) && !json_array_size(extra))
		return mend;
	say(&w, "%s %s", list_commands[v], list_names[v]);
	json_array_append_new(mend, json_string(w.text));
	json_array_foreach((json_t *)(uintptr_t)extra, i, entry) mend_line(mend, "no seq ", entry);
	json_array_foreach((json_t *)(uintptr_t)missing, i, entry) mend_line(mend, "seq ", entry);
	return mend;
}

static const struct fleet_device *device_of(const struct fleet *f, size_t policy)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->devices[i].policy == policy && f->devices[i].doc)
			return &f->devices[i];
	return NULL;
}

static json_t *policies_of(const struct fleet *f, int v)
{
	json_t *out = json_array(), *o, *names, *missing, *extra, *diff;
	const struct fleet_device *d, *most_d;
	const json_t *entries, *others;
	size_t most = 0;

	for (size_t i = 1; i < f->n_policies; i++)
		if (f->policies[i].devices > f->policies[most].devices)
			most = i;
	most_d = f->n_policies ? device_of(f, most) : NULL;
	others = most_d ? list_in(most_d->doc, v) : NULL;
	for (size_t i = 0; i < f->n_policies; i++) {
		d = device_of(f, i);
		entries = d ? list_in(d->doc, v) : NULL;
		o = json_object();
		names = json_array();
		for (size_t k = 0; k < f->n; k++)
			if (f->devices[k].policy == i)
				json_array_append_new(names, json_string(f->devices[k].name));
		row_text(o, "id", f->policies[i].id);
		row_text(o, "list", entries ? list_names[v] : NULL);
		row_count(o, "family", v ? 6 : 4);
		json_object_set_new(o, "devices", names);
		row_flag(o, "majority", i == most);
		json_object_set_new(o, "entries", entries ? json_deep_copy(entries) : json_array());
		if (i != most) {
			missing = only_in(others, entries);
			extra = only_in(entries, others);
			diff = json_object();
			json_object_set_new(o, "mend", mend_of(missing, extra, v));
			json_object_set_new(diff, "missing", missing);
			json_object_set_new(diff, "extra", extra);
			json_object_set_new(o, "diff", diff);
		}
		json_array_append_new(out, o);
	}
	return out;
}

/* ---- the address ------------------------------------------------------------- */

struct known {
	json_t *devices;
	uint64_t first_ns, last_ns;
};

static int take_known(void *arg, const struct store_known *k)
{
	struct known *known = arg;
	json_t *o = json_object();

	row_text(o, "device", k->device);
	row_time(o, "first", k->first_ns);
	row_time(o, "last", k->last_ns);
	json_array_append_new(known->devices, o);
	if (!known->first_ns || k->first_ns < known->first_ns)
		known->first_ns = k->first_ns;
	if (k->last_ns > known->last_ns)
		known->last_ns = k->last_ns;
	return 0;
}

struct seen {
	json_t *users, *flows;
	uint64_t n, established, now_ns;
};

static int take_flow(void *arg, const struct store_list_flow *f)
{
	struct seen *seen = arg;

	seen->n++;
	seen->established += f->f.established;
	row_once(seen->users, f->f.user, 20);
	if (json_array_size(seen->flows) < 5)
		json_array_append_new(seen->flows, view_flow_row(f, seen->now_ns));
	return 0;
}

#define SEEN_FLOWS 1000

static int set_known(struct store *s, const struct view_args *a, const char *text,
		     const struct addr *address, json_t *doc)
{
	struct known known = { .devices = json_array() };
	struct seen seen = { .users = json_array(),
			     .flows = json_array(),
			     .now_ns = view_moment(a) };
	struct store_list l = { .has_source = true,
				.source = { *address, addr_bits(address) },
				.limit = SEEN_FLOWS };
	json_t *o = json_object();
	int rc = store_fleet_known(s, text, take_known, &known);

	if (!rc)
		rc = store_list_flows(s, &l, take_flow, &seen);
	row_count(o, "flows", seen.n);
	row_flag(o, "exact", seen.n < SEEN_FLOWS);
	row_count(o, "established", seen.established);
	row_time(o, "first", known.first_ns);
	row_time(o, "last", known.last_ns);
	json_object_set_new(o, "users", seen.users);
	json_object_set_new(o, "devices", known.devices);
	json_object_set_new(o, "newest", seen.flows);
	json_object_set_new(doc, "known", o);
	return rc;
}

static void say_verdict(struct say *w, const char *text, size_t trusted, size_t untrusted,
			size_t none)
{
	size_t n = trusted + untrusted + none;

	if (!n)
		say(w, "No configuration is known, so nothing says who trusts %s.", text);
	else if (trusted == n)
		say(w, "%s is trusted by all of %zu devices.", text, n);
	else if (untrusted == n)
		say(w, "No device trusts %s.", text);
	else if (none == n)
		say(w, "No device has a list to judge %s by.", text);
	else if (trusted)
		say(w, "The devices disagree: %zu of %zu %s %s.", trusted, n,
		    trusted == 1 ? "trusts" : "trust", text);
	else
		say(w, "No device trusts %s; %zu of %zu have no list to judge it by.", text, none,
		    n);
}

json_t *view_trust(struct store *s, const struct view_args *a, const struct addr *address)
{
	json_t *doc = view_begin(s, a), *rows, *o, *walk, *verdicts;
	size_t n[3] = { 0 };
	char text[ADDR_STRLEN];
	struct say w = { 0 };
	struct fleet f;
	int rc;

	if (!doc)
		return NULL;
	addr_format(address, text);
	row_text(doc, "address", text);
	rc = fleet_load(s, a, a->device, FLEET_DOCS, &f);
	rows = json_array();
	for (size_t i = 0; !rc && i < f.n; i++) {
		const struct fleet_device *d = &f.devices[i];
		const char *verdict;

		if (!d->doc || (a->device && strcmp(a->device, d->name) != 0))
			continue;
		o = json_object();
		row_text(o, "device", d->name);
		row_text(o, "role", d->role);
		walk = trust_walk(d->doc, address, o);
		if (a->device)
			json_object_set(o, "walk", walk);
		json_decref(walk);
		verdict = json_string_value(json_object_get(o, "verdict"));
		n[strcmp(verdict, "trusted") == 0     ? 0
		  : strcmp(verdict, "untrusted") == 0 ? 1
						      : 2]++;
		json_array_append_new(rows, o);
	}
	/* Odd ones: those whose answer fewer of the devices give. */
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const char *verdict;
		size_t k;

		o = json_array_get(rows, i);
		verdict = json_string_value(json_object_get(o, "verdict"));
		k = strcmp(verdict, "trusted") == 0 ? 0 : strcmp(verdict, "untrusted") == 0 ? 1 : 2;
		row_flag(o, "odd", 2 * n[k] < n[0] + n[1] + n[2]);
	}
	say_verdict(&w, text, n[0], n[1], n[2]);
	row_text(doc, "words", w.text);
	verdicts = json_object();
	row_count(verdicts, "trusted", n[0]);
	row_count(verdicts, "untrusted", n[1]);
	row_count(verdicts, "no_policy", n[2]);
	json_object_set_new(doc, "verdicts", verdicts);
	json_object_set_new(doc, "devices", rows);
	if (!rc)
		json_object_set_new(doc, "policies", policies_of(&f, address->family == 6));
	if (!rc)
		rc = set_known(s, a, text, address, doc);
	fleet_free(&f);
	return view_end(s, doc, rc);
}
