/* SPDX-License-Identifier: Apache-2.0 */
/* The states are those of consume.h; one command is under way at a time, but for
 * XACK, which the next read follows at once, and in READ the next batch is asked for
 * before a full one is stored.
 *
 * While more waits in Redis, a batch is held until the next answer is there: threads read
 * its documents while the one before it is stored, and while that answer comes. What is
 * held is stored before anything else is done, and when the connection is lost. */
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/consume/consume.h"
#include "collector/consume/anchor.h"
#include "collector/consume/trim.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/ahead.h"
#include "collector/base/metrics.h"
#include "collector/ingest/notice.h"
#include "collector/ingest/retain.h"
#include "collector/store/derive.h"
#include "common/clock.h"
#include "common/log.h"

#define BLOCK_MS 1000	/* XREADGROUP waits so long for new entries */
#define ANSWER_MS 10000 /* a connection without an answer for so long is dead */
#define PAUSE_FIRST_MS 200
#define PAUSE_MOST_MS 5000
#define STOP_MS 2000 /* at the end: wait so long for XACK's answer */
#define CLAIM_EVERY_MS 15000
#define TRIM_EVERY_MS 5000
#define NOTICE_EVERY_NS NS_PER_S
#define ANCHOR_PLACES 1000	   /* an anchor after so many rows, */
#define ANCHOR_AGE (60 * NS_PER_S) /* or after so long, when there are any */
#define ARGS_FIXED 16
/* What is left to be derived is given so much time after each batch: of the time that the
 * batch took while more waits in Redis, else in steps between which Redis is asked. */
#define DERIVE_SHARE 8
#define DERIVE_STEP (200 * NS_PER_MS)
#define DERIVE_MOST (10 * NS_PER_S) /* when it ends; the rest is derived at the next start */
#define DERIVE_ALONE_MS 50	    /* between steps while Redis is not there */
#define RAW_MOST 4096 /* kept of an entry without a document */

enum state {
	STATE_DOWN,
	STATE_GROUP,
	STATE_PENDING,
	STATE_CLAIM,
	STATE_READ,
	STATE_PAUSE,
	STATE_STOPPING,
	STATE_STOPPED
};

/* Entries of one answer. */
struct batch {
	const char **ids; /* for XACK */
	struct ingest_entry *entries;
	size_t n;
	bool full;		  /* more waits in Redis */
	struct redis_kept *reply; /* what all of it points into, where it is held */
	struct ahead *ahead;	  /* NULL: it could not be begun */
};

struct consume {
	struct consume_config config;
	struct store *store;
	struct redis *redis;
	struct consume_anchors *anchors;
	struct consume_trim *trim;
	struct event *timer;	   /* PAUSE ends, or an answer is overdue, or STOP_MS is over */
	struct event *claim_timer; /* time to look for dead consumers */
	struct event *trim_timer;
	struct event *alone_timer; /* time to derive, although nobody answers */
	struct ingest_later *later;
	bool behind; /* something is left to be derived */
	uint64_t derive_due_ns, derive_took_ns; /* saved up for it; the newest step took */
	void (*stopped)(void *arg, int status);
	void *arg;
	enum state state;
	int status;
	bool trim_due, claim_due, cannot_claim; /* cannot: Redis before 6.2 has no XAUTOCLAIM */
	char cursor[64];			/* of XAUTOCLAIM */
	bool batched;				/* the transaction in hand has entries */
	bool ack_refused; /* the newest XACK was: do not read the same again at once */
	unsigned reads;	  /* XREADGROUPs for new entries without an answer yet */
	unsigned acks;	  /* XACKs without an answer yet */
	unsigned pause_ms;
	uint64_t listening_ns;	    /* since when all is heard; 0: it is not */
	uint64_t asked_ns;	    /* newest XREADGROUP */
	uint64_t read_lap, ack_lap; /* metrics_clock() at the newest XREADGROUP, XACK */
	uint64_t noticed_ns;	    /* newest notice_tick() */
	bool told_ready, anchors_due;
	struct retain retain;
	atomic_bool leads; /* other threads ask */
	bool followed;	   /* another one led */
	char complaint[600]; /* said last, so that it is said once; so is refused, of a tick */
	char refused[300];
	struct readers *readers;
	struct batch batches[2];
	struct batch *held; /* one of them, or NULL */
	struct consume_totals totals;
	uint64_t next_dead; /* say again when so many are dead */
};

