/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outbox to a Redis Stream.
 *
 * Each event is one XADD with the fields id, type and json. Up to BATCH of them go
 * together, between MULTI and EXEC, and the next batch when that one is answered: so
 * Redis takes all of a batch or nothing of it, and never an event whose predecessor
 * it has refused. In a plain pipeline it may, when its memory is freed or its disk is
 * mended between two of them, and whoever reads the stream sees the agent's past
 * after its present. An event that is alone needs no MULTI; for a user who may not
 * MULTI, each is alone. Only an XADD that has been done acknowledges its event.
 *
 *	connection lost     what was under way is sent again: the stream may then hold
 *			    events twice, which the collector sees by their ids
 *	error reply         (OOM, READONLY, MISCONF, WRONGTYPE ...) after a pause,
 *			    sending begins anew with the oldest event that was not
 *			    acknowledged
 *	no answer           after SILENCE_TICKS with something under way the connection
 *			    is taken for dead
 *
 * What is wrong is said once. A receiver that goes and comes, or takes one batch and
 * refuses the next, is not reported at each turn: "takes events again" is said when
 * it has refused nothing for CALM_MS, and a connection that is lost for the reason
 * that was told last, without having taken an event, is passed over.
 *
 * Nothing trims the stream here: the collector does, when every group has read.
 * Acknowledged events leave the outbox with the next commit of new ones, or after
 * ACK_BATCH of them or ACK_MS, whichever is first: each commit costs an fsync.
 */
#include "agent/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "common/log.h"
#include "common/redis.h"

#define BATCH 512
#define ACK_BATCH 256
#define ACK_MS 50
#define SILENCE_TICK_MS 5000
#define SILENCE_TICKS 6
#define CALM_MS 5000
#define COMMIT_AGAIN_MS 1000 /* after one that failed */
#define FIRST_PAUSE_MS 200
#define LAST_PAUSE_MS 5000

struct publisher {
	struct sink sink; /* first: ops get a pointer to it */
	struct event_base *base;
	struct outbox *outbox;
	struct redis *redis;
	char *stream;
	char where[REDIS_URL_STRLEN];

	/* The batch under way: its numbers, ascending; how many answers to XADD came. */
	uint64_t batch[BATCH];
	unsigned n_batch, max_batch, n_answered;
	bool multi;	    /* it stands between MULTI and EXEC */
	bool unbound;	    /* but MULTI was refused: each of its events was taken by itself */
	bool may_multi;	    /* on this connection, as far as is known */
	bool told_no_multi; /* that it may not */

	uint64_t sent;			  /* highest number sent since the last rewind */
	uint64_t committed;		  /* highest number in the outbox's file */
	bool pushed;			  /* something is not committed */
	unsigned acked;			  /* since the last commit */
	uint64_t answers, answers_before; /* for the silence timer */
	unsigned silent_ticks;		  /* that it has fired without an answer */
	bool unwritten;			  /* the last commit failed */

	bool refused; /* error reply: when the batch is over, pause, begin anew */
	unsigned pause_ms;
	char problem[64];  /* first word of the refusal as it was logged; "": none */
	char refusal[200]; /* as Redis said it last; "": it takes events */
	char lost[200];	   /* why the connection was lost, as it was logged last */
	bool taken;	   /* something was acknowledged on this connection */
	bool passed_over;  /* its beginning was not logged */

	/* libevent's timers */
	struct event *ack_timer, *pause_timer, *silence_timer, *calm_timer;
};

static struct publisher *publisher_of(struct sink *s)
{
	return (struct publisher *)(void *)s;
}

static const struct publisher *publisher_of_const(const struct sink *s)
{
	return (const struct publisher *)(const void *)s;
}

static void set_timer(struct event *timer, unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	evtimer_add(timer, &tv);
}

static uint64_t waiting(const struct publisher *p)
{
	struct outbox_counters c;

	outbox_counters(p->outbox, &c);
	return c.waiting;
}

static void commit(struct publisher *p)
{
	struct outbox_counters c;

	p->unwritten = outbox_commit(p->outbox) != 0;
	if (p->unwritten) {
		set_timer(p->ack_timer, COMMIT_AGAIN_MS); /* logged; tried again then */
		return;
	}
	outbox_counters(p->outbox, &c);
	p->committed = c.generated;
	p->pushed = false;
	p->acked = 0;
	evtimer_del(p->ack_timer);
}

