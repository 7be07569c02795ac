/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as lines of JSON: outbox to a file or stdout, and, for replays, straight
 * to one.
 *
 * With an outbox a line counts as delivered when write() has taken all of it and,
 * for a regular file, fdatasync() has said that it is on the disk. A pipe or a
 * terminal is never written to unless poll() says that it has room, and then at
 * most PIPE_BUF bytes, which cannot block: a reader that stands still must not
 * stop the capture. Its events wait in the outbox.
 *
 * An agent killed in the middle of a line leaves half of it. The next one begins
 * on a new line and writes that event again.
 */
#include "agent/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <event2/event.h>

#include "common/event.h"
#include "common/log.h"

#define BATCH 256 /* lines in one buffer */
#define BATCHES 8 /* written per turn of the loop, then others get theirs */
#define ACK_MS 50
#define RETRY_MS 1000 /* after a failed write */
#define DIRECT_BUFFER (256u << 10)

struct file_sink {
	struct sink sink; /* first: ops get a pointer to it */
	struct event_base *base;
	struct outbox *outbox;
	char *name;
	int fd;
	bool regular, may_block;

	/* The batch that is being written: lines and where each ends. */
	char *text;
	size_t len, size, at;
	struct {
		uint64_t seq;
		size_t end;
	} line[BATCH];
	unsigned n_lines;

	uint64_t taken;	    /* highest number put into a batch */
	uint64_t committed; /* highest number in the outbox's file */
	bool pushed, acked;
	int problem; /* errno as it was logged; 0: none */

	struct event *writable, *timer; /* libevent's */
};

static struct file_sink *file_of(struct sink *s)
{
	return (struct file_sink *)(void *)s;
}

static const char *shown(const char *path)
{
	return strcmp(path, "-") ? path : "standard output";
}

/* Opens for appending; "-" is a copy of stdout. -1 with one line in err. */
static int open_output(const char *path, struct stat *st, char *err, size_t size)
{
	int fd = strcmp(path, "-")
			 ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640)
			 : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

	if (fd < 0 || fstat(fd, st)) {
		snprintf(err, size, "output %s: %s", shown(path), strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error, not the end */
	return fd;
}

static void set_timer(struct file_sink *f, unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (!evtimer_pending(f->timer, NULL))
		evtimer_add(f->timer, &tv);
}

static void commit(struct file_sink *f)
{
	struct outbox_counters c;

	if (outbox_commit(f->outbox)) {
		set_timer(f, RETRY_MS); /* logged; tried again then */
		return;
	}
	outbox_counters(f->outbox, &c);
	f->committed = c.generated;
	f->pushed = f->acked = false;
}

static bool add_line(void *arg, const struct outbox_item *item)
{
	struct file_sink *f = arg;
	size_t need = f->len + item->json_len + 1;

	if (need > f->size) {
		size_t size = f->size ? f->size : 65536;
		char *text;

		while (size < need)
			size *= 2;
		text = realloc(f->text, size);
		if (!text)
			return false; /* it is taken up again with the next batch */
		f->text = text;
		f->size = size;
	}
	memcpy(f->text + f->len, item->json, item->json_len);
	f->len = need;
	f->text[need - 1] = '\n';
	f->line[f->n_lines].seq = item->seq;
	f->line[f->n_lines++].end = need;
	f->taken = item->seq;
	return true;
}

static bool fill(struct file_sink *f)
{
	f->len = f->at = 0;
	f->n_lines = 0;
	if (f->taken >= f->committed)
		return false;
	outbox_each(f->outbox, f->taken, BATCH, add_line, f);
	if (f->n_lines)
		outbox_hold(f->outbox, f->line[0].seq, f->line[f->n_lines - 1].seq);
	return f->n_lines > 0;
}

/* All of the batch is out. */
static void acknowledge(struct file_sink *f)
{
	for (unsigned i = 0; i < f->n_lines; i++)
		outbox_ack(f->outbox, f->line[i].seq);
	f->acked |= f->n_lines > 0;
	f->n_lines = 0;
	outbox_hold(f->outbox, 0, 0);
	if (f->problem)
		log_info("output %s is written again", shown(f->name));
	f->problem = 0;
}

/* Returns 0 when the batch is out, or a negative errno; -EAGAIN: no room now. */
static int write_batch(struct file_sink *f)
{
	while (f->at < f->len) {
		size_t n = f->len - f->at;
		ssize_t done;

		if (f->may_block) {
			struct pollfd pfd = { .fd = f->fd, .events = POLLOUT };

			if (poll(&pfd, 1, 0) == 0)
				return -EAGAIN;
			n = n < PIPE_BUF ? n : PIPE_BUF;
		}
		done = write(f->fd, f->text + f->at, n);
		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0)
			f->at += (size_t)done;
	}
	/* EINVAL: a file system that cannot; then write() has to do. */
	if (f->regular && f->n_lines && fdatasync(f->fd) && errno != EINVAL && errno != EROFS)
		return -errno;
	return 0;
}

