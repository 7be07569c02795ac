/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: each direction keeps the message at hand in a buffer. Bytes
 * are appended; when the buffer starts with a header (16 bytes of all ones, a length
 * and a type that fit each other) the message's length is known, and it is taken
 * when that many bytes came. When it starts with anything else, bytes are dropped
 * until it does, so being in step and looking for the next header are one thing. The
 * buffer grows when a header asks for more, and goes when it is empty.
 */
#include "agent/bgp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/track.h"
#include "common/bytes.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MARKER 16
#define MESSAGE_MAX 4096 /* of an ordinary message */
#define OPEN_MIN 29
#define PARAM_CAPABILITIES 2
#define PARAM_EXTENDED 255 /* RFC 9072 */
#define CAP_EXTENDED_MESSAGE 6
#define CAP_FOUR_OCTET_AS 65
#define CAP_ADD_PATH 69
#define CODE_CEASE 6
#define CEASE_SHUTDOWN 2
#define CEASE_RESET 4
#define CEASE_HARD_RESET 9

struct bgp_held {
	uint32_t seq, len, n;
	uint8_t bytes[BGP_SEGMENT];
};

/* What every step needs. */
struct reading {
	struct bgp *b;
	uint8_t dir;
	bgp_message_fn *fn;
	void *arg;
};

/* ---- names ---------------------------------------------------------------------- */

static const char *const code_names[] = {
	[1] = "Message Header Error",	     [2] = "OPEN Message Error",
	[3] = "UPDATE Message Error",	     [4] = "Hold Timer Expired",
	[5] = "Finite State Machine Error",  [6] = "Cease",
	[7] = "ROUTE-REFRESH Message Error", [8] = "Send Hold Timer Expired",
};

static const char *const header_names[] = {
	[1] = "Connection Not Synchronized",
	[2] = "Bad Message Length",
	[3] = "Bad Message Type",
};

static const char *const open_names[] = {
	[1] = "Unsupported Version Number", [2] = "Bad Peer AS",
	[3] = "Bad BGP Identifier",	    [4] = "Unsupported Optional Parameter",
	[5] = "Authentication Failure",	    [6] = "Unacceptable Hold Time",
	[7] = "Unsupported Capability",	    [11] = "Role Mismatch",
};

static const char *const update_names[] = {
	[1] = "Malformed Attribute List",
	[2] = "Unrecognized Well-known Attribute",
	[3] = "Missing Well-known Attribute",
	[4] = "Attribute Flags Error",
	[5] = "Attribute Length Error",
	[6] = "Invalid ORIGIN Attribute",
	[7] = "AS Routing Loop",
	[8] = "Invalid NEXT_HOP Attribute",
	[9] = "Optional Attribute Error",
	[10] = "Invalid Network Field",
	[11] = "Malformed AS_PATH",
};

static const char *const machine_names[] = {
	[1] = "Receive Unexpected Message in OpenSent State",
	[2] = "Receive Unexpected Message in OpenConfirm State",
	[3] = "Receive Unexpected Message in Established State",
};

static const char *const cease_names[] = {
	[1] = "Maximum Number of Prefixes Reached",
	[2] = "Administrative Shutdown",
	[3] = "Peer De-configured",
	[4] = "Administrative Reset",
	[5] = "Connection Rejected",
	[6] = "Other Configuration Change",
	[7] = "Connection Collision Resolution",
	[8] = "Out of Resources",
	[9] = "Hard Reset",
	[10] = "BFD Down",
};

static const char *const refresh_names[] = {
	[1] = "Invalid Message Length",
};

static const struct {
	const char *const *names;
	size_t n;
} subcode_names[] = {
	[1] = { header_names, ARRAY_SIZE(header_names) },
	[2] = { open_names, ARRAY_SIZE(open_names) },
	[3] = { update_names, ARRAY_SIZE(update_names) },
	[5] = { machine_names, ARRAY_SIZE(machine_names) },
	[6] = { cease_names, ARRAY_SIZE(cease_names) },
	[7] = { refresh_names, ARRAY_SIZE(refresh_names) },
};

