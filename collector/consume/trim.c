/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/consume/trim.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/metrics.h"
#include "common/clock.h"
#include "common/log.h"

#define GROUPS_MOST 64		      /* a stream with more is not trimmed */
#define HELD_BACK_NS (600 * NS_PER_S) /* then it is said which group holds it */

struct owing {
	struct consume_trim *trim;
	char group[128];
};

struct consume_trim {
	const char *stream, *own_group;
	bool trim;
	struct metrics *metrics;
	struct redis *redis;
	struct trim_round round;
	bool busy, bad;
	unsigned waiting; /* for answers to XPENDING */
	struct owing owing[GROUPS_MOST];
	struct trim_id trimmed; /* up to here */
	char complaint[400];

	/* who held it back at the same entry, and since when */
	char holder[128];
	struct trim_id held_at;
	uint64_t held_since_ns, now_ns;
	bool told;
};

/* ---- ids ------------------------------------------------------------------- */

bool trim_id_parse(const char *text, struct trim_id *out)
{
	uint64_t part[2] = { 0, 0 };
	unsigned digits[2] = { 0, 0 };
	int i = 0;

	for (; *text; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text == '-' && i == 0) {
			i = 1;
			continue;
		}
		if (*text < '0' || *text > '9' || part[i] > (UINT64_MAX - digit) / 10)
			return false;
		part[i] = part[i] * 10 + digit;
		digits[i]++;
	}
	*out = (struct trim_id){ part[0], part[1] };
	return digits[0] && digits[1];
}

int trim_id_compare(struct trim_id a, struct trim_id b)
{
	if (a.ms != b.ms)
		return a.ms < b.ms ? -1 : 1;
	return a.seq < b.seq ? -1 : a.seq > b.seq;
}

static struct trim_id after(struct trim_id id)
{
	if (id.seq == UINT64_MAX)
		return (struct trim_id){ id.ms + 1, 0 };
	return (struct trim_id){ id.ms, id.seq + 1 };
}

/* ---- what the groups say --------------------------------------------------- */

static const redisReply *member(const redisReply *map, const char *key)
{
	for (size_t i = 0; i + 1 < map->elements; i += 2)
		if (map->element[i]->str && strcmp(map->element[i]->str, key) == 0)
			return map->element[i + 1];
	return NULL;
}

static void keep_from(struct trim_round *r, struct trim_id id, const char *group)
{
	if (r->groups && trim_id_compare(id, r->keep) >= 0)
		return;
	r->keep = id;
	snprintf(r->holder, sizeof(r->holder), "%s", group);
}

bool trim_groups(struct trim_round *r, const redisReply *reply,
		 void (*owes)(void *arg, const char *group), void *arg)
{
	memset(r, 0, sizeof(*r));
	if (reply->type != REDIS_REPLY_ARRAY || !reply->elements)
		return false;
	for (size_t i = 0; i < reply->elements; i++) {
		const redisReply *g = reply->element[i], *name, *pending, *last;
		struct trim_id id;

		if (g->type != REDIS_REPLY_ARRAY)
			return false;
		name = member(g, "name");
		pending = member(g, "pending");
		last = member(g, "last-delivered-id");
		if (!name || !name->str || !pending || pending->type != REDIS_REPLY_INTEGER ||
		    !last || !last->str || !trim_id_parse(last->str, &id))
			return false;
		keep_from(r, after(id), name->str);
		r->groups++;
		if (pending->integer) {
			r->owing++;
			owes(arg, name->str);
		}
	}
	return true;
}

bool trim_pending(struct trim_round *r, const redisReply *reply, const char *group)
{
	struct trim_id id;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
		return false;
	if (!reply->element[1]->str) /* it has acknowledged all in the meantime */
		return true;
	if (!trim_id_parse(reply->element[1]->str, &id))
		return false;
	keep_from(r, id, group);
	return true;
}

/* ---- a round --------------------------------------------------------------- */

static int send_words(struct consume_trim *t, redis_reply_fn *fn, void *arg,
		      const char *const *words)
{
	const char *argv[8];
	size_t len[8];
	int n = 0;

	for (; words[n]; n++) {
		argv[n] = words[n];
		len[n] = strlen(words[n]);
	}
	return redis_send(t->redis, fn, arg, n, argv, len);
}

static void complain(struct consume_trim *t, const redisReply *reply)
{
	char text[400];

	snprintf(text, sizeof(text), "%s is not trimmed: %.200s", t->stream, reply->str);
	if (strcmp(text, t->complaint) != 0)
		log_warning("%s", text);
	snprintf(t->complaint, sizeof(t->complaint), "%s", text);
}