static void advance(struct consume *c, enum state state);

/* ---- saying things once ---------------------------------------------------- */

static void complain(struct consume *c, const char *text)
{
	if (strcmp(c->complaint, text) == 0)
		return;
	snprintf(c->complaint, sizeof(c->complaint), "%s", text);
	log_warning("%s", text);
}

static void recovered(struct consume *c)
{
	c->pause_ms = PAUSE_FIRST_MS;
	if (!c->complaint[0])
		return;
	c->complaint[0] = '\0';
	log_info("consuming %s again", c->config.stream);
}

static void arm(struct event *timer, unsigned ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_add(timer, &tv);
}

static void end_of(struct consume *c, struct batch *b);

/* What is held and could not be stored comes again as PENDING. */
static void pause_reading(struct consume *c)
{
	if (c->held)
		end_of(c, c->held);
	c->held = NULL;
	c->state = STATE_PAUSE;
	c->listening_ns = 0;
	arm(c->timer, c->pause_ms);
	c->pause_ms = c->pause_ms * 2 < PAUSE_MOST_MS ? c->pause_ms * 2 : PAUSE_MOST_MS;
}

static void finish(struct consume *c, int status)
{
	if (c->state == STATE_STOPPED)
		return;
	c->state = STATE_STOPPED;
	event_del(c->timer);
	c->stopped(c->arg, status);
}

/* ---- commands -------------------------------------------------------------- */

/* args: up to NULL. */
static int send_args(struct consume *c, redis_reply_fn *fn, const char *const *args)
{
	const char *argv[ARGS_FIXED];
	size_t len[ARGS_FIXED];
	int n = 0;

	for (; args[n]; n++) {
		argv[n] = args[n];
		len[n] = strlen(args[n]);
	}
	return redis_send(c->redis, fn, c, n, argv, len);
}

/* At the end: all that was sent is answered. */
static void stop_when_done(struct consume *c)
{
	if (c->state == STATE_STOPPING && !c->acks && !consume_anchors_waiting(c->anchors))
		finish(c, c->status);
}

static void on_anchor(void *arg)
{
	stop_when_done(arg);
}

static void on_ack(void *arg, const struct redisReply *reply)
{
	struct consume *c = arg;
	char text[512], url[REDIS_URL_STRLEN];

	if (--c->acks == 0 && reply)
		metrics_lap(c->config.metrics, METRIC_BATCH_SECONDS, METRICS_ACKNOWLEDGE,
			    c->ack_lap);
	/* Not acknowledged: they come again as PENDING and are duplicates then. */
	c->ack_refused = reply && reply->type == REDIS_REPLY_ERROR;
	if (c->ack_refused) {
		snprintf(text, sizeof(text), "Redis at %s does not let us acknowledge: %.300s",
			 redis_url_format(&c->config.url, url), reply->str);
		complain(c, text);
	}
	stop_when_done(c);
}

static void acknowledge(struct consume *c, const struct batch *b)
{
	const char **argv;
	size_t *len, n = b->n;

	if (!n)
		return;
	argv = calloc(n + 3, sizeof(*argv));
	len = calloc(n + 3, sizeof(*len));
	if (argv && len) {
		argv[0] = "XACK";
		argv[1] = c->config.stream;
		argv[2] = c->config.group;
		memcpy(argv + 3, b->ids, n * sizeof(*argv));
		for (size_t i = 0; i < n + 3; i++)
			len[i] = strlen(argv[i]);
		if (redis_send(c->redis, on_ack, c, (int)n + 3, argv, len) == 0) {
			c->ack_lap = metrics_clock(c->config.metrics);
			c->acks++;
		}
	}
	free(argv);
	free(len);
}

/* ---- a batch --------------------------------------------------------------- */

