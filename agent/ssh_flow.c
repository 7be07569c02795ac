/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ssh_flow.h"

#include <stdlib.h>
#include <string.h>

#include "agent/stream.h"

struct ssh_flow *ssh_flow_new(uint32_t client)
{
	struct ssh_flow *f = calloc(1, sizeof(*f));

	if (f)
		f->client = client & 1;
	return f;
}

static void side_done(struct ssh_flow_side *s)
{
	s->read = true;
	free(s->stream);
	s->stream = NULL;
}

void ssh_flow_free(struct ssh_flow *f)
{
	int d;

	for (d = 0; f && d < 2; d++) {
		side_done(&f->side[d]);
		ssh_kexinit_clear(&f->side[d].kexinit);
		free(f->side[d].hassh);
		order_clear(&f->side[d].order);
	}
	free(f);
}

static void side_read(struct ssh_flow_side *s, bool server)
{
	const struct stream *st = s->stream;
	enum ssh_result r = SSH_MORE;

	if (!s->has_ident) {
		r = ssh_identification(st->bytes, st->len, &s->ident);
		s->has_ident = r == SSH_FOUND;
	}
	if (s->has_ident)
		r = ssh_kexinit(st->bytes + s->ident.end, st->len - s->ident.end, &s->kexinit);
	if (r == SSH_FOUND && s->kexinit.text)
		s->hassh = ssh_hassh(&s->kexinit, server, s->hash);
	if (r != SSH_MORE || st->full)
		side_done(s);
}

static void read_clear(struct ssh_flow *f, uint32_t d, const struct gw_record *r, uint32_t first)
{
	struct ssh_flow_side *s = &f->side[d], *o = &f->side[!d];

	if (s->read)
		return;
	if (!s->stream)
		s->stream = calloc(1, sizeof(*s->stream));
	if (!s->stream || !stream_feed(s->stream, r, first))
		return;
	side_read(s, d != f->client);
	if (s->kexinit.text && o->kexinit.text) {
		ssh_negotiate(&f->side[f->client].kexinit, &f->side[!f->client].kexinit,
			      &f->choice);
		f->has_choice = true;
		ssh_auth_negotiated(&f->auth, &f->choice, f->side[f->client].ident.software_version,
				    f->side[!f->client].ident.software_version);
		ssh_kexinit_clear(&s->kexinit);
		ssh_kexinit_clear(&o->kexinit);
	}
}

struct in_order {
	struct ssh_flow *f;
	uint32_t d;
};

/* After the identification line, which ends within a piece, packets begin. */
static void piece(void *arg, uint32_t at, const uint8_t *bytes, uint32_t n, uint32_t len,
		  bool more)
{
	const struct in_order *in = arg;
	const struct ssh_flow_side *s = &in->f->side[in->d];
	uint32_t skip;

	if (!s->has_ident)
		return;
	skip = at < s->ident.end ? (uint32_t)s->ident.end - at : 0;
	if (skip >= len)
		return;
	(more ? ssh_auth_part : ssh_auth_segment)(&in->f->auth, in->d != in->f->client,
						  bytes + (skip < n ? skip : n),
						  skip < n ? n - skip : 0, len - skip);
}

void ssh_flow_feed(struct ssh_flow *f, const struct gw_record *r)
{
	struct in_order in = { f, r->dir & 1 };
	const struct gw_dir *dir = &r->flow.dir[in.d];
	uint32_t first = dir->seq_known ? dir->first : r->seq;

	read_clear(f, in.d, r, first);
	order_feed(&f->side[in.d].order, r, first, piece, &in);
}

static bool side_complete(const struct order *o, const struct gw_dir *dir)
{
	return !dir->payload || (o->started && o->next == dir->high);
}

struct ssh_auth_outcome ssh_flow_login(const struct ssh_flow *f, const struct gw_flow *c,
				       bool ended)
{
	bool complete = side_complete(&f->side[0].order, &c->dir[0]) &&
			side_complete(&f->side[1].order, &c->dir[1]);
	bool closed = c->dir[0].state >= GW_TCP_CLOSED || c->dir[1].state >= GW_TCP_CLOSED;

	return ssh_auth_outcome(&f->auth,
				!ended	 ? SSH_AUTH_OPEN
				: closed ? SSH_AUTH_CLOSED
					 : SSH_AUTH_CUT,
				complete);
}
