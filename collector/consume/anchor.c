/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/consume/anchor.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/store/store.h"
#include "common/log.h"

#define KEEP "100000" /* anchors in Redis: 70 days of one a minute, 20 MB */
#define CONFIRMED_MAX 64
#define FETCH_COUNT 1000
#define FETCH_S 15

struct consume_anchors {
	struct store *store;
	const char *collector, *file;
	char key[ANCHOR_KEY_LEN];
	uint64_t under_way; /* highest number handed to Redis on this connection */
	uint64_t expected;  /* the number that the next answer is for */
	uint64_t confirmed[CONFIRMED_MAX];
	unsigned n_confirmed, waiting;
	bool refused, file_failed; /* said already */
	bool cut;		   /* the file's last line has no end: it is not written on */
	uint64_t in_file;	   /* highest number there */
	struct redis *redis;	   /* during a send */
	void (*answered)(void *arg);
	void *arg;
};

const char *consume_anchor_key(const char *stream, char buf[ANCHOR_KEY_LEN])
{
	bool tagged = strchr(stream, '{') != NULL;

	snprintf(buf, ANCHOR_KEY_LEN, tagged ? "%.500s:anchors" : "{%.500s}:anchors", stream);
	return buf;
}

/* ---- the file -------------------------------------------------------------- */

static bool find_last(struct consume_anchors *a, char *err, size_t size)
{
	struct verify_anchors old = { 0 };
	FILE *f = fopen(a->file, "re");
	bool good;
	int fd;

	if (!f) {
		if (errno == ENOENT) {
			fd = open(a->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
			if (fd >= 0) {
				close(fd);
				return true;
			}
		}
		snprintf(err, size, "--anchors: %s: %s", a->file, strerror(errno));
		return false;
	}
	good = verify_anchors_read(&old, f, a->file, err, size);
	if (good && old.bad > old.pieces && !old.n) {
		snprintf(err, size, "%s:%zu: %s", a->file, old.first_bad, old.why);
		good = false;
	}
	if (good && old.bad)
		log_warning("%s:%zu: %s; going on behind it (lines that are no anchors: %zu)",
			    a->file, old.first_bad, old.why, old.bad);
	a->cut = old.cut;
	for (size_t i = 0; good && i < old.n; i++)
		if (strcmp(old.list[i].store, store_id(a->store)) == 0 &&
		    old.list[i].number > a->in_file)
			a->in_file = old.list[i].number;
	verify_anchors_free(&old);
	fclose(f);
	return good;
}

/* What was written of a line that could not be written whole. False: it is still there,
 * as in a file that can only be appended to. */
static bool take_back(int fd, size_t len)
{
	off_t end = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size == end && ftruncate(fd, end - (off_t)len) == 0;
}

/* errno tells why not. */
static bool write_whole(int fd, const char *buf, size_t len, size_t *done)
{
	ssize_t n;

	for (*done = 0; *done < len; *done += (size_t)n) {
		n = write(fd, buf + *done, len - *done);
		if (n == 0)
			errno = ENOSPC;
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return false;
	}
	return true;
}

static bool append_line(struct consume_anchors *a, const char *line)
{
	int fd = open(a->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640), why;
	char buf[CHAIN_ANCHOR_LEN + 2];
	size_t len, done;
	bool good;

	if (fd < 0)
		return false;
	len = (size_t)snprintf(buf, sizeof(buf), "%s%s\n", a->cut ? "\n" : "", line);
	good = write_whole(fd, buf, len, &done);
	why = errno;
	if (good)
		a->cut = false;
	else if (done && !take_back(fd, done))
		a->cut = true;
	if (good && fdatasync(fd)) {
		why = errno;
		good = false; /* it is written again */
	}
	close(fd);
	errno = why;
	return good;
}

static int write_one(void *arg, const struct chain_anchor *anchor)
{
	struct consume_anchors *a = arg;
	char line[CHAIN_ANCHOR_LEN];

	if (!chain_anchor_format(anchor, a->collector, line))
		return 0;
	if (!append_line(a, line)) {
		if (!a->file_failed)
			log_warning("%s: anchors cannot be written there: %s; trying again",
				    a->file, strerror(errno));
		a->file_failed = true;
		return 1;
	}
	a->file_failed = false;
	a->in_file = anchor->number;
	return 0;
}

/* ---- Redis ----------------------------------------------------------------- */

static void on_answer(void *arg, const struct redisReply *reply)
{
	struct consume_anchors *a = arg;
	uint64_t number = a->expected++;

	a->waiting--;
	if (!reply) {
		a->under_way = 0; /* connection lost: all that follow, too */
	} else if (reply->type == REDIS_REPLY_ERROR) {
		a->under_way = 0;
		if (!a->refused)
			log_warning("%s does not take anchors of the hash chain: %.300s; trying "
				    "again with each new one",
				    a->key, reply->str);
		a->refused = true;
	} else {
		a->refused = false;
		if (a->n_confirmed < CONFIRMED_MAX)
			a->confirmed[a->n_confirmed++] = number;
	}
	a->answered(a->arg);
}

static int send_one(void *arg, const struct chain_anchor *anchor)
{
	struct consume_anchors *a = arg;
	char line[CHAIN_ANCHOR_LEN];
	const char *argv[] = { "XADD", a->key, "MAXLEN", "~", KEEP, "*", "json", line };
	size_t lens[8];

	/* Answers name no number: those under way follow each other. */
	if (a->waiting && anchor->number != a->under_way + 1)
		return 1;
	if (a->waiting == CONFIRMED_MAX || !chain_anchor_format(anchor, a->collector, line))
		return 1;
	for (size_t i = 0; i < 8; i++)
		lens[i] = strlen(argv[i]);
	if (redis_send(a->redis, on_answer, a, 8, argv, lens) != 0)
		return 1;
	if (!a->waiting)
		a->expected = anchor->number;
	a->waiting++;
	a->under_way = anchor->number;
	return 0;
}

void consume_anchors_send(struct consume_anchors *a, struct redis *redis)
{
	a->redis = redis;
	store_anchors(a->store, true, a->under_way, send_one,
		      a); /* what fails is sent another time */
	if (a->file)
		store_anchors(a->store, false, a->in_file, write_one, a);
}

int consume_anchors_note(struct consume_anchors *a)
{
	int rc = 0;

	for (unsigned i = 0; i < a->n_confirmed && !rc; i++)
		rc = store_anchor_sent(a->store, a->confirmed[i]);
	return rc;
}

void consume_anchors_noted(struct consume_anchors *a)
{
	a->n_confirmed = 0;
}

unsigned consume_anchors_waiting(const struct consume_anchors *a)
{
	return a->waiting;
}

struct consume_anchors *consume_anchors_open(struct store *store, const char *stream,
					     const char *collector, const char *file,
					     void (*answered)(void *arg), void *arg, char *err,
					     size_t size)
{
	struct consume_anchors *a = calloc(1, sizeof(*a));

	if (!a) {
		snprintf(err, size, "out of memory");
		return NULL;
	}
	a->store = store;
	a->collector = collector;
	a->file = file;
	a->answered = answered;
	a->arg = arg;
	consume_anchor_key(stream, a->key);
	if (file && !find_last(a, err, size)) {
		free(a);
		return NULL;
	}
	return a;
}

void consume_anchors_close(struct consume_anchors *a)
{
	free(a);
}

/* ---- reading them back ------------------------------------------------------ */

struct fetch {
	struct event_base *base;
	struct redis *redis;
	const struct redis_url *url;
	struct verify_anchors *out;
	char key[ANCHOR_KEY_LEN], from[64];
	char *err;
	size_t size;
	bool done;
};

static void fetch_failed(struct fetch *f, const char *why)
{
	char url[REDIS_URL_STRLEN];

	snprintf(f->err, f->size, "Redis at %s: %.300s", redis_url_format(f->url, url), why);
	event_base_loopbreak(f->base);
}

static void ask(struct fetch *f);

static void take_entry(struct fetch *f, const redisReply *entry)
{
	const redisReply *fields;
	struct chain_anchor anchor;
	char why[200];

	if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 || !entry->element[0]->str ||
	    strcmp(entry->element[0]->str, f->from) == 0)
		return; /* a range begins with the last one of the range before */
	snprintf(f->from, sizeof(f->from), "%s", entry->element[0]->str);
	fields = entry->element[1];
	for (size_t i = 0; i + 1 < fields->elements; i += 2) {
		const redisReply *key = fields->element[i], *value = fields->element[i + 1];

		/* What somebody else has put there is no anchor, and proves nothing. */
		if (key->str && strcmp(key->str, "json") == 0 && value->str &&
		    chain_anchor_parse(value->str, (size_t)value->len, &anchor, why, sizeof(why)))
			verify_anchors_add(f->out, &anchor);
	}
}

