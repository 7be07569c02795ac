/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/config.h"

#include "collector/deliver/deliver.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "collector/command/operate.h"
#include "collector/command/report.h"
#include "collector/command/sessions.h"
#include "collector/http/http.h"
#include "common/clock.h"
#include "common/redis_options.h"

#define AT(field) offsetof(struct collector_config, field)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CMD_RECORD (CMD_FLOWS | CMD_EVENTS | CMD_INCIDENTS | CMD_SOURCES | CMD_AGENTS)
#define CMD_QUERY (CMD_RECORD | CMD_DEAD_LETTERS)
#define CMD_AUDIT (CMD_SESSIONS | CMD_JUDGE)
#define CMD_OPERATE (CMD_ACKNOWLEDGE | CMD_SILENCE | CMD_DRILL)

#define QUESTION .type = CONF_STRING, .flags = CONF_NOT_IN_FILE

static const struct conf_option options[] = {
	{ .key = "redis",
	  .type = CONF_STRING,
	  .offset = AT(redis.url),
	  .commands = CMD_RUN,
	  .preset = "redis://127.0.0.1:6379",
	  .argument = "URL",
	  .help = "read from this server: redis://[user@]host[:port][/db], rediss:// for TLS, "
		  "redis+sentinel://host[:port],.../master or unix:///path" },
	REDIS_OPTIONS(AT(redis), CMD_RUN | CMD_VERIFY),
	{ .key = "stream",
	  .type = CONF_STRING,
	  .offset = AT(stream),
	  .commands = CMD_RUN | CMD_VERIFY,
	  .preset = "glasswatch:events",
	  .argument = "KEY",
	  .help = "Redis Stream to read" },
	{ .key = "group",
	  .type = CONF_STRING,
	  .offset = AT(group),
	  .commands = CMD_RUN | CMD_OPERATE,
	  .preset = "collector",
	  .argument = "NAME",
	  .help = "consumer group; collectors of one store share it" },
	{ .key = "consumer",
	  .type = CONF_STRING,
	  .offset = AT(consumer),
	  .commands = CMD_RUN,
	  .argument = "NAME",
	  .help = "this collector's name in the group; keep it over restarts (default: host "
		  "name)" },
	{ .key = "batch",
	  .type = CONF_U32,
	  .offset = AT(batch),
	  .commands = CMD_RUN,
	  .preset = "2000",
	  .min = 1,
	  .max = 10000,
	  .argument = "N",
	  .help = "events stored in one transaction at most" },
	{ .key = "claim-idle",
	  .type = CONF_DURATION,
	  .offset = AT(claim_idle_ns),
	  .commands = CMD_RUN,
	  .preset = "30s",
	  .min = 100 * NS_PER_MS,
	  .argument = "TIME",
	  .help = "take over what another collector has left unacknowledged for so long" },
	{ .key = "unseen",
	  .type = CONF_DURATION,
	  .offset = AT(unseen_ns),
	  .commands = CMD_RUN,
	  .preset = "1d",
	  .min = NS_PER_S,
	  .argument = "TIME",
	  .help = "an alert when no flow of a device's address was seen for so long since it is "
		  "known" },
	{ .key = "retain-age",
	  .type = CONF_DURATION,
	  .offset = AT(retain_age_ns),
	  .commands = CMD_RUN,
	  .argument = "TIME",
	  .help = "remove what was stored longer ago: events and what is derived from them; the "
		  "rest can be verified as before" },
	{ .key = "retain-size",
	  .type = CONF_SIZE,
	  .offset = AT(retain_size),
	  .commands = CMD_RUN,
	  .argument = "SIZE",
	  .help = "remove the oldest when the store is larger: 50G" },
	{ .key = "trim",
	  .type = CONF_BOOL,
	  .offset = AT(trim),
	  .commands = CMD_RUN,
	  .preset = "true",
	  .help = "remove from the stream what every group has acknowledged; --trim=no leaves it" },
	{ .key = "db",
	  .type = CONF_STRING,
	  .offset = AT(db),
	  .preset = "/var/lib/glasswatch/collector.db",
	  .argument = "FILE",
	  .help = "the store: a file, or postgresql://[user@]host[:port]/database" },
	{ .key = "anchors",
	  .type = CONF_STRING,
	  .offset = AT(anchors),
	  .commands = CMD_RUN | CMD_VERIFY,
	  .argument = "FILE",
	  .help = "anchors of the hash chain: `run` appends them to this file, besides Redis; "
		  "`verify` reads them from it, or from a Redis URL" },
	{ .key = "listen",
	  .type = CONF_STRING,
	  .offset = AT(listen),
	  .commands = CMD_RUN,
	  .preset = COLLECTOR_LISTEN,
	  .argument = "ADDR:PORT",
	  .help = "answer questions over HTTP here; off: nowhere" },
	{ .key = "tokens",
	  .type = CONF_STRING,
	  .offset = AT(tokens),
	  .commands = CMD_RUN,
	  .argument = "FILE",
	  .help = "who may ask and who may act: lines that `token` makes; needed where others "
		  "than this machine reach the port" },
	{ .key = "tls-cert",
	  .type = CONF_STRING,
	  .offset = AT(tls_cert),
	  .commands = CMD_RUN,
	  .argument = "FILE",
	  .help = "HTTPS with this certificate and those that vouch for it (PEM); SIGHUP reads "
		  "it again" },
	{ .key = "tls-key",
	  .type = CONF_STRING,
	  .offset = AT(tls_key),
	  .commands = CMD_RUN,
	  .argument = "FILE",
	  .help = "the certificate's key (PEM)" },
	{ .key = "behind-proxy",
	  .type = CONF_BOOL,
	  .offset = AT(behind_proxy),
	  .commands = CMD_RUN,
	  .help = "a proxy in front of the port does TLS; X-Forwarded-For is believed" },
	{ .key = "web",
	  .type = CONF_STRING,
	  .offset = AT(web),
	  .commands = CMD_RUN,
	  .preset = COLLECTOR_WEB,
	  .argument = "DIR",
	  .help = "the page's files; without this, those in web/ beside the program come first" },
	{ .key = "http.connections",
	  .type = CONF_U32,
	  .offset = AT(http_connections),
	  .commands = CMD_RUN,
	  .preset = "1000",
	  .min = 10,
	  .max = 20000,
	  .argument = "N",
	  .help = "connections at once; nine of ten may listen to the stream" },
	{ .key = "http.per-address",
	  .type = CONF_U32,
	  .offset = AT(http_per_address),
	  .commands = CMD_RUN,
	  .preset = "100",
	  .max = 20000,
	  .argument = "N",
	  .help = "connections of one address at once, 0 for no limit; not behind a proxy" },
	{ .key = "http.rate",
	  .type = CONF_U32,
	  .offset = AT(http_rate),
	  .commands = CMD_RUN,
	  .preset = "50",
	  .max = 1000000,
	  .argument = "N",
	  .help = "requests a second of one token or address, 0 for no limit; four times as many "
		  "at once after a rest" },
	{ .key = "right",
	  .type = CONF_CHOICE,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(right),
	  .commands = CMD_TOKEN,
	  .preset = "read",
	  .choices = "read|operate",
	  .argument = "read|operate",
	  .help = "what the new token's owner may do: read, or also acknowledge, silence and "
		  "announce drills" },
	{ .key = "alert.webhook",
	  .type = CONF_STRINGS,
	  .offset = AT(webhooks),
	  .commands = CMD_RUN,
	  .max = 16,
	  .argument = "URL",
	  .help = "post alerts there, as JSON" },
	{ .key = "alert.slack",
	  .type = CONF_STRINGS,
	  .offset = AT(slacks),
	  .commands = CMD_RUN,
	  .max = 16,
	  .argument = "URL",
	  .help = "post alerts to this incoming webhook of Slack, or of what understands its "
		  "messages" },
	{ .key = "alert.manager",
	  .type = CONF_STRINGS,
	  .offset = AT(managers),
	  .commands = CMD_RUN,
	  .max = 16,
	  .argument = "URL",
	  .help = "send alerts to this Alertmanager (its API v2)" },
	{ .key = "alert.token",
	  .type = CONF_STRING,
	  .offset = AT(alert_token),
	  .commands = CMD_RUN,
	  .argument = "FILE",
	  .help = "bearer token for webhooks and Alertmanagers, in the first line of a file that "
		  "others cannot read" },
	{ .key = "alert.ca",
	  .type = CONF_STRING,
	  .offset = AT(alert_ca),
	  .commands = CMD_RUN,
	  .argument = "FILE",
	  .help = "certificates that https:// receivers are verified by (default: the system's)" },
	{ .key = "alert.min-severity",
	  .type = CONF_CHOICE,
	  .offset = AT(alert_least),
	  .commands = CMD_RUN,
	  .preset = "notice",
	  .choices = "info|notice|warning|critical",
	  .argument = "WORD",
	  .help = "alerts below this are not sent: info, notice, warning, critical" },
	{ .key = "alert.wait",
	  .type = CONF_DURATION,
	  .offset = AT(alert_wait_ns),
	  .commands = CMD_RUN,
	  .preset = "5s",
	  .max = 600 * NS_PER_S,
	  .argument = "TIME",
	  .help = "wait so long for other alerts with the same cause: they are sent together" },
	{ .key = "alert.repeat",
	  .type = CONF_DURATION,
	  .offset = AT(alert_repeat_ns),
	  .commands = CMD_RUN,
	  .preset = "4h",
	  .argument = "TIME",
	  .help = "say again what lasts and nobody has acknowledged; 0: never" },
	{ .key = "alert.rate",
	  .type = CONF_U32,
	  .offset = AT(alert_rate),
	  .commands = CMD_RUN,
	  .preset = "30",
	  .max = 6000,
	  .argument = "N",
	  .help = "notifications to one receiver in a minute, at most; what is more waits; 0: no "
		  "limit" },
	{ .key = "user",
	  .type = CONF_STRING,
	  .offset = AT(user),
	  .commands = CMD_RUN,
	  .argument = "NAME",
	  .help = "when started by root: become this user" },
	{ .key = "sandbox",
	  .type = CONF_CHOICE,
	  .offset = AT(sandbox),
	  .commands = CMD_RUN,
	  .preset = "on",
	  .choices = "on|off",
	  .argument = "on|off",
	  .help = "limit files (Landlock) and system calls (seccomp) once all is open; off is "
		  "for debugging" },
	{ .key = "verbose",
	  .letter = 'v',
	  .type = CONF_BOOL,
	  .offset = AT(verbose),
	  .commands = CMD_RUN,
	  .help = "say more on stderr" },

	{ .key = "since",
	  QUESTION,
	  .offset = AT(since),
	  .commands = CMD_QUERY | CMD_AUDIT | CMD_EXPORT | CMD_ALERTS,
	  .argument = "TIME",
	  .help = "from then on: 2026-11-23T01:02:03Z, or relative as -2h, -90s, -3d" },
	{ .key = "until",
	  QUESTION,
	  .offset = AT(until),
	  .commands = CMD_QUERY | CMD_AUDIT | CMD_EXPORT | CMD_ALERTS,
	  .argument = "TIME",
	  .help = "up to then" },
	{ .key = "until",
	  QUESTION,
	  .offset = AT(until),
	  .commands = CMD_OPERATE,
	  .argument = "TIME",
	  .help = "so long: 2026-11-23T01:02:03Z, or 2h, which is from now on" },
	{ .key = "device",
	  QUESTION,
	  .offset = AT(device),
	  .commands = CMD_RECORD | CMD_AUDIT | CMD_COVERAGE | CMD_ALERTS | CMD_SILENCE,
	  .argument = "NAME",
	  .help = "of this device" },
	{ .key = "source",
	  QUESTION,
	  .offset = AT(source),
	  .commands = CMD_RECORD | CMD_AUDIT | CMD_ALERTS | CMD_SILENCE,
	  .argument = "ADDRESS",
	  .help = "from this address, or from within this prefix" },
	{ .key = "path",
	  QUESTION,
	  .offset = AT(path),
	  .commands = CMD_RECORD | CMD_ALERTS,
	  .argument = "primary|in-band",
	  .help = "toward Ma1, or toward lo6" },
	{ .key = "service",
	  QUESTION,
	  .offset = AT(service),
	  .commands = CMD_RECORD | CMD_ALERTS,
	  .argument = "ssh|bgp",
	  .help = "of this protocol" },
	{ .key = "verdict",
	  QUESTION,
	  .offset = AT(verdict),
	  .commands = CMD_RECORD | CMD_SESSIONS | CMD_ALERTS,
	  .argument = "WORD",
	  .help = "judged so: trusted, untrusted or no-policy" },
	{ .key = "type",
	  QUESTION,
	  .offset = AT(type),
	  .commands = CMD_EVENTS,
	  .argument = "TYPE",
	  .help = "of this type, such as path.change, or group of types, such as flow" },
	{ .key = "id",
	  .type = CONF_U64,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(id),
	  .commands = CMD_INCIDENTS,
	  .min = 1,
	  .argument = "N",
	  .help = "the timeline of this incident; the same as its number as an argument" },
	{ .key = "format",
	  QUESTION,
	  .offset = AT(format),
	  .commands = CMD_QUERY | CMD_AUDIT | CMD_COVERAGE | CMD_ALERTS | CMD_SILENCE | CMD_DRILL,
	  .argument = "table|json|csv",
	  .help = "a table for people, one JSON array, or CSV (default: table)" },
	{ .key = "format",
	  QUESTION,
	  .offset = AT(format),
	  .commands = CMD_VERIFY,
	  .argument = "text|json",
	  .help = "lines for people, or one JSON document (default: text)" },
	{ .key = "format",
	  QUESTION,
	  .offset = AT(format),
	  .commands = CMD_REPORT,
	  .argument = "md|html|json",
	  .help = "Markdown, HTML (one file, to be opened or printed) or all facts as JSON "
		  "(default: md)" },
	{ .key = "limit",
	  QUESTION,
	  .offset = AT(limit),
	  .commands = CMD_QUERY | CMD_SESSIONS | CMD_ALERTS,
	  .argument = "N",
	  .help = "the newest N rows, 0 for all (default: 200 in a table, else all)" },
	{ .key = "state",
	  QUESTION,
	  .offset = AT(alert_state),
	  .commands = CMD_ALERTS,
	  .argument = "WORD",
	  .help = "open, acknowledged, silenced, resolved, drill or all (default: all that is "
		  "not resolved)" },
	{ .key = "state",
	  QUESTION,
	  .offset = AT(alert_state),
	  .commands = CMD_SILENCE | CMD_DRILL,
	  .argument = "all",
	  .help = "those that are over, too" },
	{ .key = "severity",
	  QUESTION,
	  .offset = AT(alert_severity),
	  .commands = CMD_ALERTS,
	  .argument = "WORD",
	  .help = "so severe at least: info, notice, warning, critical" },
	{ .key = "name",
	  QUESTION,
	  .offset = AT(alert_name),
	  .commands = CMD_ALERTS | CMD_SILENCE,
	  .argument = "NAME",
	  .help = "alerts of this name, such as untrusted-source" },
	{ .key = "agent",
	  QUESTION,
	  .offset = AT(alert_agent),
	  .commands = CMD_ALERTS | CMD_SILENCE,
	  .argument = "NAME",
	  .help = "alerts of this agent" },
	{ .key = "device",
	  .type = CONF_STRINGS,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(drill_devices),
	  .commands = CMD_DRILL,
	  .argument = "NAME",
	  .help = "the drill is on this device; `all`: every one" },
	{ .key = "for",
	  .type = CONF_DURATION,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(for_ns),
	  .commands = CMD_OPERATE,
	  .min = NS_PER_S,
	  .max = OPERATE_LONGEST,
	  .argument = "TIME",
	  .help = "so long from now on, such as 2h" },
	{ .key = "reason",
	  QUESTION,
	  .offset = AT(reason),
	  .commands = CMD_OPERATE,
	  .argument = "TEXT",
	  .help = "why; it is kept in the record" },
	{ .key = "by",
	  QUESTION,
	  .offset = AT(by),
	  .commands = CMD_OPERATE,
	  .argument = "NAME",
	  .help = "who says so (default: the login user)" },
	{ .key = "end",
	  .type = CONF_U64,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(end),
	  .commands = CMD_SILENCE | CMD_DRILL,
	  .min = 1,
	  .argument = "N",
	  .help = "end this one before its time" },
	{ .key = "follow",
	  .letter = 'f',
	  .type = CONF_BOOL,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(follow),
	  .commands = CMD_EVENTS,
	  .help = "go on printing events as they are stored, until interrupted" },

	{ .key = "justified",
	  QUESTION,
	  .offset = AT(justified),
	  .commands = CMD_SESSIONS,
	  .argument = "WORD",
	  .help = "of this answer to \"was Ma1 down\": yes, no, unknown or drill" },
	{ .key = "login",
	  QUESTION,
	  .offset = AT(login),
	  .commands = CMD_SESSIONS,
	  .argument = "WORD",
	  .help = "whose login ended so: success, failure or unknown" },
	{ .key = "actor",
	  QUESTION,
	  .offset = AT(actor),
	  .commands = CMD_SESSIONS,
	  .argument = "NAME",
	  .help = "opened by this user" },
	{ .key = "days",
	  .type = CONF_U32,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(days),
	  .commands = CMD_COVERAGE,
	  .preset = "90",
	  .min = 1,
	  .max = 36500,
	  .argument = "N",
	  .help = "a way over lo6 counts when a session was established within so many days" },
	{ .key = "strict",
	  .type = CONF_BOOL,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(strict),
	  .commands = CMD_COVERAGE,
	  .help = "exit status 1 when a device is not covered" },
	{ .key = "fabric",
	  QUESTION,
	  .offset = AT(fabric),
	  .commands = CMD_JUDGE,
	  .argument = "DIR",
	  .help = "directory of the devices' running-configs to judge by" },
	{ .key = "all",
	  .type = CONF_BOOL,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(all),
	  .commands = CMD_JUDGE,
	  .help = "also what would stay as it is" },
	{ .key = "incident",
	  .type = CONF_U64,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(incident),
	  .commands = CMD_EXPORT,
	  .min = 1,
	  .argument = "N",
	  .help = "what belongs to this incident, instead of a span of time" },
	{ .key = "output",
	  .letter = 'o',
	  QUESTION,
	  .offset = AT(output),
	  .commands = CMD_EXPORT,
	  .preset = "-",
	  .argument = "FILE|-",
	  .help = "write the evidence pack there; - is stdout" },
	{ .key = "pack",
	  QUESTION,
	  .offset = AT(pack),
	  .commands = CMD_VERIFY,
	  .argument = "FILE|-",
	  .help = "check this evidence pack by itself, instead of the store" },
	{ .key = "note",
	  .type = CONF_BOOL,
	  .flags = CONF_NOT_IN_FILE,
	  .offset = AT(note),
	  .commands = CMD_VERIFY,
	  .help = "note in the record that it was verified, and what came of it: the page "
		  "shows when that was" },
};

