/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/command/export.h"
#include "collector/command/judge.h"
#include "collector/command/sessions.h"
#include "collector/store/incident.h"
#include "common/clock.h"
#include "common/log.h"

static int failed(struct store *store, long rc)
{
	if (rc == QUERY_WRITE_FAILED)
		log_error("the answer could not be written: %s", strerror(errno));
	else
		log_error("%s", store_error(store));
	return 2;
}

static struct store *open_store(const struct collector_config *config)
{
	char err[600];
	struct store *store = store_open(config->db, STORE_READ, err, sizeof(err));

	if (!store)
		die("%s", err);
	return store;
}

static void parse(const struct collector_config *config, uint64_t now_ns, unsigned width,
		  struct query *q)
{
	struct query_args args = collector_query_args(config);
	char err[600];

	if (!query_parse(QUERY_FLOWS, &args, now_ns, q, err, sizeof(err)))
		die("%s", err);
	q->width = width;
}

static int sessions(const struct collector_config *config, struct store *store,
		    const struct query *q, uint64_t now_ns)
{
	struct sessions_config c = { .query = *q,
				     .justified = config->justified,
				     .login = config->login,
				     .user = config->actor,
				     .now_ns = now_ns };
	long rows = sessions_run(store, &c, stdout);

	if (rows < 0)
		return failed(store, rows);
	if (rows == 0)
		log_info("no break-glass sessions match");
	if (q->cut && (uint64_t)rows == q->filter.limit)
		log_info("these are the newest %ld; --limit 0 shows all", rows);
	return 0;
}

static int coverage(const struct collector_config *config, struct store *store,
		    const struct query *q, uint64_t now_ns)
{
	struct view_args a = { .now_ns = now_ns, .device = config->device, .days = config->days };
	char name[256];
	uint64_t uncovered;
	long rows = coverage_run(store, &a, q, &uncovered, stdout);

	if (rows < 0)
		return failed(store, rows);
	if (rows == 0 && config->device)
		log_info("no device %s is known; `glasswatch-collector coverage` names those "
			 "that are",
			 output_clean(config->device, name, sizeof(name)));
	else if (rows == 0)
		log_info("no device is known: no agent has told of one");
	else if (q->format == OUTPUT_TABLE)
		log_info("%" PRIu64 " of the devices %s not covered", uncovered,
			 uncovered == 1 ? "is" : "are");
	return config->strict && (uncovered || rows == 0);
}

static int judge(const struct collector_config *config, struct store *store, const struct query *q)
{
	struct judge_config c = { .query = *q, .all = config->all };
	char err[600];
	struct fabric *fabric = fabric_load(config->fabric, err, sizeof(err));
	int rc;

	if (!fabric)
		die("%s", err);
	for (size_t i = 0; i < fabric->n_problems; i++)
		log_warning("%s:%d: %s", fabric->problems[i].file ? fabric->problems[i].file : "",
			    fabric->problems[i].line, fabric->problems[i].text);
	c.fabric = fabric;
	rc = judge_run(store, &c, stdout);
	fabric_unref(fabric);
	return rc < 0 ? failed(store, rc) : rc;
}

static int export(const struct collector_config *config, struct store *store, const struct query *q,
		  uint64_t now_ns)
{
	struct export_config c = { .incident = config->incident,
				   .since_ns = q->filter.since_ns,
				   .until_ns = q->filter.until_ns,
				   .now_ns = now_ns };
	struct export_facts facts;
	bool to_stdout = strcmp(config->output, "-") == 0;
	struct stat st;
	bool is_file;
	FILE *to;
	int rc;

	if (c.incident) {
		/* One that turned out to be part of another is in that one. */
		rc = store_incident_resolve(store, &c.incident);
		if (rc < 0)
			return failed(store, rc);
		if (rc == 0) {
			log_error("there is no incident %" PRIu64
				  "; `glasswatch-collector incidents` lists them",
				  c.incident);
			return 2;
		}
	}
	to = to_stdout ? stdout : fopen(config->output, "we");
	if (!to)
		die("--output: %s: %s", config->output, strerror(errno));
	is_file = !to_stdout && fstat(fileno(to), &st) == 0 && S_ISREG(st.st_mode);
	rc = export_run(store, &c, to, &facts);
	if (!to_stdout && fclose(to) && rc >= 0)
		rc = QUERY_WRITE_FAILED;
	if (rc <= 0 && is_file) /* half a pack is none; a device or pipe is not ours to remove */
		remove(config->output);
	if (rc < 0)
		return failed(store, rc);
	if (rc == 0) {
		log_error(c.incident ? "nothing is stored of incident %" PRIu64
				     : "nothing is stored of this span",
			  c.incident);
		return 1;
	}
	log_info("%" PRIu64 " rows, %" PRIu64 " places of the chain, %" PRIu64 " anchors",
		 facts.rows, facts.places, facts.anchors);
	if (!facts.anchors)
		log_info("no anchor covers it yet: export it again in a minute");
	if (!facts.good)
		log_error("place %" PRIu64 " of the record is not as it was stored: see "
			  "`glasswatch-collector verify`",
			  facts.bad_place);
	return !facts.good;
}

int audit(const struct collector_config *config, unsigned command, uint64_t now_ns, unsigned width)
{
	struct store *store;
	struct query q;
	int status = 2;

	parse(config, now_ns, width, &q);
	store = open_store(config);
	if (command == CMD_SESSIONS)
		status = sessions(config, store, &q, now_ns);
	else if (command == CMD_COVERAGE)
		status = coverage(config, store, &q, now_ns);
	else if (command == CMD_JUDGE)
		status = judge(config, store, &q);
	else if (command == CMD_EXPORT)
		status = export(config, store, &q, now_ns);
	store_close(store);
	return status;
}

int audit_pack(const struct collector_config *config, const struct verify_anchors *anchors,
	       enum output_format format)
{
	bool from_stdin = strcmp(config->pack, "-") == 0;
	FILE *from = from_stdin ? stdin : fopen(config->pack, "re");
	char err[600];
	int rc;

	if (!from)
		die("--pack: %s: %s", config->pack, strerror(errno));
	rc = export_verify(from, config->pack, anchors, format, stdout, err, sizeof(err));
	if (!from_stdin)
		fclose(from);
	if (rc == QUERY_WRITE_FAILED)
		log_error("stdout: the answer could not be written: %s", strerror(errno));
	else if (rc < 0)
		log_error("%s", err);
	return rc < 0 ? 2 : rc;
}