const char *bgp_notification_name(uint8_t code, uint8_t subcode, char out[BGP_NAME_STRLEN])
{
	const char *name = code < ARRAY_SIZE(code_names) ? code_names[code] : NULL, *sub = NULL;

	if (code < ARRAY_SIZE(subcode_names) && subcode < subcode_names[code].n)
		sub = subcode_names[code].names[subcode];
	snprintf(out, BGP_NAME_STRLEN, "%s%s%s", name ? name : "", sub ? "/" : "", sub ? sub : "");
	return out;
}

/* ---- messages -------------------------------------------------------------------- */

static void read_add_path(struct cursor c, struct bgp_open *o)
{
	uint8_t safi, how;
	uint16_t afi;

	while (cursor_u16(&c, &afi) && cursor_u8(&c, &safi) && cursor_u8(&c, &how)) {
		enum bgp_family f = bgp_family_of(afi, safi);

		/* RFC 7911 4: another value is to be ignored */
		if (f != BGP_NUM_FAMILIES && how <= (BGP_RECEIVES | BGP_SENDS))
			o->add_path[f] = how;
	}
}

static void read_capabilities(struct cursor c, struct bgp_open *o)
{
	uint8_t code, len;

	while (cursor_u8(&c, &code) && cursor_u8(&c, &len)) {
		const uint8_t *value = cursor_take(&c, len);

		if (!value)
			return;
		if (!memchr(o->capabilities, code, o->n_capabilities))
			o->capabilities[o->n_capabilities++] = code;
		if (code == CAP_FOUR_OCTET_AS && len == 4) {
			o->asn = be32(value);
			o->as4 = true;
		}
		if (code == CAP_EXTENDED_MESSAGE)
			o->extended = true;
		if (code == CAP_ADD_PATH)
			read_add_path(cursor_of(value, len), o);
	}
}

/* What cannot be read ends the reading; what was read before it stands. */
static void read_open(struct cursor c, struct bgp_open *o)
{
	uint8_t total = 0, type, short_len;
	uint16_t as = 0, len;
	const uint8_t *id, *value;
	bool extended = false;

	cursor_u8(&c, &o->version);
	cursor_u16(&c, &as);
	o->asn = as;
	cursor_u16(&c, &o->hold_time);
	id = cursor_take(&c, 4);
	if (!id || !cursor_u8(&c, &total))
		return;
	memcpy(o->router_id, id, 4);
	if (total == PARAM_EXTENDED && c.left >= 3 && c.at[0] == PARAM_EXTENDED) {
		extended = true;
		cursor_take(&c, 3); /* the type again, and a length that the message's says too */
	}
	for (;;) {
		if (!cursor_u8(&c, &type))
			return;
		if (extended) {
			if (!cursor_u16(&c, &len))
				return;
		} else {
			if (!cursor_u8(&c, &short_len))
				return;
			len = short_len;
		}
		value = cursor_take(&c, len);
		if (!value)
			return;
		if (type == PARAM_CAPABILITIES)
			read_capabilities(cursor_of(value, len), o);
	}
}

/* A length, then so many bytes of UTF-8. */
static void read_text(struct cursor c, char out[BGP_TEXT_STRLEN])
{
	const uint8_t *text;
	size_t at = 0, i;
	uint8_t len;

	if (!cursor_u8(&c, &len))
		return;
	text = cursor_take(&c, len);
	for (i = 0; text && i < len; i++) {
		if (text[i]) {
			out[at++] = (char)text[i];
		} else {
			memcpy(out + at, "\\x00", 4);
			at += 4;
		}
	}
	out[at] = '\0';
}

