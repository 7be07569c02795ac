/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glasswatch-agent: the system diagram.
 *
 *	options -> fabric -> capture (needs root) -> outbox -> sink -> give up rights -> loop
 *
 * One thread, one libevent loop. A turn reads what the capture has, moves the
 * clock, and, before the loop sleeps, commits the turn's events as one group.
 * Stopping goes in reverse: flows are ended, events handed over or left in the
 * outbox, programs detached. SIGUSR2 stops without ending anything: the kernel's side
 * goes on for the next agent, as it does when this one is killed (memory.h).
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/capture.h"
#include "agent/config.h"
#include "agent/confine.h"
#include "agent/control.h"
#include "common/fabric/fabric.h"
#include "common/fabric/show.h"
#include "agent/interface.h"
#include "agent/kernel_hook.h"
#include "agent/kernel_pin.h"
#include "agent/outbox.h"
#include "agent/outbox_notes.h"
#include "agent/pipeline.h"
#include "agent/publish.h"
#include "agent/readiness.h"
#include "agent/recall.h"
#include "agent/replay.h"
#include "agent/report.h"
#include "common/log.h"
#include "common/privilege.h"
#include "common/redis_options.h"

#define POLL_MS 20	      /* the kernel's ring buffer does not wake us: see docs/kernel.md */
#define RECORDS_A_TURN 16384  /* then the turn's events are committed */
#define RELOAD_SETTLE_MS 300  /* a directory is changed file by file */
#define NOTE_MS 250	      /* notes without an event wait this long for one */
#define HELD_PART 8	      /* ... or until that part of the ring is held for them */
#define DRAIN_MS 3000	      /* at the end, for what Redis has not acknowledged */

struct agent {
	struct agent_config config;
	struct capture_config capture_config;
	struct capture *capture;
	struct pipeline *pipeline;
	struct sink *sink;
	char receiver[REDIS_URL_STRLEN]; /* its name */
	struct event_base *base;
	struct control *control; /* NULL: nobody can ask */
	const char *state;	 /* directory in force */
	struct outbox *outbox;	 /* the sink's */
	struct pins *pins;	 /* NULL: nothing outlives us */
	struct notes *notes;	 /* NULL: nothing is noted */
	uint64_t noted_ns;	 /* when the last were; the capture's clock */
	bool note_now;		 /* do not wait any longer */
	bool leave;		 /* stop, but leave the kernel's side to the next agent */
	bool durable;		 /* the outbox is a file there */
	struct now started;
	char problem[512]; /* why the last reload was refused; empty: it was not */
	struct event *reload_timer;
	int inotify;
	int status;
};

/* ---- clock and events --------------------------------------------------------- */

static struct now agent_now(const struct agent *a)
{
	struct now now = clock_now();

	if (a->capture && a->capture->wall_clock)
		now.mono_ns = now.real_ns;
	return now;
}

static int on_event(void *arg, struct event *e)
{
	struct agent *a = arg;

	return a->sink->ops->push(a->sink, e);
}

static void emit_own(struct agent *a, enum event_type type, json_t *body)
{
	struct event e = { .type = type, .extra = body };

	pipeline_emit(a->pipeline, &e, agent_now(a));
	json_decref(body);
}

static json_t *stats_body(struct agent *a)
{
	uint64_t seen[GW_STAT_MAX] = { 0 };
	struct pipeline_counters engine;
	struct outbox_counters delivery;
	json_t *doc;

	a->capture->ops->stats(a->capture, seen);
	pipeline_counters(a->pipeline, &engine);
	a->sink->ops->counters(a->sink, &delivery);
	doc = report_stats(seen, &engine, &delivery);
	report_heartbeat(doc, &a->capture_config, a->config.stats_ns, interface_up);
	return doc;
}

/* ---- a turn of the loop --------------------------------------------------------- */

static bool notes_due(void *arg)
{
	struct agent *a = arg;

	return pipeline_has_news(a->pipeline) &&
	       (a->note_now || agent_now(a).mono_ns >= a->noted_ns + NOTE_MS * NS_PER_MS);
}

