/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At an earlier moment: what has not changed since is what it is now. Only of the
 * devices whose path, configuration or route has changed after that moment is the
 * record asked what it was then.
 */
#include "collector/view/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/view/row.h"
#include "common/clock.h"

#define MAX_ACTIVE 50000 /* open sessions that are looked at */
#define MAX_REFUSED 1000 /* flows, and as many that were established */
#define MOST_CODES 12 /* of what keeps a device from being armed */

static const char *const list_names[] = { "trusted_sources", "trusted_sources_v6" };
static const char *const list_places[] = { "prefix_lists", "ipv6_prefix_lists" };

struct load {
	struct store *store;
	struct fleet *f;
	unsigned what;
	uint64_t at_ns; /* 0: as it is */
	json_t *by_source; /* rows of f->refused */
};

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

const struct fleet_device *fleet_find(const struct fleet *f, const char *name)
{
	json_t *i = name ? json_object_get(f->index, name) : NULL;

	return i ? &f->devices[json_integer_value(i)] : NULL;
}

static struct fleet_device *find(struct fleet *f, const char *name)
{
	return (struct fleet_device *)(uintptr_t)fleet_find(f, name);
}

/* ---- policies ---------------------------------------------------------------- */

static void list_of(const json_t *entries, struct prefix_list *out)
{
	json_t *entry;
	size_t i, n = json_array_size(entries);

	out->entries = n ? calloc(n, sizeof(*out->entries)) : NULL;
	json_array_foreach(entries, i, entry)
	{
		const char *prefix = json_string_value(json_object_get(entry, "prefix"));
		const char *action = json_string_value(json_object_get(entry, "action"));
		struct prefix_entry *e = out->entries ? &out->entries[out->n_entries] : NULL;

		if (!e || !prefix || !action || !prefix_parse(prefix, &e->prefix))
			continue;
		e->seq = (uint32_t)json_integer_value(json_object_get(entry, "seq"));
		e->line = (int)json_integer_value(json_object_get(entry, "line"));
		e->permit = strcmp(action, "permit") == 0;
		out->n_entries++;
	}
}

/* The policy of this digest; doc: the fabric part that it was made of, or NULL: then it
 * is read when it is needed. Below 0: STORE_*. */
static int policy_of(struct load *l, struct fleet_device *d, const char *id, const json_t *doc)
{
	struct fleet *f = l->f;
	json_t *own = NULL;
	struct fleet_policy *p;
	int rc;

	for (size_t i = 0; i < f->n_policies; i++)
		if (strcmp(f->policies[i].id, id) == 0) {
			f->policies[i].devices++;
			d->policy = i;
			return 0;
		}
	p = realloc(f->policies, (f->n_policies + 1) * sizeof(*p));
	if (!p)
		return STORE_FAILED;
	f->policies = p;
	if (!doc) {
		rc = store_fleet_document(l->store, d->name, &own);
		if (rc < 0)
			return rc;
		doc = json_object_get(own, "fabric");
	}
	p += f->n_policies;
	memset(p, 0, sizeof(*p));
	snprintf(p->id, sizeof(p->id), "%s", id);
	for (int v = 0; v < 2; v++) {
		json_t *entries =
			json_object_get(json_object_get(doc, list_places[v]), list_names[v]);

		p->has[v] = entries != NULL;
		p->list[v].family = v ? 6 : 4;
		list_of(entries, &p->list[v]);
	}
	p->devices = 1;
	d->policy = f->n_policies++;
	json_decref(own);
	return 0;
}

enum gw_verdict fleet_judge(const struct fleet *f, const struct fleet_device *d,
			    const struct addr *source, uint32_t *rule)
{
	const struct fleet_policy *p = d->policy < f->n_policies ? &f->policies[d->policy] : NULL;
	int v = source->family == 6;

	*rule = GW_RULE_IMPLICIT;
	if (!p || !p->has[v])
		return GW_VERDICT_NO_POLICY;
	if (!prefix_list_match(&p->list[v], source, rule))
		return GW_VERDICT_UNTRUSTED;
	return p->list[v].entries[*rule].permit ? GW_VERDICT_TRUSTED : GW_VERDICT_UNTRUSTED;
}

