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

void ssh_flow_feed(struct ssh_flow *f, const struct gw_record *r)
{
	uint32_t d = r->dir & 1;
	struct ssh_flow_side *s = &f->side[d], *o = &f->side[!d];

	if (s->read)
		return;
	if (!s->stream)
		s->stream = calloc(1, sizeof(*s->stream));
	if (!s->stream ||
	    !stream_feed(s->stream, r, r->flow.dir[d].seq_known ? r->flow.dir[d].first : r->seq))
		return;
	side_read(s, d != f->client);
	if (s->kexinit.text && o->kexinit.text) {
		ssh_negotiate(&f->side[f->client].kexinit, &f->side[!f->client].kexinit,
			      &f->choice);
		f->has_choice = true;
		ssh_kexinit_clear(&s->kexinit);
		ssh_kexinit_clear(&o->kexinit);
	}
}