static int write_notes(void *arg)
{
	return pipeline_note(((struct agent *)arg)->pipeline);
}

static void release(struct agent *a)
{
	if (a->capture->ops->release)
		a->capture->ops->release(a->capture);
}

static void notes_written(void *arg, int result)
{
	struct agent *a = arg;

	pipeline_noted(a->pipeline, result);
	a->noted_ns = agent_now(a).mono_ns;
	if (result)
		release(a); /* it goes on as well as it can: see memory.h */
}

static bool much_is_held(const struct agent *a)
{
	return a->capture->ops->held &&
	       a->capture->ops->held(a->capture) >= a->capture_config.ring_bytes / HELD_PART;
}

static void commit(struct agent *a)
{
	a->note_now |= much_is_held(a);
	if (a->sink->ops->commit(a->sink) == -EPIPE) {
		a->status = 1;
		event_base_loopbreak(a->base); /* nobody reads our output any more */
	}
	a->note_now = false;
	if (!pipeline_has_news(a->pipeline))
		release(a);
}

static void turn(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;
	struct now now = agent_now(a); /* before the poll: see pipeline_tick() */

	if (a->capture->alive)
		*a->capture->alive = now.mono_ns;
	pipeline_clock(a->pipeline, now);
	a->capture->ops->poll(a->capture, RECORDS_A_TURN, pipeline_record, a->pipeline);
	pipeline_tick(a->pipeline, now);
	/* the kernel calls when the ring fills, and until it is empty */
	a->note_now = fd >= 0;
	commit(a);
}

static void on_stats(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;

	emit_own(a, EVENT_AGENT_STATS, stats_body(a));
	commit(a);
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct agent *a = arg;

	a->leave = sig == SIGUSR2 && a->capture->pinned;
	if (sig == SIGUSR2 && !a->leave)
		log_warning("nothing is pinned that a next agent could take over: this is the end "
			    "of every open flow");
	event_base_loopbreak(a->base);
}

/* ---- reload ---------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

/* A problem that the fabric in force does not have; NULL: none. */
static const struct fabric_problem *new_problem(const struct fabric *f, const struct fabric *old)
{
	size_t i, k;

	for (i = 0; i < f->n_problems; i++) {
		for (k = 0; k < old->n_problems; k++)
			if (strcmp(f->problems[i].text, old->problems[k].text) == 0 &&
			    strcmp(base_name(f->problems[i].file),
				   base_name(old->problems[k].file)) == 0)
				break;
		if (k == old->n_problems)
			return &f->problems[i];
	}
	return NULL;
}

static void problem_text(const struct fabric_problem *p, const char *dir, char *out, size_t size)
{
	if (p->file && p->line)
		snprintf(out, size, "%s:%d: %s", p->file, p->line, p->text);
	else
		snprintf(out, size, "%s: %s", p->file ? p->file : dir, p->text);
}

static void reload(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;
	const struct fabric *old = pipeline_fabric(a->pipeline);
	const struct fabric_problem *problem;
	struct fabric *f = readiness_load(&a->config, a->problem, sizeof(a->problem));
	size_t told;
	int err;

	if (f && (problem = new_problem(f, old))) {
		problem_text(problem, a->config.fabric, a->problem, sizeof(a->problem));
		fabric_unref(f);
		f = NULL;
	}
	if (!f) {
		log_error("%s; the fabric is not reloaded, generation %s stays in force",
			  a->problem, old->generation);
		return;
	}
	a->problem[0] = '\0';
	if (strcmp(f->generation, old->generation) == 0 && f->n_devices == old->n_devices) {
		told = pipeline_readiness(a->pipeline, f, agent_now(a));
		if (told)
			log_info("fabric read again: %zu devices are ready, or are not, by other "
				 "reasons than before; generation %s",
				 told, old->generation);
		else
			log_info("fabric read again: nothing that matters has changed, generation "
				 "%s",
				 old->generation);
		fabric_unref(f);
		if (told)
			commit(a);
		return;
	}
	err = pipeline_load(a->pipeline, f, agent_now(a));
	if (err < 0) {
		snprintf(a->problem, sizeof(a->problem), "the new tables were not taken: %s",
			 strerror(-err));
		log_error("%s; generation %s stays in force", a->problem, old->generation);
	} else {
		log_info("fabric reloaded: generation %s, %zu devices, %zu targets", f->generation,
			 f->n_devices, f->n_targets);
	}
	fabric_unref(f);
	commit(a);
}

