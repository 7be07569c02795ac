/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ENGINE_H
#define TEST_ENGINE_H
/*
 * The engine from packet to event, for tests: a fabric of one device in a folder
 * of its own, a capture file in memory, and a run by the packets' own clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "agent/capture.h"
#include "common/fabric/fabric.h"
#include "agent/pipeline.h"
#include "tests/unit/frames.h"

static char engine_dir[] = "/tmp/test_engine.XXXXXX";
static char engine_file[64];
static int engine_fd = -1; /* the capture */
static uint32_t engine_flood_limit;

static inline void engine_make_fabric(const char *running_config)
{
	FILE *f;

	assert_non_null(mkdtemp(engine_dir));
	snprintf(engine_file, sizeof(engine_file), "%s/test-CE1.cfg", engine_dir);
	f = fopen(engine_file, "w");
	assert_non_null(f);
	fputs(running_config, f);
	fclose(f);
}

static inline int engine_remove_fabric(void **state)
{
	unlink(engine_file);
	rmdir(engine_dir);
	return 0;
}

static inline void engine_put32(uint32_t v)
{
	assert_int_equal(write(engine_fd, &v, 4), 4);
}

/* A pcap in the machine's byte order: magic, version 2.4, snap length, Ethernet. */
static inline void begin_capture(void)
{
	engine_fd = memfd_create("capture", 0);
	assert_true(engine_fd >= 0);
	engine_put32(0xa1b2c3d4);
	engine_put32(0x00040002);
	engine_put32(0);
	engine_put32(0);
	engine_put32(65535);
	engine_put32(1);
}

static inline void put_frame(unsigned ms, const uint8_t *frame, size_t n)
{
	engine_put32(1000 + ms / 1000);
	engine_put32(ms % 1000 * 1000);
	engine_put32((uint32_t)n);
	engine_put32((uint32_t)n);
	assert_int_equal(write(engine_fd, frame, n), (ssize_t)n);
}

static inline void packet(unsigned ms, struct segment s)
{
	uint8_t frame[2048];

	put_frame(ms, frame, frame_of(&s, frame));
}

/* Reads the capture to its end and ends every flow. */
static inline struct pipeline_counters engine_run(bool watch_all, pipeline_emit_fn *emit)
{
	const struct pipeline_config config = {
		.max_flows = 1000,
		.flood_limit = engine_flood_limit,
		.linger_ns = 5 * NS_PER_S,
		.attempt_ns = 75 * NS_PER_S,
		.closing_ns = 300 * NS_PER_S,
		.idle_ns = 8100 * NS_PER_S,
		.update_ns = 60 * NS_PER_S,
		.unanswered_ns = 3 * NS_PER_S,
		.stalled_ns = 10 * NS_PER_S,
		.window_ns = 300 * NS_PER_S,
	};
	struct capture_config cc = { .ssh_ports = { 22 }, .bgp_ports = { 179 },
				     .max_flows = 1000, .watch_all = watch_all };
	char path[64], err[256];
	const char *paths[1] = { path };
	struct fabric *f = fabric_load(engine_dir, err, sizeof(err));
	struct pipeline_counters counters;
	struct capture *c;
	struct pipeline *p;
	struct now now = { 0, 0 };
	int got;

	assert_non_null(f);
	assert_int_equal(f->n_problems, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", engine_fd);
	c = capture_file_open(paths, 1, &cc, err, sizeof(err));
	assert_non_null(c);
	p = pipeline_new(&config, c, emit, NULL);
	assert_non_null(p);
	assert_int_equal(pipeline_load(p, f, now), 0);
	do {
		now.mono_ns = now.real_ns = c->ops->clock(c);
		pipeline_tick(p, now);
		got = c->ops->poll(c, 1, pipeline_record, p);
	} while (got >= 0);
	pipeline_finish(p, now);
	pipeline_counters(p, &counters);
	pipeline_free(p);
	c->ops->close(c);
	fabric_unref(f);
	close(engine_fd);
	return counters;
}

#endif