static void read_notification(struct cursor c, struct bgp_notification *n)
{
	uint8_t code, subcode;

	if (!cursor_u8(&c, &n->code) || !cursor_u8(&c, &n->subcode))
		return;
	bgp_notification_name(n->code, n->subcode, n->name);
	code = n->code;
	subcode = n->subcode;
	/* a hard reset carries the notification that it stands for */
	if (code == CODE_CEASE && subcode == CEASE_HARD_RESET) {
		if (!cursor_u8(&c, &code) || !cursor_u8(&c, &subcode))
			return;
		bgp_notification_name(code, subcode, n->inner);
	}
	if (code == CODE_CEASE && (subcode == CEASE_SHUTDOWN || subcode == CEASE_RESET))
		read_text(c, n->text);
}

static void note_offer(struct bgp *b, const struct bgp_open *o)
{
	b->offer[o->dir].seen = true;
	b->offer[o->dir].extended = o->extended;
	b->offer[o->dir].as4 = o->as4;
	b->offer[o->dir].hold_time = o->hold_time;
	memcpy(b->offer[o->dir].add_path, o->add_path, sizeof(o->add_path));
}

/* The whole message is in the buffer. */
static void take_message(const struct reading *r, enum bgp_type type, size_t len)
{
	struct bgp *b = r->b;
	struct cursor body = cursor_of(b->reader[r->dir].keep + BGP_HEADER, len - BGP_HEADER);
	struct bgp_message m = { .dir = r->dir, .type = type, .body = body.at, .len = body.left };
	uint64_t before = b->count[r->dir][type]++;
	struct bgp_notification n;
	struct bgp_open o;

	if (type == BGP_OPEN) {
		memset(&o, 0, sizeof(o));
		o.dir = r->dir;
		read_open(body, &o);
		note_offer(b, &o);
		if (before < BGP_MAX_KEPT)
			b->opens[b->n_opens++] = o;
		m.open = &o;
	} else if (type == BGP_NOTIFICATION) {
		memset(&n, 0, sizeof(n));
		n.dir = r->dir;
		read_notification(body, &n);
		if (before < BGP_MAX_KEPT)
			b->notifications[b->n_notifications++] = n;
		m.notification = &n;
	}
	r->fn(r->arg, &m);
}

/* ---- framing --------------------------------------------------------------------- */

/* The length of the message whose header this is; 0: it is none. */
static uint32_t header_length(const uint8_t *h, bool extended)
{
	static const uint8_t marker[MARKER] = { 255, 255, 255, 255, 255, 255, 255, 255,
						255, 255, 255, 255, 255, 255, 255, 255 };
	uint32_t len = be16(h + MARKER), max = extended ? UINT16_MAX : MESSAGE_MAX;

	if (memcmp(h, marker, MARKER) != 0)
		return 0;
	switch (h[MARKER + 2]) {
	case BGP_OPEN:
		return len >= OPEN_MIN && len <= MESSAGE_MAX ? len : 0;
	case BGP_UPDATE:
	case BGP_ROUTE_REFRESH:
		return len >= BGP_HEADER + 4 && len <= max ? len : 0;
	case BGP_NOTIFICATION:
		return len >= BGP_HEADER + 2 && len <= max ? len : 0;
	case BGP_KEEPALIVE:
		return len == BGP_HEADER ? len : 0;
	}
	return 0;
}

static void drop_front(struct bgp_reader *s, size_t n)
{
	s->len = (uint16_t)(s->len - n);
	memmove(s->keep, s->keep + n, s->len);
}

/* Drops what cannot be the beginning of a header. */
static void find_header(struct bgp_reader *s, bool extended)
{
	size_t at = 0;

	while (s->len - at >= BGP_HEADER && !header_length(s->keep + at, extended)) {
		const uint8_t *ones;

		at++;
		ones = memchr(s->keep + at, 0xff, s->len - at);
		at = ones ? (size_t)(ones - s->keep) : s->len;
	}
	if (at)
		drop_front(s, at);
}

static bool is_extended(const struct bgp *b)
{
	return b->offer[0].extended && b->offer[1].extended;
}

static void drop_buffer(struct bgp_reader *s)
{
	free(s->keep);
	s->keep = NULL;
	s->room = s->len = 0;
}

