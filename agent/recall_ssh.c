/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes: struct head; struct ssh_flow with its pointers made NULL; then for each
 * side, each with its length before it: the stream's struct up to its last byte, the
 * texts of KEXINIT's lists one behind the other, HASSH's text, and each segment that
 * waits for its turn.
 */
#include "agent/recall_ssh.h"

#include <stdlib.h>
#include <string.h>

#include "agent/stream.h"

struct head {
	uint32_t build, size;
};

/* ---- writing ------------------------------------------------------------------- */

bool recall_put(struct recall_bytes *out, const void *bytes, size_t n)
{
	size_t room = out->room ? out->room : 1024;

	while (room < out->len + n)
		room *= 2;
	if (room > out->room) {
		uint8_t *larger = realloc(out->at, room);

		if (!larger)
			return false;
		out->at = larger;
		out->room = room;
	}
	if (n)
		memcpy(out->at + out->len, bytes, n);
	out->len += n;
	return true;
}

static uint32_t build(void)
{
	static const char version[] = GLASSWATCH_VERSION;
	uint32_t hash = 2166136261u, i; /* FNV-1a */

	for (i = 0; i < sizeof(version); i++)
		hash = (hash ^ (uint8_t)version[i]) * 16777619u;
	return hash;
}

static bool put_part(struct recall_bytes *out, const void *bytes, size_t n)
{
	uint32_t len = (uint32_t)n;

	return recall_put(out, &len, sizeof(len)) && recall_put(out, bytes, n);
}

static size_t stream_size(const struct stream *s)
{
	size_t end = s->len, i;

	for (i = 0; i < s->n_ahead; i++)
		end = s->ahead[i].to > end ? s->ahead[i].to : end;
	return offsetof(struct stream, bytes) + end;
}

static size_t lists_size(const struct ssh_kexinit *k)
{
	const char *last = k->list[SSH_NUM_LISTS - 1];

	return k->text ? (size_t)(last - k->text) + strlen(last) + 1 : 0;
}

static bool put_side(struct recall_bytes *out, const struct ssh_flow_side *s)
{
	bool good = put_part(out, s->stream, s->stream ? stream_size(s->stream) : 0) &&
		    put_part(out, s->kexinit.text, lists_size(&s->kexinit)) &&
		    put_part(out, s->hassh, s->hassh ? strlen(s->hassh) + 1 : 0);
	unsigned i;

	for (i = 0; good && i < s->order.n_held; i++)
		good = put_part(out, &s->order.held[i],
				offsetof(struct order_held, bytes) + s->order.held[i].n);
	return good;
}

void recall_put_ssh(struct recall_bytes *out, const struct ssh_flow *f)
{
	const struct head head = { build(), sizeof(*f) };
	struct ssh_flow plain;
	size_t before = out->len;
	int d;

	if (!f || (f->side[0].read && f->side[1].read && f->auth.success))
		return;
	plain = *f;
	for (d = 0; d < 2; d++) {
		plain.side[d].stream = NULL;
		memset(&plain.side[d].kexinit, 0, sizeof(plain.side[d].kexinit));
		plain.side[d].hassh = NULL;
		plain.side[d].order.held = NULL;
	}
	if (!recall_put(out, &head, sizeof(head)) || !recall_put(out, &plain, sizeof(plain)) ||
	    !put_side(out, &f->side[0]) || !put_side(out, &f->side[1]))
		out->len = before;
}

/* ---- reading -------------------------------------------------------------------- */

struct rest {
	const uint8_t *at;
	size_t len;
};

static bool take(struct rest *r, void *out, size_t n)
{
	if (r->len < n)
		return false;
	memcpy(out, r->at, n);
	r->at += n;
	r->len -= n;
	return true;
}

/* A part of at most max bytes, borrowed. */
static bool take_part(struct rest *r, const uint8_t **part, uint32_t *n, size_t max)
{
	if (!take(r, n, sizeof(*n)) || *n > max || *n > r->len)
		return false;
	*part = r->at;
	r->at += *n;
	r->len -= *n;
	return true;
}