static void hold(struct publisher *p)
{
	if (p->n_batch)
		outbox_hold(p->outbox, p->batch[0], p->batch[p->n_batch - 1]);
	else
		outbox_hold(p->outbox, 0, 0);
}

/* The next send begins with the oldest event that is not acknowledged. */
static void rewind_to_oldest(struct publisher *p)
{
	hold(p);
	commit(p);
	p->sent = 0;
}

static void on_multi(void *arg, const struct redisReply *reply);
static void on_added(void *arg, const struct redisReply *reply);
static void on_exec(void *arg, const struct redisReply *reply);

static bool send_one(void *arg, const struct outbox_item *item)
{
	struct publisher *p = arg;
	const char *argv[] = { "XADD", p->stream,  "*",	   "id",      item->id,
			       "type", item->type, "json", item->json };
	size_t len[] = { 4, strlen(p->stream), 1, 2, strlen(item->id), 4, strlen(item->type),
			 4, item->json_len };

	if (p->max_batch > 1 && !p->multi) {
		if (redis_multi(p->redis, on_multi, p))
			return false;
		p->multi = true;
	}
	if (redis_send(p->redis, on_added, p, sizeof(argv) / sizeof(argv[0]), argv, len))
		return false;
	p->batch[p->n_batch++] = item->seq;
	p->sent = item->seq;
	return p->n_batch < p->max_batch;
}

static void send_more(struct publisher *p)
{
	if (p->refused || !redis_is_up(p->redis) || p->n_batch || p->sent >= p->committed)
		return;
	p->n_answered = 0;
	p->multi = p->unbound = false;
	p->max_batch = p->may_multi && p->committed - p->sent > 1 ? BATCH : 1;
	outbox_each(p->outbox, p->sent, p->max_batch, send_one, p);
	if (p->multi && (!p->n_batch || redis_exec(p->redis, on_exec, p))) {
		redis_restart(p->redis, "no memory for a command");
		return;
	}
	hold(p);
	if (p->n_batch && !evtimer_pending(p->silence_timer, NULL)) {
		p->answers_before = p->answers;
		p->silent_ticks = 0;
		set_timer(p->silence_timer, SILENCE_TICK_MS);
	}
}

static void refuse(struct publisher *p, const char *why)
{
	size_t word = strcspn(why, " ");

	p->refused = true;
	evtimer_del(p->calm_timer);
	snprintf(p->refusal, sizeof(p->refusal), "%s", why);
	if (strlen(p->problem) == word && !strncmp(p->problem, why, word))
		return;
	snprintf(p->problem, sizeof(p->problem), "%.*s", (int)word, why);
	log_warning("%s does not take events: %s; %llu wait in the outbox", p->where, why,
		    (unsigned long long)waiting(p));
}

static void accept_again(struct publisher *p)
{
	p->pause_ms = 0;
	p->refusal[0] = '\0';
	if (p->problem[0] && !evtimer_pending(p->calm_timer, NULL))
		set_timer(p->calm_timer, CALM_MS);
	if (p->taken)
		return;
	p->taken = true;
	if (p->passed_over)
		log_info("%s: connected, and takes events", p->where);
}

static void on_calm_timer(evutil_socket_t fd, short what, void *arg)
{
	struct publisher *p = arg;

	p->problem[0] = '\0';
	log_info("%s takes events again", p->where);
}

/* The last answer to a batch has come. */
static void batch_over(struct publisher *p)
{
	p->n_batch = 0;
	if (p->refused) {
		rewind_to_oldest(p);
		p->pause_ms = p->pause_ms ? 2 * p->pause_ms : FIRST_PAUSE_MS;
		if (p->pause_ms > LAST_PAUSE_MS)
			p->pause_ms = LAST_PAUSE_MS;
		set_timer(p->pause_timer, p->pause_ms);
		return;
	}
	accept_again(p);
	/* Redis has the next ones before the commit, and works while that syncs. */
	send_more(p);
	redis_flush(p->redis);
	if (p->acked >= ACK_BATCH)
		commit(p);
	else if (!evtimer_pending(p->ack_timer, NULL))
		set_timer(p->ack_timer, ACK_MS);
}