/* Fields that are not ours, as text for the dead letters. */
static void raw_fields(const redisReply *fields, struct ingest_entry *e)
{
	char *buf = malloc(RAW_MOST);
	size_t len = 0;

	e->raw = buf;
	for (size_t i = 0; buf && i < fields->elements; i++) {
		const redisReply *f = fields->element[i];
		size_t n = f->str ? (size_t)f->len : 0;

		if (len + n + 1 > RAW_MOST)
			break;
		if (n)
			memcpy(buf + len, f->str, n);
		len += n;
		buf[len++] = i % 2 ? '\n' : '=';
	}
	e->raw_len = len;
}

/* One [id, [field, value, ...]]. Its strings are the reply's, but for raw. */
static struct ingest_entry entry_of(const redisReply *entry)
{
	const redisReply *fields = entry->element[1];
	struct ingest_entry e = { .id = entry->element[0]->str };

	if (fields->type != REDIS_REPLY_ARRAY) {
		/* Pending here, but no longer in the stream: somebody trimmed it. */
		e.lost = true;
		return e;
	}
	for (size_t i = 0; i + 1 < fields->elements; i += 2)
		if (fields->element[i]->str && strcmp(fields->element[i]->str, "json") == 0) {
			e.json = fields->element[i + 1]->str;
			e.len = (size_t)fields->element[i + 1]->len;
		}
	if (!e.json)
		raw_fields(fields, &e);
	return e;
}

static bool is_entry(const redisReply *r)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
	       r->element[0]->type == REDIS_REPLY_STRING;
}

static void count(struct consume *c, const struct ingest_counts *counts)
{
	c->totals.stored += counts->stored;
	c->totals.duplicates += counts->duplicates;
	c->totals.dead += counts->dead;
	if (counts->dead && c->totals.dead >= c->next_dead) {
		while (c->next_dead <= c->totals.dead)
			c->next_dead *= 10;
		log_warning("entry %s cannot be stored and is kept as a dead letter: %s (%" PRIu64
			    " so far; `glasswatch-collector dead-letters` lists them)",
			    counts->dead_entry, counts->dead_reason, c->totals.dead);
	}
}

/* The store did not take the batch. Broken: it never will. */
static void store_failed(struct consume *c, int rc)
{
	char text[580];

	store_rollback(c->store);
	metrics_add(c->config.metrics, METRIC_STORE_FAILURES, 0, 1);
	snprintf(text, sizeof(text), "%s; nothing is acknowledged, the events wait in Redis",
		 store_error(c->store));
	if (rc == STORE_BROKEN) {
		log_error("%s", text);
		finish(c, 2);
		return;
	}
	complain(c, text);
	pause_reading(c);
}

/* What is to be told without an event. What cannot be is said once, and keeps nobody from
 * storing. */
static int tick(struct consume *c, uint64_t now)
{
	char refused[sizeof(c->refused)];
	int rc = notice_careful(c->store, now, c->listening_ns, c->config.unseen_ns, refused,
				sizeof(refused));

	if (rc || strcmp(refused, c->refused) == 0)
		return rc;
	memcpy(c->refused, refused, sizeof(c->refused));
	if (refused[0])
		log_warning("the store refuses what is to be told of things that are missing or "
			    "over: %s",
			    refused);
	return 0;
}

/* The end of a transaction that has gone well so far (rc 0). True: it is committed.
 * A new anchor goes out then. */
static bool end_batch(struct consume *c, int rc, bool stopping)
{
	uint64_t now = c->config.now_real(), lap;
	int made = 0, sealed = 0;

	if (!rc && (now < c->noticed_ns || now - c->noticed_ns >= NOTICE_EVERY_NS)) {
		int leads = store_leads(c->store);

		c->noticed_ns = now;
		if (leads == 1 && c->followed)
			log_info("the collector that led is gone: this one leads now");
		if (!leads && !c->followed)
			log_info("another collector leads: this one stores, and leads when "
				 "that one is gone");
		c->followed = leads == 0;
		c->leads = leads == 1;
		metrics_set(c->config.metrics, METRIC_LEADER, 0, c->leads);
		rc = leads < 0 ? leads : 0;
		if (leads == 1)
			rc = tick(c, now);
	}
	if (!rc && c->leads && !stopping) {
		sealed = retain_tick(c->store, &c->retain, now);
		rc = sealed < 0 ? sealed : 0;
	}
	if (!rc)
		rc = consume_anchors_note(c->anchors);
	if (!rc)
		made = store_anchor_make(c->store, now, ANCHOR_PLACES,
					 stopping || sealed ? 0 : ANCHOR_AGE);
	if (made < 0)
		rc = made;
	lap = metrics_clock(c->config.metrics);
	if (!rc)
		rc = ingest_commit(c->store);
	if (c->batched)
		metrics_lap(c->config.metrics, METRIC_BATCH_SECONDS, METRICS_COMMIT, lap);
	if (rc) {
		store_failed(c, rc);
		return false;
	}
	if (c->config.committed)
		c->config.committed(c->config.committed_arg);
	consume_anchors_noted(c->anchors);
	if (made || c->anchors_due)
		consume_anchors_send(c->anchors, c->redis);
	c->anchors_due = false;
	return true;
}