static void on_hup(evutil_socket_t sig, short what, void *arg)
{
	reload(-1, 0, arg);
}

/* The directory changed: wait until it has settled. */
static void on_directory(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;
	struct timeval settle = { 0, RELOAD_SETTLE_MS * 1000 };
	char changes[4096] __attribute__((aligned(8)));

	while (read(fd, changes, sizeof(changes)) > 0)
		;
	event_add(a->reload_timer, &settle);
}

/* ---- status ------------------------------------------------------------------------ */

static json_t *status_document(void *arg)
{
	struct agent *a = arg;
	const struct fabric *f = pipeline_fabric(a->pipeline);
	struct now now = agent_now(a);
	json_t *doc = stats_body(a), *start;
	char text[TIME_STRLEN], words[400];

	start = report_start(&a->capture_config, a->capture->ops->name);
	json_object_update(doc, start);
	json_decref(start);
	json_object_set_new(doc, "agent", json_string(a->config.name));
	json_object_set_new(doc, "pid", json_integer(getpid()));
	json_object_set_new(doc, "started", json_string(time_format(a->started.real_ns, text)));
	json_object_set_new(doc, "time", json_string(time_format(now.real_ns, text)));
	json_object_set_new(doc, "fabric", json_pack("{s:s,s:s,s:I,s:I,s:I}", "directory",
						     f->directory, "generation", f->generation,
						     "devices", (json_int_t)f->n_devices,
						     "targets", (json_int_t)f->n_targets,
						     "problems", (json_int_t)f->n_problems));
	a->sink->ops->words(a->sink, words, sizeof(words));
	json_object_set_new(doc, "receiver",
			    json_pack("{s:s,s:s}", "name", a->receiver, "state", words));
	json_object_set_new(doc, "outbox",
			    json_pack("{s:s}", "state",
				      outbox_problem(a->outbox)[0] ? outbox_problem(a->outbox) :
								     "written"));
	json_object_set_new(doc, "rights", privilege_report());
	if (a->problem[0])
		json_object_set_new(doc, "reload_refused", json_string(a->problem));
	json_object_set_new(doc, "packets_are",
			    json_string(a->capture->wall_clock ?
						"as libpcap sees them: offloaded super-packets "
						"count as one" :
						"on the wire: offloaded segments are counted one "
						"by one"));
	return doc;
}

