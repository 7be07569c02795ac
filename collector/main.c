/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glasswatch-collector: the system diagram.
 *
 *	run:        options -> store -> consume (Redis) -> ingest -> store -> XACK
 *			    -> serve (HTTP): threads with stores of their own, read-only
 *	questions:  options -> store, read-only -> query or timeline -> stdout
 *
 * What is stored is stored by one thread, in one libevent loop. Stopping ends the batch
 * in hand, and what it acknowledged is confirmed by Redis before the program goes.
 */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "collector/audit.h"
#include "collector/base/metrics.h"
#include "collector/command/alerts.h"
#include "collector/command/operate.h"
#include "collector/command/query.h"
#include "collector/command/report.h"
#include "collector/command/timeline.h"
#include "collector/command/verify.h"
#include "collector/config.h"
#include "collector/confine.h"
#include "collector/consume/anchor.h"
#include "collector/consume/consume.h"
#include "collector/deliver/deliver.h"
#include "collector/http/token.h"
#include "collector/rules/alert.h"
#include "collector/serve.h"
#include "collector/store/store.h"
#include "common/clock.h"
#include "common/log.h"

#define FOLLOW_MS 200 /* the store is asked so often for newer events */
#define NARROWEST 100 /* tables are made for this many columns */

static uint64_t now_real(void)
{
	return clock_now().real_ns;
}

static uint64_t now_mono(void)
{
	return clock_now().mono_ns;
}

/* ---- run ------------------------------------------------------------------- */

struct running {
	struct event_base *base;
	struct consume *consume;
	struct serve *serve; /* NULL: nothing is served */
	int status;
};

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct running *r = arg;

	consume_stop(r->consume);
}

static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
	struct running *r = arg;

	serve_reload(r->serve);
}

static void on_committed(void *arg)
{
	struct running *r = arg;

	serve_poke(r->serve);
}

static void on_stopped(void *arg, int status)
{
	struct running *r = arg;

	r->status = status;
	event_base_loopbreak(r->base);
}

/* Of the agent that the collector's own events are of: stores of different groups
 * have different ones. */
static void own_name(const char *group, char name[EVENT_AGENT_MAX + 1])
{
	snprintf(name, EVENT_AGENT_MAX + 1, "glasswatch-%s", group);
	for (char *c = name; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			    *c))
			*c = '-';
}

static struct deliver *open_deliver(const struct collector_config *config, const char *name,
				    struct metrics *metrics)
{
	const struct conf_strings *lists[] = { &config->webhooks, &config->slacks,
					       &config->managers };
	struct deliver_config c = {
		.token_file = config->alert_token,
		.ca_file = config->alert_ca,
		.store_name = config->db,
		.collector = name,
		.policy = { .least = (enum event_severity)config->alert_least,
			    .repeat_ns = config->alert_repeat_ns },
		.wait_ns = config->alert_wait_ns,
		.per_minute = config->alert_rate,
		.now_real = now_real,
		.metrics = metrics,
	};
	struct deliver *d;
	char err[600];

	for (int k = 0; k < NOTIFY_KINDS; k++) {
		c.urls[k] = (const char *const *)lists[k]->item;
		c.n[k] = lists[k]->n;
	}
	d = deliver_open(&c, err, sizeof(err));
	if (!d && err[0])
		die("%s", err);
	return d;
}

/* So that the first one of each is a step from 0. */
static void name_alerts(struct metrics *m)
{
	for (enum alert_rule r = 0; r < ALERT_NUM_RULES; r++)
		metrics_name(m, METRICS_ALERT, alert_about(r)->name);
}

