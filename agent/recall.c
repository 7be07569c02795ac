/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/recall.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The mind of a flow's note: struct flow without its pointers. */
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
	uint8_t bgp_up, bgp_down;
	struct gw_actor actor;
};
static_assert(sizeof(struct mind) <= RECALL_FLOW_BYTES, "room for a mind");

/* ---- writing ------------------------------------------------------------------- */

void recall_note_flow(const struct flow *f, struct recall_flow *out)
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
	memcpy(out->bytes, &m, sizeof(m));
	out->len = sizeof(m);
}

static json_t *hex_text(const uint8_t *bytes, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	char *text = malloc(2 * n + 1);
	json_t *value;
	size_t i;

	if (!text)
		return NULL;
	for (i = 0; i < n; i++) {
		text[2 * i] = digit[bytes[i] >> 4];
		text[2 * i + 1] = digit[bytes[i] & 15];
	}
	value = json_stringn(text, 2 * n);
	free(text);
	return value;
}

/* Where each direction's reader stands, in the middle of a message or not. */
json_t *recall_keep(const struct flow *f)
{
	json_t *readers = json_array();
	int d;

	for (d = 0; f->bgp && d < 2; d++) {
		const struct bgp_reader *r = &f->bgp->bgp.reader[d];

		json_array_append_new(readers, json_pack("{s:b,s:I,s:I,s:o}", "started", r->started,
							 "next", (json_int_t)r->next, "skip",
							 (json_int_t)r->skip, "bytes",
							 hex_text(r->keep, r->len)));
	}
	return json_pack("{s:{s:o}}", "keep", "bgp", readers);
}

/* ---- reading -------------------------------------------------------------------- */

static bool mind_of(const struct note *note, struct mind *m)
{
	if (note->mind_len != sizeof(*m))
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

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static uint8_t direction(const struct flow *f, const json_t *from)
{
	const char *text = json_string_value(from);
	bool back = text && strcmp(text, "destination") == 0;

	return back ? !(f->counters.initiator & 1) : f->counters.initiator & 1;
}

static void copy_text(char *out, size_t size, const json_t *value)
{
	const char *text = json_string_value(value);

	strncpy(out, text ? text : "", size - 1);
	out[size - 1] = '\0';
}

static void recall_counts(uint64_t n[BGP_NUM_TYPES], const json_t *counts)
{
	n[BGP_OPEN] = number(counts, "open");
	n[BGP_UPDATE] = number(counts, "update");
	n[BGP_NOTIFICATION] = number(counts, "notification");
	n[BGP_KEEPALIVE] = number(counts, "keepalive");
	n[BGP_ROUTE_REFRESH] = number(counts, "route_refresh");
}

static void recall_open(const struct flow *f, struct bgp_open *o, const json_t *from)
{
	const json_t *codes = json_object_get(from, "capabilities"), *code;
	const char *router = json_string_value(json_object_get(from, "router_id"));
	struct addr a;
	size_t i;

	o->dir = direction(f, json_object_get(from, "from"));
	o->version = 4;
	o->asn = (uint32_t)number(from, "asn");
	o->hold_time = (uint16_t)number(from, "hold_time");
	if (router && addr_parse(router, &a) && a.family == 4)
		memcpy(o->router_id, a.bytes, sizeof(o->router_id));
	json_array_foreach(codes, i, code)
	{
		if (o->n_capabilities == sizeof(o->capabilities))
			break;
		o->capabilities[o->n_capabilities++] = (uint8_t)json_integer_value(code);
		o->extended |= json_integer_value(code) == 6; /* RFC 8654 */
	}
}

static void recall_notification(const struct flow *f, struct bgp_notification *n,
				const json_t *from)
{
	n->dir = direction(f, json_object_get(from, "from"));
	n->code = (uint8_t)number(from, "code");
	n->subcode = (uint8_t)number(from, "subcode");
	copy_text(n->name, sizeof(n->name), json_object_get(from, "name"));
	copy_text(n->text, sizeof(n->text), json_object_get(from, "text"));
}

static uint8_t hex_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void recall_reader(struct bgp_reader *r, const json_t *from)
{
	const json_t *bytes = json_object_get(from, "bytes");
	const char *text = json_string_value(bytes);
	size_t n = json_string_length(bytes) / 2, i;

	r->started = json_is_true(json_object_get(from, "started"));
	r->next = (uint32_t)number(from, "next");
	r->skip = (uint32_t)number(from, "skip");
	for (i = 0; i < n && i < sizeof(r->keep); i++)
		r->keep[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	r->len = (uint16_t)i;
}

static void recall_bgp(struct flow *f, const json_t *doc)
{
	const json_t *part = json_object_get(doc, "bgp"), *item, *readers;
	uint8_t init = f->counters.initiator & 1;
	struct bgp *b;
	size_t i;

	readers = json_object_get(json_object_get(doc, "keep"), "bgp");
	if (!part && !json_array_size(readers))
		return;
	f->bgp = calloc(1, sizeof(*f->bgp));
	if (!f->bgp)
		return;
	b = &f->bgp->bgp;
	recall_counts(b->count[init], json_object_get(part, "source"));
	recall_counts(b->count[!init], json_object_get(part, "destination"));
	json_array_foreach(json_object_get(part, "opens"), i, item)
	{
		if (b->n_opens == 2 * BGP_MAX_KEPT)
			break;
		recall_open(f, &b->opens[b->n_opens], item);
		b->offered[b->opens[b->n_opens].dir] = b->opens[b->n_opens].extended;
		b->n_opens++;
	}
	b->extended = b->offered[0] && b->offered[1];
	json_array_foreach(json_object_get(part, "notifications"), i, item)
	{
		if (b->n_notifications < 2 * BGP_MAX_KEPT)
			recall_notification(f, &b->notifications[b->n_notifications++], item);
	}
	for (i = 0; i < 2; i++)
		recall_reader(&b->reader[i], json_array_get(readers, i));
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
		recall_bgp(f, doc);
		f->read_before = parts_of(doc);
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
