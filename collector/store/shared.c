/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: SSH sessions that are open, for the rules that look for an account in two
 * places at once. Nearly each event of a session asks, and each asks anew what the flows
 * say that this batch has changed; so the open ones are kept here, and each change of a
 * flow is told to store_shared_note(). They are read once, and are as good as other rows
 * that are kept. When there are too many, the database is asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/alert.h"
#include "collector/store/parts.h"
#include "common/fnv.h"

#define BUCKETS 8192
#define MOST 65536

struct link {
	struct open_session *next, **here; /* here: what points to this one; NULL: in no list */
};

struct open_session {
	struct link by_n, by_device, by_user;
	uint64_t n, end_ns;
	bool inband;
	const char *agent, *device, *source, *user; /* in one block; NULL: none */
};

struct store_shared {
	struct open_session *n[BUCKETS], *device[BUCKETS], *user[BUCKETS];
	unsigned count;
	bool too_many;
};

static void enter(struct open_session **list, struct open_session *x, size_t offset)
{
	struct link *l = (struct link *)(void *)((char *)x + offset);

	l->next = *list;
	l->here = list;
	if (*list)
		((struct link *)(void *)((char *)*list + offset))->here = &l->next;
	*list = x;
}

static void leave(struct open_session *x, size_t offset)
{
	struct link *l = (struct link *)(void *)((char *)x + offset);

	if (!l->here)
		return;
	*l->here = l->next;
	if (l->next)
		((struct link *)(void *)((char *)l->next + offset))->here = l->here;
}

static unsigned bucket_of(const char *text)
{
	uint32_t h = fnv1a(text);

	return (h ^ h >> 16) & (BUCKETS - 1);
}

static struct open_session *of_n(const struct store_shared *k, uint64_t n)
{
	struct open_session *x = k->n[n & (BUCKETS - 1)];

	while (x && x->n != n)
		x = x->by_n.next;
	return x;
}

static void drop(struct store_shared *k, struct open_session *x)
{
	leave(x, offsetof(struct open_session, by_n));
	leave(x, offsetof(struct open_session, by_device));
	leave(x, offsetof(struct open_session, by_user));
	free(x);
	k->count--;
}

void store_shared_forget(struct store *s)
{
	struct store_shared *k = s->shared;

	for (unsigned i = 0; k && i < BUCKETS; i++)
		while (k->n[i])
			drop(k, k->n[i]);
	free(k);
	s->shared = NULL;
}

static char *copy(char **to, const char *text)
{
	char *at = *to;

	if (!text)
		return NULL;
	*to = stpcpy(at, text) + 1;
	return at;
}

