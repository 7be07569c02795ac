/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/event.h"
#include "agent/readiness.h"
#include "common/redis_options.h"

#define AT(field) offsetof(struct agent_config, field)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ATTEMPT_RATE 1000 /* records of half-open flows, per second and CPU */
#define WATCH (CMD_RUN | CMD_REPLAY)

static const struct conf_option options[] = {
	{ .key = "fabric", .type = CONF_STRING, .offset = AT(fabric), .commands = WATCH,
	  .argument = "DIR",
	  .help = "directory of the devices' running-configs, one file each: whom to watch and "
		  "trust" },
	{ .key = "interface", .letter = 'i', .type = CONF_STRINGS, .offset = AT(interface),
	  .commands = CMD_RUN, .argument = "IFACE", .help = "watch this interface" },
	{ .key = "capture", .type = CONF_CHOICE, .offset = AT(capture), .commands = CMD_RUN,
	  .preset = "auto", .choices = "auto|bpf|pcap", .argument = "auto|bpf|pcap",
	  .help = "eBPF in the kernel, libpcap, or eBPF where it is allowed" },
	{ .key = "redis", .type = CONF_STRING, .offset = AT(redis.url), .commands = WATCH,
	  .argument = "URL",
	  .help = "publish to this server: redis://[user@]host[:port][/db], rediss:// for TLS, "
		  "redis+sentinel://host[:port],.../master or unix:///path" },
	REDIS_OPTIONS(AT(redis), WATCH),
	{ .key = "stream", .type = CONF_STRING, .offset = AT(stream), .commands = WATCH,
	  .preset = "glasswatch:events", .argument = "KEY", .help = "Redis Stream to publish to" },
	{ .key = "output", .letter = 'o', .type = CONF_STRING, .offset = AT(output),
	  .commands = WATCH, .argument = "FILE|-",
	  .help = "write events as JSON lines instead of publishing; - is stdout" },
	{ .key = "name", .type = CONF_STRING, .offset = AT(name), .commands = WATCH | CMD_DETACH,
	  .argument = "NAME",
	  .help = "this agent's name, first half of every event id (default: the host's; "
		  "replay to Redis: one for each capture)" },
	{ .key = "state", .type = CONF_STRING, .offset = AT(state),
	  .commands = CMD_RUN | CMD_STATUS, .argument = "DIR",
	  .help = "where the outbox and the control socket live (default: " AGENT_STATE "; with "
		  "--output, no outbox: numbers begin at 1)" },
	{ .key = "pin", .type = CONF_STRING, .offset = AT(pin), .commands = CMD_RUN | CMD_DETACH,
	  .preset = "/sys/fs/bpf", .argument = "DIR|off",
	  .help = "bpffs in which the kernel's side outlives the agent, so that the next one "
		  "takes over without a gap (with an outbox and eBPF)" },
	{ .key = "ssh-port", .type = CONF_PORTS, .offset = AT(ssh_port), .commands = WATCH,
	  .preset = "22", .max = GW_MAX_PORTS, .argument = "N,...", .help = "ports of SSH" },
	{ .key = "bgp-port", .type = CONF_PORTS, .offset = AT(bgp_port), .commands = WATCH,
	  .preset = "179", .max = GW_MAX_PORTS, .argument = "N,...", .help = "ports of BGP" },
	{ .key = "watch.underlay", .type = CONF_BOOL, .offset = AT(underlay),
	  .commands = WATCH | CMD_FABRIC,
	  .help = "watch BGP between the neighbors that the configs name, too, not only toward "
		  "management addresses" },
	{ .key = "all", .type = CONF_BOOL, .offset = AT(all), .commands = CMD_REPLAY,
	  .flags = CONF_NOT_IN_FILE,
	  .help = "watch every SSH and BGP flow, with or without an inventory" },
	{ .key = "format", .type = CONF_CHOICE, .offset = AT(format),
	  .commands = CMD_FABRIC | CMD_TRUST | CMD_STATUS | CMD_CHECK, .flags = CONF_NOT_IN_FILE,
	  .preset = "table", .choices = "table|text|json|sarif", .argument = "table|json",
	  .help = "a table for people, or JSON; check: also sarif, for what annotates lines" },
	{ .key = "device", .type = CONF_STRING, .offset = AT(device), .commands = CMD_TRUST,
	  .flags = CONF_NOT_IN_FILE, .argument = "NAME",
	  .help = "judge by this device's lists only" },
	{ .key = "baseline", .type = CONF_STRING, .offset = AT(baseline), .commands = CMD_CHECK,
	  .flags = CONF_NOT_IN_FILE, .argument = "FILE",
	  .help = "leave out the findings of this document, which `check --format json` printed "
		  "earlier" },
	{ .key = "fix", .type = CONF_BOOL, .offset = AT(fix), .commands = CMD_CHECK,
	  .flags = CONF_NOT_IN_FILE,
	  .help = "print the EOS lines that mend the findings, device by device, and nothing "
		  "else" },
	{ .key = "without", .type = CONF_STRINGS, .offset = AT(without), .commands = CMD_CHECK,
	  .flags = CONF_NOT_IN_FILE, .argument = "WHAT",
	  .help = "what if this were down: DEVICE, DEVICE:INTERFACE, a link's SUBNET, A,B (the "
		  "links between two) or session:A,B" },
	{ .key = "management-switch", .type = CONF_STRINGS, .offset = AT(management_switch),
	  .commands = CMD_CHECK, .flags = CONF_NOT_IN_FILE, .argument = "NAME",
	  .help = "what if this management switch were down: who loses Ma1, and is reached "
		  "in-band?" },
	{ .key = "timeout.linger", .type = CONF_DURATION, .offset = AT(linger_ns),
	  .commands = WATCH,
	  .preset = "5s", .min = NS_PER_MS, .argument = "TIME",
	  .help = "a closed flow ends after this silence, so that its last packets count" },
	{ .key = "timeout.attempt", .type = CONF_DURATION, .offset = AT(attempt_ns),
	  .commands = WATCH, .preset = "75s", .min = NS_PER_S, .argument = "TIME",
	  .help = "a flow that was never answered ends after this silence" },
	{ .key = "timeout.closing", .type = CONF_DURATION, .offset = AT(closing_ns),
	  .commands = WATCH, .preset = "5m", .min = NS_PER_S, .argument = "TIME",
	  .help = "a flow that one side has closed ends after this silence" },
	{ .key = "timeout.idle", .type = CONF_DURATION, .offset = AT(idle_ns), .commands = WATCH,
	  .preset = "2h15m", .min = NS_PER_S, .argument = "TIME",
	  .help = "an open flow ends after this silence (above the 2 h of TCP keep-alive)" },
	{ .key = "timeout.update", .type = CONF_DURATION, .offset = AT(update_ns),
	  .commands = WATCH,
	  .preset = "60s", .min = NS_PER_S, .argument = "TIME",
	  .help = "flow.update of an open flow this often" },
	{ .key = "path.window", .type = CONF_DURATION, .offset = AT(window_ns), .commands = WATCH,
	  .preset = "5m", .min = NS_PER_S, .argument = "TIME",
	  .help = "what was seen of a device's primary path counts as evidence for this long" },
	{ .key = "path.unanswered", .type = CONF_DURATION, .offset = AT(unanswered_ns),
	  .commands = WATCH, .preset = "3s", .min = NS_PER_MS, .argument = "TIME",
	  .help = "a repeated SYN without any answer counts as a failed path after this" },
	{ .key = "path.stalled", .type = CONF_DURATION, .offset = AT(stalled_ns), .commands = WATCH,
	  .preset = "10s", .min = NS_PER_MS, .argument = "TIME",
	  .help = "data without acknowledgement counts as a failed path after this" },
	{ .key = "stats", .type = CONF_DURATION, .offset = AT(stats_ns), .commands = CMD_RUN,
	  .preset = "10s", .min = NS_PER_S, .argument = "TIME", .help = "agent.stats this often" },
	{ .key = "limit.flows", .type = CONF_U32, .offset = AT(max_flows), .commands = WATCH,
	  .preset = "131072", .min = 1, .max = 16777216, .argument = "N",
	  .help = "flows kept at once" },
	{ .key = "flood.limit", .type = CONF_U32, .offset = AT(flood_limit), .commands = WATCH,
	  .preset = "20", .max = 1000000, .argument = "N",
	  .help = "attempts toward one target that have events of their own, in 10 s; beyond it "
		  "they are summed up; 0: all have" },
	{ .key = "limit.ring", .type = CONF_SIZE, .offset = AT(ring_bytes), .commands = CMD_RUN,
	  .preset = "16M", .min = 4096, .max = 1u << 30, .argument = "SIZE",
	  .help = "kernel ring buffer, a power of two" },
	{ .key = "limit.outbox", .type = CONF_SIZE, .offset = AT(outbox_bytes), .commands = CMD_RUN,
	  .preset = "256M", .min = 65536, .argument = "SIZE",
	  .help = "events kept on disk while Redis is away" },
	{ .key = "user", .type = CONF_STRING, .offset = AT(user), .commands = CMD_RUN,
	  .argument = "NAME",
	  .help = "when started by root: become this user; capabilities that opening captures "
		  "takes are kept so long" },
	{ .key = "sandbox", .type = CONF_CHOICE, .offset = AT(sandbox), .commands = CMD_RUN,
	  .preset = "on", .choices = "on|off", .argument = "on|off",
	  .help = "limit files (Landlock) and system calls (seccomp) once all is open; off is "
		  "for debugging" },
	{ .key = "verbose", .letter = 'v', .type = CONF_BOOL, .offset = AT(verbose),
	  .commands = WATCH, .help = "say more on stderr" },
};

