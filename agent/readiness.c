/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/readiness.h"

#include "agent/check/baseline.h"
#include "agent/check/check.h"
#include "agent/check/model.h"
#include "agent/check/ready.h"
#include "agent/check/show.h"
#include "common/log.h"

const char readiness_help[] =
	"DIR holds one EOS running-config per device (`show running-config`), and perhaps a\n"
	"fabric.yaml that sets roles and names. Nothing is asked of the network.\n"
	"\n"
	"Each CE and ToR must have, step by step of the procedure:\n"
	"  S1   Loopback6: up, an IPv4 /32, an IPv6 /128; on a CE in vrf INFRA-MGMT\n"
	"  S2   prefix-lists loopback and loopback_v6 that permit its own Loopback6\n"
	"  S3   an IPv6 address on every CE-ToR link, in the subnet of the far end's\n"
	"  S4   peer group CE_TOR_UNDERLAY with auto-local-addr\n"
	"  S5   that group activated under the global address-family ipv6\n"
	"  S6   code unit adv_loopback, matching both lists\n"
	"  S7   redistribute connected by adv_loopback in global BGP\n"
	"  S8   ip extcommunity-list aon-soo with a site of origin           (CE only)\n"
	"  S9   route-maps for leaking: list, source-protocol bgp, aon-soo   (CE only)\n"
	"  S10  leaks between INFRA-MGMT and default, both ways              (CE only)\n"
	"  S11  prefix-lists trusted_sources and trusted_sources_v6 that trust somebody\n"
	"and what the procedure takes for granted: routing, sessions that can come up, SSH in the\n"
	"right VRF, names that are defined, addresses that no other device has. Management\n"
	"switches and packet brokers have no in-band path. docs/check.md explains each finding.\n"
	"\n"
	"  FAIL     it does not work          WARN    it may not, or lets in too much\n"
	"  UNKNOWN  the config does not say   ADVICE  better or safer; not counted\n"
	"\n"
	"examples:\n"
	"  glasswatch-agent check configs/              who is ready, who is not, and why\n"
	"  glasswatch-agent check --fix configs/        the EOS lines that mend it\n"
	"  glasswatch-agent check --format json configs/ > known.json\n"
	"  glasswatch-agent check --baseline known.json configs/   only what is new since then\n"
	"  glasswatch-agent check --format sarif configs/ > check.sarif   for a code host's CI\n";

int readiness_check(const struct agent_config *config, const char *dir)
{
	struct check_baseline baseline = { .file = config->baseline };
	struct fabric *f;
	struct check c;
	char err[512];
	int status = 2;

	f = fabric_load_extra(dir, false, &model_extra, err, sizeof(err));
	if (!f) {
		log_error("%s", err);
		return 2;
	}
	if (check_run(&c, f) < 0) {
		log_error("%s: out of memory", dir);
		goto out;
	}
	if (config->baseline &&
	    baseline_apply(config->baseline, &c.findings, &baseline.gone, err, sizeof(err)) < 0) {
		log_error("%s", err);
		goto out_check;
	}
	if (config->fix)
		check_show_fix(&c, stdout);
	else
		check_show(&c,
			   config->format == FORMAT_JSON    ? CHECK_JSON
			   : config->format == FORMAT_SARIF ? CHECK_SARIF
							    : CHECK_TEXT,
			   &baseline, stdout);
	status = check_has_findings(&c) ? 1 : 0;
out_check:
	check_clear(&c);
out:
	fabric_unref(f);
	return status;
}

struct fabric *readiness_load(const struct agent_config *config, char *err, size_t size)
{
	struct fabric *f =
		fabric_load_extra(config->fabric, config->underlay, &model_extra, err, size);

	if (f && ready_settle(f) < 0) {
		snprintf(err, size, "%s: out of memory", config->fabric);
		fabric_unref(f);
		f = NULL;
	}
	return f;
}