static int status(const struct agent_config *config)
{
	char err[512];
	json_t *doc = control_ask(config->state ? config->state : AGENT_STATE, err, sizeof(err));
	json_t *part, *value;
	const char *name, *key;

	if (!doc)
		die("%s", err);
	if (config->format == FORMAT_JSON) {
		json_dumpf(doc, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		json_t *fabric = json_object_get(doc, "fabric"), *item;
		size_t i;

		printf("agent       %s, pid %lld, since %s\n",
		       json_string_value(json_object_get(doc, "agent")),
		       (long long)json_integer_value(json_object_get(doc, "pid")),
		       json_string_value(json_object_get(doc, "started")));
		printf("capture     %s on", json_string_value(json_object_get(doc, "capture")));
		json_array_foreach(json_object_get(doc, "interfaces"), i, item)
			printf(" %s", json_string_value(item));
		printf("; packets are %s\n",
		       json_string_value(json_object_get(doc, "packets_are")));
		printf("fabric      generation %s, %lld devices, %lld targets, %lld problems, from "
		       "%s\n",
		       json_string_value(json_object_get(fabric, "generation")),
		       (long long)json_integer_value(json_object_get(fabric, "devices")),
		       (long long)json_integer_value(json_object_get(fabric, "targets")),
		       (long long)json_integer_value(json_object_get(fabric, "problems")),
		       json_string_value(json_object_get(fabric, "directory")));
		part = json_object_get(doc, "receiver");
		printf("receiver    %s: %s\n", json_string_value(json_object_get(part, "name")),
		       json_string_value(json_object_get(part, "state")));
		part = json_object_get(doc, "outbox");
		if (strcmp(json_string_value(json_object_get(part, "state")), "written"))
			printf("outbox      cannot be written: %s; events wait in memory\n",
			       json_string_value(json_object_get(part, "state")));
		privilege_print(json_object_get(doc, "rights"), stdout);
		if (json_object_get(doc, "reload_refused"))
			printf("            last reload refused: %s\n",
			       json_string_value(json_object_get(doc, "reload_refused")));
		json_object_foreach(json_object_get(doc, "stats"), name, part) {
			printf("%-11s", name);
			json_object_foreach(part, key, value) if (json_is_integer(value))
				printf(" %s %lld", key, (long long)json_integer_value(value));
			else if (json_is_real(value))
				printf(" %s %g", key, json_real_value(value));
			else if (json_is_boolean(value))
				printf(" %s %s", key, json_is_true(value) ? "up" : "down");
			else if (json_is_object(value))
			{
				const char *why;
				json_t *n;

				json_object_foreach(value, why, n) printf(
					" %s.%s %lld", key, why, (long long)json_integer_value(n));
				}
			putchar('\n');
		}
	}
	json_decref(doc);
	return 0;
}

/* ---- run ----------------------------------------------------------------------------- */

static void open_capture(struct agent *a)
{
	char bpf[512], pcap[512];

	if (a->config.capture != CAPTURE_PCAP) {
		a->capture = capture_bpf_open(&a->capture_config, bpf, sizeof(bpf));
		if (a->capture)
			return;
		if (a->config.capture == CAPTURE_BPF)
			die("%s", bpf);
	}
	a->capture = capture_pcap_open(&a->capture_config, pcap, sizeof(pcap));
	if (!a->capture && a->config.capture == CAPTURE_PCAP)
		die("%s", pcap);
	if (!a->capture && strcmp(bpf, pcap) != 0)
		die("%s; with libpcap: %s", bpf, pcap);
	if (!a->capture)
		die("%s", bpf);
	if (a->config.capture == CAPTURE_AUTO)
		log_warning("%s; capturing with libpcap instead", bpf);
}

/* Without --state, --output needs no folder: several agents may write several
 * files, and what a file holds is its own record. */
static void open_sink(struct agent *a)
{
	struct redis_url url;
	struct outbox *box;
	char path[4096] = ":memory:", err[512];
	const char *key;

	a->state = a->config.state ? a->config.state : AGENT_STATE;
	if (mkdir(a->state, 0750) < 0 && errno != EEXIST && a->durable)
		die("%s: %s: choose a folder that can be written with --state", a->state,
		    strerror(errno));
	if (a->durable)
		snprintf(path, sizeof(path), "%s/outbox.db", a->state);
	box = outbox_open(path, a->config.name, a->config.outbox_bytes, err, sizeof(err));
	if (!box)
		die("%s", err);
	a->outbox = box;
	if (a->config.redis.url) {
		if (redis_options_url(&a->config.redis, &url, &key, err, sizeof(err)) < 0)
			die("%s: %s", key, err);
		redis_url_format(&url, a->receiver);
		a->sink = publish_to_redis(a->base, box, &url, a->config.stream, err, sizeof(err));
		redis_url_clear(&url);
	} else {
		snprintf(a->receiver, sizeof(a->receiver), "%s", a->config.output);
		a->sink = publish_to_file(a->base, box, a->config.output, err, sizeof(err));
	}
	if (!a->sink)
		die("%s", err);
}

static void name_agent(struct agent_config *config)
{
	char host[256] = "agent";
	size_t i;

	if (config->name)
		return;
	gethostname(host, sizeof(host) - 1);
	for (i = 0; host[i]; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			    host[i]))
			host[i] = '-';
	config->name = strdup(host[0] ? host : "agent");
	if (!config->name)
		die("no memory");
}