/* Derives what was left, for so long, or a little longer, in a transaction of its own.
 * True: go on. */
static bool derive(struct consume *c, uint64_t most_ns)
{
	uint64_t began = c->config.now_real(), now = began;
	struct ingest_counts counts = { 0 };
	int rc = ingest_begin(c->store);
	bool more = true;

	while (!rc && more && now >= began && now - began < most_ns) {
		rc = ingest_derive(c->store, c->later, &counts);
		more = rc > 0;
		rc = rc < 0 ? rc : 0;
		now = c->config.now_real();
	}
	if (!rc)
		rc = ingest_commit(c->store);
	if (rc) {
		store_failed(c, rc);
		return false;
	}
	c->behind = more;
	c->derive_took_ns = now > began ? now - began : 0;
	count(c, &counts);
	if (c->config.committed)
		c->config.committed(c->config.committed_arg);
	return true;
}

/* The share of a batch that took so long, while more waits. It is saved up until it is
 * worth a step. */
static bool derive_share(struct consume *c, uint64_t took_ns)
{
	c->derive_due_ns += took_ns / DERIVE_SHARE;
	if (c->derive_due_ns < c->derive_took_ns)
		return true;
	if (!derive(c, c->derive_due_ns))
		return false;
	c->derive_due_ns -= c->derive_took_ns < c->derive_due_ns ? c->derive_took_ns
								  : c->derive_due_ns;
	return true;
}

/* Its entries, and begins to read them. The list lives until end_of(). */
static void begin_batch(struct consume *c, struct batch *b, const redisReply *list)
{
	b->full = list->elements >= c->config.batch;
	b->n = 0;
	for (size_t i = 0; i < list->elements && b->n < c->config.batch; i++) {
		const redisReply *entry = list->element[i];

		if (!is_entry(entry))
			continue; /* XAUTOCLAIM of Redis 6.2 hands out nil for deleted ones */
		b->ids[b->n] = entry->element[0]->str;
		b->entries[b->n++] = entry_of(entry);
	}
	b->ahead = ahead_begin(c->readers, b->entries, b->n, !b->full, c->config.now_real());
}

static void end_of(struct consume *c, struct batch *b)
{
	ahead_end(b->ahead);
	b->ahead = NULL;
	for (size_t i = 0; i < b->n; i++)
		free((char *)(uintptr_t)b->entries[i].raw);
	b->n = 0;
	redis_give_back(c->redis, b->reply);
	b->reply = NULL;
}

/* Stores and acknowledges. True: go on reading. */
static bool store_batch(struct consume *c, const struct batch *b)
{
	uint64_t began = c->config.now_real(), now, lap, lag = 0;
	struct ingest_counts counts = { 0 };
	int rc;

	c->batched = b->n > 0;
	lap = metrics_clock(c->config.metrics);
	rc = ingest_begin(c->store);
	if (!rc)
		rc = b->ahead ? ingest_take(c->store, b->ahead, !b->full, &counts) : STORE_FAILED;
	if (!rc)
		rc = store_lag(c->store, &lag);
	if (b->n)
		metrics_lap(c->config.metrics, METRIC_BATCH_SECONDS, METRICS_INGEST, lap);
	if (!end_batch(c, rc, false))
		return false;
	acknowledge(c, b); /* only now */
	count(c, &counts);
	c->behind = lag > 0;
	if (!lag)
		return true;
	/* Redis goes on meanwhile. */
	redis_flush(c->redis);
	now = c->config.now_real();
	return b->full ? derive_share(c, now > began ? now - began : 0) : derive(c, DERIVE_STEP);
}