/* The answer to the n-th XADD that was done. */
static void taken(struct publisher *p, unsigned n, const struct redisReply *reply)
{
	if (reply->type == REDIS_REPLY_STRING) { /* the entry's id */
		outbox_ack(p->outbox, p->batch[n]);
		p->acked++;
	} else {
		refuse(p, reply->type == REDIS_REPLY_ERROR ? reply->str : "no id of an entry");
	}
}

static void no_multi(struct publisher *p, const char *why)
{
	p->may_multi = false;
	if (!p->told_no_multi)
		log_warning("%s: events go one by one, as MULTI is refused: %s", p->where, why);
	p->told_no_multi = true;
}

/* Whether this user may, asked once per connection. */
static void on_may_multi(void *arg, const struct redisReply *reply)
{
	struct publisher *p = arg;

	if (!reply)
		return; /* on_state() follows, here and below */
	if (reply->type == REDIS_REPLY_ERROR)
		no_multi(p, reply->str);
	else
		p->may_multi = true;
}

static void on_multi(void *arg, const struct redisReply *reply)
{
	struct publisher *p = arg;

	if (!reply || reply->type != REDIS_REPLY_ERROR)
		return;
	p->unbound = true; /* the right to it was taken a moment ago */
	no_multi(p, reply->str);
}

static void on_added(void *arg, const struct redisReply *reply)
{
	struct publisher *p = arg;
	unsigned n = p->n_answered++;

	if (!reply)
		return;
	p->answers++;
	if (!p->multi && reply->type == REDIS_REPLY_STATUS) { /* QUEUED */
		redis_restart(p->redis, "MULTI is allowed, and EXEC is not");
		return;
	}
	if (!p->multi || p->unbound)
		taken(p, n, reply);
	else if (reply->type == REDIS_REPLY_ERROR && !p->refused)
		refuse(p, reply->str); /* and EXEC does nothing */
	if (!p->multi)
		batch_over(p);
}

static void on_exec(void *arg, const struct redisReply *reply)
{
	static const char because[] = "EXECABORT Transaction discarded because of: ";
	struct publisher *p = arg;
	const char *why;

	if (!reply)
		return;
	p->answers++;
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == p->n_batch) {
		for (unsigned i = 0; i < p->n_batch; i++)
			taken(p, i, reply->element[i]);
	} else if (!p->unbound && !p->refused) {
		why = reply->type == REDIS_REPLY_ERROR ? reply->str : "EXEC did nothing";
		if (!strncmp(why, because, sizeof(because) - 1))
			why += sizeof(because) - 1;
		refuse(p, why);
	}
	batch_over(p);
}

static void on_state(void *arg, bool up, const char *reason)
{
	struct publisher *p = arg;

	evtimer_del(p->pause_timer);
	evtimer_del(p->silence_timer);
	evtimer_del(p->calm_timer);
	p->silent_ticks = 0;
	p->n_batch = 0;
	p->may_multi = false;
	p->refused = false;
	p->refusal[0] = '\0';
	rewind_to_oldest(p);
	if (up) {
		/* Nothing between them. Its answer comes before that to the first event. */
		if (!redis_multi(p->redis, on_may_multi, p))
			redis_exec(p->redis, NULL, NULL);
		if (!p->passed_over)
			log_info("%s: connected; %llu events wait", p->where,
				 (unsigned long long)waiting(p));
		p->taken = false;
		send_more(p);
		return;
	}
	p->passed_over = !p->taken && !strcmp(p->lost, reason);
	if (p->passed_over)
		return;
	snprintf(p->lost, sizeof(p->lost), "%s", reason);
	log_warning("%s: %s; events wait in the outbox (%llu now), trying again", p->where, reason,
		    (unsigned long long)waiting(p));
}

static void on_ack_timer(evutil_socket_t fd, short what, void *arg)
{
	commit(arg);
	send_more(arg);
}

static void on_pause_timer(evutil_socket_t fd, short what, void *arg)
{
	struct publisher *p = arg;

	p->refused = false;
	send_more(p);
}

static void on_silence_timer(evutil_socket_t fd, short what, void *arg)
{
	struct publisher *p = arg;

	p->silent_ticks = p->answers == p->answers_before ? p->silent_ticks + 1 : 0;
	if (!p->n_batch) {
		p->silent_ticks = 0;
		return;
	}
	if (p->silent_ticks == SILENCE_TICKS) {
		redis_restart(p->redis, "no answer for 30 s");
		return;
	}
	p->answers_before = p->answers;
	set_timer(p->silence_timer, SILENCE_TICK_MS);
}