static struct event *every(struct agent *a, uint64_t ns, event_callback_fn fn)
{
	struct timeval tv = { (time_t)(ns / NS_PER_S), (suseconds_t)(ns % NS_PER_S / 1000) };
	struct event *e = event_new(a->base, -1, EV_PERSIST, fn, a);

	if (!e || event_add(e, &tv) < 0)
		die("no memory for a timer");
	return e;
}

static struct event *on_fd(struct agent *a, int fd, short what, event_callback_fn fn)
{
	struct event *e = event_new(a->base, fd, what | EV_PERSIST, fn, a);

	if (!e || event_add(e, NULL) < 0)
		die("cannot wait for descriptor or signal %d", fd);
	return e;
}

/* ---- taking over ------------------------------------------------------------------------ */

/* Without an outbox that survives, a next agent would not know what was told. err: why
 * nothing can be pinned; to be said when there is a capture that would be. */
static void open_pins(struct agent *a, char *err, size_t size)
{
	err[0] = '\0';
	if (!a->durable || a->config.capture == CAPTURE_PCAP ||
	    strcmp(a->config.pin, PIN_OFF) == 0)
		return;
	a->pins = pins_open(a->config.pin, a->config.name, err, size);
	a->capture_config.pins = a->pins;
	a->capture_config.notes_version = RECALL_VERSION;
}

/* What an agent of this name had pinned is of no use to one that does not pin. */
static void drop_former_pins(struct agent *a)
{
	const char *root = strcmp(a->config.pin, PIN_OFF) ? a->config.pin : PIN_ROOT;
	char err[512];
	struct pins *p;

	if (!a->durable || a->capture->pinned)
		return;
	pins_close(a->pins);
	a->pins = NULL;
	p = pins_open(root, a->config.name, err, sizeof(err));
	if (!p)
		return;
	if (pins_remove_others(p, hooks_drop_filter, NULL))
		log_info("removed what a former agent had left in the kernel");
	pins_close(p);
}

/* Times of another clock, or of another life of the machine, mean nothing here. */
static uint64_t clock_life(const struct agent *a)
{
	uint64_t life = 14695981039346656037ull; /* FNV-1a of the boot id */
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	int c;

	if (a->capture->wall_clock) {
		life = 1;
	} else {
		while (f && (c = fgetc(f)) != EOF)
			life = (life ^ (uint64_t)c) * 1099511628211ull;
	}
	if (f)
		fclose(f);
	return life;
}

/* Reads what a former agent noted, and begins to note. */
static void remember(struct agent *a, struct memory_recalled *former)
{
	const struct outbox_companion companion = { notes_due, write_notes, notes_written, a };
	char err[512];
	int e;

	memset(former, 0, sizeof(*former));
	if (!a->durable)
		return;
	a->notes = notes_open(a->outbox, err, sizeof(err));
	if (!a->notes)
		die("%s", err);
	e = pipeline_remember(a->pipeline, a->notes, clock_life(a), former);
	if (e < 0)
		die("%s/outbox.db: the notes of the former agent cannot be read: %s", a->state,
		    strerror(-e));
	outbox_join(a->outbox, &companion);
}

static json_t *start_body(struct agent *a, const struct memory_recalled *former)
{
	json_t *body = report_start(&a->capture_config, a->capture->ops->name), *takeover;
	uint64_t now = agent_now(a).mono_ns, last = a->capture->last_alive_ns;

	if (!former->goes_on)
		return body;
	takeover = json_pack("{s:I}", "flows", (json_int_t)former->open);
	if (last && last <= now)
		json_object_set_new(takeover, "silent_s", json_real((double)(now - last) / 1e9));
	json_object_set_new(body, "takeover", takeover);
	return body;
}

