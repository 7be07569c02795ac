/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/readiness.h"

#include <stdlib.h>

#include "agent/check/baseline.h"
#include "agent/check/check.h"
#include "agent/check/model.h"
#include "agent/check/reach_cut.h"
#include "agent/check/reach_show.h"
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
	"  glasswatch-agent check --without lab1-AR-CE1 configs/   who would still be reached?\n"
	"  glasswatch-agent check --management-switch lab1-AR-MGMT1 configs/\n"
	"  glasswatch-agent check --format sarif configs/ > check.sarif   for a code host's CI\n";

/* Who is reached when what the options name is down? */
static int what_if(const struct agent_config *config, const struct fabric *f)
{
	struct reach_what_if w = { .n_without = config->without.n,
				   .n_switches = config->management_switch.n };
	struct reach_supposed *without = calloc(w.n_without + 1, sizeof(*without));
	struct reach_switch *switches = calloc(w.n_switches + 1, sizeof(*switches));
	struct graph *g = graph_build(f, &f->names);
	struct reach *before = g ? reach_run(g, false) : NULL, *now = NULL;
	char err[512] = "out of memory";
	int status = 2, ret = 0;

	if (!without || !switches || !before)
		goto out;
	for (size_t i = 0; i < w.n_switches && ret == 0; i++)
		ret = reach_switch_find(g, config->management_switch.item[i], &switches[i], err,
					sizeof(err));
	for (size_t i = 0; i < w.n_without && ret == 0; i++)
		ret = reach_suppose(g, config->without.item[i], &without[i], err, sizeof(err));
	now = ret == 0 ? reach_run(g, false) : NULL;
	if (!now)
		goto out;
	w.before = before;
	w.now = now;
	w.without = without;
	w.switches = switches;
	status = reach_what_if_show(&w, config->format == FORMAT_JSON, stdout);
out:
	if (status == 2)
		log_error("%s", err);
	for (size_t i = 0; without && i < w.n_without; i++)
		reach_supposed_clear(&without[i]);
	for (size_t i = 0; switches && i < w.n_switches; i++)
		reach_switch_clear(&switches[i]);
	free(without);
	free(switches);
	reach_free(before);
	reach_free(now);
	graph_free(g);
	return status;
}

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
	if (config->without.n || config->management_switch.n) {
		status = what_if(config, f);
		goto out;
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