/* False: no memory; what the buffer held stays. */
static bool make_room(struct bgp_reader *s, uint32_t room)
{
	uint8_t *larger = s->room < room ? realloc(s->keep, room) : s->keep;

	if (!larger)
		return false;
	s->keep = larger;
	s->room = s->room < room ? (uint16_t)room : s->room;
	return true;
}

/* Takes each message that is whole. False: there is no memory for the next one. */
static bool take_messages(const struct reading *r)
{
	struct bgp_reader *s = &r->b->reader[r->dir];

	for (;;) {
		uint32_t len;

		find_header(s, is_extended(r->b));
		if (s->len < BGP_HEADER)
			return true;
		len = header_length(s->keep, is_extended(r->b));
		if (s->len < len)
			return make_room(s, len);
		take_message(r, (enum bgp_type)s->keep[MARKER + 2], len);
		drop_front(s, len);
	}
}

/* The message at hand is cut. */
static void gap(struct bgp_reader *s)
{
	drop_buffer(s);
}

static void append(const struct reading *r, const uint8_t *bytes, size_t n)
{
	struct bgp_reader *s = &r->b->reader[r->dir];

	while (n) {
		size_t part;

		if (!make_room(s, MESSAGE_MAX)) {
			gap(s);
			return;
		}
		part = (size_t)s->room - s->len;
		part = part < n ? part : n;
		memcpy(s->keep + s->len, bytes, part);
		s->len = (uint16_t)(s->len + part);
		if (!take_messages(r))
			gap(s);
		bytes += part;
		n -= part;
	}
	if (!s->len)
		drop_buffer(s);
}

/* ---- segments -------------------------------------------------------------------- */

/* Reads a segment that does not begin after what is expected. */
static void read_segment(const struct reading *r, uint32_t seq, uint32_t len, uint32_t n,
			 const uint8_t *bytes)
{
	struct bgp_reader *s = &r->b->reader[r->dir];
	uint32_t old = s->next - seq; /* bytes of it that we already have */

	if (!gw_seq_after(seq + len, s->next))
		return;
	if (old < n)
		append(r, bytes + old, n - old);
	if (n < len)
		gap(s); /* the rest was not handed up */
	s->next = seq + len;
}

static void hold(struct bgp_reader *s, const struct bgp_segment *seg)
{
	struct bgp_held *h;
	unsigned i;

	for (i = 0; i < s->n_held; i++)
		if (s->held[i].seq == seg->seq && s->held[i].len == seg->len)
			return; /* a repeat */
	h = &s->held[s->n_held++];
	h->seq = seg->seq;
	h->len = seg->len;
	h->n = seg->n < BGP_SEGMENT ? seg->n : BGP_SEGMENT;
	memcpy(h->bytes, seg->bytes, h->n);
}

static unsigned earliest(const struct bgp_reader *s)
{
	unsigned i, first = 0;

	for (i = 1; i < s->n_held; i++)
		if (gw_seq_after(s->held[first].seq, s->held[i].seq))
			first = i;
	return first;
}

/* Reads what waits as far as nothing is missing before it; what is missing before
 * `given_up`, a sequence number, is given up. */
static void release(const struct reading *r, uint32_t given_up)
{
	struct bgp_reader *s = &r->b->reader[r->dir];

	while (s->n_held) {
		unsigned i = earliest(s);
		struct bgp_held h = s->held[i];

		if (gw_seq_after(h.seq, s->next)) {
			if (gw_seq_after(h.seq, given_up))
				break;
			gap(s);
			s->next = h.seq;
		}
		s->held[i] = s->held[--s->n_held];
		read_segment(r, h.seq, h.len, h.n, h.bytes);
	}
	if (!s->n_held) {
		free(s->held);
		s->held = NULL;
	}
}