/* Stores what is held. True: go on. */
static bool take_held(struct consume *c)
{
	struct batch *b = c->held;
	bool on;

	if (!b)
		return true;
	c->held = NULL;
	on = store_batch(c, b);
	end_of(c, b);
	return on;
}

/* Stores a list of entries, or does what must be done although nothing comes. */
static bool take_batch(struct consume *c, const redisReply *list)
{
	struct batch *b = &c->batches[0];
	bool on;

	if (!take_held(c))
		return false;
	if (!list->elements && c->state != STATE_READ)
		return true;
	begin_batch(c, b, list);
	on = store_batch(c, b);
	end_of(c, b);
	return on;
}

/* Holds a list, of the newest reply, in the place of what was held, and stores that. */
static bool hold_batch(struct consume *c, const redisReply *list)
{
	struct batch *b = &c->batches[c->held == &c->batches[0]];

	begin_batch(c, b, list);
	b->reply = redis_keep(c->redis);
	if (!take_held(c)) {
		end_of(c, b);
		return false;
	}
	c->held = b;
	return true;
}

/* ---- replies --------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* An answer that is not what was asked for. True: dealt with, do not read it. */
static bool is_trouble(struct consume *c, const redisReply *reply)
{
	char text[512], url[REDIS_URL_STRLEN];

	if (c->state == STATE_STOPPING || c->state == STATE_STOPPED)
		return true;
	if (!reply)
		return true; /* on_state() begins anew */
	event_del(c->timer);
	if (reply->type != REDIS_REPLY_ERROR)
		return false;
	if (begins(reply->str, "NOGROUP") || begins(reply->str, "UNBLOCKED")) {
		snprintf(text, sizeof(text),
			 "%s has no group %s any more: it was flushed or "
			 "replaced; made anew, what was not read before is lost",
			 c->config.stream, c->config.group);
	} else if (begins(reply->str, "WRONGTYPE")) {
		snprintf(text, sizeof(text),
			 "%s at %s is not a stream: another program uses this "
			 "key (--redis may name another database)",
			 c->config.stream, redis_url_format(&c->config.url, url));
	} else {
		snprintf(text, sizeof(text), "Redis at %s: %.300s",
			 redis_url_format(&c->config.url, url), reply->str);
	}
	complain(c, text);
	take_held(c); /* perhaps nobody else has it any more */
	if (c->state != STATE_STOPPED)
		pause_reading(c);
	return true;
}

static void on_group(void *arg, const struct redisReply *reply)
{
	struct consume *c = arg;
	bool exists = reply && reply->type == REDIS_REPLY_ERROR && begins(reply->str, "BUSYGROUP");
	char url[REDIS_URL_STRLEN];

	if (!exists && is_trouble(c, reply))
		return;
	if (c->state != STATE_GROUP)
		return;
	event_del(c->timer);
	c->anchors_due = true; /* what a connection before this one did not answer */
	if (!c->told_ready) {
		c->told_ready = true;
		c->complaint[0] = '\0';
		log_info("consuming %s from %s, storing in %s", c->config.stream,
			 redis_url_format(&c->config.url, url), store_place(c->store));
	}
	advance(c, STATE_PENDING);
}

/* [[stream, entries]], or nil when there are none. */
static const redisReply *entries_of(const redisReply *reply)
{
	static const redisReply none = { .type = REDIS_REPLY_ARRAY };
	const redisReply *stream;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1)
		return &none;
	stream = reply->element[0];
	if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2 ||
	    stream->element[1]->type != REDIS_REPLY_ARRAY)
		return &none;
	return stream->element[1];
}

/* After a batch: what to do next. */
static void proceed(struct consume *c, enum state state)
{
	if (c->ack_refused) {
		pause_reading(c);
		return;
	}
	recovered(c);
	advance(c, state);
}

static void on_pending(void *arg, const struct redisReply *reply)
{
	struct consume *c = arg;
	const redisReply *entries;

	if (is_trouble(c, reply))
		return;
	entries = entries_of(reply);
	if (take_batch(c, entries))
		proceed(c, entries->elements ? STATE_PENDING : STATE_CLAIM);
}