/* ---- the sink ---- */

static int publisher_push(struct sink *s, struct event *e)
{
	struct publisher *p = publisher_of(s);

	p->pushed = true;
	return outbox_push(p->outbox, e);
}

static int publisher_commit(struct sink *s)
{
	struct publisher *p = publisher_of(s);

	if (p->pushed && !p->unwritten)
		commit(p);
	send_more(p);
	return 0;
}

static void on_drain_timeout(evutil_socket_t fd, short what, void *arg)
{
	*(bool *)arg = true;
}

static uint64_t publisher_drain(struct sink *s, unsigned timeout_ms)
{
	struct publisher *p = publisher_of(s);
	bool over = false;
	struct event *timer = evtimer_new(p->base, on_drain_timeout, &over);

	if (!timer)
		return waiting(p);
	commit(p);
	redis_hurry(p->redis);
	send_more(p);
	set_timer(timer, timeout_ms);
	/* A break of the loop (a second Ctrl-C) ends it too. */
	while (waiting(p) && !over && event_base_loop(p->base, EVLOOP_ONCE) == 0 &&
	       !event_base_got_break(p->base)) {
		if (p->acked && !p->n_batch)
			commit(p);
	}
	event_free(timer);
	return waiting(p);
}

static void publisher_counters(struct sink *s, struct outbox_counters *out)
{
	outbox_counters(publisher_of(s)->outbox, out);
}

static void publisher_words(const struct sink *s, char *buf, size_t size)
{
	const struct publisher *p = publisher_of_const(s);
	const char *redis = redis_words(p->redis);

	if (!redis_is_up(p->redis))
		snprintf(buf, size, "not connected: %s; trying again", redis);
	else if (p->refusal[0])
		snprintf(buf, size, "connected to %s, which does not take events: %s", redis,
			 p->refusal);
	else if (p->silent_ticks)
		snprintf(buf, size, "connected to %s, no answer for %u s", redis,
			 p->silent_ticks * SILENCE_TICK_MS / 1000);
	else
		snprintf(buf, size, "connected to %s", redis);
}

static void publisher_free(struct publisher *p)
{
	redis_close(p->redis);
	if (p->ack_timer)
		event_free(p->ack_timer);
	if (p->pause_timer)
		event_free(p->pause_timer);
	if (p->silence_timer)
		event_free(p->silence_timer);
	if (p->calm_timer)
		event_free(p->calm_timer);
	free(p->stream);
	free(p);
}

static int publisher_close(struct sink *s)
{
	struct publisher *p = publisher_of(s);
	struct outbox *o = p->outbox;
	int rc = outbox_commit(o);

	publisher_free(p);
	outbox_close(o);
	return rc;
}

static const struct sink_ops publisher_ops = {
	.push = publisher_push,
	.commit = publisher_commit,
	.drain = publisher_drain,
	.counters = publisher_counters,
	.words = publisher_words,
	.close = publisher_close,
};

struct sink *publish_to_redis(struct event_base *base, struct outbox *o,
			      const struct redis_url *url, const char *stream, char *err,
			      size_t size)
{
	struct publisher *p = calloc(1, sizeof(*p));
	struct outbox_counters c;

	if (!p) {
		snprintf(err, size, "no memory for the publisher");
		return NULL;
	}
	p->sink.ops = &publisher_ops;
	p->base = base;
	p->outbox = o;
	redis_url_format(url, p->where);
	outbox_counters(o, &c);
	p->committed = c.generated; /* what an earlier run left waits there */
	p->stream = strdup(stream);
	p->ack_timer = evtimer_new(base, on_ack_timer, p);
	p->pause_timer = evtimer_new(base, on_pause_timer, p);
	p->silence_timer = evtimer_new(base, on_silence_timer, p);
	p->calm_timer = evtimer_new(base, on_calm_timer, p);
	if (p->stream && p->ack_timer && p->pause_timer && p->silence_timer && p->calm_timer)
		p->redis = redis_open(base, url, on_state, p);
	if (!p->redis) {
		snprintf(err, size, "no memory for the publisher");
		publisher_free(p);
		return NULL;
	}
	return &p->sink;
}