static bool take_stream(struct rest *r, struct ssh_flow_side *s)
{
	size_t head = offsetof(struct stream, bytes);
	const uint8_t *part;
	uint32_t n;

	if (!take_part(r, &part, &n, sizeof(struct stream)))
		return false;
	if (!n)
		return true;
	if (n < head)
		return false;
	s->stream = calloc(1, sizeof(*s->stream));
	if (!s->stream)
		return false;
	memcpy(s->stream, part, n);
	return s->stream->n_ahead <= STREAM_AHEAD && stream_size(s->stream) == n;
}

static bool take_lists(struct rest *r, struct ssh_kexinit *k)
{
	const uint8_t *part;
	size_t used = 0;
	uint32_t n;
	int i;

	if (!take_part(r, &part, &n, STREAM_BYTES))
		return false;
	if (!n)
		return true;
	if (part[n - 1] != '\0')
		return false;
	k->text = malloc(n);
	if (!k->text)
		return false;
	memcpy(k->text, part, n);
	for (i = 0; i < SSH_NUM_LISTS && used < n; i++) {
		k->list[i] = k->text + used;
		used += strlen(k->list[i]) + 1;
	}
	return i == SSH_NUM_LISTS && used == n;
}

static bool take_hassh(struct rest *r, struct ssh_flow_side *s)
{
	const uint8_t *part;
	uint32_t n;

	if (!take_part(r, &part, &n, STREAM_BYTES))
		return false;
	if (!n)
		return true;
	if (part[n - 1] != '\0')
		return false;
	s->hassh = strdup((const char *)part);
	return s->hassh != NULL;
}

static bool take_held(struct rest *r, struct order *o)
{
	unsigned n_held = o->n_held, i;

	o->n_held = 0;
	if (n_held > ORDER_HELD)
		return false;
	if (n_held)
		o->held = calloc(ORDER_HELD, sizeof(*o->held));
	if (n_held && !o->held)
		return false;
	for (i = 0; i < n_held; i++) {
		struct order_held *h = &o->held[i];
		const uint8_t *part;
		uint32_t n;

		if (!take_part(r, &part, &n, sizeof(*h)) || n < offsetof(struct order_held, bytes))
			return false;
		memcpy(h, part, n);
		if (h->n != n - offsetof(struct order_held, bytes))
			return false;
	}
	o->n_held = (uint8_t)n_held;
	return true;
}

static bool is_terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* What is used as text, an index or a number of entries. */
static bool is_sane(const struct ssh_flow *f)
{
	int i;

	for (i = 0; i < 2; i++) {
		const struct ssh_flow_side *s = &f->side[i];

		if (!is_terminated(s->ident.proto_version, sizeof(s->ident.proto_version)) ||
		    !is_terminated(s->ident.software_version, sizeof(s->ident.software_version)) ||
		    !is_terminated(s->hash, sizeof(s->hash)) || s->ident.end > STREAM_BYTES ||
		    f->auth.side[i].n_head > sizeof(f->auth.side[i].head))
			return false;
	}
	for (i = 0; i < SSH_NUM_LISTS; i++)
		if (!is_terminated(f->choice.name[i], sizeof(f->choice.name[i])))
			return false;
	return f->client < 2 && f->auth.n <= SSH_AUTH_EXCHANGES &&
	       f->auth.n_before <= SSH_AUTH_EXCHANGES;
}

struct ssh_flow *recall_ssh(const uint8_t *bytes, size_t len)
{
	struct rest r = { bytes, len };
	struct ssh_flow *f;
	struct head head;
	bool good;
	int d;

	if (!take(&r, &head, sizeof(head)) || head.build != build() || head.size != sizeof(*f))
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f || !take(&r, f, sizeof(*f))) {
		free(f);
		return NULL;
	}
	for (d = 0; d < 2; d++) { /* whatever was written there */
		f->side[d].stream = NULL;
		memset(&f->side[d].kexinit, 0, sizeof(f->side[d].kexinit));
		f->side[d].hassh = NULL;
		f->side[d].order.held = NULL;
	}
	good = is_sane(f);
	for (d = 0; d < 2; d++) {
		if (!good)
			f->side[d].order.n_held = 0;
		good = good && take_stream(&r, &f->side[d]) &&
		       take_lists(&r, &f->side[d].kexinit) && take_hassh(&r, &f->side[d]) &&
		       take_held(&r, &f->side[d].order);
	}
	if (good && !r.len)
		return f;
	ssh_flow_free(f);
	return NULL;
}