static int run(const struct collector_config *config)
{
	struct consume_config consume = { .stream = config->stream,
					  .group = config->group,
					  .consumer = config->consumer,
					  .anchors = config->anchors,
					  .batch = config->batch,
					  .trim = config->trim,
					  .unseen_ns = config->unseen_ns,
					  .retain_age_ns = config->retain_age_ns,
					  .retain_size = config->retain_size,
					  .claim_idle_ns = config->claim_idle_ns,
					  .now_real = now_real,
					  .metrics = metrics_new(now_mono, now_real()) };
	struct running r = { .status = 1 };
	struct event *term = NULL, *interrupt = NULL, *hangup = NULL;
	struct consume_totals totals = { 0 };
	struct deliver *deliver;
	struct store *store;
	char err[600], host[256], name[EVENT_AGENT_MAX + 1];
	const char *key;

	if (config->verbose)
		log_threshold(LOG_LEVEL_DEBUG);
	confine_start(config);
	if (!consume.consumer) {
		if (gethostname(host, sizeof(host)) != 0 || !host[0])
			die("this machine has no host name: give --consumer NAME");
		host[sizeof(host) - 1] = '\0';
		consume.consumer = host;
	}
	if (redis_options_url(&config->redis, &consume.url, &key, err, sizeof(err)) < 0)
		die("%s: %s", key, err);
	own_name(config->group, name);
	store = store_open(config->db, STORE_WRITE, err, sizeof(err));
	if (!store)
		die("%s", err);

	store_set_name(store, name);
	name_alerts(consume.metrics);
	store_count(store, consume.metrics);
	r.serve = serve_open(config, name, consume.metrics, now_real, now_mono, err, sizeof(err));
	if (!r.serve && err[0])
		die("%s", err);
	consume.committed = on_committed;
	consume.committed_arg = &r;
	deliver = open_deliver(config, name, consume.metrics);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the store, not the end */
	r.base = event_base_new();
	if (r.base) {
		term = evsignal_new(r.base, SIGTERM, on_signal, &r);
		interrupt = evsignal_new(r.base, SIGINT, on_signal, &r);
		hangup = evsignal_new(r.base, SIGHUP, on_hangup, &r);
		r.consume = consume_open(r.base, &consume, store, on_stopped, &r, err, sizeof(err));
		if (!r.consume)
			die("%s", err);
	}
	if (!r.consume || !term || !interrupt || !hangup || event_add(term, NULL) ||
	    event_add(interrupt, NULL) || event_add(hangup, NULL)) {
		log_error("out of memory while starting");
	} else {
		confine(config);
		if (r.serve && serve_start(r.serve, err, sizeof(err)) < 0)
			die("%s", err);
		if (!deliver_start(deliver, err, sizeof(err)))
			die("%s", err);
		event_base_dispatch(r.base);
	}

	serve_stop(r.serve);
	deliver_close(deliver);
	consume_close(r.consume, &totals);
	log_info("stopped: %" PRIu64 " events stored, %" PRIu64 " duplicates dropped, %" PRIu64
		 " dead letters",
		 totals.stored, totals.duplicates, totals.dead);
	if (term)
		event_free(term);
	if (interrupt)
		event_free(interrupt);
	if (hangup)
		event_free(hangup);
	if (r.base)
		event_base_free(r.base);
	store_close(store);
	metrics_free(consume.metrics);
	redis_url_clear(&consume.url);
	return r.status;
}

/* ---- questions ------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	interrupted = 1;
}

/* Columns of the terminal that stdout is; 0: it is none. */
static unsigned terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < NARROWEST)
		return NARROWEST;
	return size.ws_col;
}

static int failed(struct store *store, long rc)
{
	if (rc == QUERY_WRITE_FAILED)
		log_error("stdout: the answer could not be written: %s", strerror(errno));
	else
		log_error("%s", store_error(store));
	return 2;
}

