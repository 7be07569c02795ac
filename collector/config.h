/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COLLECTOR_CONFIG_H
#define GW_COLLECTOR_CONFIG_H
/* The collector's options; see common/conf.h for where they come from. */
#include <stdbool.h>
#include <stdint.h>

#include "collector/command/alerts.h"
#include "collector/command/query.h"
#include "common/conf.h"
#include "common/redis_options.h"

enum {
	CMD_RUN = 1 << 0,
	CMD_FLOWS = 1 << 1,
	CMD_EVENTS = 1 << 2,
	CMD_INCIDENTS = 1 << 3,
	CMD_SOURCES = 1 << 4,
	CMD_AGENTS = 1 << 5,
	CMD_DEAD_LETTERS = 1 << 6,
	CMD_VERIFY = 1 << 7,
	CMD_TOKEN = 1 << 8,
	CMD_ALERTS = 1 << 9,
	CMD_ACKNOWLEDGE = 1 << 10,
	CMD_SILENCE = 1 << 11,
	CMD_DRILL = 1 << 12,
	CMD_SESSIONS = 1 << 16,
	CMD_COVERAGE = 1 << 17,
	CMD_JUDGE = 1 << 18,
	CMD_EXPORT = 1 << 19,
	CMD_REPORT = 1 << 20
};

#define COLLECTOR_LISTEN "127.0.0.1:8686"
#define COLLECTOR_WEB GLASSWATCH_PREFIX "/share/glasswatch/web"

struct collector_config {
	uint64_t now_ns; /* set by main(), before the options are read: "-2h" is before it */
	struct redis_options redis;
	char *stream, *group, *consumer, *db, *anchors;
	uint32_t batch;
	uint64_t claim_idle_ns, unseen_ns;
	uint64_t retain_age_ns, retain_size; /* 0: no limit */
	char *user;  /* to become when root; NULL: stay */
	int sandbox; /* SANDBOX_* */
	bool trim, verbose;

	/* the API */
	char *listen; /* "off": none */
	char *tokens, *tls_cert, *tls_key, *web;
	bool behind_proxy;
	uint32_t http_connections, http_per_address, http_rate;
	int right; /* of a new token: index into "read|operate" */

	/* questions, as written */
	char *since, *until, *device, *source, *path, *service, *verdict, *type, *format, *limit;
	uint64_t id;
	bool follow;
	bool note; /* verify */

	/* what an auditor asks */
	char *justified, *login, *actor; /* sessions */
	bool strict;			 /* coverage */
	uint32_t days;
	char *fabric;	     /* judge: directory of configurations */
	bool all;	     /* judge: also what stays as it is */
	uint64_t incident;   /* export; 0: not given */
	char *output, *pack; /* files; "-": stdin or stdout */

	/* alerts, and what operators say of them */
	char *alert_state, *alert_name, *alert_agent, *alert_severity, *reason, *by;
	uint64_t for_ns, end;
	struct conf_strings drill_devices;

	/* who is told of alerts */
	struct conf_strings webhooks, slacks, managers;
	char *alert_token, *alert_ca;
	int alert_least; /* enum event_severity */
	uint64_t alert_wait_ns, alert_repeat_ns;
	uint32_t alert_rate;
};

extern const struct conf_program collector_program;

struct alerts_args collector_alerts_args(const struct collector_config *config);
struct query_args collector_query_args(const struct collector_config *config);

#endif