/* What happened while nobody was there: first all records that were left, then the
 * flows that none of them tells of. */
static void catch_up(struct agent *a, const struct memory_recalled *former)
{
	unsigned ended;
	int n;

	do {
		pipeline_clock(a->pipeline, agent_now(a));
		n = a->capture->ops->poll(a->capture, RECORDS_A_TURN, pipeline_record, a->pipeline);
		a->note_now = true;
		commit(a);
	} while (n >= RECORDS_A_TURN);
	ended = pipeline_resume(a->pipeline, agent_now(a));
	if (former->goes_on)
		log_info("took over from a former agent: %u flows go on, %u could not be seen to "
			 "their end", former->open, ended);
	else if (ended)
		log_info("%u flows were open when a former agent died; their end was not seen",
			 ended);
}

static int detach(const struct agent_config *config)
{
	char err[512];
	struct pins *p;

	if (strcmp(config->pin, PIN_OFF) == 0)
		return 0;
	p = pins_open(config->pin, config->name, err, sizeof(err));
	if (!p && errno == EMEDIUMTYPE) {
		log_info("%s", err);
		return 0; /* where there is no bpffs nothing is pinned */
	}
	if (!p)
		die("%s", err);
	if (!pins_remove_others(p, hooks_drop_filter, NULL))
		log_info("nothing of agent %s is pinned in %s", config->name, config->pin);
	pins_close(p);
	return 0;
}

static void stop(struct agent *a)
{
	struct now now = agent_now(a);
	uint64_t left;

	a->capture->leave = a->leave;
	a->capture->ops->poll(a->capture, 0, pipeline_record, a->pipeline);
	if (!a->leave)
		pipeline_finish(a->pipeline, now);
	emit_own(a, EVENT_AGENT_STATS, stats_body(a));
	emit_own(a, EVENT_AGENT_STOP, a->leave ? json_pack("{s:b}", "handover", 1) : NULL);
	a->note_now = true;
	left = a->sink->ops->drain(a->sink, DRAIN_MS);
	if (left && a->durable)
		log_warning("%llu events wait in %s/outbox.db for the next start",
			    (unsigned long long)left, a->state);
	else if (left)
		log_error("%llu events could not be written to %s and are lost",
			  (unsigned long long)left, a->config.output);
	outbox_join(a->outbox, &(struct outbox_companion){ .write = NULL });
	notes_close(a->notes);
	if (a->sink->ops->close(a->sink) < 0)
		a->status = 1;
}