static int follow(struct store *store, struct query *q)
{
	struct timespec pause = { 0, FOLLOW_MS * (long)NS_PER_MS };
	uint64_t after = 0, newest;
	long rc;

	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
	rc = query_newest(store, &newest);
	if (rc < 0)
		return failed(store, rc);
	query_header(q, stdout);
	if (q->filter.since_ns || q->limited) { /* else nothing old was asked for */
		rc = query_follow(store, q, q->filter.limit * q->limited, stdout, &after);
		if (rc < 0)
			return failed(store, rc);
	}
	after = after > newest ? after : newest;
	while (!interrupted) {
		rc = query_follow(store, q, 0, stdout, &after);
		if (rc < 0)
			return failed(store, rc);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int ask(const struct query *q, struct store *store)
{
	/* Of one moment: they are put together by many questions. */
	bool snapshot = q->what == QUERY_SOURCES;
	long rows = snapshot ? store_snapshot(store) : 0;

	if (rows == 0)
		rows = query_run(store, q, stdout);
	if (rows < 0)
		return failed(store, rows);
	if (snapshot)
		store_rollback(store);
	if (rows == 0)
		log_info("no %s match", query_name(q->what));
	if (q->cut && (uint64_t)rows == q->filter.limit)
		log_info("these are the newest %ld; --limit 0 shows all", rows);
	return 0;
}

static int show_incident(struct store *store, const struct query *q, uint64_t id)
{
	bool colour = q->width && !getenv("NO_COLOR");
	int rc = timeline_print(store, id, q->format, now_real(), q->width, colour, stdout);

	if (rc < 0)
		return failed(store, rc);
	if (rc == 0) {
		log_error("there is no incident %" PRIu64 "; `glasswatch-collector incidents` "
			  "lists them",
			  id);
		return 2;
	}
	return 0;
}

static uint64_t incident_id(const struct collector_config *config, const struct conf_call *call)
{
	unsigned long long id;
	char *end;

	if (!call->n_args)
		return config->id;
	if (config->id)
		die("--id: the number stands before it already; leave out one of them");
	errno = 0;
	id = strtoull(call->args[0], &end, 10);
	if (errno || *end || id == 0 || id > INT64_MAX || call->args[0][0] == '-')
		die("\"%s\" is not the number of an incident", call->args[0]);
	return id;
}

static int report(const struct collector_config *config, const struct conf_call *call)
{
	uint64_t id = incident_id(config, call);
	enum report_format format = report_format_parse(config->format ? config->format : "md");
	struct store *store;
	char err[600];
	int rc;

	store = store_open(config->db, STORE_READ, err, sizeof(err));
	if (!store)
		die("%s", err);
	rc = report_run(store, id, format, now_real(), stdout);
	if (rc < 0) {
		rc = failed(store, rc);
	} else if (rc == 0) {
		log_error("there is no incident %" PRIu64 "; `glasswatch-collector incidents` "
			  "lists them",
			  id);
		rc = 2;
	} else {
		rc = 0;
	}
	store_close(store);
	return rc;
}

static int query(const struct collector_config *config, const struct conf_call *call,
		 enum query_what what)
{
	struct query_args args = collector_query_args(config);
	uint64_t id = what == QUERY_INCIDENTS ? incident_id(config, call) : 0;
	const char *given = query_given(&args);
	struct store *store;
	struct query q;
	char err[600];
	int status;

	if (id && given)
		die("--%s chooses among incidents: with a number leave it out", given);
	if (!query_parse(what, &args, now_real(), &q, err, sizeof(err)))
		die("%s", err);
	q.width = terminal_width();
	store = store_open(config->db, STORE_READ, err, sizeof(err));
	if (!store)
		die("%s", err);
	if (id)
		status = show_incident(store, &q, id);
	else if (config->follow)
		status = follow(store, &q);
	else
		status = ask(&q, store);
	store_close(store);
	return status;
}

/* ---- alerts ---------------------------------------------------------------- */

static uint64_t alert_id(const char *text)
{
	unsigned long long id;
	char *end;

	errno = 0;
	id = strtoull(text, &end, 10);
	if (errno || *end || id == 0 || id > INT64_MAX || text[0] == '-')
		die("\"%s\" is not the number of an alert", text);
	return id;
}

/* Who is at the keyboard, also behind sudo. */
static const char *login_user(void)
{
	const char *sudo = getenv("SUDO_USER");
	static char name[256];
	struct passwd *p;

	if (sudo && *sudo)
		return sudo;
	if (getlogin_r(name, sizeof(name)) == 0 && name[0])
		return name;
	p = getpwuid(getuid());
	return p ? p->pw_name : NULL;
}

static int operate(const struct collector_config *config, const struct conf_call *call)
{
	unsigned command = call->command->bit;
	struct alerts_args args = collector_alerts_args(config);
	uint64_t id = call->n_args ? alert_id(call->args[0]) : 0;
	bool write = command == CMD_ACKNOWLEDGE ||
		     ((command == CMD_SILENCE || command == CMD_DRILL) && alerts_changes(&args));
	char err[600], name[EVENT_AGENT_MAX + 1];
	struct store *store;
	int status;

	args.now_ns = now_real();
	args.width = terminal_width();
	if (!args.who)
		args.who = login_user();
	/* One that is not there must not be made by a wrong name. */
	store = store_open(config->db, STORE_READ, err, sizeof(err));
	if (store && write) {
		store_close(store);
		store = store_open(config->db, STORE_WRITE, err, sizeof(err));
	}
	if (!store)
		die("%s", err);
	own_name(config->group, name);
	store_set_name(store, name);
	status = command == CMD_ACKNOWLEDGE ? alerts_acknowledge(store, id, &args, stdout)
		 : command == CMD_SILENCE   ? alerts_silence(store, &args, stdout)
		 : command == CMD_DRILL	    ? alerts_drill(store, &args, stdout)
		 : id			    ? alerts_show(store, id, &args, stdout)
					    : alerts_list(store, &args, stdout);
	store_close(store);
	return status;
}

/* ---- verify ---------------------------------------------------------------- */

static bool is_url(const char *text)
{
	return strstr(text, "://") != NULL;
}

static void read_anchors(const struct collector_config *config, struct verify_anchors *out)
{
	struct redis_options at = config->redis;
	const char *key;
	struct redis_url url;
	char err[600];
	FILE *f;

	if (is_url(config->anchors)) {
		at.url = config->anchors;
		if (redis_options_url(&at, &url, &key, err, sizeof(err)) < 0)
			die("--anchors: %s", err);
		if (!consume_anchors_fetch(&url, config->stream, out, err, sizeof(err)))
			die("--anchors: %s", err);
		redis_url_clear(&url);
		return;
	}
	f = strcmp(config->anchors, "-") == 0 ? stdin : fopen(config->anchors, "re");
	if (!f)
		die("--anchors: %s: %s", config->anchors, strerror(errno));
	if (!verify_anchors_read(out, f, config->anchors, err, sizeof(err)))
		die("%s", err);
	if (out->bad && !out->n)
		die("%s:%zu: %s", config->anchors, out->first_bad, out->why);
	if (f != stdin)
		fclose(f);
}

static void tell_progress(uint64_t done, uint64_t of)
{
	if (isatty(STDERR_FILENO))
		log_info("%" PRIu64 " of %" PRIu64 " rows", done, of);
}

/* What was found is printed already: that it cannot be noted is told besides. */
static bool note_verified(const struct collector_config *config, const struct verify_outcome *o)
{
	char err[600], name[EVENT_AGENT_MAX + 1];
	struct store *store = store_open(config->db, STORE_WRITE, err, sizeof(err));
	const char *who = login_user();
	int rc;

	if (!store) {
		log_error("--note: %s", err);
		return false;
	}
	own_name(config->group, name);
	store_set_name(store, name);
	rc = operate_verified(store, who ? who : "local", o->places, o->findings, o->first_bad,
			      o->covers, now_real());
	if (rc < 0)
		log_error("--note: %s", store_error(store));
	store_close(store);
	return rc == 1;
}

static int verify(const struct collector_config *config)
{
	struct verify_anchors anchors = { 0 };
	struct verify_outcome outcome = { 0 };
	struct verify_config v = { .progress = tell_progress, .outcome = &outcome };
	struct store *store;
	char err[600], from[REDIS_URL_STRLEN];
	struct redis_url url;
	int rc;

	if (config->format && strcmp(config->format, "json") == 0)
		v.format = OUTPUT_JSON;
	if (config->pack) {
		if (config->anchors)
			read_anchors(config, &anchors);
		if (anchors.bad)
			log_warning("%s:%zu: %s; passed over", config->anchors, anchors.first_bad,
				    anchors.why);
		rc = audit_pack(config, config->anchors ? &anchors : NULL, v.format);
		verify_anchors_free(&anchors);
		return rc;
	}
	store = store_open(config->db, STORE_READ, err, sizeof(err));
	if (!store)
		die("%s", err);
	if (config->anchors) {
		read_anchors(config, &anchors);
		v.anchors = &anchors;
		v.anchors_name = config->anchors;
		if (is_url(config->anchors) &&
		    redis_url_parse(config->anchors, &url, err, sizeof(err)) == 0) {
			v.anchors_name = redis_url_format(&url, from); /* no password */
			redis_url_clear(&url);
		}
	}
	rc = verify_run(store, &v, stdout);
	if (rc < 0)
		rc = failed(store, rc);
	store_close(store);
	verify_anchors_free(&anchors);
	if (config->note && (rc == 0 || rc == 1) && !note_verified(config, &outcome))
		rc = 2;
	return rc;
}

int main(int argc, char **argv)
{
	struct collector_config config = { .now_ns = now_real() };
	struct conf_call call;
	char err[600];
	int status = 2;

	conf_start(&collector_program, argc, argv, &config, &call);
	switch (call.command->bit) {
	case CMD_RUN:
		if (!serve_page(&config, err, sizeof(err)))
			die("%s", err);
		status = run(&config);
		break;
	case CMD_FLOWS:
		status = query(&config, &call, QUERY_FLOWS);
		break;
	case CMD_EVENTS:
		status = query(&config, &call, QUERY_EVENTS);
		break;
	case CMD_INCIDENTS:
		status = query(&config, &call, QUERY_INCIDENTS);
		break;
	case CMD_REPORT:
		status = report(&config, &call);
		break;
	case CMD_SOURCES:
		status = query(&config, &call, QUERY_SOURCES);
		break;
	case CMD_AGENTS:
		status = query(&config, &call, QUERY_AGENTS);
		break;
	case CMD_DEAD_LETTERS:
		status = query(&config, &call, QUERY_DEAD_LETTERS);
		break;
	case CMD_SESSIONS:
	case CMD_COVERAGE:
	case CMD_JUDGE:
	case CMD_EXPORT:
		status = audit(&config, call.command->bit, now_real(), terminal_width());
		break;
	case CMD_VERIFY:
		status = verify(&config);
		break;
	case CMD_TOKEN:
		status = token_make(call.args[0], config.right ? "operate" : "read", stdout);
		break;
	case CMD_ALERTS:
	case CMD_ACKNOWLEDGE:
	case CMD_SILENCE:
	case CMD_DRILL:
		status = operate(&config, &call);
		break;
	}
	conf_free(&collector_program, &config);
	return status;
}
