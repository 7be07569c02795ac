/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CAPTURE_H
#define GW_CAPTURE_H
/*
 * One interface, two sources of the same records: the kernel's programs
 * (capture_bpf.c), and libpcap, live or from a file, run through the same
 * tracking code in user space (capture_pcap.c over watch.c).
 *
 * Life: open, load a fabric, then poll from the loop; a poll calls back with
 * records in the order of their packets. Counters of established flows do not
 * come as records: ask with sweep() or read(). The engine owns a flow's end and
 * says so with forget().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "common/clock.h"

struct fabric;
struct capture;
struct pins;

typedef void capture_record_fn(void *arg, const struct gw_record *record);
/* SYNs of half-open flows toward a target; who->by_source: those from one prefix of
 * those that are in the target's other number. */
typedef void capture_attempts_fn(void *arg, const struct gw_attempts *who, uint64_t syns);
typedef void capture_flow_fn(void *arg, const struct gw_key *key, const struct gw_flow *flow);

struct capture_config {
	const char *const *interfaces; /* names */
	size_t n_interfaces;
	uint16_t ssh_ports[GW_MAX_PORTS], bgp_ports[GW_MAX_PORTS]; /* unused: 0 */
	uint32_t max_flows;
	uint32_t ring_bytes; /* BPF: ring buffer, a power of two */
	uint32_t attempt_rate; /* BPF: records of half-open flows per second, CPU and kind of
				* source; 0: all of them */
	bool watch_all;	     /* replay --all: flows without a target too */
	bool clsact;	     /* BPF: clsact filters even where TCX links are to be had */
	struct pins *pins;   /* BPF: where the kernel's side outlives the agent; NULL: it
			      * does not. Borrowed until close() */
	uint32_t notes_version; /* of what the engine notes about flows: part of the layout */
};

struct capture_ops {
	const char *name; /* "bpf", "pcap", "file" */

	/* Puts a fabric in force, whole and at once: each packet is judged by the
	 * old one or the new one. Borrowed until the next load returns. 0 or a
	 * negative errno; on failure the old one stays. */
	int (*load)(struct capture *c, const struct fabric *f);

	/* Everything handed up so far is safely noted and need not be handed up again,
	 * whatever becomes of this process. Until then it takes room; held() says how
	 * much of it, in bytes. NULL: nothing is ever handed up twice. */
	void (*release)(struct capture *c);
	size_t (*held)(struct capture *c);

	/* A place in the order of records: where the next poll() begins, and how to go
	 * there, forward only; false when it is not there. NULL: there are no such places. */
	uint64_t (*position)(struct capture *c);
	bool (*seek)(struct capture *c, uint64_t position);

	/* Hands up what is pending, at most `budget` records (0: all). Returns how
	 * many, 0 at the moment none, or negative: -ENODATA at the
	 * end of a file, -EBADMSG where it is cut or broken. */
	int (*poll)(struct capture *c, unsigned budget, capture_record_fn *fn, void *arg);

	/* Readable when poll() has something; -1: poll it by timer. */
	int (*fd)(struct capture *c);

	/* Every flow's counters as they are now. Returns how many or negative. */
	int (*sweep)(struct capture *c, capture_flow_fn *fn, void *arg);

	/* One flow's counters. 0, or -ENOENT. */
	int (*read)(struct capture *c, const struct gw_key *key, struct gw_flow *out);

	/* Takes a flow out of the table; out gets its last counters. */
	int (*forget)(struct capture *c, const struct gw_key *key, struct gw_flow *out);

	/* SYNs of half-open flows that were counted between the last two turns. turn()
	 * begins to count anew; counted() hands out, once, what was counted before that,
	 * and is to be called when the packets that were under way then are through. turn
	 * NULL: it is not asked for. */
	void (*turn)(struct capture *c);
	void (*counted)(struct capture *c, capture_attempts_fn *fn, void *arg);

	/* Files: the time of the packet that the next poll() begins with, so that
	 * what falls due before it can be done before it. NULL for live captures. */
	uint64_t (*clock)(struct capture *c);

	void (*stats)(struct capture *c, uint64_t out[GW_STAT_MAX]);
	void (*close)(struct capture *c);
};

struct capture {
	const struct capture_ops *ops;
	bool wall_clock; /* packets are stamped with the time of day (libpcap) */

	/* Where the kernel's side outlives this process (capture_config.pins): */
	bool pinned;		/* it does, from the first load() on */
	bool inherited;		/* flows and records of a former agent are in it */
	bool leave;		/* set by the owner: close() leaves it for the next one */
	uint64_t id;		/* of its order of records, until the machine restarts */
	uint64_t *alive;	/* the owner notes the time here each turn; NULL: nowhere */
	uint64_t last_alive_ns; /* when the former agent last did; 0: not known */
	uint64_t keeps;	 /* capabilities that it takes once open: PRIVILEGE() of each */
};

/* Both return NULL with one line in err; the caller dies or falls back. */
struct capture *capture_bpf_open(const struct capture_config *config, char *err, size_t size);
struct capture *capture_pcap_open(const struct capture_config *config, char *err, size_t size);

/* pcap or pcapng files, "-" for stdin, read one after the other as one capture:
 * rotated files continue each other's flows. poll() says -EBADMSG where one is
 * cut or broken; poll again to go on with the next. paths are borrowed. */
struct capture *capture_file_open(const char *const *paths, size_t n,
				  const struct capture_config *config, char *err, size_t size);

/* After -EBADMSG: "FILE: offset N: what is wrong"; borrowed. */
const char *capture_file_error(const struct capture *c);

/* Frames passed over because their link type is not known. */
uint64_t capture_file_unknown_link(const struct capture *c);

#endif
