/* SPDX-License-Identifier: Apache-2.0 */
/* Untrusted sources: one incident for each source and fabric, whatever it tries. */
#include <jansson.h>
#include <string.h>

#include "collector/correlate/parts.h"
#include "collector/store/alert.h"

static enum joint_reach reach_of(const struct folded *flow)
{
	if (flow->logged_in)
		return JOINT_LOGGED_IN;
	return flow->established ? JOINT_ESTABLISHED : JOINT_ATTEMPT;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What is untrusted since its device's lists were changed has done nothing before that. */
static uint64_t since(const struct event *e, const struct folded *flow)
{
	return flow->turned && !flow->added ? later(e->time_ns, flow->start_ns) : flow->start_ns;
}

/* The incident's own row: opens it, or lets it grow. */
static int grow(struct store *s, const char *source, const char *fabric, enum joint_reach reach,
		const struct event *e, uint64_t n, const struct folded *flow, uint64_t *id)
{
	struct store_incident i;
	uint64_t drill = 0, since_ns = since(e, flow);
	int rc = store_incident_of_source(s, source, fabric, since_ns, &i);

	if (rc < 0)
		return rc;
	if (rc == 0) {
		rc = store_drill_at(s, e->device, since_ns, &drill);
		if (rc < 0)
			return rc;
		i = (struct store_incident){ .kind = STORE_KIND_UNTRUSTED,
					     .subject = source,
					     .fabric = fabric,
					     .subnet = "",
					     .began_ns = since_ns,
					     .opened_ns = since_ns,
					     .last_ns = later(since_ns, flow->end_ns),
					     .worst = joint_reach_name(reach),
					     .severity = joint_reach_severity(reach),
					     .reason = "untrusted",
					     .drill = drill,
					     .updated = n };
		rc = store_incident_add(s, &i);
		*id = i.id;
		return rc;
	}
	if (reach > joint_reach_parse(i.worst)) {
		i.worst = joint_reach_name(reach);
		i.severity = joint_reach_severity(reach);
	}
	if (flow->added && since_ns < i.began_ns)
		i.began_ns = i.opened_ns = since_ns;
	i.last_ns = later(i.last_ns, flow->end_ns);
	i.updated = n;
	*id = i.id;
	return store_incident_put(s, &i);
}

int correlate_source(struct store *s, const struct event *e, uint64_t n, const struct folded *flow)
{
	bool ended = e->type == EVENT_FLOW_END && flow->established && !flow->same_as;
	struct store_reach reach = { .first_ns = since(e, flow), .last_ns = flow->end_ns };
	char source[ADDR_STRLEN], fabric[64];
	uint64_t id = 0;
	int rc;

	if (!joint_takes_source(e) ||
	    !(flow->added || flow->rose || flow->login_rose || flow->turned || ended))
		return 0;
	addr_format(&e->source.ip, source);
	store_fabric_of(e->device, fabric, sizeof(fabric));
	rc = grow(s, source, fabric, reach_of(flow), e, n, flow, &id);
	if (!rc)
		rc = store_incident_flow_new(s, id, flow->same_as ? flow->same_as : flow->n);
	if (rc == 1) {
		reach.attempts = !flow->established;
		reach.established = flow->established;
		reach.logged_in = flow->logged_in;
	} else {
		/* It is counted already. What was an attempt until now is one no more. */
		reach.attempts = flow->rose ? -1 : 0;
		reach.established = flow->rose;
		reach.logged_in = flow->login_rose;
		reach.first_ns = later(e->time_ns, flow->end_ns);
	}
	return rc < 0 ? rc : store_incident_reach(s, id, e->device, &reach);
}

int correlate_quiet(struct store *s, uint64_t id, uint64_t n, uint64_t now_ns)
{
	struct store_incident i;
	int rc = store_incident_own(s, id, &i);

	if (rc <= 0 || i.closed_ns || strcmp(i.kind, STORE_KIND_UNTRUSTED) != 0)
		return rc < 0 ? rc : 0;
	i.closed_ns = later(now_ns, i.last_ns);
	i.closed_by = "quiet";
	i.updated = n;
	rc = store_incident_put(s, &i);
	return rc ? rc : store_incident_event(s, id, n);
}

int correlate_flood(struct store *s, const struct event *e, uint64_t n)
{
	const json_t *source;
	char fabric[64];
	json_t *doc;
	size_t i;
	int rc = 0;

	if (!e->alert || strcmp(e->alert, "syn-flood") != 0 || !e->device)
		return 0;
	store_fabric_of(e->device, fabric, sizeof(fabric));
	doc = correlate_doc(e);
	json_array_foreach(json_object_get(json_object_get(doc, "alert"), "sources"), i, source)
	{
		const char *prefix = json_string_value(json_object_get(source, "prefix"));
		json_int_t syns = json_integer_value(json_object_get(source, "syns"));

		if (prefix && syns > 0 && !rc)
			rc = store_incident_flood(s, fabric, prefix, (uint64_t)syns, n,
						  e->time_ns);
	}
	json_decref(doc);
	return rc;
}
