/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_WATCH_H
#define GW_WATCH_H
/*
 * The kernel program's work done in user space, for libpcap and for files: the
 * same parser and tracker (bpf/parse.h, bpf/track.h) on a table of its own,
 * with the same records as answer. What bpf/watch.bpf.c decides, this decides;
 * tests/e2e/three_ways.t holds them together.
 */
#include "agent/capture.h"
#include "bpf/track.h"

struct watch;

/* The table is allocated once for config->max_flows. NULL: no memory. */
struct watch *watch_new(const struct capture_config *config);
void watch_free(struct watch *w); /* accepts NULL */

/* Borrowed until the next load. NULL: no inventory. */
void watch_load(struct watch *w, const struct fabric *f);

const struct gw_gate *watch_gate(const struct watch *w);

/* Takes one parsed packet. `parsed` is the parser's verdict, `end` the end of
 * the captured bytes, hook and ifindex where it was seen. Calls fn at most
 * twice. */
void watch_packet(struct watch *w, enum gw_parse parsed, const struct gw_pkt *pkt,
		  const uint8_t *end, uint64_t time_ns, uint32_t ifindex, capture_record_fn *fn,
		  void *arg);

int watch_sweep(struct watch *w, capture_flow_fn *fn, void *arg);
int watch_read(struct watch *w, const struct gw_key *key, struct gw_flow *out);
int watch_forget(struct watch *w, const struct gw_key *key, struct gw_flow *out);

/* The SYNs of half-open flows since the last call, as capture_ops.counted(). */
void watch_counted(struct watch *w, capture_attempts_fn *fn, void *arg);
void watch_stats(const struct watch *w, uint64_t out[GW_STAT_MAX]);

#endif