static size_t size_of(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static bool add(struct store_shared *k, const struct store_flow *f)
{
	struct open_session *x = malloc(sizeof(*x) + size_of(f->agent) + size_of(f->device) +
					size_of(f->source) + size_of(f->user));
	char *texts;

	if (!x)
		return false;
	texts = (char *)(x + 1);
	*x = (struct open_session){ .n = f->n,
				    .end_ns = f->end_ns,
				    .inband = f->path && strcmp(f->path, "in-band") == 0,
				    .agent = copy(&texts, f->agent),
				    .device = copy(&texts, f->device),
				    .source = copy(&texts, f->source),
				    .user = copy(&texts, f->user) };
	enter(&k->n[x->n & (BUCKETS - 1)], x, offsetof(struct open_session, by_n));
	if (x->device && x->inband)
		enter(&k->device[bucket_of(x->device)], x,
		      offsetof(struct open_session, by_device));
	if (x->user)
		enter(&k->user[bucket_of(x->user)], x, offsetof(struct open_session, by_user));
	k->count++;
	return true;
}

static bool is_open(const struct store_flow *f)
{
	return f->open && f->established && !f->outbound && f->source && f->service &&
	       strcmp(f->service, "ssh") == 0;
}

void store_shared_note(struct store *s, const struct store_flow *f)
{
	struct store_shared *k = s->shared;
	struct open_session *x;

	if (!k || k->too_many)
		return;
	x = of_n(k, f->n);
	if (x && is_open(f) && (!f->user == !x->user) &&
	    (!f->user || strcmp(f->user, x->user) == 0) && f->device && x->device &&
	    strcmp(f->device, x->device) == 0 &&
	    x->inband == (f->path && strcmp(f->path, "in-band") == 0)) {
		x->end_ns = f->end_ns; /* as nearly always */
		return;
	}
	if (x)
		drop(k, x);
	if (is_open(f) && (k->count >= MOST || !add(k, f)))
		k->too_many = true;
}

static int read_session(void *arg, struct db_row *row)
{
	struct store_shared *k = arg;
	struct store_flow f = { .n = db_u64(row, 0),
				.agent = db_text(row, 1),
				.device = db_text(row, 2),
				.source = db_text(row, 3),
				.user = db_text(row, 4),
				.path = db_text(row, 5),
				.end_ns = db_u64(row, 6) };

	k->too_many = k->count >= MOST || !add(k, &f);
	return k->too_many;
}

/* 1: they are kept; 0: the database is to be asked. */
static int ready(struct store *s)
{
	int rc = store_chain_head(s); /* forgets them when somebody else has written */

	if (rc || s->shared)
		return rc ? rc : !s->shared->too_many;
	s->shared = calloc(1, sizeof(*s->shared));
	if (!s->shared)
		return 0;
	rc = db_each(s->db, read_session, s->shared,
		     "SELECT n, agent, device, source, \"user\", path, \"end\" FROM flows"
		     " WHERE open = 1 AND established = 1 AND service = 'ssh'"
		     " AND direction = 'inbound' AND source IS NOT NULL",
		     "");
	if (rc < 0) {
		store_shared_forget(s);
		return rc;
	}
	return !s->shared->too_many;
}

#define ON_IT                                                                                      \
	" AND open = 1 AND established = 1 AND service = 'ssh' AND direction = 'inbound'"          \
	" AND \"end\" >= "

static int ask_device(struct store *s, const char *device, const char *source, const char *agent,
		      const char *user, uint64_t since_ns, char other[64])
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT source FROM flows WHERE device = $1" ON_IT
			"$2 AND path = 'in-band' AND source <> $3"
			" AND (agent <> $4 OR COALESCE(\"user\", '') <> $5"
			"      OR COALESCE(\"user\", '') = '') LIMIT 1",
			"tittt", device, since_ns, source, agent, user ? user : "");

	if (rc == 1)
		snprintf(other, 64, "%s", db_text(row, 0));
	return rc;
}

int store_shared_device(struct store *s, const char *device, const char *source, const char *agent,
			const char *user, uint64_t since_ns, char other[64])
{
	int rc = ready(s);

	if (rc <= 0)
		return rc ? rc : ask_device(s, device, source, agent, user, since_ns, other);
	for (struct open_session *x = s->shared->device[bucket_of(device)]; x;
	     x = x->by_device.next) {
		if (x->end_ns < since_ns || strcmp(x->device, device) != 0 ||
		    strcmp(x->source, source) == 0)
			continue;
		/* The same login user on the same host is no other, by whichever address. */
		if (strcmp(x->agent, agent) == 0 && x->user && x->user[0] && user &&
		    strcmp(x->user, user) == 0)
			continue;
		snprintf(other, 64, "%s", x->source);
		return 1;
	}
	return 0;
}

static int ask_user(struct store *s, const char *user, const char *source, const char *agent,
		    uint64_t since_ns, char other[64])
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT source FROM flows WHERE \"user\" = $1" ON_IT
			"$2 AND agent <> $3 AND source <> $4 LIMIT 1",
			"titt", user, since_ns, agent, source);

	if (rc == 1)
		snprintf(other, 64, "%s", db_text(row, 0));
	return rc;
}

int store_shared_user(struct store *s, const char *user, const char *source, const char *agent,
		      uint64_t since_ns, char other[64])
{
	int rc = ready(s);

	if (rc <= 0)
		return rc ? rc : ask_user(s, user, source, agent, since_ns, other);
	for (struct open_session *x = s->shared->user[bucket_of(user)]; x; x = x->by_user.next) {
		if (x->end_ns < since_ns || strcmp(x->user, user) != 0 ||
		    strcmp(x->agent, agent) == 0 || strcmp(x->source, source) == 0)
			continue;
		snprintf(other, 64, "%s", x->source);
		return 1;
	}
	return 0;
}