static const struct conf_command commands[] = {
	{ "run", CMD_RUN, "", 0, 0,
	  "read events from Redis, store and correlate them; the main job" },
	{ "flows", CMD_FLOWS, "", 0, 0,
	  "who reached which device, over which path, and were they allowed to" },
	{ "events", CMD_EVENTS, "", 0, 0, "the record itself, document by document" },
	{ "incidents", CMD_INCIDENTS, "[ID]", 0, 1,
	  "failovers and failbacks, device by device; with ID the timeline of one" },
	{ "report", CMD_REPORT, "INCIDENT", 1, 1,
	  "the post-incident review of one incident, to be sent: what failed, who used lo6, what "
	  "was not seen; as in `report 1 --format html > incident-1.html`" },
	{ "sources", CMD_SOURCES, "", 0, 0, "every address that reached for a device" },
	{ "agents", CMD_AGENTS, "", 0, 0,
	  "the agents: last seen, and which of their events are missing" },
	{ "dead-letters", CMD_DEAD_LETTERS, "", 0, 0,
	  "what came through the stream and could not be stored, and why" },
	{ "sessions", CMD_SESSIONS, "", 0, 0,
	  "break-glass sessions: who, whence, how long, was it justified" },
	{ "coverage", CMD_COVERAGE, "", 0, 0,
	  "what is watched, and when each way to each device was reached last" },
	{ "judge", CMD_JUDGE, "", 0, 0,
	  "stored flows judged again by other configurations: who would be cut off" },
	{ "export", CMD_EXPORT, "", 0, 0,
	  "an evidence pack: a part of the record that proves itself" },
	{ "alerts", CMD_ALERTS, "[ID]", 0, 1,
	  "what is wrong, and what is known of it; with ID one of them and its history" },
	{ "acknowledge", CMD_ACKNOWLEDGE, "ID", 1, 1,
	  "take charge of an alert: it is not told again unless it becomes worse" },
	{ "silence", CMD_SILENCE, "", 0, 0,
	  "do not tell of some alerts for a while; without options: which are silenced" },
	{ "drill", CMD_DRILL, "", 0, 0,
	  "announce a drill: break-glass use of its devices is expected; without options: which "
	  "are on" },
	{ "verify", CMD_VERIFY, "", 0, 0,
	  "is the record as it was stored: its hash chain, and each agent's numbers" },
	{ "token", CMD_TOKEN, "NAME", 1, 1,
	  "make a token for the API: shown once, with the line for the file of --tokens" },
};

