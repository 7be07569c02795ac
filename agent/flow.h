/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FLOW_H
#define GW_FLOW_H
/*
 * The engine's flow table: for each flow that the capture tracks, what the
 * capture does not know: times on the wall clock, the fabric that judged it, what
 * was reported, the first bytes of its streams.
 *
 * States of a flow, and who moves it on:
 *	FLOW_OPEN	counters change, events are made	(pipeline)
 *	FLOW_ENDED	flow.end was made; the entry stays for FLOW_TOMBSTONE_NS to
 *			swallow late packets, then it goes	(pipeline_tick)
 *
 * Memory: entries are allocated once for the configured number of flows; only
 * what protocols say is allocated per flow, and freed with it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "agent/bgp.h"
#include "agent/ssh_flow.h"
#include "bpf/record.h"
#include "common/addr.h"

#define FLOW_TOMBSTONE_NS 30000000000ull

struct fabric;
struct fabric_device;
struct fabric_target;

enum flow_state { FLOW_OPEN, FLOW_ENDED };

enum flow_outcome {
	OUTCOME_ATTEMPT,     /* asked, not answered yet */
	OUTCOME_UNANSWERED,  /* asked again, not answered */
	OUTCOME_REFUSED,     /* answered with a reset */
	OUTCOME_UNREACHABLE, /* answered with an ICMP error */
	OUTCOME_ESTABLISHED, /* open, or met in mid-stream */
	OUTCOME_CLOSED,
	OUTCOME_RESET,
	OUTCOME_NUM
};

/* The BGP side of a flow; allocated when the first payload comes. Times are the capture
 * clock's, per direction. */
struct flow_bgp {
	struct bgp bgp;
	bool told_up, told_down;
	bool recalled;	    /* a former agent read its beginning: routes may be unknown */
	bool has_routes;    /* the armed stage may know some of it */
	uint8_t at_risk;    /* directions that are silent for too long, as bits */
	uint64_t heard_ns[2]; /* something new came */
	uint64_t keepalive_ns[2], keepalive_first_ns[2], keepalive_max_ns[2];
	uint64_t malformed[2], ambiguous[2]; /* UPDATEs */
};

struct flow {
	struct gw_key key;
	uint64_t due_ns; /* look at it again then; capture clock */
	bool used;
	uint32_t next;
	struct gw_flow counters; /* newest snapshot */
	struct gw_judgement judgement; /* by ->fabric; newer than counters' own */
	struct fabric *fabric;	       /* referenced; NULL: no inventory */
	uint64_t id;
	int64_t real_offset; /* capture clock + this = wall clock */
	enum flow_state state;
	uint64_t ended_ns, ended_packets;
	uint64_t updated_ns; /* last flow.start or flow.update; capture clock */
	enum flow_outcome reported;
	bool login_reported;
	bool half; /* half open, and counted as such */
	bool icmp_seen;
	uint8_t icmp_type, icmp_code;
	uint8_t icmp_source[16];
	struct gw_actor actor; /* pid 0: not known */
	struct ssh_flow *ssh;  /* NULL: nothing read */
	struct flow_bgp *bgp;  /* NULL: nothing read */
	/* what the path stage was told already */
	bool told_ok, told_failed, told_refused, told_inband, told_inband_end, stalled;
	uint64_t told_ok_ns;
	/* its note (recall.h) */
	bool noted;	     /* there is one, or it is to be written */
	uint32_t to_note;    /* place in the list of those to be written, from 1; 0: none */
	bool unseen;	     /* noted by a former agent and not in the capture as yet */
	json_t *read_before; /* what that one has read of it; owned; NULL: nothing */
};

struct flow_table;

struct flow_table *flow_table_new(uint32_t capacity); /* NULL: no memory */
void flow_table_free(struct flow_table *t);	      /* accepts NULL */
struct flow *flow_find(struct flow_table *t, const struct gw_key *key);
struct flow *flow_add(struct flow_table *t, const struct gw_key *key); /* NULL: full */
void flow_remove(struct flow_table *t, struct flow *f);
void flow_forget_bgp(struct flow *f); /* frees what was read of its BGP */
uint32_t flow_count(const struct flow_table *t); /* open and ended */

/* Calls fn for each flow that is due by then (UINT64_MAX: for all), in order of
 * its place; fn may remove the one it got. */
void flow_each(struct flow_table *t, uint64_t due_ns, void (*fn)(void *arg, struct flow *f),
	       void *arg);

/* An id that two captures of one flow share only by chance: from the key and the
 * first packet's time. */
uint64_t flow_make_id(const struct gw_key *key, uint64_t start_ns);

enum flow_outcome flow_outcome(const struct flow *f);
const char *flow_outcome_name(enum flow_outcome o);

/* Both sides are done: FINs both ways, or a reset. */
bool flow_is_closed(const struct gw_flow *c);
bool flow_is_established(const struct gw_flow *c);
uint64_t flow_last_ns(const struct gw_flow *c);

/* The initiator asked and nothing at all came back. */
bool flow_is_unanswered(const struct gw_flow *c);

#endif