static const struct conf_command commands[] = {
	{ "run", CMD_RUN, "", 0, 0, "watch live traffic; the main job" },
	{ "replay", CMD_REPLAY, "FILE...", 1, -1,
	  "read pcap and pcapng files, print events as JSON lines" },
	{ "fabric", CMD_FABRIC, "DIR", 1, 1, "show what was understood from the configs" },
	{ "trust", CMD_TRUST, "DIR ADDRESS", 2, 2,
	  "show which list, seq and rule decides for a source; exit 1 when no device trusts it" },
	{ "check", CMD_CHECK, "DIR", 1, 1,
	  "is break-glass access ready? Proved device by device from the configs alone; exit 1 "
	  "when something is missing", readiness_help },
	{ "status", CMD_STATUS, "", 0, 0, "ask the running agent how it is" },
	{ "detach", CMD_DETACH, "", 0, 0,
	  "remove what an agent that died has left in the kernel" },
};

static bool check(const void *config, const struct conf_command *command, const char **key,
		  char *err, size_t size)
{
	const struct agent_config *c = config;

	if (c->name && !event_agent_valid(c->name)) {
		*key = "name";
		snprintf(err, size, "an agent's name is 1 to %d letters, digits, '.', '_' or '-'",
			 EVENT_AGENT_MAX);
		return false;
	}
	if (c->redis.url) {
		struct redis_url url;

		if (redis_options_url(&c->redis, &url, key, err, size) < 0)
			return false;
		redis_url_clear(&url);
	}
	if (c->format == FORMAT_SARIF && command->bit != CMD_CHECK) {
		*key = "format";
		snprintf(err, size, "sarif is a format of `check`; %s has table and json",
			 command->name);
		return false;
	}
	if (command->bit == CMD_CHECK && (c->without.n || c->management_switch.n) &&
	    (c->baseline || c->fix || c->format == FORMAT_SARIF)) {
		*key = c->baseline ? "baseline" : c->fix ? "fix" : "format";
		snprintf(err, size, "this is about findings; --without and --management-switch ask "
				    "who would be reached");
		return false;
	}
	if (c->redis.url && c->output) {
		*key = "output";
		snprintf(err, size, "events go to Redis or to a file, not both: give one of "
				    "--redis and --output");
		return false;
	}
	if (command->bit == CMD_RUN && !c->redis.url && !c->output) {
		snprintf(err, size, "nowhere to send events: give --redis URL, or --output FILE (- "
				    "for stdout)");
		return false;
	}
	if (command->bit == CMD_RUN && !c->fabric) {
		*key = "fabric";
		snprintf(err, size, "give --fabric DIR, the devices' running-configs: without them "
				    "there is nothing to watch");
		return false;
	}
	if (command->bit == CMD_RUN && !c->interface.n) {
		*key = "interface";
		snprintf(err, size, "give at least one -i IFACE to watch (`ip -br link` lists "
				    "them)");
		return false;
	}
	if (command->bit == CMD_REPLAY && !c->fabric && !c->all) {
		*key = "fabric";
		snprintf(err, size, "give --fabric DIR (the devices to watch), or --all to watch "
				    "every SSH and BGP flow");
		return false;
	}
	if (c->ring_bytes & (c->ring_bytes - 1)) {
		*key = "limit.ring";
		snprintf(err, size, "the ring buffer must be a power of two, such as 16M");
		return false;
	}
	return true;
}

