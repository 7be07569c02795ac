/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks, in the order in which they are taken: catch_up (one at a time reads the past
 * from the store); clients (the list); an exchange's lock (http/http.c: http_wake() takes
 * it, read() is called within it); ring.
 */
#include "collector/api/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "collector/base/metrics.h"
#include "collector/http/http.h"
#include "collector/store/store.h"
#include "collector/view/view.h"
#include "common/clock.h"
#include "common/log.h"

#define BATCHES 1024		      /* of the ring */
#define RING_SIZE (8 * 1024 * 1024)   /* bytes of all batches */
#define PACE_NS (250 * NS_PER_MS)     /* between two batches, at least; */
#define PACE_WORK 10		      /* and so many times what the last one took */
#define PACE_BYTES (16 * 1024 * 1024) /* a second, to all clients together */
#define LOOK_NS NS_PER_S	      /* without a poke: another program may have stored */
#define HEARTBEAT_NS (5 * NS_PER_S)
#define RETRY_MS 2000
#define FIRST (1ULL << 32) /* number of a ring's first batch: older ones come before it */

enum {
	KIND_HEARTBEAT = VIEW_NUM_KINDS, /* these are everybody's */
	KIND_RESET,
	KIND_CURSOR
};

struct message {
	unsigned kind;
	size_t at, len; /* in its batch's text */
};

/* What the events from < n <= to have changed. */
struct batch {
	uint64_t from, to;
	char *text;
	size_t len;
	struct message *messages;
	size_t n, room;
};

struct client {
	struct client *prev, *next;
	struct stream *stream;
	struct http_waker *waker; /* NULL: not started */
	bool listed, cut;
	unsigned wanted; /* 1 << enum view_kind */
	char head[600];	 /* before all else */
	size_t head_len, head_at;
	uint64_t batch; /* the next to read, within the lock of the ring */
	size_t message, at;
};

struct stream {
	struct stream_config config;
	pthread_t thread;
	struct store *store;

	pthread_mutex_t wait_lock;
	pthread_cond_t wait;
	bool poked, stopping;

	pthread_mutex_t catch_up;
	pthread_mutex_t clients_lock;
	struct client *clients;
	atomic_uint n_clients;

	pthread_mutex_t ring_lock;
	struct batch *ring[BATCHES]; /* number % BATCHES */
	uint64_t first, end;	     /* numbers [first, end) are there */
	size_t size;
	uint64_t cursor;   /* events.n up to which the ring tells */
	uint64_t told;	   /* bytes to all clients since the last pause; the thread's own */
	atomic_bool known; /* cursor is */
};

/* ---- a batch ------------------------------------------------------------------ */

static void batch_free(struct batch *b)
{
	if (!b)
		return;
	free(b->text);
	free(b->messages);
	free(b);
}

static struct batch *batch_new(uint64_t from, uint64_t to)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (b) {
		b->from = from;
		b->to = to;
	}
	return b;
}

/* data: without line feeds. id 0: none. */
static bool batch_add(struct batch *b, unsigned kind, const char *name, uint64_t id,
		      const char *data)
{
	size_t room = b->room ? b->room * 2 : 16, more = strlen(name) + strlen(data) + 64;
	struct message *messages = b->messages;
	char *text;
	int n;

	if (b->n == b->room) {
		messages = realloc(messages, room * sizeof(*messages));
		if (!messages)
			return false;
		b->messages = messages;
		b->room = room;
	}
	text = realloc(b->text, b->len + more);
	if (!text)
		return false;
	b->text = text;
	if (id)
		n = snprintf(text + b->len, more, "event: %s\nid: %" PRIu64 "\ndata: %s\n\n", name,
			     id, data);
	else
		n = snprintf(text + b->len, more, "event: %s\ndata: %s\n\n", name, data);
	b->messages[b->n++] = (struct message){ kind, b->len, (size_t)n };
	b->len += (size_t)n;
	return true;
}

static int add_change(void *arg, enum view_kind kind, const json_t *document)
{
	struct batch *b = arg;
	char *data = json_dumps(document, JSON_COMPACT);
	bool good = data && b->len < RING_SIZE / 2 &&
		    batch_add(b, kind, view_kind_name(kind), 0, data);

	free(data);
	return good ? 0 : 1;
}

static void add_reset(struct batch *b, uint64_t to)
{
	char data[64];

	snprintf(data, sizeof(data), "{\"cursor\":%" PRIu64 "}", to);
	batch_add(b, KIND_RESET, "reset", to, data);
}