/* ---- devices ----------------------------------------------------------------- */

/* What the configuration says. doc: the whole event; takes it. 0, or STORE_*. */
static int set_config(struct load *l, struct fleet_device *d, json_t *doc)
{
	json_t *fabric = json_object_get(doc, "fabric"), *interface, *address;
	char id[STORE_TRUST_LEN], codes[STORE_READY_LEN];
	struct prefix p;
	size_t i, k;
	int rc = 0;

	if (!json_is_object(fabric)) {
		json_decref(doc);
		return 0;
	}
	d->file = copy(json_string_value(json_object_get(fabric, "file")));
	if (json_object_get(fabric, "prefix_lists") || json_object_get(fabric, "targets"))
		rc = store_trust_digest(l->store, fabric, id) ? policy_of(l, d, id, fabric)
							      : STORE_FAILED;
	json_array_foreach(json_object_get(fabric, "management"), i, interface)
		json_array_foreach(json_object_get(interface, "addresses"), k,
				   address) if (!d->subnet[0] && json_is_string(address) &&
						prefix_parse(json_string_value(address), &p))
	{
		p = prefix_mask(&p);
		prefix_format(&p, d->subnet);
	}
	free(d->lacks);
	d->lacks = copy(store_ready_codes(fabric, codes));
	if (l->what & FLEET_DOCS)
		d->doc = json_incref(fabric);
	json_decref(doc);
	return rc;
}

static int take_config(void *arg, const struct store_event *e)
{
	char **json = arg;

	*json = copy(e->json);
	return 0;
}

static int take_device(void *arg, const struct store_fleet_device *row)
{
	struct load *l = arg;
	struct fleet *f = l->f;
	struct fleet_device *d;
	json_t *doc = NULL;
	char *json = NULL;
	int rc = 0;

	if (f->n == f->room) {
		size_t room = f->room ? f->room * 2 : 64;

		d = realloc(f->devices, room * sizeof(*d));
		if (!d)
			return STORE_FAILED;
		f->devices = d;
		f->room = room;
	}
	d = &f->devices[f->n];
	memset(d, 0, sizeof(*d));
	d->policy = SIZE_MAX;
	d->name = copy(row->device);
	d->role = copy(row->role);
	d->generation = copy(row->policy);
	d->fabric = d->name ? strndup(d->name, strcspn(d->name, "-")) : NULL;
	if (!d->name || !d->fabric)
		return STORE_FAILED;
	d->wants_lo6 = row->role && (strcmp(row->role, "ce") == 0 || strcmp(row->role, "tor") == 0);
	f->n++;

	if (l->at_ns && row->updated_ns > l->at_ns) {
		rc = store_list_state(l->store, row->device, "fabric.device", l->at_ns, take_config,
				      &json);
		if (rc < 0)
			return rc;
	}
	if (json || row->json) {
		rc = set_config(l, d, json_loads(json ? json : row->json, 0, NULL));
	} else if (row->updated_ns && (!row->trust || !row->subnet)) { /* not read yet */
		rc = store_fleet_document(l->store, row->device, &doc);
		if (rc > 0)
			rc = set_config(l, d, doc);
	} else if (row->trust) {
		snprintf(d->subnet, sizeof(d->subnet), "%s", row->subnet ? row->subnet : "");
		d->lacks = copy(row->ready);
		rc = policy_of(l, d, row->trust, NULL);
	}
	free(json);
	if (rc < 0)
		return rc;

	if (row->state && (!l->at_ns || row->since_ns <= l->at_ns)) {
		incident_path_parse(row->state, &d->state);
		d->since_ns = row->since_ns;
		d->failing_ns = row->failing_ns;
		d->stale = row->stale;
	} else if (row->state) {
		d->since_ns = UINT64_MAX; /* to be asked for */
	}
	return 0;
}