const struct conf_program agent_program = {
	"glasswatch-agent",
	"watches who reaches the management plane of a network fabric, over which path",
	options, COUNT(options), commands, COUNT(commands), check,
};

void agent_capture_config(const struct agent_config *config, struct capture_config *out)
{
	size_t i;

	memset(out, 0, sizeof(*out));
	out->interfaces = (const char *const *)config->interface.item;
	out->n_interfaces = config->interface.n;
	for (i = 0; i < config->ssh_port.n && i < GW_MAX_PORTS; i++)
		out->ssh_ports[i] = config->ssh_port.port[i];
	for (i = 0; i < config->bgp_port.n && i < GW_MAX_PORTS; i++)
		out->bgp_ports[i] = config->bgp_port.port[i];
	out->max_flows = config->max_flows;
	out->attempt_rate = config->flood_limit ? ATTEMPT_RATE : 0;
	out->ring_bytes = (uint32_t)config->ring_bytes;
	out->watch_all = config->all;
}

void agent_pipeline_config(const struct agent_config *config, struct pipeline_config *out)
{
	*out = (struct pipeline_config){
		.max_flows = config->max_flows,
		.flood_limit = config->flood_limit,
		.linger_ns = config->linger_ns,
		.attempt_ns = config->attempt_ns,
		.closing_ns = config->closing_ns,
		.idle_ns = config->idle_ns,
		.update_ns = config->update_ns,
		.unanswered_ns = config->unanswered_ns,
		.stalled_ns = config->stalled_ns,
		.window_ns = config->window_ns,
	};
}