/* NULL: the store cannot be read, or there is no memory. */
static struct batch *batch_of(struct store *s, uint64_t from, uint64_t to, uint64_t now_ns)
{
	struct view_args args = { .now_ns = now_ns };
	struct batch *b = batch_new(from, to);
	char data[64];
	int rc = 1;

	if (!b)
		return NULL;
	if (to - from <= VIEW_CHANGES_MAX)
		rc = view_changes(s, &args, from, to, add_change, b);
	if (rc < 0) {
		batch_free(b);
		return NULL;
	}
	if (rc > 0) { /* too much to tell */
		b->n = b->len = 0;
		add_reset(b, to);
	} else if (b->n) {
		snprintf(data, sizeof(data), "{\"cursor\":%" PRIu64 "}", to);
		batch_add(b, KIND_CURSOR, "cursor", to, data);
	}
	return b;
}

/* ---- the ring; within its lock --------------------------------------------------- */

static void drop_first(struct stream *s)
{
	struct batch **b = &s->ring[s->first % BATCHES];

	s->size -= (*b)->len;
	batch_free(*b);
	*b = NULL;
	s->first++;
}

static void ring_clear(struct stream *s)
{
	while (s->first < s->end)
		drop_first(s);
}

static void ring_push(struct stream *s, struct batch *b)
{
	while (s->first < s->end && (s->end - s->first == BATCHES || s->size + b->len > RING_SIZE))
		drop_first(s);
	s->ring[s->end++ % BATCHES] = b;
	s->size += b->len;
}

/* Before the oldest. False: there is no room. */
static bool ring_prepend(struct stream *s, struct batch *b)
{
	if (s->end - s->first == BATCHES || s->size + b->len > RING_SIZE)
		return false;
	s->ring[--s->first % BATCHES] = b;
	s->size += b->len;
	return true;
}

/* What the ring tells begins after this event. */
static uint64_t ring_from(const struct stream *s)
{
	return s->first < s->end ? s->ring[s->first % BATCHES]->from : s->cursor;
}

/* The first batch with something after this event. */
static uint64_t ring_find(const struct stream *s, uint64_t cursor)
{
	uint64_t i = s->first;

	while (i < s->end && s->ring[i % BATCHES]->to <= cursor)
		i++;
	return i;
}

/* ---- a client --------------------------------------------------------------------- */

static bool is_for(const struct client *c, unsigned kind)
{
	return kind >= VIEW_NUM_KINDS || c->wanted & (1u << kind);
}

static size_t copy(const char *from, size_t len, size_t *at, char *buf, size_t max)
{
	size_t n = len - *at < max ? len - *at : max;

	memcpy(buf, from + *at, n);
	*at += n;
	return n;
}

static ssize_t read_ring(struct client *c, char *buf, size_t max)
{
	struct stream *s = c->stream;
	size_t done = 0;

	if (c->batch < s->first)
		return HTTP_SOURCE_ABORT; /* overwritten */
	while (c->batch < s->end && done < max) {
		const struct batch *b = s->ring[c->batch % BATCHES];
		const struct message *m = b->messages + c->message;

		if (c->message == b->n) {
			c->batch++;
			c->message = 0;
		} else if (!is_for(c, m->kind)) {
			c->message++;
		} else {
			done += copy(b->text + m->at, m->len, &c->at, buf + done, max - done);
			if (c->at == m->len) {
				c->message++;
				c->at = 0;
			}
		}
	}
	return (ssize_t)done;
}

static ssize_t on_read(void *arg, char *buf, size_t max)
{
	struct client *c = arg;
	ssize_t n;

	if (c->head_at < c->head_len)
		return (ssize_t)copy(c->head, c->head_len, &c->head_at, buf, max);
	pthread_mutex_lock(&c->stream->ring_lock);
	n = read_ring(c, buf, max);
	pthread_mutex_unlock(&c->stream->ring_lock);
	return n;
}

static void on_start(void *arg, struct http_waker *waker)
{
	struct client *c = arg;
	struct stream *s = c->stream;

	pthread_mutex_lock(&s->clients_lock);
	c->waker = waker;
	c->listed = true;
	c->next = s->clients;
	if (c->next)
		c->next->prev = c;
	s->clients = c;
	pthread_mutex_unlock(&s->clients_lock);
}