static int run(struct agent *a)
{
	struct pipeline_config pc;
	struct event *events[8] = { NULL };
	struct memory_recalled former;
	struct fabric *fabric;
	char err[512], text[600];
	size_t i;

	confine_start(&a->config);
	name_agent(&a->config);
	fabric = readiness_load(&a->config, err, sizeof(err));
	if (!fabric)
		die("%s", err);
	for (i = 0; i < fabric->n_problems; i++) {
		problem_text(&fabric->problems[i], a->config.fabric, text, sizeof(text));
		log_warning("%s", text);
	}
	agent_capture_config(&a->config, &a->capture_config);
	agent_pipeline_config(&a->config, &pc);
	a->durable = a->config.redis.url || a->config.state;
	open_pins(a, err, sizeof(err));
	open_capture(a); /* needs root */
	if (err[0] && strcmp(a->capture->ops->name, "bpf") == 0)
		log_warning("%s; until then nothing is pinned: when this agent dies, nobody "
			    "watches until the next one has started", err);
	a->base = event_base_new();
	if (!a->base)
		die("no memory for the event loop");
	open_sink(a);
	a->started = agent_now(a);
	a->pipeline = pipeline_new(&pc, a->capture, on_event, a);
	if (!a->pipeline)
		die("no memory for %u flows", pc.max_flows);
	a->control = control_open(a->base, a->state, status_document, a, err, sizeof(err));
	if (!a->control && a->durable)
		die("%s", err);
	if (!a->control)
		log_debug("no status: %s", err);

	pipeline_clock(a->pipeline, a->started);
	remember(a, &former);
	emit_own(a, EVENT_AGENT_START, start_body(a, &former));
	if (pipeline_load(a->pipeline, fabric, a->started) < 0)
		die("%s: the tables do not fit into the kernel", a->config.fabric);

	a->reload_timer = event_new(a->base, -1, 0, reload, a);
	a->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (a->inotify >= 0 &&
	    inotify_add_watch(a->inotify, a->config.fabric,
			      IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) >= 0)
		events[0] = on_fd(a, a->inotify, EV_READ, on_directory);
	else
		log_warning("%s: changes are not noticed by themselves (%s); send SIGHUP to reload",
			    a->config.fabric, strerror(errno));
	events[1] = on_fd(a, SIGHUP, EV_SIGNAL, on_hup);
	events[2] = on_fd(a, SIGTERM, EV_SIGNAL, on_stop);
	events[3] = on_fd(a, SIGINT, EV_SIGNAL, on_stop);
	events[4] = every(a, POLL_MS * NS_PER_MS, turn);
	events[5] = every(a, a->config.stats_ns, on_stats);
	if (a->capture->ops->fd(a->capture) >= 0)
		events[6] = on_fd(a, a->capture->ops->fd(a->capture), EV_READ, turn);
	events[7] = on_fd(a, SIGUSR2, EV_SIGNAL, on_stop);
	drop_former_pins(a);
	catch_up(a, &former);
	confine(&a->config, a->capture, a->state, !a->durable);
	commit(a);
	log_info("ready: %s on %zu interface%s, generation %s, %zu devices, %zu targets",
		 a->capture->ops->name, a->capture_config.n_interfaces,
		 a->capture_config.n_interfaces == 1 ? "" : "s", fabric->generation,
		 fabric->n_devices, fabric->n_targets);
	fabric_unref(fabric);

	event_base_dispatch(a->base);

	stop(a);
	control_close(a->control);
	if (!a->durable)
		rmdir(a->state); /* made for the socket alone; stays if anything is in it */
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
	event_free(a->reload_timer);
	if (a->inotify >= 0)
		close(a->inotify);
	pipeline_free(a->pipeline);
	a->capture->ops->close(a->capture);
	pins_close(a->pins);
	event_base_free(a->base);
	return a->status;
}

static int show_fabric(const char *dir, const struct agent_config *config, const char *address)
{
	char err[512];
	struct fabric *f = fabric_load_with(dir, config->underlay, err, sizeof(err));
	bool json = config->format == FORMAT_JSON;
	int status;

	if (!f)
		die("%s", err);
	status = address ? trust_show(f, address, config->device, json, stdout) :
			   fabric_show(f, json, stdout);
	fabric_unref(f);
	return status;
}

int main(int argc, char **argv)
{
	static struct agent a;
	struct conf_call call;
	int status_code = 0;

	conf_start(&agent_program, argc, argv, &a.config, &call);
	if (a.config.verbose)
		log_threshold(LOG_LEVEL_DEBUG);
	switch (call.command->bit) {
	case CMD_RUN:
		status_code = run(&a);
		break;
	case CMD_REPLAY:
		status_code = replay(&a.config, call.args, call.n_args, clock_now());
		break;
	case CMD_FABRIC:
		status_code = show_fabric(call.args[0], &a.config, NULL);
		break;
	case CMD_TRUST:
		status_code = show_fabric(call.args[0], &a.config, call.args[1]);
		break;
	case CMD_CHECK:
		status_code = readiness_check(&a.config, call.args[0]);
		break;
	case CMD_DETACH:
		name_agent(&a.config);
		status_code = detach(&a.config);
		break;
	case CMD_STATUS:
		status_code = status(&a.config);
		break;
	}
	conf_free(&agent_program, &a.config);
	if (fflush(stdout) != 0 && status_code == 0) {
		log_error("stdout: %s", strerror(errno));
		status_code = 1;
	}
	return status_code;
}
