/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a capture file, through the whole engine to encoded events. And the
 * same file cut at some byte: what is before the cut reads as it did.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/capfile.h"
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

static void require(int condition)
{
	if (!condition)
		abort();
}

static struct capfile *open_bytes(const uint8_t *data, size_t size, char path[64])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct capfile *f;
	char err[256] = "";

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	f = capfile_open(path, err, sizeof(err));
	require(f || strncmp(err, path, strlen(path)) == 0);
	close(fd);
	return f;
}

static void check_same(const struct capfile_packet *a, const struct capfile_packet *b)
{
	require(a->time_ns == b->time_ns && a->interface == b->interface);
	require(a->linktype == b->linktype && a->wire == b->wire && a->captured == b->captured);
	require(memcmp(a->data, b->data, a->captured) == 0);
}

static void check_cut(const uint8_t *data, size_t size)
{
	char path[64], cut_path[64];
	size_t end = size * (size ? data[size - 1] : 0) / 256;
	struct capfile *whole = open_bytes(data, size, path);
	struct capfile *cut = open_bytes(data, end, cut_path);
	struct capfile_packet a, b;
	int got, more;

	require(whole || !cut || end < 24); /* less than what tells a pcap */
	while (whole && cut && (got = capfile_next(cut, &b)) > 0) {
		more = capfile_next(whole, &a);
		require(more == 1);
		check_same(&a, &b);
	}
	if (cut && whole && got < 0) {
		require(strncmp(capfile_error(cut), cut_path, strlen(cut_path)) == 0);
		require(!strchr(capfile_error(cut), '\n'));
		require(capfile_next(cut, &b) == -1);
	}
	capfile_close(whole);
	capfile_close(cut);
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
	check_cut(data, size);
	return 0;
}
