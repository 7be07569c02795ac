/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/recall.h"

#include <string.h>

#include "agent/recall_bgp.h"

/* The mind of a flow's note: struct flow without its pointers; SSH's follows it. */
struct mind {
	uint32_t version, size;
	struct gw_key key;
	uint64_t id;
	struct gw_flow counters;
	struct gw_judgement judgement;
	int64_t real_offset;
	uint64_t ended_ns, ended_packets, updated_ns, told_ok_ns;
	uint8_t state, reported;
	uint8_t icmp_seen, icmp_type, icmp_code, icmp_source[16];
	uint8_t told_ok, told_failed, told_refused, told_inband, told_inband_end, stalled;
	uint8_t bgp_up, bgp_down, login_reported;
	struct gw_actor actor;
};

/* ---- writing ------------------------------------------------------------------- */

bool recall_note_flow(const struct flow *f, struct recall_bytes *out)
{
	struct mind m;

	memset(&m, 0, sizeof(m)); /* padding too */
	m.version = RECALL_VERSION;
	m.size = sizeof(m);
	m.key = f->key;
	m.id = f->id;
	m.counters = f->counters;
	m.judgement = f->judgement;
	m.real_offset = f->real_offset;
	m.ended_ns = f->ended_ns;
	m.ended_packets = f->ended_packets;
	m.updated_ns = f->updated_ns;
	m.told_ok_ns = f->told_ok_ns;
	m.state = (uint8_t)f->state;
	m.reported = (uint8_t)f->reported;
	m.login_reported = f->login_reported;
	m.icmp_seen = f->icmp_seen;
	m.icmp_type = f->icmp_type;
	m.icmp_code = f->icmp_code;
	memcpy(m.icmp_source, f->icmp_source, sizeof(m.icmp_source));
	m.told_ok = f->told_ok;
	m.told_failed = f->told_failed;
	m.told_refused = f->told_refused;
	m.told_inband = f->told_inband;
	m.told_inband_end = f->told_inband_end;
	m.stalled = f->stalled;
	m.bgp_up = f->bgp && f->bgp->told_up;
	m.bgp_down = f->bgp && f->bgp->told_down;
	m.actor = f->actor;
	out->len = 0;
	if (!recall_put(out, &m, sizeof(m)))
		return false;
	if (f->state == FLOW_OPEN && f->ssh)
		recall_put_ssh(out, f->ssh);
	return true;
}

json_t *recall_keep(const struct flow *f)
{
	return json_pack("{s:{s:o}}", "keep", "bgp", f->bgp ? recall_keep_bgp(f) : json_object());
}

/* ---- reading -------------------------------------------------------------------- */

static bool mind_of(const struct note *note, struct mind *m)
{
	if (note->mind_len < sizeof(*m))
		return false;
	memcpy(m, note->mind, sizeof(*m));
	return m->version == RECALL_VERSION && m->size == sizeof(*m) && m->id == note->id &&
	       m->state <= FLOW_ENDED && m->reported < OUTCOME_NUM;
}

bool recall_flow_key(const struct note *note, struct gw_key *key, bool *ended)
{
	struct mind m;

	if (!mind_of(note, &m))
		return false;
	*key = m.key;
	*ended = m.state == FLOW_ENDED;
	return true;
}

static json_t *document(const struct note *note)
{
	json_t *doc = note->doc ? json_loadb(note->doc, note->doc_len, 0, NULL) : NULL;

	if (doc && !json_is_object(doc)) {
		json_decref(doc);
		doc = NULL;
	}
	return doc;
}

/* What was read from its first packets, and what it was watched for, should the
 * fabric of now not know it any more. */
static json_t *parts_of(const json_t *doc)
{
	static const char *const keys[] = { "ssh", "device", "trust" };
	json_t *parts = json_object();
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *part = json_object_get(doc, keys[i]);

		if (part)
			json_object_set(parts, keys[i], part);
	}
	return parts;
}

