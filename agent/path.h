/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_PATH_H
#define GW_PATH_H
/*
 * Which path is a device used over, and was there a reason? One state per
 * device, moved by evidence from the wire. Pure: the clock comes in with the
 * evidence, the change goes out as a value.
 *
 *	PRIMARY		in use over Ma1, or not in use
 *	PRIMARY_FAILING	Ma1 did not answer; nobody is on lo6 yet
 *	INBAND		failover: a break-glass session after Ma1 failed
 *	INBAND_UNEXPLAINED	on lo6, nothing known about Ma1
 *	INBAND_UNJUSTIFIED	on lo6 although Ma1 works: a policy matter
 *	UNREACHABLE	Ma1 failed and lo6 does not answer either
 *
 * Evidence about Ma1 counts for `window_ns`; older evidence is `none`. The
 * newest counts: a late verdict about an old packet never beats newer proof.
 * The caller offers failures only from sources that the device's lists do not
 * refuse: an untrusted host that a filter drops proves nothing about Ma1.
 */
#include <stdbool.h>
#include <stdint.h>

enum path_state {
	PATH_PRIMARY,
	PATH_PRIMARY_FAILING,
	PATH_INBAND,
	PATH_INBAND_UNEXPLAINED,
	PATH_INBAND_UNJUSTIFIED,
	PATH_UNREACHABLE,
	PATH_NUM_STATES
};

enum path_input_kind {
	PATH_IN_PRIMARY_OK,	 /* handshake completed with Ma1, or data from it */
	PATH_IN_PRIMARY_FAILED,	 /* unanswered, unreachable or stalled */
	PATH_IN_PRIMARY_REFUSED, /* RST: the address answers, the service does not */
	PATH_IN_INBAND_OPENED,	 /* an SSH session to lo6 was established */
	PATH_IN_INBAND_CLOSED,	 /* one of those ended */
	PATH_IN_INBAND_FAILED	 /* SSH to lo6 unanswered or unreachable */
};

enum path_reason {
	PATH_REASON_PRIMARY_OK,
	PATH_REASON_PRIMARY_UNANSWERED,
	PATH_REASON_PRIMARY_UNREACHABLE,
	PATH_REASON_PRIMARY_STALLED,
	PATH_REASON_PRIMARY_REFUSED,
	PATH_REASON_INBAND_UNANSWERED,
	PATH_REASON_INBAND_UNREACHABLE,
	PATH_REASON_INBAND_ENDED,
	PATH_REASON_NO_EVIDENCE,
	PATH_NUM_REASONS
};

struct path_input {
	enum path_input_kind kind;
	enum path_reason reason; /* of a failure; others ignore it */
	uint64_t at_ns;		 /* when the wire showed it */
	uint64_t since_ns;	 /* of a failure: when the flow began; else 0 */
	uint64_t flow;		 /* id */
};

#define PATH_EVIDENCE 4 /* newest failures kept as evidence */

struct path {
	enum path_state state;
	/* newest evidence about Ma1 */
	bool known;
	enum path_input_kind primary;
	enum path_reason primary_reason;
	uint64_t primary_ns;
	/* newest failure of lo6; 0: none since the last success */
	uint64_t inband_failed_ns;
	uint32_t inband_open; /* sessions on lo6 now */
	uint64_t outage_ns;   /* since when Ma1 is down; 0: it is not known to be */
	uint64_t evidence[PATH_EVIDENCE];
	unsigned evidence_n;
};

struct path_change {
	enum path_state from, to;
	enum path_reason reason;
	uint64_t at_ns;
	uint64_t outage_ns; /* length of the outage that ended; 0: none */
	uint64_t evidence[PATH_EVIDENCE + 1];
	unsigned evidence_n;
};

/* True when the state changed; *out then says how. A zeroed struct path is a
 * device of which nothing was seen. */
bool path_update(struct path *p, const struct path_input *in, uint64_t window_ns,
		 struct path_change *out);

const char *path_state_name(enum path_state s);
const char *path_reason_name(enum path_reason r);

#endif