/* Who can reach the port without being known must be on this machine. */
static bool check_listen(const struct collector_config *c, const char **key, char *err, size_t size)
{
	enum http_reach reach;

	if (!c->tls_cert != !c->tls_key) {
		*key = c->tls_cert ? "tls-cert" : "tls-key";
		snprintf(err, size, "tls-cert and tls-key go together");
		return false;
	}
	*key = "listen";
	if (strcmp(c->listen, "off") == 0)
		return true;
	reach = http_reach(c->listen);
	if (reach == HTTP_NO_ADDRESS) {
		snprintf(err, size,
			 "\"%.80s\": an address and a port as 127.0.0.1:8686 or "
			 "[::1]:8686, or off",
			 c->listen);
		return false;
	}
	if (!c->tokens && (reach != HTTP_LOOPBACK || c->behind_proxy)) {
		snprintf(err, size,
			 "%s is reached by others than this machine: give --tokens FILE "
			 "(`glasswatch-collector token NAME` makes one)",
			 c->behind_proxy ? "a proxy's port" : c->listen);
		return false;
	}
	if (reach != HTTP_LOOPBACK && !c->tls_cert && !c->behind_proxy) {
		snprintf(err, size,
			 "%s would carry tokens in the clear: give --tls-cert and "
			 "--tls-key, or --behind-proxy where a proxy does TLS",
			 c->listen);
		return false;
	}
	return true;
}

