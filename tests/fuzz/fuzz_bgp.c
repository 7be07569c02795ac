/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BGP messages. The input is a stream's bytes behind a few bytes that say how to
 * cut it into segments. However it is cut, shuffled and repeated within what may
 * wait, it reads as it does in one piece; with segments missing it reads no byte
 * that was not sent, and never more messages than bytes allow. Every UPDATE is read in
 * the form that the OPENs agreed on, and as one whose OPENs were not seen; its routes go
 * through the armed stage, where nothing is armed once every session is down.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/armed.h"
#include "agent/bgp.h"
#include "common/fabric/fabric.h"
#include "common/bytes.h"

#define PLAN 16
#define WINDOW 6 /* segments that change places; fewer than may wait */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

struct tally {
	uint64_t digest, messages;
	struct bgp *bgp;
};

/* ---- routes ----------------------------------------------------------------- */

static struct fabric_target targets[] = {
	{ .address = { 4, { 192, 0, 2, 11 } }, .path = GW_PATH_PRIMARY },
	{ .address = { 4, { 198, 51, 100, 64 } }, .path = GW_PATH_INBAND },
	{ .address = { 4, { 198, 51, 100, 65 } }, .path = GW_PATH_INBAND },
	{ .address = { 6, { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 6, [15] = 0x64 } },
	  .path = GW_PATH_INBAND },
};
static const struct fabric fabric = { .targets = targets, .n_targets = 4 };
static struct armed *armed;
static bool is_armed[4];

static void on_change(void *arg, const struct armed_route *r, const struct armed_change *c)
{
	require(c->covers && c->covers <= 3);
	if (c->target == ARMED_NO_TARGET)
		return;
	require(c->target >= 1 && c->target <= 3);
	require(prefix_contains(&r->prefix, &targets[c->target].address));
	/* what was not seen arms nothing; it may show that a host route decides */
	require(is_armed[c->target] == c->was && (c->was || !c->armed || !c->unseen));
	is_armed[c->target] = c->armed;
}

static void on_route(void *arg, const struct bgp_route *r)
{
	struct armed_route a = { .session = 1 + r->withdrawn * (r->prefix.len & 1),
				 .family = (uint8_t)r->family,
				 .prefix = r->prefix,
				 .has_path_id = r->has_path_id,
				 .path_id = r->path_id };

	require(r->family < BGP_NUM_FAMILIES && r->withdrawn == !r->attributes);
	require(r->prefix.len <= addr_bits(&r->prefix.addr));
	require(!r->attributes || r->attributes->n_as_path <= BGP_AS_PATH);
	memcpy(a.rd, r->rd, sizeof(a.rd));
	if (r->withdrawn)
		armed_withdraw(armed, &a, r->prefix.len & 2, on_change, NULL);
	else
		armed_announce(armed, &a, on_change, NULL);
	require(armed_routes(armed) <= 64);
}

static void read_update(const struct bgp *b, const struct bgp_message *m)
{
	static const struct bgp_update_form not_known;
	struct bgp_update_form form = bgp_form(b, m->dir);
	uint8_t *copy = malloc(m->len ? m->len : 1);
	struct bgp_update u;

	require(copy != NULL);
	memcpy(copy, m->body, m->len);
	u = bgp_update_read(copy, m->len, &form, on_route, NULL);
	require(!u.malformed || u.end_of_rib == BGP_NUM_FAMILIES);
	bgp_update_read(copy, m->len, &not_known, on_route, NULL);
	free(copy);
}

/* ---- messages ---------------------------------------------------------------- */

static void mix(struct tally *t, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n--)
		t->digest = (t->digest ^ *p++) * 0x100000001b3ull;
}

static void on_message(void *arg, const struct bgp_message *m)
{
	struct tally *t = arg;
	uint8_t head[2] = { m->dir, (uint8_t)m->type };

	t->messages++;
	mix(t, head, sizeof(head));
	require(m->type >= BGP_OPEN && m->type < BGP_NUM_TYPES);
	require((m->type == BGP_OPEN) == (m->open != NULL));
	require((m->type == BGP_NOTIFICATION) == (m->notification != NULL));
	mix(t, m->body, m->len);
	if (m->type == BGP_UPDATE)
		read_update(t->bgp, m);
	if (m->open) {
		require(m->open->n_capabilities <= sizeof(m->open->capabilities));
		mix(t, &m->open->asn, sizeof(m->open->asn));
		mix(t, m->open->capabilities, m->open->n_capabilities);
	}
	if (m->notification) {
		require(strlen(m->notification->text) < BGP_TEXT_STRLEN);
		require(strlen(m->notification->name) < BGP_NAME_STRLEN);
		mix(t, m->notification->text, strlen(m->notification->text));
	}
}

