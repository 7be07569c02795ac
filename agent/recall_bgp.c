/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/recall_bgp.h"

#include <stdlib.h>
#include <string.h>

#include "agent/flow.h"

#define EXTENDED_MESSAGE 6 /* capability, RFC 8654 */

/* ---- writing ------------------------------------------------------------------- */

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

static json_t *keep_direction(const struct flow_bgp *b, unsigned d)
{
	const struct bgp_reader *r = &b->bgp.reader[d];
	json_t *o = json_pack("{s:b,s:I,s:o,s:b,s:b,s:b,s:i,s:o}", "started", r->started, "next",
			      (json_int_t)r->next, "bytes", hex_text(r->keep, r->len), "seen",
			      b->bgp.offer[d].seen, "extended", b->bgp.offer[d].extended, "as4",
			      b->bgp.offer[d].as4, "hold_time", b->bgp.offer[d].hold_time,
			      "add_path", hex_text(b->bgp.offer[d].add_path, BGP_NUM_FAMILIES));

	json_object_set_new(o, "heard_ns", json_integer((json_int_t)b->heard_ns[d]));
	json_object_set_new(o, "keepalive_ns", json_integer((json_int_t)b->keepalive_ns[d]));
	json_object_set_new(o, "keepalive_first_ns",
			    json_integer((json_int_t)b->keepalive_first_ns[d]));
	json_object_set_new(o, "keepalive_max_ns",
			    json_integer((json_int_t)b->keepalive_max_ns[d]));
	json_object_set_new(o, "malformed", json_integer((json_int_t)b->malformed[d]));
	json_object_set_new(o, "ambiguous", json_integer((json_int_t)b->ambiguous[d]));
	return o;
}

json_t *recall_keep_bgp(const struct flow *f)
{
	return json_pack("{s:i,s:[o,o]}", "at_risk", f->bgp->at_risk, "readers",
			 keep_direction(f->bgp, 0), keep_direction(f->bgp, 1));
}

/* ---- reading -------------------------------------------------------------------- */

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static bool truth(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* The direction that the source or the destination sends in. */
static uint8_t direction(const struct flow *f, const json_t *from)
{
	const char *text = json_string_value(from);
	bool back = text && strcmp(text, "destination") == 0;

	return back ? !(f->counters.initiator & 1) : f->counters.initiator & 1;
}

static void copy_text(char *out, size_t size, const json_t *value)
{
	const char *text = json_string_value(value);
	size_t n = text ? strnlen(text, size - 1) : 0;

	if (n)
		memcpy(out, text, n);
	out[n] = '\0';
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
		o->extended |= json_integer_value(code) == EXTENDED_MESSAGE;
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

static void recall_part(const struct flow *f, struct bgp *b, const json_t *part)
{
	uint8_t init = f->counters.initiator & 1;
	const json_t *item;
	size_t i;

	recall_counts(b->count[init], json_object_get(part, "source"));
	recall_counts(b->count[!init], json_object_get(part, "destination"));
	json_array_foreach(json_object_get(part, "opens"), i, item)
	{
		if (b->n_opens < 2 * BGP_MAX_KEPT)
			recall_open(f, &b->opens[b->n_opens++], item);
	}
	json_array_foreach(json_object_get(part, "notifications"), i, item)
	{
		if (b->n_notifications < 2 * BGP_MAX_KEPT)
			recall_notification(f, &b->notifications[b->n_notifications++], item);
	}
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

static void hex_bytes(const json_t *value, uint8_t *out, size_t n)
{
	const char *text = json_string_value(value);
	size_t i;

	for (i = 0; i < n && 2 * i + 1 < json_string_length(value); i++)
		out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
}

static void recall_reader(struct bgp_reader *r, const json_t *from)
{
	const json_t *bytes = json_object_get(from, "bytes");
	size_t n = json_string_length(bytes) / 2;

	r->started = truth(from, "started");
	r->next = (uint32_t)number(from, "next");
	if (!r->started || !n || n >= UINT16_MAX)
		return;
	r->keep = malloc(n + 1); /* the reader wants room for the next byte */
	if (!r->keep)
		return; /* the next header is looked for */
	hex_bytes(bytes, r->keep, n);
	r->len = (uint16_t)n;
	r->room = (uint16_t)(n + 1);
}

static void recall_direction(struct flow_bgp *b, unsigned d, const json_t *from)
{
	recall_reader(&b->bgp.reader[d], from);
	b->bgp.offer[d].seen = truth(from, "seen");
	b->bgp.offer[d].extended = truth(from, "extended");
	b->bgp.offer[d].as4 = truth(from, "as4");
	b->bgp.offer[d].hold_time = (uint16_t)number(from, "hold_time");
	hex_bytes(json_object_get(from, "add_path"), b->bgp.offer[d].add_path, BGP_NUM_FAMILIES);
	b->heard_ns[d] = number(from, "heard_ns");
	b->keepalive_ns[d] = number(from, "keepalive_ns");
	b->keepalive_first_ns[d] = number(from, "keepalive_first_ns");
	b->keepalive_max_ns[d] = number(from, "keepalive_max_ns");
	b->malformed[d] = number(from, "malformed");
	b->ambiguous[d] = number(from, "ambiguous");
}

void recall_bgp(struct flow *f, const json_t *part, const json_t *keep)
{
	const json_t *readers = json_object_get(keep, "readers");
	unsigned d;

	if (!part && !json_array_size(readers))
		return;
	f->bgp = calloc(1, sizeof(*f->bgp));
	if (!f->bgp)
		return;
	f->bgp->recalled = true;
	f->bgp->at_risk = number(keep, "at_risk") & 3;
	recall_part(f, &f->bgp->bgp, part);
	for (d = 0; d < 2; d++)
		recall_direction(f->bgp, d, json_array_get(readers, d));
}