static void on_claim(void *arg, const struct redisReply *reply)
{
	struct consume *c = arg;

	if (reply && reply->type == REDIS_REPLY_ERROR &&
	    begins(reply->str, "ERR unknown command")) {
		c->cannot_claim = true;
		log_warning("this Redis is older than 6.2: what another consumer leaves behind is "
			    "not taken over");
		if (c->state == STATE_CLAIM)
			advance(c, STATE_READ);
		return;
	}
	if (is_trouble(c, reply))
		return;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 ||
	    reply->element[1]->type != REDIS_REPLY_ARRAY || !reply->element[0]->str) {
		advance(c, STATE_READ);
		return;
	}
	snprintf(c->cursor, sizeof(c->cursor), "%s", reply->element[0]->str);
	if (!take_batch(c, reply->element[1]))
		return;
	c->claim_due = strcmp(c->cursor, "0-0") != 0;
	proceed(c, c->claim_due ? STATE_CLAIM : STATE_READ);
}

/* A full batch: more waits, perhaps of an agent that we would call silent. An answer
 * that came too late: Redis stood still, or we did. */
static void listen_on(struct consume *c, size_t entries)
{
	uint64_t now = c->config.now_real();

	if (entries >= c->config.batch || now < c->asked_ns ||
	    now - c->asked_ns > 2 * BLOCK_MS * NS_PER_MS)
		c->listening_ns = 0;
	if (!c->listening_ns && entries < c->config.batch)
		c->listening_ns = now;
}

static int send_read(struct consume *c, bool wait);

static void on_read(void *arg, const struct redisReply *reply)
{
	struct consume *c = arg;
	const redisReply *entries;
	bool hold;

	c->reads--;
	if (reply)
		metrics_lap(c->config.metrics, METRIC_BATCH_SECONDS, METRICS_READ, c->read_lap);
	/* Asked for before the state changed: PENDING, which begins later, has its entries. */
	if (c->state != STATE_READ || is_trouble(c, reply))
		return;
	entries = entries_of(reply);
	listen_on(c, entries->elements);
	/* Redis puts the next batch together while one is stored. Without BLOCK: the XACK of
	 * that stands behind it. */
	hold = entries->elements >= c->config.batch && !c->reads && !c->claim_due && !c->trim_due &&
	       send_read(c, false) == 0;
	if (hold)
		redis_flush(c->redis);
	if ((hold ? hold_batch : take_batch)(c, entries))
		proceed(c, c->claim_due ? STATE_CLAIM : STATE_READ);
}

/* ---- states ---------------------------------------------------------------- */

/* What nobody was given yet. */
static int send_read(struct consume *c, bool wait)
{
	const char *argv[ARGS_FIXED] = { "XREADGROUP", "GROUP", c->config.group, c->config.consumer,
					 "COUNT" };
	char batch[16], block[16];
	int n = 6, rc;

	snprintf(batch, sizeof(batch), "%u", c->config.batch);
	snprintf(block, sizeof(block), "%d", BLOCK_MS);
	argv[5] = batch;
	if (wait) {
		argv[n++] = "BLOCK";
		argv[n++] = block;
	}
	argv[n++] = "STREAMS";
	argv[n++] = c->config.stream;
	argv[n] = ">";
	c->asked_ns = c->config.now_real();
	c->read_lap = metrics_clock(c->config.metrics);
	rc = send_args(c, on_read, argv);
	c->reads += rc == 0;
	return rc;
}

/* What this consumer was given before. */
static int send_pending(struct consume *c)
{
	char batch[16];

	snprintf(batch, sizeof(batch), "%u", c->config.batch);
	return send_args(c, on_pending,
			 (const char *[]){ "XREADGROUP", "GROUP", c->config.group,
					   c->config.consumer, "COUNT", batch, "STREAMS",
					   c->config.stream, "0", NULL });
}