bool recall_flow(const struct note *note, struct flow *f)
{
	json_t *doc = document(note);
	struct mind m;

	if (!mind_of(note, &m)) {
		json_decref(doc);
		return false;
	}
	f->id = m.id;
	f->counters = m.counters;
	f->judgement = m.judgement;
	f->real_offset = m.real_offset;
	f->state = (enum flow_state)m.state;
	f->ended_ns = m.ended_ns;
	f->ended_packets = m.ended_packets;
	f->updated_ns = m.updated_ns;
	f->told_ok_ns = m.told_ok_ns;
	f->reported = (enum flow_outcome)m.reported;
	f->login_reported = m.login_reported;
	f->icmp_seen = m.icmp_seen;
	f->icmp_type = m.icmp_type;
	f->icmp_code = m.icmp_code;
	memcpy(f->icmp_source, m.icmp_source, sizeof(f->icmp_source));
	f->told_ok = m.told_ok;
	f->told_failed = m.told_failed;
	f->told_refused = m.told_refused;
	f->told_inband = m.told_inband;
	f->told_inband_end = m.told_inband_end;
	f->stalled = m.stalled;
	f->actor = m.actor;
	f->noted = true;
	if (doc && f->state == FLOW_OPEN) {
		recall_bgp(f, json_object_get(doc, "bgp"),
			   json_object_get(json_object_get(doc, "keep"), "bgp"));
		f->read_before = parts_of(doc);
		f->ssh = recall_ssh((const uint8_t *)note->mind + sizeof(m),
				    note->mind_len - sizeof(m));
		if (f->ssh)
			json_object_del(f->read_before, "ssh");
	}
	if (f->bgp) {
		f->bgp->told_up = m.bgp_up;
		f->bgp->told_down = m.bgp_down;
	}
	json_decref(doc);
	return true;
}

static enum event_severity severity_of(const json_t *doc)
{
	const char *text = json_string_value(json_object_get(doc, "severity"));
	enum event_severity s;

	for (s = SEVERITY_INFO; text && s < SEVERITY_NUM; s++)
		if (strcmp(text, event_severity_name(s)) == 0)
			return s;
	return SEVERITY_NOTICE;
}

bool recall_end(const struct note *note, struct event *e, json_t **body)
{
	json_t *doc = document(note), *flow;

	memset(e, 0, sizeof(*e));
	flow = json_object_get(doc, "flow");
	if (!flow) {
		json_decref(doc);
		return false;
	}
	e->type = EVENT_FLOW_END;
	e->severity = severity_of(doc);
	e->policy = json_string_value(json_object_get(doc, "policy"));
	json_object_set_new(flow, "cut", json_true());
	json_object_del(doc, "keep");
	e->extra = doc;
	*body = doc;
	return true;
}

/* Of SSH the former agent's reading counts, unless ours has both sides and its had
 * not; of the rest the event's own. */
json_t *recall_parts(const struct flow *f, struct event *e)
{
	const json_t *ssh = json_object_get(f->read_before, "ssh");

	if (ssh && !(e->has_ssh && e->ssh_client.software_version &&
		     e->ssh_server.software_version &&
		     !(json_object_get(ssh, "client") && json_object_get(ssh, "server"))))
		e->has_ssh = false;
	return json_incref(f->read_before);
}

/* ---- paths -------------------------------------------------------------------------- */

void recall_note_path(const struct path *p, int64_t real_offset, struct recall_path *out)
{
	memset(out, 0, sizeof(*out));
	out->version = RECALL_VERSION;
	out->size = sizeof(*out);
	out->real_offset = real_offset;
	out->path = *p;
}

/* The same moment by another offset; at the earliest the clock's beginning. */
static uint64_t shift(uint64_t ns, int64_t by)
{
	if (!ns)
		return 0;
	return by < 0 && ns <= (uint64_t)-by ? 1 : ns + (uint64_t)by;
}

bool recall_path(const struct note *note, int64_t real_offset, bool same_clock, struct path *out)
{
	struct recall_path r;
	int64_t by;

	if (note->mind_len != sizeof(r))
		return false;
	memcpy(&r, note->mind, sizeof(r));
	if (r.version != RECALL_VERSION || r.size != sizeof(r) || r.path.state >= PATH_NUM_STATES ||
	    r.path.evidence_n > PATH_EVIDENCE)
		return false;
	*out = r.path;
	by = same_clock ? 0 : r.real_offset - real_offset;
	out->primary_ns = shift(out->primary_ns, by);
	out->inband_failed_ns = shift(out->inband_failed_ns, by);
	out->outage_ns = shift(out->outage_ns, by);
	return true;
}