/* 0, or -EPIPE: for good. */
static int pump(struct file_sink *f)
{
	for (int i = 0; i < BATCHES; i++) {
		int rc;

		if (!f->n_lines && !fill(f))
			break;
		rc = write_batch(f);
		if (rc == 0) {
			acknowledge(f);
			continue;
		}
		if (rc == -EAGAIN) {
			event_add(f->writable, NULL);
			break;
		}
		if (f->problem != -rc)
			log_error("output %s: %s; events wait in the outbox", shown(f->name),
				  strerror(-rc));
		f->problem = -rc;
		if (rc == -EPIPE)
			return rc;
		set_timer(f, RETRY_MS);
		return 0;
	}
	if (f->acked)
		set_timer(f, ACK_MS);
	else if (!f->n_lines && f->taken < f->committed)
		set_timer(f, 0);
	return f->problem == EPIPE ? -EPIPE : 0;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	pump(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct file_sink *f = arg;

	if (f->acked || f->pushed)
		commit(f);
	if (f->problem != EPIPE)
		pump(f);
}

static int file_push(struct sink *s, struct event *e)
{
	struct file_sink *f = file_of(s);

	f->pushed = true;
	return outbox_push(f->outbox, e);
}

static int file_commit(struct sink *s)
{
	struct file_sink *f = file_of(s);

	if (f->pushed)
		commit(f);
	/* A problem is tried again by the timer, not once per turn. */
	if (f->problem)
		return f->problem == EPIPE ? -EPIPE : 0;
	return pump(f);
}

static void file_counters(struct sink *s, struct outbox_counters *out)
{
	outbox_counters(file_of(s)->outbox, out);
}

static void file_words(const struct sink *s, char *buf, size_t size)
{
	const struct file_sink *f = (const struct file_sink *)(const void *)s;

	snprintf(buf, size, "%s", f->problem ? strerror(f->problem) : "written");
}

static void on_drain_timeout(evutil_socket_t fd, short what, void *arg)
{
	*(bool *)arg = true;
}

static uint64_t file_drain(struct sink *s, unsigned timeout_ms)
{
	struct file_sink *f = file_of(s);
	struct timeval tv = { timeout_ms / 1000, (timeout_ms % 1000) * 1000 };
	struct outbox_counters c;
	bool over = false;
	struct event *timer = evtimer_new(f->base, on_drain_timeout, &over);

	if (timer)
		evtimer_add(timer, &tv);
	commit(f);
	pump(f);
	for (;;) {
		if (f->acked && !f->n_lines)
			commit(f);
		file_counters(s, &c);
		if (!c.waiting || over || !timer || f->problem == EPIPE ||
		    event_base_loop(f->base, EVLOOP_ONCE) || event_base_got_break(f->base))
			break;
	}
	if (timer)
		event_free(timer);
	return c.waiting;
}

static void file_free(struct file_sink *f)
{
	if (f->writable)
		event_free(f->writable);
	if (f->timer)
		event_free(f->timer);
	if (f->fd >= 0)
		close(f->fd);
	free(f->name);
	free(f->text);
	free(f);
}

static int file_close(struct sink *s)
{
	struct file_sink *f = file_of(s);
	struct outbox *o = f->outbox;
	int problem = f->problem, rc = outbox_commit(o);

	file_free(f);
	outbox_close(o);
	return problem ? -problem : rc;
}

static const struct sink_ops file_ops = {
	.push = file_push,
	.commit = file_commit,
	.drain = file_drain,
	.counters = file_counters,
	.words = file_words,
	.close = file_close,
};

/* Half a line from an agent that was killed? Read through a descriptor of its own,
 * as ours only writes. */
static bool ends_in_line(const char *path, const struct stat *st)
{
	char last = '\n';
	int fd;

	if (!S_ISREG(st->st_mode) || st->st_size == 0 || !strcmp(path, "-"))
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true; /* may be written, not read: cannot tell */
	if (pread(fd, &last, 1, st->st_size - 1) != 1)
		last = '\n';
	close(fd);
	return last == '\n';
}

struct sink *publish_to_file(struct event_base *base, struct outbox *o, const char *path, char *err,
			     size_t size)
{
	struct file_sink *f = calloc(1, sizeof(*f));
	struct outbox_counters c;
	struct stat st;

	if (!f) {
		snprintf(err, size, "no memory for the output");
		return NULL;
	}
	f->fd = open_output(path, &st, err, size);
	if (f->fd < 0) {
		file_free(f);
		return NULL;
	}
	f->sink.ops = &file_ops;
	f->base = base;
	f->outbox = o;
	f->name = strdup(path);
	f->regular = S_ISREG(st.st_mode);
	f->may_block = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(f->fd);
	outbox_counters(o, &c);
	f->committed = c.generated;
	f->timer = evtimer_new(base, on_timer, f);
	f->writable = event_new(base, f->fd, EV_WRITE, on_writable, f);
	f->text = malloc(1);
	if (!f->name || !f->timer || !f->writable || !f->text) {
		snprintf(err, size, "no memory for the output");
		file_free(f);
		return NULL;
	}
	if (!ends_in_line(path, &st)) {
		f->text[0] = '\n';
		f->len = f->size = 1;
		write_batch(f);
	}
	return &f->sink;
}

/* ---- without an outbox ---- */

struct direct_sink {
	struct sink sink; /* first: ops get a pointer to it */
	FILE *out;
	char *name, *agent, *text;
	size_t size;
	uint64_t seq;
	int problem; /* negative errno of the first failed write, which ends it */
};

static struct direct_sink *direct_of(struct sink *s)
{
	return (struct direct_sink *)(void *)s;
}

/* Notes the first failed write and says it; a reader that has seen enough (EPIPE)
 * needs no message. */
static int direct_failed(struct direct_sink *d, int error)
{
	if (!d->problem && error != EPIPE)
		log_error("output %s: %s", shown(d->name), strerror(error));
	if (!d->problem)
		d->problem = -error;
	return d->problem;
}

static int direct_push(struct sink *s, struct event *e)
{
	struct direct_sink *d = direct_of(s);
	long len;

	if (d->problem)
		return d->problem;
	e->agent = d->agent;
	e->seq = d->seq + 1;
	len = event_encode_into(e, &d->text, &d->size);
	if (len < 0)
		return -ENOMEM;
	d->text[len] = '\n'; /* in place of the NUL */
	if (fwrite_unlocked(d->text, 1, (size_t)len + 1, d->out) != (size_t)len + 1)
		return direct_failed(d, errno);
	d->seq++;
	return 0;
}

static int direct_commit(struct sink *s)
{
	struct direct_sink *d = direct_of(s);

	if (!d->problem && fflush(d->out))
		return direct_failed(d, errno);
	return d->problem;
}

static uint64_t direct_drain(struct sink *s, unsigned timeout_ms)
{
	direct_commit(s);
	return 0; /* what could not be written has been said and does not wait */
}

static void direct_counters(struct sink *s, struct outbox_counters *out)
{
	*out = (struct outbox_counters){ .generated = direct_of(s)->seq,
					 .acknowledged = direct_of(s)->seq };
}

static void direct_words(const struct sink *s, char *buf, size_t size)
{
	const struct direct_sink *d = (const struct direct_sink *)(const void *)s;

	snprintf(buf, size, "%s", d->problem ? strerror(-d->problem) : "written");
}

static int direct_close(struct sink *s)
{
	struct direct_sink *d = direct_of(s);
	int rc = direct_commit(s);

	if (fclose(d->out))
		rc = direct_failed(d, errno);
	free(d->name);
	free(d->agent);
	free(d->text);
	free(d);
	return rc;
}

static const struct sink_ops direct_ops = {
	.push = direct_push,
	.commit = direct_commit,
	.drain = direct_drain,
	.counters = direct_counters,
	.words = direct_words,
	.close = direct_close,
};

struct sink *publish_direct(const char *path, const char *agent, char *err, size_t size)
{
	struct direct_sink *d;
	struct stat st;
	int fd;

	if (!event_agent_valid(agent)) {
		snprintf(err, size, "agent name \"%s\": 1 to %d letters, digits, '.', '_', '-'",
			 agent, EVENT_AGENT_MAX);
		return NULL;
	}
	fd = open_output(path, &st, err, size);
	if (fd < 0)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (d) {
		d->sink.ops = &direct_ops;
		d->name = strdup(path);
		d->agent = strdup(agent);
		d->out = fdopen(fd, "a");
	}
	if (!d || !d->name || !d->agent || !d->out) {
		snprintf(err, size, "no memory for the output");
		if (d) {
			free(d->name);
			free(d->agent);
		}
		free(d);
		close(fd);
		return NULL;
	}
	setvbuf(d->out, NULL, _IOFBF, DIRECT_BUFFER);
	return &d->sink;
}
