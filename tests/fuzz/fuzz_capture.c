/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a capture file, through the whole engine to encoded events. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/capture.h"
#include "agent/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pipeline_config engine = {
	.max_flows = 64,
	.linger_ns = 5 * NS_PER_S,
	.attempt_ns = 75 * NS_PER_S,
	.closing_ns = 300 * NS_PER_S,
	.idle_ns = 8100 * NS_PER_S,
	.update_ns = 60 * NS_PER_S,
	.unanswered_ns = 3 * NS_PER_S,
	.stalled_ns = 10 * NS_PER_S,
	.window_ns = 300 * NS_PER_S,
};

static int encode(void *arg, struct event *e)
{
	char *text;

	e->agent = "fuzz";
	e->seq = ++*(uint64_t *)arg;
	text = event_encode(e);
	if (!text)
		abort();
	free(text);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct capture_config config = { .ssh_ports = { 22 }, .bgp_ports = { 179 },
						      .max_flows = 64, .watch_all = true };
	char path[64], err[256];
	const char *paths[1] = { path };
	uint64_t seq = 0;
	struct now now = { 0, 0 };
	struct capture *c;
	int fd = memfd_create("fuzz", MFD_CLOEXEC), got;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	c = capture_file_open(paths, 1, &config, err, sizeof(err));
	close(fd);
	if (c) {
		struct pipeline *p = pipeline_new(&engine, c, encode, &seq);

		do {
			now.mono_ns = now.real_ns = c->ops->clock(c);
			pipeline_tick(p, now);
			got = c->ops->poll(c, 1, pipeline_record, p);
		} while (got >= 0);
		pipeline_finish(p, now);
		pipeline_free(p);
		c->ops->close(c);
	}
	return 0;
}