/* Why a path.change led to the state, and by what that is known. */
static int take_change(void *arg, const struct store_event *e)
{
	struct fleet_device *d = arg;
	json_t *doc = json_loads(e->json, 0, NULL), *change = json_object_get(doc, "change");

	free(d->reason);
	d->reason = copy(json_string_value(json_object_get(change, "reason")));
	json_decref(d->evidence);
	d->evidence = json_incref(json_object_get(change, "evidence"));
	json_decref(doc);
	return 0;
}

/* Only for the evidence a document is read. */
static int read_evidence(struct load *l, struct fleet_device *d, uint64_t event)
{
	struct store_list one = { .n = event, .limit = 1 };

	if (!(l->what & FLEET_EVIDENCE) || d->state == INCIDENT_PRIMARY || !event)
		return 0;
	return store_list_events(l->store, &one, take_change, d);
}

/* The path at an earlier moment. */
static int path_then(struct load *l, struct fleet_device *d)
{
	struct path *p = malloc(sizeof(*p));
	int rc = p ? path_at(l->store, d->name, l->at_ns, p) : STORE_FAILED;

	d->then = p;
	if (rc)
		return rc;
	d->state = p->state;
	d->since_ns = p->since_ns;
	d->failing_ns = p->failing_ns;
	d->reason = copy(p->reason);
	return read_evidence(l, d, p->event);
}

/* Why it is so: the newest change may be that of an agent that sees it better than others. */
static int why_now(struct load *l, struct fleet_device *d, const struct store_fleet_device *row)
{
	struct path p;
	int rc = path_at(l->store, d->name, l->f->moment, &p);

	if (rc || (p.state == d->state && p.event))
		return rc ? rc : read_evidence(l, d, p.event);
	return row->agent ? store_fleet_event(l->store, row->agent, row->seq, take_change, d) : 0;
}

static int take_path(void *arg, const struct store_fleet_device *row)
{
	struct load *l = arg;
	struct fleet_device *d = find(l->f, row->device);
	int rc = 0;

	if (!d || !row->state)
		return 0;
	if (d->since_ns == UINT64_MAX)
		rc = path_then(l, d);
	else if ((l->what & FLEET_EVIDENCE) && d->state != INCIDENT_PRIMARY)
		rc = why_now(l, d, row);
	return rc < 0 ? rc : 0;
}

static int take_target(void *arg, const struct store_target *row)
{
	struct load *l = arg;
	struct fleet_device *d = find(l->f, row->device);
	struct fleet_target *t;

	if (!d || !row->path || d->n_targets == FLEET_TARGETS)
		return 0;
	t = &d->targets[d->n_targets];
	if (!addr_parse(row->address, &t->addr))
		return 0;
	if (strcmp(row->path, "primary") != 0 && strcmp(row->path, "in-band") != 0)
		return 0;
	snprintf(t->address, sizeof(t->address), "%s", row->address);
	t->in_band = strcmp(row->path, "in-band") == 0;
	t->since_ns = row->since_ns;
	t->seen_ns = row->seen_ns;
	t->reached_ns = row->reached_ns;
	t->armed = l->at_ns && row->armed_ns > l->at_ns ? -1 : row->armed;
	/* What came after that moment is not known of it. */
	if (l->at_ns && t->seen_ns > l->at_ns)
		t->seen_ns = 0;
	if (l->at_ns && t->reached_ns > l->at_ns)
		t->reached_ns = 0;
	d->n_targets++;
	return 0;
}

/* ---- who is there ------------------------------------------------------------ */

