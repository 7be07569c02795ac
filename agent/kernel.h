/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_KERNEL_H
#define GW_KERNEL_H
/*
 * The kernel programs as user space handles them: load, put a fabric's tables
 * in force, read the clock pair. Attaching and polling is capture_bpf.c's;
 * tests and the benchmark run the programs through BPF_PROG_TEST_RUN instead.
 */
#include "agent/capture.h"

struct pins;
struct watch_bpf; /* the skeleton that bpftool generates from bpf/watch.bpf.c */
struct actor_bpf;

struct kernel {
	struct watch_bpf *watch;
	struct actor_bpf *actor; /* NULL: this kernel has no type information */
	uint32_t slot;		 /* of the tables' two, which is in force */
	bool inherited;		 /* flows, ring and counters are a former agent's */
	int alive_fd;		 /* -1: none */
	uint64_t *alive;	 /* when the agent last ran, for its successor; NULL: none */
	uint64_t last_alive_ns;	 /* what was in there; 0: nothing */
};

/* Loads the programs, attaches none of those that see packets. With
 * config->pins the flow tables, the ring and the counters are those found there, if
 * they have this program's layout. NULL with one line in err. */
struct kernel *kernel_open(const struct capture_config *config, char *err, size_t size);
void kernel_close(struct kernel *k); /* accepts NULL */

/* Builds f's tables in the idle slot, then makes it the active one. When it
 * returns 0, no packet is judged by the former tables any more. NULL: an empty
 * fabric, which watches nothing. A negative errno leaves the old in force. */
int kernel_load(struct kernel *k, const struct fabric *f);

/* Teaches the programs what a tick is on CLOCK_MONOTONIC; to be repeated now and
 * then, because a kernel that loses ticks lets the two drift apart. */
int kernel_set_clock(struct kernel *k);

/* The programs under a capture of capture_bpf_open(); for tests. */
struct kernel *kernel_of_capture(struct capture *c);

/* Pins what a next agent takes over, links excepted. 0 or a negative errno. */
int kernel_pin(struct kernel *k, struct pins *pins);

/* Sums the per-CPU counters. */
void kernel_stats(const struct kernel *k, uint64_t out[GW_STAT_MAX]);

#endif