static void on_close(void *arg)
{
	struct client *c = arg;
	struct stream *s = c->stream;

	pthread_mutex_lock(&s->clients_lock);
	if (c->listed) {
		if (c->next)
			c->next->prev = c->prev;
		*(c->prev ? &c->prev->next : &s->clients) = c->next;
	}
	metrics_set(s->config.metrics, METRIC_STREAM_CLIENTS, 0, --s->n_clients);
	pthread_mutex_unlock(&s->clients_lock);
	free(c);
}

static const struct http_source source = { .read = on_read, .start = on_start, .close = on_close };

static bool parse_wanted(const char *text, unsigned *wanted)
{
	size_t n;

	*wanted = 0;
	for (; *text; text += n + (text[n] == ',')) {
		int kind = 0;

		n = strcspn(text, ",");
		while (kind < VIEW_NUM_KINDS &&
		       (strlen(view_kind_name((enum view_kind)kind)) != n ||
			strncmp(view_kind_name((enum view_kind)kind), text, n) != 0))
			kind++;
		if (kind == VIEW_NUM_KINDS)
			return false;
		*wanted |= 1u << kind;
	}
	return *wanted != 0;
}

static bool parse_cursor(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *out <= INT64_MAX;
}

/* Where a client that has seen up to `cursor` goes on. True: it was too far behind,
 * or comes from another store. */
static bool find_place(struct stream *s, struct store *store, uint64_t cursor, uint64_t newest,
		       struct client *c)
{
	struct batch *b;
	uint64_t from;
	bool reset;

	pthread_mutex_lock(&s->catch_up);
	pthread_mutex_lock(&s->ring_lock);
	from = ring_from(s);
	pthread_mutex_unlock(&s->ring_lock);
	if (cursor < from && from - cursor <= VIEW_CHANGES_MAX) {
		b = batch_of(store, cursor, from, s->config.now_real());
		pthread_mutex_lock(&s->ring_lock);
		/* another batch may have pushed the oldest out meanwhile */
		if (b && (ring_from(s) != from || !ring_prepend(s, b)))
			batch_free(b);
		pthread_mutex_unlock(&s->ring_lock);
	}
	pthread_mutex_lock(&s->ring_lock);
	reset = cursor < ring_from(s) || cursor > newest;
	c->batch = reset ? s->end : ring_find(s, cursor);
	pthread_mutex_unlock(&s->ring_lock);
	pthread_mutex_unlock(&s->catch_up);
	return reset;
}

/* The ring begins with the first client: before, nobody wanted to know. */
static bool begin_ring(struct stream *s, uint64_t newest)
{
	bool good;

	pthread_mutex_lock(&s->ring_lock);
	if (!s->known) {
		s->known = true;
		s->cursor = newest;
	}
	good = s->known;
	pthread_mutex_unlock(&s->ring_lock);
	return good;
}

static void write_head(struct stream *s, struct client *c, bool reset, uint64_t newest)
{
	char time[TIME_STRLEN];
	uint64_t cursor;

	pthread_mutex_lock(&s->ring_lock);
	cursor = s->cursor;
	pthread_mutex_unlock(&s->ring_lock);
	c->head_len = (size_t)snprintf(c->head, sizeof(c->head), "retry: %d\n\n", RETRY_MS);
	if (reset)
		c->head_len += (size_t)snprintf(c->head + c->head_len,
						sizeof(c->head) - c->head_len,
						"event: reset\nid: %" PRIu64
						"\ndata: {\"cursor\":%" PRIu64 "}\n\n",
						cursor, cursor);
	/* no id: what was missed is still to come */
	c->head_len +=
		(size_t)snprintf(c->head + c->head_len, sizeof(c->head) - c->head_len,
				 "event: heartbeat\ndata: {\"time\":\"%s\",\"cursor\":%" PRIu64
				 ",\"behind\":%" PRIu64 "}\n\n",
				 time_format(s->config.now_real(), time), cursor,
				 newest > cursor ? newest - cursor : 0);
}

void stream_join(struct stream *s, struct store *store, const struct http_request *r,
		 struct http_answer *a)
{
	const char *last = http_param(r, "last-event-id"), *events = http_param(r, "events");
	uint64_t cursor = 0, newest, stored;
	struct client *c;
	bool reset = false;