static int take_session(void *arg, const struct store_list_flow *row)
{
	struct load *l = arg;
	struct fleet *f = l->f;
	struct fleet_device *d = find(f, row->f.device);
	struct fleet_session *t;

	if (f->n_sessions == f->room_sessions) {
		size_t room = f->room_sessions ? f->room_sessions * 2 : 64;

		t = realloc(f->sessions, room * sizeof(*t));
		if (!t)
			return STORE_FAILED;
		f->sessions = t;
		f->room_sessions = room;
	}
	t = &f->sessions[f->n_sessions++];
	*t = (struct fleet_session){ .n = row->f.n,
				     .start_ns = row->f.start_ns,
				     .device = d ? (size_t)(d - f->devices) : SIZE_MAX,
				     .who = copy(row->f.user),
				     .source = copy(row->f.source),
				     .justified = copy(row->justified),
				     .verdict = copy(row->f.verdict),
				     .login = copy(row->login),
				     .in_band = row->f.path &&
						strcmp(row->f.path, "in-band") == 0 };
	if (!d)
		return 0;
	if (t->in_band)
		d->open_lo6++;
	else
		d->open_ma1++;
	if (!d->first)
		d->first = json_array();
	row_once(d->first, t->who ? t->who : t->source, FLEET_NAMES);
	return 0;
}

/* Who is on lo6 is named first. */
static int lo6_first(const void *x, const void *y)
{
	const struct fleet_session *a = x, *b = y;

	if (a->in_band != b->in_band)
		return a->in_band ? -1 : 1;
	return a->start_ns < b->start_ns ? -1 : a->start_ns > b->start_ns;
}

static int take_refused(void *arg, const struct store_refused *r)
{
	struct load *l = arg;
	struct fleet *f = l->f;
	struct fleet_device *d = find(f, r->device);
	static const char *const counts[] = { "attempts", "established", "logged_in", "open" };
	const uint64_t more[] = { r->attempts, r->established, r->logged_in, r->open };
	json_t *o = json_object_get(l->by_source, r->source), *item, *last;
	size_t i;

	if (d)
		d->refused += r->attempts;
	f->attempts += r->attempts;
	f->got_in += r->established;
	if (!o) {
		o = json_object();
		row_text(o, "source", r->source);
		json_object_set_new(o, "devices", json_array());
		for (i = 0; i < 4; i++)
			row_count(o, counts[i], 0);
		row_count(o, "last", 0);
		json_array_append_new(f->refused, o);
		json_object_set(l->by_source, r->source, o);
	}
	row_once(json_object_get(o, "devices"), r->device, 50);
	for (i = 0; i < 4; i++) {
		item = json_object_get(o, counts[i]);
		json_integer_set(item, json_integer_value(item) + (json_int_t)more[i]);
	}
	last = json_object_get(o, "last");
	if ((json_int_t)r->last_ns > json_integer_value(last))
		json_integer_set(last, (json_int_t)r->last_ns);
	return 0;
}

static int take_refused_count(void *arg, const struct store_refused *r)
{
	struct load *l = arg;
	struct fleet_device *d = find(l->f, r->device);

	if (d)
		d->refused = r->attempts;
	l->f->attempts += r->attempts;
	l->f->got_in += r->established;
	return 0;
}

/* Who tried within the hour. When they are many, the newest are told of, and all counted. */
static int load_refused(struct load *l, uint64_t now_ns)
{
	uint64_t since = now_ns > FLEET_REFUSED_NS ? now_ns - FLEET_REFUSED_NS : 0;
	struct fleet *f = l->f;
	int rc;

	l->by_source = json_object();
	rc = store_refused(l->store, since, now_ns + 1, MAX_REFUSED, take_refused, l);
	json_decref(l->by_source);
	f->refused_more = f->attempts >= MAX_REFUSED || f->got_in >= MAX_REFUSED;
	if (rc || !f->refused_more)
		return rc;
	f->attempts = f->got_in = 0;
	for (size_t i = 0; i < f->n; i++)
		f->devices[i].refused = 0;
	return store_refused_counts(l->store, since, now_ns + 1, take_refused_count, l);
}

