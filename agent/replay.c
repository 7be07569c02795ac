/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One packet at a time: the clock is moved to its time before it is counted, so
 * that what fell due before it is done before it, as it would have been live.
 */
#include "agent/replay.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/capture.h"
#include "agent/config.h"
#include "agent/fabric/fabric.h"
#include "agent/outbox.h"
#include "agent/pipeline.h"
#include "agent/publish.h"
#include "common/log.h"
#include "common/redis.h"

#define REDIS_WAIT_MS 60000u /* for the last events to be acknowledged */

static int emit(void *arg, struct event *e)
{
	struct sink *s = arg;

	return s->ops->push(s, e);
}

static struct sink *open_sink(const struct agent_config *config, struct event_base **base)
{
	const char *name = config->name ? config->name : "replay";
	struct redis_url url;
	struct outbox *box;
	struct sink *sink;
	char err[512];

	if (!config->redis) {
		sink = publish_direct(config->output ? config->output : "-", name, err,
				      sizeof(err));
		if (!sink)
			die("%s", err);
		return sink;
	}
	*base = event_base_new();
	if (!*base)
		die("no memory for the event loop");
	if (redis_url_parse(config->redis, &url, err, sizeof(err)) < 0)
		die("%s", err);
	box = outbox_open(":memory:", name, config->outbox_bytes, err, sizeof(err));
	if (!box)
		die("%s", err);
	sink = publish_to_redis(*base, box, &url, config->stream, err, sizeof(err));
	redis_url_clear(&url);
	if (!sink)
		die("%s", err);
	return sink;
}

/* Reads all files. Returns 1 when one of them was cut. */
static int read_all(struct capture *c, struct pipeline *p, struct sink *sink)
{
	struct now now = { 0, 0 };
	unsigned since_commit = 0;
	int got, status = 0;

	for (;;) {
		now.mono_ns = now.real_ns = c->ops->clock(c);
		if (pipeline_due(p, now.mono_ns))
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
	char err[512];
	uint64_t left;
	int i, status;

	for (i = 0; i < n_files; i++)
		if (strcmp(files[i], "-") && access(files[i], R_OK) < 0)
			die("%s: %s", files[i], strerror(errno));
	if (config->fabric) {
		fabric = fabric_load(config->fabric, err, sizeof(err));
		if (!fabric)
			die("%s", err);
	}
	agent_capture_config(config, &cc);
	agent_pipeline_config(config, &pc);
	capture = capture_file_open((const char *const *)files, (size_t)n_files, &cc, err,
				    sizeof(err));
	if (!capture)
		die("%s", err);
	sink = open_sink(config, &base);
	pipeline = pipeline_new(&pc, capture, emit, sink);
	if (!pipeline)
		die("no memory for %u flows", pc.max_flows);
	if (fabric) {
		now.mono_ns = 0; /* before the first packet, whenever that was */
		if (pipeline_load(pipeline, fabric, now) < 0)
			die("no memory for the fabric's tables");
	}
	status = read_all(capture, pipeline, sink);
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