static void on_range(void *arg, const struct redisReply *reply)
{
	struct fetch *f = arg;

	if (!reply || f->done)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		fetch_failed(f, reply->str);
		return;
	}
	for (size_t i = 0; i < reply->elements; i++)
		take_entry(f, reply->element[i]);
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == FETCH_COUNT) {
		ask(f);
		return;
	}
	f->done = true;
	event_base_loopbreak(f->base);
}

static void ask(struct fetch *f)
{
	char count[16];
	const char *argv[] = { "XRANGE", f->key, f->from, "+", "COUNT", count };
	size_t lens[6];

	snprintf(count, sizeof(count), "%d", FETCH_COUNT);
	for (size_t i = 0; i < 6; i++)
		lens[i] = strlen(argv[i]);
	redis_send(f->redis, on_range, f, 6, argv, lens);
}

static void on_fetch_state(void *arg, bool up, const char *reason)
{
	struct fetch *f = arg;

	if (f->done)
		return;
	if (!up)
		fetch_failed(f, reason);
	else
		ask(f);
}

static void on_fetch_late(evutil_socket_t fd, short what, void *arg)
{
	fetch_failed(arg, "no answer");
}

bool consume_anchors_fetch(const struct redis_url *url, const char *stream,
			   struct verify_anchors *out, char *err, size_t size)
{
	struct fetch f = { .url = url, .out = out, .err = err, .size = size };
	struct timeval late = { FETCH_S, 0 };

	snprintf(err, size, "out of memory");
	consume_anchor_key(stream, f.key);
	strcpy(f.from, "-");
	f.base = event_base_new();
	if (!f.base)
		return false;
	f.redis = redis_open(f.base, url, on_fetch_state, &f);
	if (f.redis && event_base_once(f.base, -1, EV_TIMEOUT, on_fetch_late, &f, &late) == 0)
		event_base_dispatch(f.base);
	redis_close(f.redis);
	event_base_free(f.base);
	return f.done;
}