static int send_claim(struct consume *c)
{
	char batch[16], idle[24];

	snprintf(batch, sizeof(batch), "%u", c->config.batch);
	snprintf(idle, sizeof(idle), "%" PRIu64, (uint64_t)(c->config.claim_idle_ns / NS_PER_MS));
	return send_args(c, on_claim,
			 (const char *[]){ "XAUTOCLAIM", c->config.stream, c->config.group,
					   c->config.consumer, idle, c->cursor, "COUNT", batch,
					   NULL });
}

/* The one place where a state is entered and its command sent. */
static void advance(struct consume *c, enum state state)
{
	int rc = 0;

	if (c->state == STATE_STOPPING || c->state == STATE_STOPPED)
		return;
	if (state == STATE_CLAIM && c->cannot_claim)
		state = STATE_READ;
	if (state == STATE_CLAIM && c->state != STATE_CLAIM) {
		snprintf(c->cursor, sizeof(c->cursor), "0-0");
		arm(c->claim_timer, CLAIM_EVERY_MS);
	}
	c->state = state;
	switch (state) {
	case STATE_GROUP:
		rc = send_args(c, on_group,
			       (const char *[]){ "XGROUP", "CREATE", c->config.stream,
						 c->config.group, "0", "MKSTREAM", NULL });
		break;
	case STATE_PENDING:
		rc = send_pending(c);
		break;
	case STATE_CLAIM:
		rc = send_claim(c);
		break;
	case STATE_READ:
		if (c->trim_due) {
			c->trim_due = false;
			arm(c->trim_timer, TRIM_EVERY_MS);
			consume_trim_start(c->trim, c->redis, c->config.now_real());
		}
		rc = c->reads ? 0 : send_read(c, !c->behind);
		break;
	default:
		break;
	}
	if (rc) /* lost meanwhile; on_state() begins anew */
		c->state = STATE_DOWN;
	else
		arm(c->timer, ANSWER_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct consume *c = arg;

	if (c->state == STATE_STOPPING)
		finish(c, c->status);
	else if (c->state == STATE_PAUSE && redis_is_up(c->redis))
		advance(c, STATE_GROUP);
	else if (c->state != STATE_PAUSE && c->state != STATE_DOWN)
		redis_restart(c->redis, "no answer for 10 s");
}

/* Redis is not there, or does not let us read: that is no reason to leave things lie. */
static void on_alone_timer(evutil_socket_t fd, short what, void *arg)
{
	struct consume *c = arg;
	unsigned wait_ms = DERIVE_ALONE_MS;

	if (c->state != STATE_DOWN && c->state != STATE_PAUSE)
		return;
	if (!derive(c, DERIVE_STEP))
		wait_ms = c->pause_ms; /* the store may be there again before Redis is */
	if (c->behind && c->state != STATE_STOPPED)
		arm(c->alone_timer, wait_ms);
}

static void on_claim_timer(evutil_socket_t fd, short what, void *arg)
{
	struct consume *c = arg;

	c->claim_due = true;
}

static void on_trim_timer(evutil_socket_t fd, short what, void *arg)
{
	struct consume *c = arg;

	c->trim_due = true;
}

static void on_state(void *arg, bool up, const char *reason)
{
	struct consume *c = arg;
	char text[560], url[REDIS_URL_STRLEN];

	if (c->state == STATE_STOPPING || c->state == STATE_STOPPED) {
		if (!up && c->state == STATE_STOPPING)
			finish(c, c->status);
		return;
	}
	metrics_set(c->config.metrics, METRIC_REDIS_UP, 0, up);
	if (up) {
		c->pause_ms = PAUSE_FIRST_MS;
		advance(c, STATE_GROUP);
		return;
	}
	take_held(c);
	if (c->state == STATE_STOPPED)
		return;
	c->state = STATE_DOWN;
	c->listening_ns = 0;
	event_del(c->timer);
	if (c->behind)
		arm(c->alone_timer, DERIVE_ALONE_MS);
	metrics_add(c->config.metrics, METRIC_REDIS_LOST, 0, 1);
	metrics_unset(c->config.metrics, METRIC_LAG, 0);
	metrics_unset(c->config.metrics, METRIC_PENDING, 0);
	snprintf(text, sizeof(text), "Redis at %s is not there: %.200s; trying again until it is",
		 redis_url_format(&c->config.url, url), reason);
	complain(c, text);
}

bool consume_leads(const struct consume *c)
{
	return c->leads;
}

/* ---- life ------------------------------------------------------------------ */

struct consume *consume_open(struct event_base *base, const struct consume_config *config,
			     struct store *store, void (*stopped)(void *arg, int status), void *arg,
			     char *err, size_t size)
{
	struct consume *c = calloc(1, sizeof(*c));
	bool room = true;

	snprintf(err, size, "out of memory while starting");
	if (!c)
		return NULL;
	c->config = *config;
	c->retain = (struct retain){ .age_ns = config->retain_age_ns, .size = config->retain_size };
	c->store = store;
	c->stopped = stopped;
	c->arg = arg;
	c->pause_ms = PAUSE_FIRST_MS;
	metrics_set(config->metrics, METRIC_REDIS_UP, 0, 0);
	c->next_dead = 1;
	c->trim_due = true;
	c->readers = readers_new(config->metrics);
	for (unsigned i = 0; i < 2; i++) {
		c->batches[i].ids = calloc(config->batch, sizeof(*c->batches[i].ids));
		c->batches[i].entries = calloc(config->batch, sizeof(*c->batches[i].entries));
		room = room && c->batches[i].ids && c->batches[i].entries;
	}
	c->timer = evtimer_new(base, on_timer, c);
	c->claim_timer = evtimer_new(base, on_claim_timer, c);
	c->trim_timer = evtimer_new(base, on_trim_timer, c);
	c->alone_timer = evtimer_new(base, on_alone_timer, c);
	c->later = c->readers ? ingest_later_new(c->readers) : NULL;
	c->trim = consume_trim_new(config->stream, config->group, config->trim, config->metrics);
	if (room && c->timer && c->claim_timer && c->trim_timer && c->trim && c->alone_timer &&
	    c->later)
		c->anchors = consume_anchors_open(store, config->stream, config->consumer,
						  config->anchors, on_anchor, c, err, size);
	if (c->anchors)
		c->redis = redis_open(base, &config->url, on_state, c);
	if (!c->redis) {
		consume_close(c, NULL);
		return NULL;
	}
	return c;
}

/* Nothing is left to be derived when it ends, if that takes no longer than somebody who
 * wants it to end would wait. */
static void derive_rest(struct consume *c)
{
	uint64_t began = c->config.now_real(), now = began;

	while (c->behind && now >= began && now - began < DERIVE_MOST) {
		if (!derive(c, DERIVE_STEP))
			return;
		now = c->config.now_real();
	}
	if (c->behind)
		log_info("ending while not all that is recorded is in the lists; that is done at "
			 "the next start");
}

/* The end of the record is anchored, so that it cannot be cut off later. */
static void last_anchor(struct consume *c)
{
	if (c->state != STATE_DOWN && c->state != STATE_PAUSE)
		end_batch(c, ingest_begin(c->store), true);
}

void consume_stop(struct consume *c)
{
	if (c->state == STATE_STOPPING || c->state == STATE_STOPPED)
		return;
	if (take_held(c))
		derive_rest(c);
	if (c->state != STATE_STOPPED)
		last_anchor(c);
	if (c->state == STATE_STOPPED)
		return;
	c->state = STATE_STOPPING;
	arm(c->timer, STOP_MS);
	if (!redis_is_up(c->redis))
		finish(c, 0);
	stop_when_done(c);
}

void consume_close(struct consume *c, struct consume_totals *totals)
{
	if (!c)
		return;
	if (totals)
		*totals = c->totals;
	c->state = STATE_STOPPED;
	for (unsigned i = 0; i < 2; i++) {
		end_of(c, &c->batches[i]);
		free(c->batches[i].ids);
		free(c->batches[i].entries);
	}
	redis_close(c->redis); /* calls back with NULL: the state says not to listen */
	if (c->timer)
		event_free(c->timer);
	if (c->claim_timer)
		event_free(c->claim_timer);
	if (c->trim_timer)
		event_free(c->trim_timer);
	if (c->alone_timer)
		event_free(c->alone_timer);
	ingest_later_free(c->later);
	consume_trim_free(c->trim);
	consume_anchors_close(c->anchors);
	readers_free(c->readers);
	free(c);
}
