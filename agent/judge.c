/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/judge.h"

#include <string.h>

#include "agent/flowkey.h"
#include "bpf/track.h"

struct judge_ends judge_ends(const struct fabric *f, const struct gw_key *key, bool is_bgp)
{
	struct judge_ends ends = { { NULL, NULL } };
	uint32_t d;

	for (d = 0; f && d < 2; d++) {
		struct addr a = flowkey_addr(key, d);

		ends.target[d] = fabric_find_target(f, &a);
		if (ends.target[d] && ends.target[d]->path == GW_PATH_NONE && !is_bgp)
			ends.target[d] = NULL;
	}
	return ends;
}

static enum gw_end end_of(const struct fabric_target *t)
{
	if (!t)
		return GW_END_OTHER;
	return t->peer ? GW_END_PEER : GW_END_DEVICE;
}

bool judge_flow(const struct fabric *f, const struct gw_key *key, const struct judge_ends *ends,
		uint32_t initiator, enum gw_basis basis, struct gw_judgement *out)
{
	struct addr source = flowkey_addr(key, initiator);
	struct addr responder = flowkey_addr(key, !initiator);
	const struct fabric_target *from = ends->target[initiator], *to = ends->target[!initiator];
	const struct fabric_target *t;
	struct fabric_trust trust;

	memset(out, 0, sizeof(*out));
	out->target = GW_TARGET_NONE;
	out->rule = GW_RULE_IMPLICIT;
	if (!f)
		return false;
	out->generation = f->number;
	switch (gw_judge_role(end_of(from), end_of(to),
			      !to && !from && fabric_in_range(f, &responder))) {
	case GW_WATCHED_NOT:
		return false;
	case GW_WATCHED_RANGE:
		out->path = GW_PATH_INBAND;
		out->verdict = GW_VERDICT_NO_POLICY;
		return true;
	case GW_WATCHED_INBOUND:
		break;
	case GW_WATCHED_OUTBOUND:
		/* the device opened it: its peer is the one to be judged */
		out->outbound = 1;
		source = responder;
		break;
	}
	t = !to || (to->peer && from) ? from : to;
	out->target = (__u32)(t - f->targets);
	out->policy = f->devices[t->device].policy;
	out->path = (__u8)t->path;
	trust = fabric_judge(f, out->policy, &source);
	out->verdict = gw_judge_verdict((__u8)trust.verdict, (__u8)basis);
	out->rule = trust.rule;
	return true;
}