static bool check_receivers(const struct collector_config *c, const char **key, char *err,
			    size_t size)
{
	static const char *const keys[] = { "alert.webhook", "alert.slack", "alert.manager" };
	const struct conf_strings *lists[] = { &c->webhooks, &c->slacks, &c->managers };
	char name[300], why[200];

	for (int k = 0; k < NOTIFY_KINDS; k++)
		for (size_t i = 0; i < lists[k]->n; i++)
			if (!deliver_name((enum notify_kind)k, lists[k]->item[i], name,
					  sizeof(name), why, sizeof(why))) {
				*key = keys[k];
				snprintf(err, size, "\"%.60s\": %s", lists[k]->item[i], why);
				return false;
			}
	return true;
}

/* The words of a question: `-n` says of them what the command itself would say. */
static bool check_question(const struct collector_config *c, unsigned command, char *err,
			   size_t size)
{
	struct alerts_args alerts = collector_alerts_args(c);
	struct query_args args = collector_query_args(c);
	struct sessions_config sessions = { .justified = c->justified, .login = c->login };
	struct query q;

	alerts.now_ns = c->now_ns;
	switch (command) {
	case CMD_ALERTS:
		return alerts_check(ALERTS_LIST, &alerts, err, size);
	case CMD_ACKNOWLEDGE:
		return alerts_check(ALERTS_ACKNOWLEDGE, &alerts, err, size);
	case CMD_SILENCE:
		return alerts_check(ALERTS_SILENCE, &alerts, err, size);
	case CMD_DRILL:
		return alerts_check(ALERTS_DRILL, &alerts, err, size);
	case CMD_VERIFY:
		if (c->format && strcmp(c->format, "text") != 0 && strcmp(c->format, "json") != 0) {
			snprintf(err, size, "--format \"%.40s\": one of text, json", c->format);
			return false;
		}
		if (c->note && c->pack)
			snprintf(err, size, "--note: a pack is no record that could hold it");
		return !c->note || !c->pack;
	case CMD_REPORT:
		if (c->format && report_format_parse(c->format) == REPORT_NUM) {
			snprintf(err, size, "--format \"%.40s\": one of md, html, json", c->format);
			return false;
		}
		return true;
	case CMD_SESSIONS:
		if (!sessions_check(&sessions, err, size))
			return false;
		break;
	}
	/* what query_parse() takes is not another command's: its options are not there */
	return query_parse(QUERY_EVENTS, &args, c->now_ns, &q, err, size);
}