/* ---- over all ---------------------------------------------------------------- */

static int by_name(const void *x, const void *y)
{
	const struct fleet_device *a = x, *b = y;

	return strcmp(a->name, b->name);
}

/* A management switch is the one of its role in the Ma1 subnet; two would not tell. */
static void name_switches(struct fleet *f)
{
	json_t *of = json_object(), *which;
	struct say key;

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < f->n; i++) {
			struct fleet_device *d = &f->devices[i];
			bool is_one = d->role && strcmp(d->role, "mgmt-switch") == 0;

			if (!d->subnet[0] || (!round && !is_one))
				continue;
			key = (struct say){ 0 };
			say(&key, "%s %s", d->fabric, d->subnet);
			which = json_object_get(of, key.text);
			if (!round)
				json_object_set_new(of, key.text,
						    which ? json_null()
							  : json_integer((json_int_t)i));
			else if (json_is_integer(which) && (size_t)json_integer_value(which) != i)
				d->switch_name = f->devices[json_integer_value(which)].name;
		}
	json_decref(of);
}

/* Within one fabric, lists that are not those that most devices have. */
static void find_drift(struct fleet *f)
{
	json_t *fabrics = json_object(), *counts, *n;
	char key[24];

	for (size_t i = 0; i < f->n; i++) {
		const struct fleet_device *d = &f->devices[i];

		if (d->policy == SIZE_MAX || !d->wants_lo6)
			continue;
		counts = json_object_get(fabrics, d->fabric);
		if (!counts) {
			counts = json_object();
			json_object_set_new(fabrics, d->fabric, counts);
		}
		snprintf(key, sizeof(key), "%zu", d->policy);
		n = json_object_get(counts, key);
		json_object_set_new(counts, key, json_integer(json_integer_value(n) + 1));
	}
	for (size_t i = 0; i < f->n; i++) {
		struct fleet_device *d = &f->devices[i];
		json_int_t most = 0, own;
		const char *name;

		if (d->policy == SIZE_MAX || !d->wants_lo6)
			continue;
		counts = json_object_get(fabrics, d->fabric);
		json_object_foreach(counts, name, n) if (json_integer_value(n) > most)
			most = json_integer_value(n);
		snprintf(key, sizeof(key), "%zu", d->policy);
		own = json_integer_value(json_object_get(counts, key));
		d->drift = own < most;
	}
	json_decref(fabrics);
}

int fleet_load(struct store *s, const struct view_args *a, const char *device, unsigned what,
	       struct fleet *out)
{
	struct load l = { .store = s, .f = out, .what = what, .at_ns = a->at_ns };
	uint64_t now = view_moment(a);
	int rc;

	memset(out, 0, sizeof(*out));
	out->index = json_object();
	out->refused = json_array();
	out->moment = now;
	/* Drift and switches are seen beside the others only. */
	rc = store_fleet(s, NULL, what & FLEET_DOCS, take_device, &l);
	if (rc)
		return rc;
	if (out->n)
		qsort(out->devices, out->n, sizeof(*out->devices), by_name);
	for (size_t i = 0; i < out->n; i++)
		json_object_set_new(out->index, out->devices[i].name, json_integer((json_int_t)i));
	name_switches(out);
	find_drift(out);
	rc = store_targets(s, device, take_target, &l);
	if (!rc && ((what & FLEET_EVIDENCE) || a->at_ns))
		rc = store_fleet(s, device, false, take_path, &l);
	if (!rc && (what & FLEET_SESSIONS))
		rc = store_list_active(s, device, a->at_ns, MAX_ACTIVE, take_session, &l);
	if (out->n_sessions)
		qsort(out->sessions, out->n_sessions, sizeof(*out->sessions), lo6_first);
	if (!rc && (what & FLEET_REFUSED))
		rc = load_refused(&l, now);
	return rc;
}

