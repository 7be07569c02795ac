/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_JUDGE_H
#define GW_JUDGE_H
/*
 * Target and trust of a flow, once: what the kernel program does on a flow miss,
 * in user space. Used where libpcap captures and for every flow when a reload
 * brings new lists.
 */
#include <stdbool.h>

#include "common/fabric/fabric.h"
#include "bpf/record.h"

/* The ends of a flow that are targets; by direction index of what they send. */
struct judge_ends {
	const struct fabric_target *target[2]; /* NULL: not one */
};

/* Two look-ups, of which who asks gw_orient() needs the answers too. is_bgp: targets of
 * the underlay count. f NULL: no inventory. */
struct judge_ends judge_ends(const struct fabric *f, const struct gw_key *key, bool is_bgp);

/* Fills *out for the flow `key` whose initiator sends in direction `initiator`.
 * Responder a target: inbound. Else initiator a target: outbound, and the peer is
 * judged. Else responder in an in-band range: an unknown target. Of a target that is
 * a device's BGP neighbor see gw_judge_role(). Returns false when it is none of
 * these; *out then holds no path and no verdict. */
bool judge_flow(const struct fabric *f, const struct gw_key *key, const struct judge_ends *ends,
		uint32_t initiator, enum gw_basis basis, struct gw_judgement *out);

#endif