static bool check(const void *config, const struct conf_command *command, const char **key,
		  char *err, size_t size)
{
	const struct collector_config *c = config;
	struct redis_url url;

	if (!c->db[0]) {
		*key = "db";
		snprintf(err, size, "the name of a file is missing");
		return false;
	}
	if (c->anchors && !c->anchors[0]) {
		*key = "anchors";
		snprintf(err, size, "the name of a file is missing");
		return false;
	}
	if (command->bit == CMD_JUDGE && (!c->fabric || !c->fabric[0])) {
		*key = "fabric";
		snprintf(err, size, "the directory of configurations to judge by is missing");
		return false;
	}
	if (command->bit == CMD_EXPORT && c->incident && (c->since || c->until)) {
		*key = "incident";
		snprintf(err, size, "an incident has its own span: leave out --since and --until");
		return false;
	}
	if (command->bit == CMD_EXPORT && !c->incident && !c->since && !c->until) {
		*key = "incident";
		snprintf(err, size, "say what to export: --incident N, or --since and --until");
		return false;
	}
	if (command->bit != CMD_RUN)
		return check_question(c, command->bit, err, size);
	if (c->anchors && (strstr(c->anchors, "://") || strcmp(c->anchors, "-") == 0)) {
		*key = "anchors";
		snprintf(err, size, "`run` writes them to a file here, besides Redis");
		return false;
	}
	if (redis_options_url(&c->redis, &url, key, err, size) < 0)
		return false;
	redis_url_clear(&url);
	if (!check_receivers(c, key, err, size))
		return false;
	if (!c->stream[0] || !c->group[0] || (c->consumer && !c->consumer[0])) {
		*key = !c->stream[0] ? "stream" : !c->group[0] ? "group" : "consumer";
		snprintf(err, size, "a name is missing");
		return false;
	}
	return check_listen(c, key, err, size);
}

const struct conf_program collector_program = {
	"glasswatch-collector",
	"stores what the agents saw, finds the incidents in it, and answers questions",
	options,
	COUNT(options),
	commands,
	COUNT(commands),
	check,
};

struct alerts_args collector_alerts_args(const struct collector_config *c)
{
	struct alerts_args a = { .q = collector_query_args(c),
				 .state = c->alert_state,
				 .name = c->alert_name,
				 .agent = c->alert_agent,
				 .severity = c->alert_severity,
				 .who = c->by,
				 .why = c->reason,
				 .till = c->until,
				 .for_ns = c->for_ns,
				 .end = c->end,
				 .devices = c->drill_devices.item,
				 .n_devices = c->drill_devices.n };

	return a;
}

struct query_args collector_query_args(const struct collector_config *c)
{
	return (struct query_args){ .since = c->since,
				    .until = c->until,
				    .device = c->device,
				    .source = c->source,
				    .path = c->path,
				    .service = c->service,
				    .verdict = c->verdict,
				    .type = c->type,
				    .limit = c->limit,
				    .format = c->format };
}