void fleet_free(struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct fleet_device *d = &f->devices[i];

		free(d->name);
		free(d->role);
		free(d->generation);
		free(d->fabric);
		free(d->file);
		free(d->reason);
		free(d->then);
		json_decref(d->doc);
		free(d->lacks);
		json_decref(d->evidence);
		json_decref(d->first);
	}
	for (size_t i = 0; i < f->n_sessions; i++) {
		struct fleet_session *t = &f->sessions[i];

		free(t->who);
		free(t->source);
		free(t->justified);
		free(t->verdict);
		free(t->login);
	}
	for (size_t i = 0; i < f->n_policies; i++) {
		prefix_list_clear(&f->policies[i].list[0]);
		prefix_list_clear(&f->policies[i].list[1]);
	}
	free(f->devices);
	free(f->sessions);
	free(f->policies);
	json_decref(f->index);
	json_decref(f->refused);
	memset(f, 0, sizeof(*f));
}

/* ---- one device -------------------------------------------------------------- */

bool fleet_lost_ma1(const struct fleet_device *d)
{
	return d->state == INCIDENT_FAILING || d->state == INCIDENT_INBAND ||
	       d->state == INCIDENT_UNREACHABLE;
}

const struct fleet_target *fleet_target(const struct fleet_device *d, bool in_band, uint8_t family)
{
	for (size_t i = 0; i < d->n_targets; i++)
		if (d->targets[i].in_band == in_band &&
		    (!family || d->targets[i].addr.family == family))
			return &d->targets[i];
	return NULL;
}

bool fleet_has(const struct fleet_device *d, bool in_band)
{
	return fleet_target(d, in_band, 0) != NULL;
}

static uint64_t reached_at(const struct fleet_device *d, bool in_band)
{
	uint64_t at = 0;

	for (size_t i = 0; i < d->n_targets; i++)
		if (d->targets[i].in_band == in_band && d->targets[i].reached_ns > at)
			at = d->targets[i].reached_ns;
	return at;
}

static const char *ma1_evidence(const struct fleet_device *d)
{
	if (fleet_lost_ma1(d))
		return "failed";
	if (d->state == INCIDENT_UNEXPLAINED)
		return "none";
	return d->state == INCIDENT_UNJUSTIFIED || reached_at(d, false) ? "ok" : "none";
}

static json_t *ma1_row(const struct fleet_device *d)
{
	const struct fleet_target *t = fleet_target(d, false, 0);
	json_t *o = json_object();
	const char *evidence = ma1_evidence(d);

	row_text(o, "address", t ? t->address : NULL);
	row_text(o, "evidence", evidence);
	row_time(o, "since",
		 strcmp(evidence, "failed") == 0 ? (d->failing_ns ? d->failing_ns : d->since_ns)
						 : reached_at(d, false));
	return o;
}

static json_t *lo6_row(const struct fleet_device *d)
{
	const struct fleet_target *v4 = fleet_target(d, true, 4), *v6 = fleet_target(d, true, 6);
	bool on = d->state == INCIDENT_INBAND || d->state == INCIDENT_UNEXPLAINED ||
		  d->state == INCIDENT_UNJUSTIFIED || d->open_lo6;
	json_t *o = json_object();

	row_text(o, "v4", v4 ? v4->address : NULL);
	row_text(o, "v6", v6 ? v6->address : NULL);
	row_text(o, "evidence", d->state == INCIDENT_UNREACHABLE ? "failed" : on ? "ok" : "none");
	row_time(o, "reached_at", reached_at(d, true));
	return o;
}

static json_t *path_row(const struct fleet_device *d)
{
	json_t *o = json_object();

	row_text(o, "state", incident_path_name(d->state));
	row_time(o, "since", d->since_ns);
	if (d->state != INCIDENT_PRIMARY)
		row_text(o, "reason", d->reason);
	if (d->state != INCIDENT_PRIMARY && d->evidence)
		json_object_set(o, "evidence", d->evidence);
	if (d->stale)
		row_flag(o, "stale", true);
	return o;
}