	last = r->last_event_id ? r->last_event_id : last; /* a browser's is the newer one */
	if (last && !parse_cursor(last, &cursor)) {
		http_problem(a, r, 400, "bad-parameter",
			     "last-event-id=%.40s: a number, as the stream's ids are", last);
		return;
	}
	if (view_newest(store, &newest, &stored) < 0) {
		http_problem(a, r, 503, "store-unavailable", "the store cannot be read now");
		return;
	}
	if (++s->n_clients > s->config.clients || !begin_ring(s, newest) ||
	    !(c = calloc(1, sizeof(*c)))) {
		s->n_clients--;
		http_problem(a, r, 503, "busy", "%u clients are listening already",
			     s->config.clients);
		http_answer_header(a, "Retry-After", "5");
		return;
	}
	c->stream = s;
	c->wanted = ~0u;
	if (events && !parse_wanted(events, &c->wanted)) {
		on_close(c);
		http_problem(
			a, r, 400, "bad-parameter",
			"events=%.60s: a list of device, session, alert, incident, agent, gap, "
			"summary",
			events);
		return;
	}
	if (last) {
		reset = find_place(s, store, cursor, newest, c);
	} else {
		pthread_mutex_lock(&s->ring_lock);
		c->batch = s->end;
		pthread_mutex_unlock(&s->ring_lock);
	}
	write_head(s, c, reset, newest);
	metrics_set(s->config.metrics, METRIC_STREAM_CLIENTS, 0, s->n_clients);
	a->status = 200;
	a->type = "text/event-stream";
	a->no_store = true;
	a->source = &source;
	a->arg = c;
	http_answer_header(a, "X-Accel-Buffering", "no"); /* proxies that would wait for more */
}

/* ---- the thread -------------------------------------------------------------------- */

/* Wakes who has something to read, cuts who has missed something. */
static void fan_out(struct stream *s)
{
	uint64_t first;

	pthread_mutex_lock(&s->ring_lock);
	first = s->first;
	pthread_mutex_unlock(&s->ring_lock);
	pthread_mutex_lock(&s->clients_lock);
	for (struct client *c = s->clients; c; c = c->next) {
		bool late;

		pthread_mutex_lock(&s->ring_lock);
		late = c->batch < first;
		pthread_mutex_unlock(&s->ring_lock);
		if (!late) {
			http_wake(c->waker);
		} else if (!c->cut) {
			c->cut = true;
			metrics_add(s->config.metrics, METRIC_STREAM_CUT, 0, 1);
			http_cut(c->waker);
		}
	}
	pthread_mutex_unlock(&s->clients_lock);
}

static void publish(struct stream *s, struct batch *b)
{
	struct batch *last;
	size_t n = b->n;

	s->told += b->len * s->n_clients;

	pthread_mutex_lock(&s->ring_lock);
	s->cursor = b->to;
	last = s->first < s->end ? s->ring[(s->end - 1) % BATCHES] : NULL;
	if (!n && last && !last->n) { /* one that tells nothing reaches further */
		last->to = b->to;
		batch_free(b);
	} else {
		ring_push(s, b);
	}
	pthread_mutex_unlock(&s->ring_lock);
	if (!n)
		return;
	metrics_add(s->config.metrics, METRIC_STREAM_MESSAGES, 0, n * s->n_clients);
	fan_out(s);
}

static void beat(struct stream *s, uint64_t newest)
{
	struct batch *b = batch_new(s->cursor, s->cursor);
	char data[160], time[TIME_STRLEN];

	if (!b)
		return;
	snprintf(data, sizeof(data),
		 "{\"time\":\"%s\",\"cursor\":%" PRIu64 ",\"behind\":%" PRIu64 "}",
		 time_format(s->config.now_real(), time), s->cursor,
		 newest > s->cursor ? newest - s->cursor : 0);
	if (batch_add(b, KIND_HEARTBEAT, "heartbeat", s->cursor, data))
		publish(s, b);
	else
		batch_free(b);
}

static bool open_store(struct stream *s)
{
	char err[600];

	if (!s->store) {
		s->store = store_open(s->config.db, STORE_READ, err, sizeof(err));
		if (!s->store)
			log_debug("stream: %s", err);
	}
	return s->store != NULL;
}

static void close_store(struct stream *s)
{
	log_debug("stream: %s", store_error(s->store));
	store_close(s->store);
	s->store = NULL;
}

