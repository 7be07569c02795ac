/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_AGENT_CONFIG_H
#define GW_AGENT_CONFIG_H
/* The agent's options: one table (config.c) for YAML, command line and --help. */
#include <stdbool.h>
#include <stdint.h>

#include "agent/capture.h"
#include "agent/pipeline.h"
#include "common/conf.h"
#include "common/redis_options.h"

enum { CMD_RUN = 1 << 0, CMD_REPLAY = 1 << 1, CMD_FABRIC = 1 << 2, CMD_TRUST = 1 << 3,
       CMD_STATUS = 1 << 4, CMD_DETACH = 1 << 5, CMD_CHECK = 1 << 6 };

#define AGENT_STATE "/var/lib/glasswatch"
#define PIN_OFF "off"

enum { CAPTURE_AUTO, CAPTURE_BPF, CAPTURE_PCAP };
enum { FORMAT_TABLE, FORMAT_TEXT, FORMAT_JSON, FORMAT_SARIF }; /* text is table */

struct agent_config {
	char *name; /* NULL: the host's name */
	char *fabric;
	struct conf_strings interface;
	int capture; /* CAPTURE_* */
	struct conf_ports ssh_port, bgp_port;
	bool underlay; /* watch the ends of BGP sessions too */
	struct redis_options redis; /* .url NULL: not to Redis */
	char *stream, *output;
	char *state; /* directory of outbox and control socket; NULL: AGENT_STATE */
	char *pin;   /* directory in bpffs, or PIN_OFF */
	uint64_t outbox_bytes;
	uint32_t max_flows;
	uint32_t flood_limit; /* 0: none */
	uint64_t ring_bytes;
	uint64_t linger_ns, attempt_ns, closing_ns, idle_ns, update_ns;
	uint64_t unanswered_ns, stalled_ns, window_ns, stats_ns;
	char *user;  /* to become when root; NULL: stay */
	int sandbox; /* SANDBOX_* */
	bool verbose;
	/* other commands */
	bool all;
	int format; /* FORMAT_* */
	char *device;
	char *baseline; /* file of known findings; NULL: none */
	bool fix;
	struct conf_strings without, management_switch; /* what is supposed to be down */
};

extern const struct conf_program agent_program;

/* The parts of it that a stage wants. interface names stay owned by config. */
void agent_capture_config(const struct agent_config *config, struct capture_config *out);
void agent_pipeline_config(const struct agent_config *config, struct pipeline_config *out);

#endif