void bgp_feed(struct bgp *b, const struct bgp_segment *seg, bgp_message_fn *fn, void *arg)
{
	struct bgp_reader *s = &b->reader[seg->dir & 1];
	struct reading r = { b, seg->dir & 1, fn, arg };

	if (!s->started) {
		s->started = true;
		s->next = seg->first;
	}
	if (!gw_seq_after(seg->seq + seg->len, s->next))
		return;
	if (gw_seq_after(seg->seq, s->next)) {
		if (!s->held)
			s->held = malloc(BGP_HELD * sizeof(*s->held));
		else if (s->n_held == BGP_HELD)
			release(&r, s->held[earliest(s)].seq);
		if (s->held && s->n_held < BGP_HELD && gw_seq_after(seg->seq, s->next)) {
			hold(s, seg);
			return;
		}
		/* no memory to wait, or the release has come to it */
		if (gw_seq_after(seg->seq, s->next)) {
			gap(s);
			s->next = seg->seq;
		}
	}
	read_segment(&r, seg->seq, seg->len, seg->n, seg->bytes);
	release(&r, s->next);
}

void bgp_acked(struct bgp *b, uint8_t dir, uint32_t ack, bgp_message_fn *fn, void *arg)
{
	struct reading r = { b, dir & 1, fn, arg };

	if (b->reader[r.dir].n_held && gw_seq_after(ack, b->reader[r.dir].next))
		release(&r, ack);
}

void bgp_finish(struct bgp *b, bgp_message_fn *fn, void *arg)
{
	struct reading r = { b, 0, fn, arg };

	for (r.dir = 0; r.dir < 2; r.dir++) {
		struct bgp_reader *s = &b->reader[r.dir];

		while (s->n_held)
			release(&r, s->held[earliest(s)].seq);
	}
}

void bgp_clear(struct bgp *b)
{
	unsigned d;

	for (d = 0; d < 2; d++) {
		free(b->reader[d].held);
		drop_buffer(&b->reader[d]);
	}
	memset(b, 0, sizeof(*b));
}

/* ---- what it says ------------------------------------------------------------------ */

bool bgp_spoken(const struct bgp *b)
{
	unsigned type;

	for (type = BGP_OPEN; type < BGP_NUM_TYPES; type++)
		if (b->count[0][type] || b->count[1][type])
			return true;
	return false;
}

bool bgp_is_up(const struct bgp *b)
{
	return b->count[0][BGP_OPEN] && b->count[1][BGP_OPEN] && b->count[0][BGP_KEEPALIVE] &&
	       b->count[1][BGP_KEEPALIVE];
}

bool bgp_was_up(const struct bgp *b)
{
	bool opened = b->count[0][BGP_OPEN] || b->count[1][BGP_OPEN];

	if (b->count[0][BGP_UPDATE] || b->count[1][BGP_UPDATE])
		return true; /* sent in that state only */
	return !opened && (b->count[0][BGP_KEEPALIVE] || b->count[1][BGP_KEEPALIVE]);
}

bool bgp_is_whole(const struct bgp *b)
{
	return b->offer[0].seen && b->offer[1].seen;
}

uint16_t bgp_hold_time(const struct bgp *b)
{
	uint16_t x = b->offer[0].hold_time, y = b->offer[1].hold_time;

	if (!bgp_is_whole(b))
		return 0;
	return x < y ? x : y;
}

/* What one side does not offer is not agreed, whatever the other one says. */
static enum bgp_agreed agreed(bool x_seen, bool x, bool y_seen, bool y)
{
	if ((x_seen && !x) || (y_seen && !y))
		return BGP_NO;
	return x_seen && y_seen ? BGP_YES : BGP_NOT_KNOWN;
}

struct bgp_update_form bgp_form(const struct bgp *b, uint8_t dir)
{
	bool from = b->offer[dir & 1].seen, to = b->offer[!(dir & 1)].seen;
	const uint8_t *sends = b->offer[dir & 1].add_path;
	const uint8_t *receives = b->offer[!(dir & 1)].add_path;
	struct bgp_update_form form;
	unsigned f;

	form.as4 = agreed(from, b->offer[dir & 1].as4, to, b->offer[!(dir & 1)].as4);
	for (f = 0; f < BGP_NUM_FAMILIES; f++)
		form.add_path[f] = agreed(from, sends[f] & BGP_SENDS, to,
					  receives[f] & BGP_RECEIVES);
	return form;
}
