/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What events have changed, as rows of the lists. Events name what they are about, so
 * the rows to read again are known without asking every table: devices by their name,
 * flows by agent and flow. Alerts and incidents carry the number of the event that
 * changed them last.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/alert.h"
#include "collector/store/incident.h"
#include "collector/view/agents.h"
#include "collector/view/alert.h"
#include "collector/view/fleet.h"
#include "collector/view/lists.h"
#include "collector/view/row.h"
#include "collector/view/summary.h"

static const char *const kind_names[] = { "device", "session", "alert",	 "incident",
					  "agent",  "gap",     "summary" };
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == VIEW_NUM_KINDS, "one each");

const char *view_kind_name(enum view_kind k)
{
	return kind_names[k];
}

struct changes {
	struct store *store;
	const struct view_args *a;
	uint64_t after_n, upto_n;
	view_change_fn *fn;
	void *arg;
	json_t *devices, *agents, *flows; /* sets of names; flows: "agent\nflow" */
	uint64_t stored_ns;		  /* when the first of them was stored */
	bool gaps, any;
};

static int tell(struct changes *c, enum view_kind kind, json_t *document)
{
	int rc = c->fn(c->arg, kind, document);

	json_decref(document);
	return rc;
}

static void note(json_t *set, const char *name)
{
	if (name)
		json_object_set_new(set, name, json_true());
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static int take_event(void *arg, const struct store_event *e)
{
	struct changes *c = arg;

	c->any = true;
	if (!c->stored_ns || e->stored_ns < c->stored_ns)
		c->stored_ns = e->stored_ns;
	if (e->flow && begins(e->type, "flow.")) {
		struct say key = { 0 };

		say(&key, "%s\n%s", e->agent, e->flow);
		note(c->flows, key.text);
	}
	if (!begins(e->type, "bgp.message"))
		note(c->devices, e->device);
	if (begins(e->type, "agent.") || begins(e->type, "alert."))
		note(c->agents, e->agent);
	if (begins(e->type, "alert.")) {
		json_t *doc = json_loads(e->json, 0, NULL);

		note(c->agents,
		     json_string_value(json_object_get(json_object_get(doc, "alert"), "agent")));
		c->gaps |= strcmp(e->type, "alert.events-lost") == 0;
		json_decref(doc);
	}
	return 0;
}

static int take_flow(void *arg, const struct store_list_flow *f)
{
	struct changes *c = arg;

	/* Another agent's sight of it: the one that is counted tells of it. */
	if (f->same_as)
		return 0;
	return tell(c, VIEW_SESSION, view_flow_row(f, view_moment(c->a)));
}

static int tell_flows(struct changes *c)
{
	struct store_list l = { .limit = 1 };
	const char *key, *flow;
	char agent[EVENT_AGENT_MAX + 1];
	json_t *value;
	int rc = 0;

	json_object_foreach(c->flows, key, value)
	{
		flow = strchr(key, '\n');
		if (!flow || (size_t)(flow - key) >= sizeof(agent))
			continue;
		memcpy(agent, key, (size_t)(flow - key));
		agent[flow - key] = '\0';
		rc = store_list_flow_n(c->store, agent, flow + 1, &l.n);
		if (rc > 0)
			rc = store_list_flows(c->store, &l, take_flow, c);
		if (rc)
			return rc;
	}
	return 0;
}

static int take_alert(void *arg, const struct store_alert *x)
{
	struct changes *c = arg;

	return tell(c, VIEW_ALERT, view_alert_row(x));
}

static int take_alert_id(void *arg, uint64_t id)
{
	struct changes *c = arg;
	int rc = store_alert_get(c->store, id, c->a->now_ns, take_alert, c);

	return rc == 1 ? 0 : rc;
}

static int take_incident(void *arg, const struct store_incident *i)
{
	struct changes *c = arg;

	if (i->updated <= c->after_n)
		return 0;
	return tell(c, VIEW_INCIDENT, view_incident_row(i, view_moment(c->a)));
}

static int take_agent(void *arg, const struct store_agent *r)
{
	struct changes *c = arg;

	if (!json_object_get(c->agents, r->agent))
		return 0;
	return tell(c, VIEW_AGENT, view_agent_row(r, view_moment(c->a)));
}

static int take_gap(void *arg, const struct store_fleet_gap *g)
{
	struct changes *c = arg;
	json_t *o = json_object();

	row_text(o, "agent", g->agent);
	row_count(o, "first", g->first);
	row_count(o, "last", g->last);
	row_count(o, "events", g->last - g->first + 1);
	row_time(o, "found", g->found_ns);
	row_text(o, "reason", "events-lost");
	return tell(c, VIEW_GAP, o);
}

static int tell_fleet(struct changes *c)
{
	json_t *doc = json_object(), *value;
	const struct fleet_device *d;
	const char *name;
	struct fleet f;
	int rc;

	rc = fleet_load(c->store, c->a, NULL,
			FLEET_SESSIONS | FLEET_REFUSED |
				(json_object_size(c->devices) ? FLEET_EVIDENCE : 0),
			&f);
	if (!rc)
		json_object_foreach(c->devices, name, value)
		{
			d = fleet_find(&f, name);
			rc = d ? tell(c, VIEW_DEVICE, fleet_row(&f, d)) : 0;
			if (rc)
				break;
		}
	if (!rc) {
		row_time(doc, "as_of", view_moment(c->a));
		row_count(doc, "cursor", c->upto_n);
		rc = view_summary_fill(c->store, c->a, &f, doc);
	}
	fleet_free(&f);
	if (rc) {
		json_decref(doc);
		return rc;
	}
	return tell(c, VIEW_SUMMARY, doc);
}

static int tell_all(struct changes *c)
{
	struct store_incident_filter incidents = { .updated = c->after_n };
	struct store_filter agents = { 0 };
	int rc = store_list_arrived(c->store, c->after_n, c->upto_n, take_event, c);

	if (rc || !c->any)
		return rc;
	rc = tell_flows(c);
	if (!rc)
		rc = store_list_alerts(c->store, c->after_n, take_alert_id, c);
	if (!rc)
		rc = store_incidents(c->store, &incidents, take_incident, c);
	if (!rc && json_object_size(c->agents))
		rc = store_agents(c->store, &agents, take_agent, c);
	if (!rc && c->gaps)
		rc = store_fleet_gaps(c->store, 0, 0, 20, take_gap, c);
	return rc ? rc : tell_fleet(c);
}

int view_changes(struct store *s, const struct view_args *a, uint64_t after_n, uint64_t upto_n,
		 view_change_fn *fn, void *arg)
{
	struct view_args now = { .now_ns = a->now_ns };
	struct changes c = { .store = s,
			     .a = &now,
			     .after_n = after_n,
			     .upto_n = upto_n,
			     .fn = fn,
			     .arg = arg,
			     .devices = json_object(),
			     .agents = json_object(),
			     .flows = json_object() };
	int rc = store_snapshot(s);

	if (!rc)
		rc = tell_all(&c);
	store_rollback(s);
	json_decref(c.devices);
	json_decref(c.agents);
	json_decref(c.flows);
	return rc;
}