/* Reads what is new. *newest is what the store has. */
static void look(struct stream *s, uint64_t *newest)
{
	struct batch *b;
	uint64_t stored;

	if (!open_store(s))
		return;
	if (view_newest(s->store, newest, &stored) < 0) {
		close_store(s);
		return;
	}
	if (*newest == s->cursor)
		return;
	if (*newest < s->cursor) { /* another store in its place */
		b = batch_new(*newest, *newest);
		if (b)
			add_reset(b, *newest);
	} else {
		b = batch_of(s->store, s->cursor, *newest, s->config.now_real());
	}
	if (b)
		publish(s, b);
	else
		close_store(s);
}

/* Nobody listens: the ring would only grow old. */
static void forget(struct stream *s)
{
	pthread_mutex_lock(&s->catch_up);
	pthread_mutex_lock(&s->ring_lock);
	if (!s->n_clients && s->known) {
		ring_clear(s);
		s->known = false;
	}
	pthread_mutex_unlock(&s->ring_lock);
	pthread_mutex_unlock(&s->catch_up);
}

/* Until a poke or that time; not before `not_before`. False: it is the end. */
static bool wait_until(struct stream *s, uint64_t not_before, uint64_t at)
{
	struct timespec next;
	bool goes_on;

	pthread_mutex_lock(&s->wait_lock);
	for (;;) {
		uint64_t now = s->config.now_mono(), until;

		if (s->stopping || now >= at || (s->poked && now >= not_before))
			break;
		until = s->poked && not_before < at ? not_before : at;
		next.tv_sec = (time_t)(until / NS_PER_S);
		next.tv_nsec = (long)(until % NS_PER_S);
		pthread_cond_timedwait(&s->wait, &s->wait_lock, &next);
	}
	s->poked = false;
	goes_on = !s->stopping;
	pthread_mutex_unlock(&s->wait_lock);
	return goes_on;
}

static void *run(void *arg)
{
	struct stream *s = arg;
	uint64_t began = s->config.now_mono(), done = began, beat_at = began, newest = 0, pace;

	setpriority(PRIO_PROCESS, 0, HTTP_NICE);
	do {
		began = s->config.now_mono();
		if (s->n_clients && s->known) {
			look(s, &newest);
			if (began >= beat_at) {
				beat(s, newest);
				beat_at = began + HEARTBEAT_NS;
			}
		} else {
			forget(s);
		}
		done = s->config.now_mono();
		pace = (done - began) * PACE_WORK;
		if (pace < s->told * NS_PER_MS / (PACE_BYTES / 1000))
			pace = s->told * NS_PER_MS / (PACE_BYTES / 1000);
		s->told = 0;
		if (pace < PACE_NS)
			pace = PACE_NS;
		if (pace > HEARTBEAT_NS)
			pace = HEARTBEAT_NS;
	} while (wait_until(s, done + pace, done + (pace > LOOK_NS ? pace : LOOK_NS)));
	return NULL;
}

void stream_poke(struct stream *s)
{
	pthread_mutex_lock(&s->wait_lock);
	if (!s->poked) {
		s->poked = true;
		pthread_cond_signal(&s->wait);
	}
	pthread_mutex_unlock(&s->wait_lock);
}

struct stream *stream_start(const struct stream_config *config, char *err, size_t size)
{
	struct stream *s = calloc(1, sizeof(*s));
	pthread_condattr_t monotonic;
	sigset_t ours, before;
	int rc;

	snprintf(err, size, "the stream of changes could not be started: no memory or no threads");
	if (!s)
		return NULL;
	s->config = *config;
	s->first = s->end = FIRST;
	pthread_mutex_init(&s->wait_lock, NULL);
	pthread_mutex_init(&s->catch_up, NULL);
	pthread_mutex_init(&s->clients_lock, NULL);
	pthread_mutex_init(&s->ring_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wait, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sigfillset(&ours); /* signals are the main loop's, SIGSYS each thread's own */
	sigdelset(&ours, SIGSYS);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	rc = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return s;
	free(s);
	return NULL;
}

void stream_stop(struct stream *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->wait_lock);
	s->stopping = true;
	pthread_cond_signal(&s->wait);
	pthread_mutex_unlock(&s->wait_lock);
	pthread_join(s->thread, NULL);
	ring_clear(s);
	store_close(s->store);
	pthread_mutex_destroy(&s->wait_lock);
	pthread_mutex_destroy(&s->catch_up);
	pthread_mutex_destroy(&s->clients_lock);
	pthread_mutex_destroy(&s->ring_lock);
	pthread_cond_destroy(&s->wait);
	free(s);
}