static void feed(struct bgp *b, struct tally *t, uint8_t dir, uint32_t first, const uint8_t *bytes,
		 size_t at, size_t len, size_t at_hand)
{
	uint8_t *copy = malloc(at_hand ? at_hand : 1); /* reading past its end is seen */
	struct bgp_segment s = { dir,  first + (uint32_t)at, (uint32_t)len, (uint32_t)at_hand, copy,
				 first };

	require(copy != NULL);
	memcpy(copy, bytes + at, at_hand);
	bgp_feed(b, &s, on_message, t);
	free(copy);
}

static void check(const struct bgp *b, const struct tally *t, size_t size)
{
	uint64_t n = 0;

	for (int d = 0; d < 2; d++)
		for (int type = BGP_OPEN; type < BGP_NUM_TYPES; type++)
			n += b->count[d][type];
	require(n == t->messages && n <= size / BGP_HEADER);
	require(b->n_opens <= 2 * BGP_MAX_KEPT && b->n_notifications <= 2 * BGP_MAX_KEPT);
	require(bgp_spoken(b) == (n > 0));
	require(!bgp_is_up(b) || n >= 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bgp whole, cut, holes;
	struct tally a = { 1, 0, &whole }, b = { 1, 0, &cut }, c = { 1, 0, &holes };
	struct cursor cur = cursor_of(data, size);
	const uint8_t *plan = cursor_take(&cur, PLAN), *bytes = cur.at;
	size_t starts[WINDOW + 1], at, i, n, other;
	uint32_t first;

	if (!plan)
		return 0;
	memset(is_armed, 0, sizeof(is_armed));
	armed = armed_new(64);
	require(armed && armed_prepare(armed, &fabric) == 0);
	armed_load(armed, &fabric);
	size = cur.left;
	first = be32(plan);
	other = size * plan[4] / 255; /* the first so many bytes go the other way */

	/* each direction in one piece after the other */
	if (other)
		feed(&whole, &a, 1, first, bytes, 0, other, other);
	if (size > other)
		feed(&whole, &a, 0, first, bytes + other, 0, size - other, size - other);
	check(&whole, &a, size);

	if (other)
		feed(&cut, &b, 1, first, bytes, 0, other, other);
	for (at = other; at < size;) {
		for (n = 0; n < WINDOW && at < size; n++) {
			starts[n] = at;
			at += 1 + (size_t)plan[5 + (n + at) % 8] * (plan[13] & 7);
			at = at < size ? at : size;
			starts[n + 1] = at;
		}
		for (i = 0; i < n; i++) {
			size_t k = (plan[14] & 1) ? n - 1 - i : (i + plan[14]) % n;
			size_t back = starts[k] - other < plan[15] ? 0 : plan[15];
			size_t len = starts[k + 1] - starts[k] + back;

			if (len > BGP_SEGMENT) {
				len -= back;
				back = 0;
			}
			feed(&cut, &b, 0, first, bytes + other, starts[k] - back - other, len, len);
			if (plan[12] & 1) /* lost, or handed up in part */
				continue;
			feed(&holes, &c, 0, first, bytes + other, starts[k] - other, len - back,
			     k & 1 ? len - back : (len - back) / 2);
			if (plan[12] & 2)
				bgp_acked(&holes, 0, first + (uint32_t)(at - other), on_message,
					  &c);
		}
	}
	check(&cut, &b, size);
	require(a.digest == b.digest && a.messages == b.messages);
	require(!cut.reader[0].held);
	bgp_finish(&holes, on_message, &c);
	check(&holes, &c, size);
	require(!holes.reader[0].held && !holes.reader[1].held);
	armed_session_down(armed, 1, on_change, NULL);
	armed_session_down(armed, 2, on_change, NULL);
	require(!armed_routes(armed) && !is_armed[1] && !is_armed[2] && !is_armed[3]);
	armed_free(armed);
	bgp_clear(&whole);
	bgp_clear(&cut);
	bgp_clear(&holes);
	return 0;
}