/* A group that nobody reads for keeps the stream growing: that is said, once. */
static void watch_holder(struct consume_trim *t)
{
	const struct trim_round *r = &t->round;

	if (strcmp(r->holder, t->holder) != 0 || trim_id_compare(r->keep, t->held_at) != 0 ||
	    strcmp(r->holder, t->own_group) == 0) {
		snprintf(t->holder, sizeof(t->holder), "%s", r->holder);
		t->held_at = r->keep;
		t->held_since_ns = t->now_ns;
		t->told = false;
		return;
	}
	if (t->told || r->groups < 2 || t->now_ns < t->held_since_ns ||
	    t->now_ns - t->held_since_ns < HELD_BACK_NS)
		return;
	t->told = true;
	log_warning("%s grows: its group %s has acknowledged nothing beyond %" PRIu64 "-%" PRIu64
		    " for 10 minutes; start its consumer, or remove it with XGROUP DESTROY",
		    t->stream, r->holder, r->keep.ms, r->keep.seq);
}

static void on_trimmed(void *arg, const redisReply *reply)
{
	struct consume_trim *t = arg;

	t->busy = false;
	if (!reply)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		complain(t, reply);
		return;
	}
	t->complaint[0] = '\0';
	t->trimmed = t->round.keep;
}

static void end_round(struct consume_trim *t)
{
	char keep[48];

	watch_holder(t);
	if (t->bad || trim_id_compare(t->round.keep, t->trimmed) == 0) {
		t->busy = false;
		return;
	}
	snprintf(keep, sizeof(keep), "%" PRIu64 "-%" PRIu64, t->round.keep.ms, t->round.keep.seq);
	if (send_words(t, on_trimmed, t,
		       (const char *[]){ "XTRIM", t->stream, "MINID", keep, NULL }) != 0)
		t->busy = false;
}

static void on_pending(void *arg, const redisReply *reply)
{
	struct owing *o = arg;
	struct consume_trim *t = o->trim;

	if (!reply || reply->type == REDIS_REPLY_ERROR || !trim_pending(&t->round, reply, o->group))
		t->bad = true;
	if (--t->waiting == 0)
		end_round(t);
}

static void ask_pending(void *arg, const char *group)
{
	struct consume_trim *t = arg;
	struct owing *o = &t->owing[t->waiting];

	if (t->bad || t->waiting == GROUPS_MOST || strlen(group) >= sizeof(o->group)) {
		t->bad = true;
		return;
	}
	o->trim = t;
	snprintf(o->group, sizeof(o->group), "%s", group);
	if (send_words(t, on_pending, o,
		       (const char *[]){ "XPENDING", t->stream, o->group, NULL }) != 0)
		t->bad = true;
	else
		t->waiting++;
}

/* How far behind the own group is. Redis before 7 does not say; a later one cannot
 * when entries were deleted out of the stream's middle. */
static void count_group(struct consume_trim *t, const redisReply *reply)
{
	static const struct {
		const char *member;
		enum metric metric;
	} said[] = { { "lag", METRIC_LAG }, { "pending", METRIC_PENDING } };

	for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
		const redisReply *g = reply->element[i], *name, *n;

		name = g->type == REDIS_REPLY_ARRAY ? member(g, "name") : NULL;
		if (!name || !name->str || strcmp(name->str, t->own_group) != 0)
			continue;
		for (size_t k = 0; k < sizeof(said) / sizeof(said[0]); k++) {
			n = member(g, said[k].member);
			if (n && n->type == REDIS_REPLY_INTEGER)
				metrics_set(t->metrics, said[k].metric, 0, n->integer);
			else
				metrics_unset(t->metrics, said[k].metric, 0);
		}
	}
}

static void on_groups(void *arg, const redisReply *reply)
{
	struct consume_trim *t = arg;

	if (!reply) {
		t->busy = false;
		return;
	}
	if (reply->type == REDIS_REPLY_ERROR) {
		if (t->trim)
			complain(t, reply);
		t->busy = false;
		return;
	}
	count_group(t, reply);
	if (!t->trim) {
		t->busy = false;
		return;
	}
	t->bad = false;
	t->waiting = 0;
	if (!trim_groups(&t->round, reply, ask_pending, t))
		t->bad = true;
	if (!t->waiting)
		end_round(t);
}

void consume_trim_start(struct consume_trim *t, struct redis *redis, uint64_t now_ns)
{
	if (t->busy)
		return;
	t->redis = redis;
	t->now_ns = now_ns;
	t->busy = send_words(t, on_groups, t,
			     (const char *[]){ "XINFO", "GROUPS", t->stream, NULL }) == 0;
}

struct consume_trim *consume_trim_new(const char *stream, const char *own_group, bool trim,
				      struct metrics *m)
{
	struct consume_trim *t = calloc(1, sizeof(*t));

	if (t) {
		t->stream = stream;
		t->own_group = own_group;
		t->trim = trim;
		t->metrics = m;
	}
	return t;
}

void consume_trim_free(struct consume_trim *t)
{
	free(t);
}
