/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One packet at a time: the clock is moved to its time before it is counted, so
 * that what fell due before it is done before it, as it would have been live.
 */
#include "agent/replay.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/capture.h"
#include "agent/config.h"
#include "common/fabric/fabric.h"
#include "agent/outbox.h"
#include "agent/pipeline.h"
#include "agent/publish.h"
#include "agent/readiness.h"
#include "common/log.h"
#include "common/redis_options.h"

#define REDIS_WAIT_MS 60000u /* for events to be acknowledged */
#define REDIS_BACKLOG 50000  /* events that may wait before reading goes on */
#define DIGEST_BYTES 65536   /* of each file, for the agent's name */

static int emit(void *arg, struct event *e)
{
	struct sink *s = arg;

	return s->ops->push(s, e);
}

/*
 * A collector tells duplicates by agent and number, so each capture read needs an
 * agent's name of its own, and the same capture read again by the same policy
 * should have the same one: a digest of both. What comes by stdin is named by time.
 */
static void name_of(char **files, int n_files, const struct fabric *fabric, struct now now,
		    char *out, size_t size)
{
	static uint8_t start[DIGEST_BYTES];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	int i;

	if (!c || !EVP_DigestInit_ex(c, EVP_sha256(), NULL))
		die("no memory");
	if (fabric)
		EVP_DigestUpdate(c, fabric->generation, sizeof(fabric->generation));
	for (i = 0; i < n_files; i++) {
		FILE *f = strcmp(files[i], "-") ? fopen(files[i], "rb") : NULL;
		struct stat st;
		size_t n = 0;

		memset(&st, 0, sizeof(st));
		if (f) {
			n = fread(start, 1, sizeof(start), f);
			if (fstat(fileno(f), &st) < 0)
				st.st_size = 0;
			fclose(f);
		} else {
			EVP_DigestUpdate(c, &now.real_ns, sizeof(now.real_ns));
		}
		EVP_DigestUpdate(c, &st.st_size, sizeof(st.st_size));
		EVP_DigestUpdate(c, start, n);
	}
	EVP_DigestFinal_ex(c, digest, NULL);
	EVP_MD_CTX_free(c);
	snprintf(out, size, "replay-%02x%02x%02x%02x%02x%02x", digest[0], digest[1], digest[2],
		 digest[3], digest[4], digest[5]);
}

static struct sink *open_sink(const struct agent_config *config, const char *name,
			      struct event_base **base)
{
	struct redis_url url;
	struct outbox *box;
	struct sink *sink;
	const char *key;
	char err[512];

	if (!config->redis.url) {
		sink = publish_direct(config->output ? config->output : "-", name, err,
				      sizeof(err));
		if (!sink)
			die("%s", err);
		return sink;
	}
	*base = event_base_new();
	if (!*base)
		die("no memory for the event loop");
	if (redis_options_url(&config->redis, &url, &key, err, sizeof(err)) < 0)
		die("%s: %s", key, err);
	box = outbox_open(":memory:", name, config->outbox_bytes, err, sizeof(err));
	if (!box)
		die("%s", err);
	sink = publish_to_redis(*base, box, &url, config->stream, err, sizeof(err));
	redis_url_clear(&url);
	if (!sink)
		die("%s", err);
	return sink;
}

/* Lets the publisher work while files are read, and waits where it lags. */
static void publish_some(struct event_base *base, struct sink *sink)
{
	struct outbox_counters count;

	event_base_loop(base, EVLOOP_NONBLOCK);
	sink->ops->counters(sink, &count);
	if (count.waiting > REDIS_BACKLOG && sink->ops->drain(sink, REDIS_WAIT_MS))
		die("%llu events wait and the server has not taken them within %u s: check it and "
		    "replay again", (unsigned long long)count.waiting, REDIS_WAIT_MS / 1000);
}

/* Reads all files. Returns 1 when one of them was cut. base: NULL without Redis. */
static int read_all(struct capture *c, struct pipeline *p, struct sink *sink,
		    struct event_base *base)
{
	struct now now = { 0, 0 };
	unsigned since_commit = 0;
	int got, status = 0;

	for (;;) {
		now.mono_ns = now.real_ns = c->ops->clock(c);
		pipeline_tick(p, now);
		got = c->ops->poll(c, 1, pipeline_record, p);
		if (got == -EBADMSG) {
			log_error("%s", capture_file_error(c));
			status = 1;
			continue;
		}
		if (got < 0)
			break;
		if (++since_commit == 4096) {
			since_commit = 0;
			if (sink->ops->commit(sink) == -EPIPE)
				return status;
			if (base)
				publish_some(base, sink);
		}
	}
	pipeline_finish(p, now);
	return status;
}

int replay(const struct agent_config *config, char **files, int n_files, struct now now)
{
	struct capture_config cc;
	struct pipeline_config pc;
	struct event_base *base = NULL;
	struct fabric *fabric = NULL;
	struct capture *capture;
	struct pipeline *pipeline;
	struct sink *sink;
	char err[512], name[32];
	uint64_t left;
	int i, status;

	for (i = 0; i < n_files; i++)
		if (strcmp(files[i], "-") && access(files[i], R_OK) < 0)
			die("%s: %s", files[i], strerror(errno));
	if (config->fabric) {
		fabric = readiness_load(config, err, sizeof(err));
		if (!fabric)
			die("%s", err);
	}
	agent_capture_config(config, &cc);
	agent_pipeline_config(config, &pc);
	capture = capture_file_open((const char *const *)files, (size_t)n_files, &cc, err,
				    sizeof(err));
	if (!capture)
		die("%s", err);
	name_of(files, n_files, fabric, now, name, sizeof(name));
	sink = open_sink(config, config->name ? config->name : config->redis.url ? name : "replay",
			 &base);
	pipeline = pipeline_new(&pc, capture, emit, sink);
	if (!pipeline)
		die("no memory for %u flows", pc.max_flows);
	if (fabric) {
		/* with the first packet: the same events whenever it is replayed */
		uint64_t first = capture->ops->clock(capture);

		if (first)
			now.mono_ns = now.real_ns = first;
		if (pipeline_load(pipeline, fabric, now) < 0)
			die("no memory for the fabric's tables");
	}
	status = read_all(capture, pipeline, sink, base);
	if (capture_file_unknown_link(capture))
		log_warning("%llu frames of link types that are not known were passed over",
			    (unsigned long long)capture_file_unknown_link(capture));
	left = sink->ops->drain(sink, REDIS_WAIT_MS);
	if (left) {
		log_error("%llu events were not acknowledged within %u s and are lost to the "
			  "stream: check the server and replay again",
			  (unsigned long long)left, REDIS_WAIT_MS / 1000);
		status = 1;
	}
	if (sink->ops->close(sink) < 0)
		status = 1;
	pipeline_free(pipeline);
	capture->ops->close(capture);
	fabric_unref(fabric);
	if (base)
		event_base_free(base);
	return status;
}
