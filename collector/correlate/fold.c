/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/correlate/fold.h"

#include <stdlib.h>
#include <string.h>

#include "collector/base/metrics.h"
#include "collector/rules/incident.h"

/* The columns that only the newest event may set. */
static void fold_newest(struct store_flow *f, const struct event *e)
{
	f->seq = e->seq;
	f->open = e->type != EVENT_FLOW_END;
	f->end_ns = e->flow.end_ns;
	f->state = e->flow.state;
	f->outcome = e->flow.outcome;
	f->source_packets = e->source.packets;
	f->source_bytes = e->source.bytes;
	f->destination_packets = e->destination.packets;
	f->destination_bytes = e->destination.bytes;
}

static void fold_trust(struct store_flow *f, const struct event *e)
{
	f->verdict = event_verdict_name(e->trust.verdict);
	f->list = e->trust.list;
	f->rule = e->trust.has_rule ? (int64_t)e->trust.seq : -1;
	f->prefix = e->trust.has_rule ? e->trust.prefix : NULL;
}

/* Who knows how the login ended is not contradicted by who does not. */
static void fold_login(struct store_flow *f, const struct event *e, bool late)
{
	const char *result = e->ssh_auth.result;

	if (!result || (f->login && late))
		return;
	if (!f->login || strcmp(f->login, "unknown") == 0 || strcmp(result, "unknown") != 0)
		f->login = result;
}

static bool is_success(const char *login)
{
	return login && strcmp(login, "success") == 0;
}

static bool is_untrusted(const struct store_flow *f)
{
	return f->n && f->device && f->verdict &&
	       strcmp(f->verdict, event_verdict_name(GW_VERDICT_UNTRUSTED)) == 0;
}

/* f: the row as it is, or n 0. */
static int fold_into(struct store *s, struct store_flow f, const struct event *e, uint64_t event_n,
		     struct folded *out)
{
	char source[ADDR_STRLEN], destination[ADDR_STRLEN];
	bool late = f.n && e->seq < f.seq, was_untrusted = is_untrusted(&f);
	char *parts;
	int rc;

	*out = (struct folded){ .added = !f.n,
				.rose = !f.established,
				.login_rose = !is_success(f.login) };
	parts = store_flow_parts(&f, event_n, e->parts, late);
	if (!parts)
		return STORE_FAILED;
	f.agent = e->agent;
	f.flow = e->flow.id;
	if (!late)
		fold_newest(&f, e);
	if (!f.start_ns || e->flow.start_ns < f.start_ns)
		f.start_ns = e->flow.start_ns;
	f.established |= incident_outcome_established(e->flow.outcome);
	f.outbound = e->flow.outbound;
	if (e->device && (!late || !f.device)) {
		f.device = e->device;
		f.role = e->role;
	}
	if (event_path_name(e->path))
		f.path = event_path_name(e->path);
	if (event_service_name(e->service))
		f.service = event_service_name(e->service);
	if (e->has_ends && e->source.ip.family && e->destination.ip.family &&
	    (!late || !f.source)) {
		f.source = addr_format(&e->source.ip, source);
		f.source_port = e->source.port;
		f.destination = addr_format(&e->destination.ip, destination);
		f.destination_port = e->destination.port;
	}
	if (e->has_trust && (!late || !f.verdict))
		fold_trust(&f, e);
	if (e->community_id)
		f.community_id = e->community_id;
	if (e->has_actor && e->actor.user && (!late || !f.user))
		f.user = e->actor.user;
	fold_login(&f, e, late);
	f.parts = parts;
	f.updated = event_n;
	out->established = f.established;
	out->open = f.open;
	out->logged_in = is_success(f.login);
	out->rose &= f.established;
	out->login_rose &= out->logged_in;
	out->start_ns = f.start_ns;
	out->end_ns = f.end_ns;
	out->same_as = f.same_as;
	out->turned = !was_untrusted && is_untrusted(&f);
	rc = store_flow_put(s, &f);
	out->n = f.n;
	if (!rc && out->rose)
		metrics_note(store_counts(s), METRIC_FLOWS_ESTABLISHED,
			     metrics_series(METRIC_FLOWS_ESTABLISHED, e->service, e->path,
					    e->trust.verdict, 0),
			     1);
	if (!rc && f.source)
		rc = store_target_seen(s, f.source, f.device, e->time_ns, false);
	if (!rc && f.destination)
		rc = store_target_seen(s, f.destination, f.device, e->time_ns, f.established);
	free(parts);
	return rc;
}

int fold_flow(struct store *s, const struct event *e, uint64_t event_n, struct folded *out)
{
	struct store_flow f = { .rule = -1 };
	bool late;
	int rc = store_flow_late(s, e->agent, e->seq, &late);

	/* What begins has no row, unless its later events were read before. */
	if (!rc)
		rc = e->type == EVENT_FLOW_START && !late
			     ? store_flow_recall(s, e->agent, e->flow.id, &f)
			     : store_flow_find(s, e->agent, e->flow.id, &f);
	return rc < 0 ? rc : fold_into(s, f, e, event_n, out);
}