/* What BGP shows live, and then what the configuration lacks. ok is left out where nothing
 * is known of either. NULL: it has no lo6 by design. */
static json_t *armed_row(const struct fleet_device *d)
{
	json_t *o, *codes = json_array();
	bool known = false, ok = true;
	size_t len;

	if (!d->wants_lo6 && !fleet_has(d, true)) {
		json_decref(codes);
		return NULL;
	}
	for (size_t i = 0; i < d->n_targets; i++) {
		if (!d->targets[i].in_band || d->targets[i].armed < 0)
			continue;
		known = true;
		if (!d->targets[i].armed)
			row_once(codes,
				 d->targets[i].addr.family == 6 ? "not-announced-v6"
								: "not-announced-v4",
				 4);
	}
	if (!fleet_has(d, true))
		row_once(codes, "no-lo6", 4);
	for (const char *at = d->lacks; at && *at; at += len + (at[len] == ' ')) {
		char code[64];

		len = strcspn(at, " ");
		snprintf(code, sizeof(code), "%.*s", (int)len, at);
		row_once(codes, code, MOST_CODES);
	}
	known = known || d->lacks;
	ok = json_array_size(codes) == 0;
	o = json_object();
	if (known || !ok)
		row_flag(o, "ok", ok);
	json_object_set_new(o, "codes", codes);
	return o;
}

static json_t *trust_row(const struct fleet *f, const struct fleet_device *d)
{
	json_t *o = json_object();
	bool none = false;

	if (d->policy == SIZE_MAX)
		return o;
	for (size_t i = 0; i < d->n_targets; i++)
		none |= !f->policies[d->policy].has[d->targets[i].addr.family == 6];
	row_text(o, "policy", f->policies[d->policy].id);
	row_flag(o, "drift", d->drift);
	row_flag(o, "no_policy", none);
	return o;
}

json_t *fleet_row(const struct fleet *f, const struct fleet_device *d)
{
	json_t *o = json_object(), *part = json_object(), *armed = armed_row(d);

	row_text(o, "name", d->name);
	row_text(o, "role", d->role);
	row_text(o, "fabric", d->fabric);
	row_text(part, "switch", d->switch_name);
	row_text(part, "subnet", d->subnet[0] ? d->subnet : NULL);
	json_object_set_new(o, "group", part);
	json_object_set_new(o, "ma1", ma1_row(d));
	if (fleet_has(d, true) || d->wants_lo6)
		json_object_set_new(o, "lo6", lo6_row(d));
	json_object_set_new(o, "path", path_row(d));
	if (armed)
		json_object_set_new(o, "armed", armed);
	part = json_object();
	row_count(part, "ma1", d->open_ma1);
	row_count(part, "lo6", d->open_lo6);
	json_object_set_new(part, "first", d->first ? json_incref(d->first) : json_array());
	json_object_set_new(o, "open", part);
	json_object_set_new(o, "trust", trust_row(f, d));
	row_count(o, "refused_1h", d->refused);
	return o;
}

json_t *view_devices(struct store *s, const struct view_args *a)
{
	json_t *doc = view_begin(s, a), *rows;
	struct fleet f;
	int rc;

	if (!doc)
		return NULL;
	rows = json_array();
	json_object_set_new(doc, "devices", rows);
	rc = fleet_load(s, a, a->device, FLEET_SESSIONS | FLEET_REFUSED | FLEET_EVIDENCE, &f);
	for (size_t i = 0; !rc && i < f.n; i++)
		if (!a->device || strcmp(a->device, f.devices[i].name) == 0)
			json_array_append_new(rows, fleet_row(&f, &f.devices[i]));
	fleet_free(&f);
	return view_end(s, doc, rc);
}
