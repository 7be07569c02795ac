/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/judge.h"

#include <string.h>

#include "agent/flowkey.h"

bool judge_flow(const struct fabric *f, const struct gw_key *key, uint32_t initiator,
		enum gw_basis basis, struct gw_judgement *out)
{
	struct addr source = flowkey_addr(key, initiator);
	struct addr responder = flowkey_addr(key, !initiator);
	const struct fabric_target *t;
	struct fabric_trust trust;

	memset(out, 0, sizeof(*out));
	out->target = GW_TARGET_NONE;
	out->rule = GW_RULE_IMPLICIT;
	if (!f)
		return false;
	out->generation = f->number;
	t = fabric_find_target(f, &responder);
	if (!t) {
		t = fabric_find_target(f, &source);
		if (t) {
			/* the device opened it: its peer is the one to be judged */
			source = responder;
			out->outbound = 1;
		}
	}
	if (!t) {
		if (!fabric_in_range(f, &responder))
			return false;
		out->path = GW_PATH_INBAND;
		out->verdict = GW_VERDICT_NO_POLICY;
		return true;
	}
	out->target = (__u32)(t - f->targets);
	out->policy = f->devices[t->device].policy;
	out->path = (__u8)t->path;
	trust = fabric_judge(f, out->policy, &source);
	out->verdict = (__u8)trust.verdict;
	out->rule = trust.rule;
	/* who cannot be told from whom is never trusted */
	if (basis == GW_BASIS_UNKNOWN && out->verdict == GW_VERDICT_TRUSTED)
		out->verdict = GW_VERDICT_UNTRUSTED;
	return true;
}
