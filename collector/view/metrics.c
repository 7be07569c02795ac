/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two formats differ in little: OpenMetrics calls a counter by its name without
 * _total where it describes it, wants quotes escaped there too, and an end mark.
 */
#include "collector/view/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/rules/alert.h"
#include "collector/rules/silence.h"
#include "collector/store/alert.h"
#include "collector/store/metrics.h"
#include "common/event.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct page {
	FILE *out;
	bool open; /* OpenMetrics */
	const struct metrics_family *family;
};

/* ---- writing --------------------------------------------------------------- */

static void put_escaped(struct page *p, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", p->out);
		else if (*text == '\\' || (*text == '"' && quotes))
			fprintf(p->out, "\\%c", *text);
		else
			fputc(*text, p->out);
	}
}

/* The shortest text that is this number; with a fraction, as OpenMetrics wants it. */
static void put_real(struct page *p, double value)
{
	char text[40];

	if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value) {
		fprintf(p->out, "%.1f", value);
		return;
	}
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	fputs(text, p->out);
}

static void begin(struct page *p, const struct metrics_family *f)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	size_t len = strlen(f->name);

	if (p->open && f->kind == METRICS_COUNTER)
		len -= strlen("_total");
	p->family = f;
	fprintf(p->out, "# HELP %.*s ", (int)len, f->name);
	put_escaped(p, f->help, p->open);
	fprintf(p->out, "\n# TYPE %.*s %s\n", (int)len, f->name, kinds[f->kind]);
}

/* Name, suffix, and the labels of the family with these words; `last` more, or NULL. */
static void put_name(struct page *p, const char *suffix, const char *const *words, const char *le)
{
	const char *key = p->family->labels;
	char between = '{';

	fprintf(p->out, "%s%s", p->family->name, suffix);
	for (unsigned i = 0; *key; i++) {
		size_t len = strcspn(key, " ");

		fprintf(p->out, "%c%.*s=\"", between, (int)len, key);
		put_escaped(p, words[i] ? words[i] : "", true);
		fputc('"', p->out);
		between = ',';
		key += len + (key[len] == ' ');
	}
	if (le)
		fprintf(p->out, "%cle=\"%s\"", between, le);
	if (le || between == ',')
		fputc('}', p->out);
	fputc(' ', p->out);
}

static void put_whole(struct page *p, const char *const *words, int64_t value)
{
	put_name(p, "", words, NULL);
	fprintf(p->out, "%" PRId64 "\n", value);
}

static void put_seconds(struct page *p, const char *const *words, double value)
{
	put_name(p, "", words, NULL);
	put_real(p, value);
	fputc('\n', p->out);
}

/* ---- what the process counts ----------------------------------------------- */

struct own {
	struct page *page;
	enum metric which;
};

static void put_histogram(struct page *p, enum metric which, const struct metrics_value *v)
{
	const double *bounds;
	unsigned n = metrics_buckets(which, &bounds);
	char le[40];

	for (unsigned i = 0; i < n; i++) {
		snprintf(le, sizeof(le), bounds[i] < 1 ? "%g" : "%.1f", bounds[i]);
		put_name(p, "_bucket", v->labels, le);
		fprintf(p->out, "%" PRIu64 "\n", v->buckets[i]);
	}
	put_name(p, "_bucket", v->labels, "+Inf");
	fprintf(p->out, "%" PRIu64 "\n", v->count);
	put_name(p, "_sum", v->labels, NULL);
	put_real(p, v->sum);
	fputc('\n', p->out);
	put_name(p, "_count", v->labels, NULL);
	fprintf(p->out, "%" PRIu64 "\n", v->count);
}

static void put_own(void *arg, const struct metrics_value *v)
{
	const struct own *o = arg;

	if (o->page->family->kind == METRICS_HISTOGRAM)
		put_histogram(o->page, o->which, v);
	else
		put_whole(o->page, v->labels, v->gauge);
}

static void process(struct page *p, const struct metrics *m)
{
	for (unsigned i = 0; i < METRIC_OWN_NUM; i++) {
		struct own o = { p, i };

		begin(p, metrics_family(i));
		metrics_each(m, i, put_own, &o);
	}
}

/* ---- what is read of the store ---------------------------------------------- */

/* Families of the store, and of agents; their order is that of the page. */
enum family {
	F_BUILD,
	F_STARTED,
	F_READABLE,
	F_READ_SECONDS,
	F_EVENTS,
	F_WRITTEN,
	F_NEWEST,
	F_OLDEST,
	F_DEAD,
	F_BYTES,
	F_FREE_BYTES,
	F_SEGMENTS,
	F_REMOVED,
	F_PLACES,
	F_UNDERIVED,
	F_UNDERIVED_AGE,
	F_UNANCHORED,
	F_ANCHORS,
	F_ANCHORED,
	F_UNSENT,
	F_INCIDENTS,
	F_ALERTS,
	F_SILENCES,
	F_DRILLS,
	F_FLOWS,
	F_SESSIONS,
	F_DEVICES,
	F_TARGETS,
	F_ARMED,
	F_WAITING,
	F_FAILED,
	F_WAITING_SINCE,
	F_RECEIVER_FAILING,
	F_AGENTS,
	F_AGENTS_UNLISTED,
	/* one agent each */
	F_AGENT_INFO,
	F_AGENT_RUNNING,
	F_AGENT_HEARD,
	F_AGENT_INTERVAL,
	F_AGENT_STATS,
	F_AGENT_SEQ,
	F_AGENT_STORED,
	F_AGENT_MISSING,
	F_AGENT_INTERFACE,
	/* and out of its agent.stats */
	F_GENERATED,
	F_ACKNOWLEDGED,
	F_OUTBOX,
	F_DROPPED,
	F_OUTBOX_BYTES,
	F_PACKETS,
	F_WATCHED,
	F_CAPTURE_FLOWS,
	F_RECORDS,
	F_CAPTURE_DROPPED,
	F_UNREAD,
	F_FRAGMENTS,
	F_OTHER_INTERFACE,
	F_ICMP,
	F_SYNS,
	F_UNTOLD,
	F_ENGINE_EVENTS,
	F_ENGINE_FLOWS,
	F_FLOWS_NOW,
	F_LATE,
	F_TABLE_FULL,
	F_SWEPT,
	F_PATH_CHANGES,
	F_ROUTES,
	F_ROUTES_REFUSED,
	F_SUMMED,
	F_NUM
};

#define CTR METRICS_COUNTER
#define GAUGE METRICS_GAUGE

static const struct metrics_family families[] = {
	[F_BUILD] = { "glasswatch_build_info", GAUGE, "version store",
		      "Always 1: version, and the kind of store." },
	[F_STARTED] = { "process_start_time_seconds", GAUGE, "",
			"When the collector was started." },
	[F_READABLE] = { "glasswatch_store_readable", GAUGE, "",
			 "1 when the store could be read for this answer; else all that is read of "
			 "it is absent." },
	[F_READ_SECONDS] = { "glasswatch_store_read_seconds", GAUGE, "",
			     "How long the store was read for this answer." },
	[F_EVENTS] = { "glasswatch_store_events_total", CTR, "",
		       "Events in the record, with those that retention has removed." },
	[F_WRITTEN] = { "glasswatch_store_written_timestamp_seconds", GAUGE, "",
			"When the newest event was stored." },
	[F_NEWEST] = { "glasswatch_store_newest_event_timestamp_seconds", GAUGE, "",
		       "The newest event's own time." },
	[F_OLDEST] = { "glasswatch_store_oldest_timestamp_seconds", GAUGE, "",
		       "When the oldest event that is still there was stored." },
	[F_DEAD] = { "glasswatch_store_dead_letters", GAUGE, "", "Dead letters in the store." },
	[F_BYTES] = { "glasswatch_store_bytes", GAUGE, "",
		      "Size of the database, without what its write-ahead log adds." },
	[F_FREE_BYTES] = { "glasswatch_store_free_bytes", GAUGE, "",
			   "Of them not in use, filled before the file grows (SQLite)." },
	[F_SEGMENTS] = { "glasswatch_store_segments_removed_total", CTR, "",
			 "Segments of the record that retention has removed." },
	[F_REMOVED] = { "glasswatch_store_events_removed_total", CTR, "",
			"Events in these segments." },
	[F_PLACES] = { "glasswatch_chain_places_total", CTR, "",
		       "Places of the hash chain: events and dead letters, ever." },
	[F_UNDERIVED] = { "glasswatch_store_underived_places", GAUGE, "",
			  "Places of the record that no list has yet." },
	[F_UNDERIVED_AGE] = { "glasswatch_store_underived_timestamp_seconds", GAUGE, "",
			      "When the oldest of these was stored; absent when there is none." },
	[F_UNANCHORED] = { "glasswatch_chain_unanchored_places", GAUGE, "",
			   "Places behind the newest anchor." },
	[F_ANCHORS] = { "glasswatch_anchors_total", CTR, "",
			"Anchors of the chain that were made." },
	[F_ANCHORED] = { "glasswatch_anchor_timestamp_seconds", GAUGE, "",
			 "When the newest anchor was made." },
	[F_UNSENT] = { "glasswatch_anchors_unsent", GAUGE, "",
		       "Anchors that Redis has not confirmed." },
	[F_INCIDENTS] = { "glasswatch_incidents_open", GAUGE, "kind drill", "Open incidents." },
	[F_ALERTS] = { "glasswatch_alerts_open", GAUGE, "name severity state",
		       "Alerts that are not resolved: open, acknowledged, silenced." },
	[F_SILENCES] = { "glasswatch_silences", GAUGE, "", "Silences in force." },
	[F_DRILLS] = { "glasswatch_drills", GAUGE, "", "Drills in force." },
	[F_FLOWS] = { "glasswatch_flows_open", GAUGE, "service path verdict outcome",
		      "Flows that have not ended, each once though several agents see it." },
	[F_SESSIONS] = { "glasswatch_breakglass_sessions_open", GAUGE, "justified",
			 "Break-glass sessions that have not ended." },
	[F_DEVICES] = { "glasswatch_devices", GAUGE, "state", "Devices by path state." },
	[F_TARGETS] = { "glasswatch_targets", GAUGE, "path state",
			"Watched addresses: reached (a flow was established once), seen, unseen." },
	[F_ARMED] = { "glasswatch_loopbacks", GAUGE, "armed",
		      "Loopback6 addresses, by whether a watched BGP session announces them." },
	[F_WAITING] = { "glasswatch_notifications_waiting", GAUGE, "receiver",
			"Notifications that the receiver has not taken yet." },
	[F_FAILED] = { "glasswatch_notifications_failed", GAUGE, "receiver",
		       "Of them those that were tried in vain." },
	[F_WAITING_SINCE] = { "glasswatch_notifications_waiting_since_timestamp_seconds", GAUGE,
			      "receiver", "Since when the oldest of them waits." },
	[F_RECEIVER_FAILING] = { "glasswatch_receiver_failing", GAUGE, "receiver",
				 "1 when the newest attempt failed, else 0." },
	[F_AGENTS] = { "glasswatch_agents", GAUGE, "state",
		       "Agents that have ever been heard: running, silent, stopped." },
	[F_AGENTS_UNLISTED] = { "glasswatch_agents_unlisted", GAUGE, "",
				"Agents beyond the 500 heard last, which have no lines below." },

	[F_AGENT_INFO] = { "glasswatch_agent_info", GAUGE, "agent policy",
			   "Always 1: the agent's policy generation." },
	[F_AGENT_RUNNING] = { "glasswatch_agent_running", GAUGE, "agent",
			      "1 until the agent says that it stops." },
	[F_AGENT_HEARD] = { "glasswatch_agent_heard_timestamp_seconds", GAUGE, "agent",
			    "When its newest event was stored, by the collector's clock." },
	[F_AGENT_INTERVAL] = { "glasswatch_agent_heartbeat_interval_seconds", GAUGE, "agent",
			       "How often it says that it is there." },
	[F_AGENT_STATS] = { "glasswatch_agent_stats_timestamp_seconds", GAUGE, "agent",
			    "Time of its newest agent.stats, which the counters below are of." },
	[F_AGENT_SEQ] = { "glasswatch_agent_sequence", GAUGE, "agent",
			  "The highest number of its events that is stored." },
	[F_AGENT_STORED] = { "glasswatch_agent_events_stored_total", CTR, "agent",
			     "Its events that were stored." },
	[F_AGENT_MISSING] = { "glasswatch_agent_events_missing", GAUGE, "agent",
			      "Numbers below its highest that are not stored: lost, or late." },
	[F_AGENT_INTERFACE] = { "glasswatch_agent_interface_up", GAUGE, "agent interface",
				"1 while the interface is up and has a carrier." },

	[F_GENERATED] = { "glasswatch_agent_events_generated_total", CTR, "agent",
			  "Events it has made: acknowledged + waiting + dropped." },
	[F_ACKNOWLEDGED] = { "glasswatch_agent_events_acknowledged_total", CTR, "agent",
			     "Events that Redis has." },
	[F_OUTBOX] = { "glasswatch_agent_events_waiting", GAUGE, "agent", "Events in its outbox." },
	[F_DROPPED] = { "glasswatch_agent_events_dropped_total", CTR, "agent reason",
			"Events there was no room for." },
	[F_OUTBOX_BYTES] = { "glasswatch_agent_outbox_bytes", GAUGE, "agent",
			     "Size of the events in its outbox." },
	[F_PACKETS] = { "glasswatch_agent_packets_total", CTR, "agent",
			"Packets on watched ports, and ICMP." },
	[F_WATCHED] = { "glasswatch_agent_packets_watched_total", CTR, "agent",
			"Packets counted to a flow." },
	[F_CAPTURE_FLOWS] = { "glasswatch_agent_capture_flows_total", CTR, "agent",
			      "Flows that the capture has made." },
	[F_RECORDS] = { "glasswatch_agent_records_total", CTR, "agent",
			"Records that the capture handed up." },
	[F_CAPTURE_DROPPED] = { "glasswatch_agent_capture_dropped_total", CTR, "agent reason",
				"What the capture could not keep: records (the ring full, or its "
				"reserve), flows (the map full)." },
	[F_UNREAD] = { "glasswatch_agent_packets_unread_total", CTR, "agent reason",
		       "Packets whose headers were cut short, or contradict themselves." },
	[F_FRAGMENTS] = { "glasswatch_agent_fragments_lost_total", CTR, "agent",
			  "Later fragments that no flow was found for." },
	[F_OTHER_INTERFACE] = { "glasswatch_agent_packets_other_interface_total", CTR, "agent",
				"Packets of flows that are counted on another interface." },
	[F_ICMP] = { "glasswatch_agent_icmp_errors_total", CTR, "agent", "ICMP errors of a flow." },
	[F_SYNS] = { "glasswatch_agent_syns_total", CTR, "agent", "SYNs of attempts." },
	[F_UNTOLD] = { "glasswatch_agent_half_open_untold_total", CTR, "agent",
		       "Records of attempts that were not made, as there were too many." },
	[F_ENGINE_EVENTS] = { "glasswatch_agent_engine_events_total", CTR, "agent",
			      "Events that the engine made since the agent's start." },
	[F_ENGINE_FLOWS] = { "glasswatch_agent_flows_total", CTR, "agent",
			     "Flows that the engine has followed." },
	[F_FLOWS_NOW] = { "glasswatch_agent_flows_open", GAUGE, "agent", "Flows it follows now." },
	[F_LATE] = { "glasswatch_agent_packets_late_total", CTR, "agent",
		     "Packets that came after later ones." },
	[F_TABLE_FULL] = { "glasswatch_agent_flow_table_full_total", CTR, "agent",
			   "Flows that the full table of the engine refused." },
	[F_SWEPT] = { "glasswatch_agent_flows_swept_total", CTR, "agent",
		      "Flows found by a sweep of the kernel's map, their record having been "
		      "lost." },
	[F_PATH_CHANGES] = { "glasswatch_agent_path_changes_total", CTR, "agent",
			     "Changes of a device's path state." },
	[F_ROUTES] = { "glasswatch_agent_routes", GAUGE, "agent",
		       "BGP routes it keeps because they cover a Loopback6." },
	[F_ROUTES_REFUSED] = { "glasswatch_agent_routes_refused_total", CTR, "agent",
			       "Such routes that there was no room for." },
	[F_SUMMED] = { "glasswatch_agent_attempts_summed_total", CTR, "agent",
		       "Attempts that have no events of their own: floods." },
};
static_assert(COUNT(families) == F_NUM, "a row for each family");

/* Where a number of agent.stats goes, in the order of families. */
static const struct {
	const char *group, *key;
	enum family family;
	const char *word;
} stats[] = {
	{ "delivery", "generated", F_GENERATED },
	{ "delivery", "acknowledged", F_ACKNOWLEDGED },
	{ "delivery", "waiting", F_OUTBOX },
	{ "delivery", "waiting_bytes", F_OUTBOX_BYTES },
	{ "capture", "packets", F_PACKETS },
	{ "capture", "watched", F_WATCHED },
	{ "capture", "flows", F_CAPTURE_FLOWS },
	{ "capture", "records", F_RECORDS },
	{ "capture", "dropped_ring_full", F_CAPTURE_DROPPED, "ring-full" },
	{ "capture", "dropped_ring_reserve", F_CAPTURE_DROPPED, "ring-reserve" },
	{ "capture", "dropped_map_full", F_CAPTURE_DROPPED, "map-full" },
	{ "capture", "parse_short", F_UNREAD, "short" },
	{ "capture", "parse_bad", F_UNREAD, "bad" },
	{ "capture", "later_fragments", F_FRAGMENTS },
	{ "capture", "other_interface", F_OTHER_INTERFACE },
	{ "capture", "icmp_errors", F_ICMP },
	{ "capture", "syns", F_SYNS },
	{ "capture", "half_open_untold", F_UNTOLD },
	{ "engine", "events", F_ENGINE_EVENTS },
	{ "engine", "flows", F_ENGINE_FLOWS },
	{ "engine", "flows_now", F_FLOWS_NOW },
	{ "engine", "late_packets", F_LATE },
	{ "engine", "table_full", F_TABLE_FULL },
	{ "engine", "found_by_sweep", F_SWEPT },
	{ "engine", "path_changes", F_PATH_CHANGES },
	{ "engine", "routes_now", F_ROUTES },
	{ "engine", "routes_refused", F_ROUTES_REFUSED },
	{ "engine", "attempts_summed", F_SUMMED },
};

static void put_time(struct page *p, const char *const *words, uint64_t ns)
{
	if (ns)
		put_seconds(p, words, (double)ns / 1e9);
}

static void one(struct page *p, enum family f, uint64_t value)
{
	begin(p, &families[f]);
	put_whole(p, NULL, (int64_t)value);
}

static void moment(struct page *p, enum family f, uint64_t ns)
{
	begin(p, &families[f]);
	put_time(p, NULL, ns);
}

static void record(struct page *p, const struct store_metrics *s, bool free_known)
{
	one(p, F_EVENTS, s->events);
	moment(p, F_WRITTEN, s->newest_stored_ns);
	moment(p, F_NEWEST, s->newest_time_ns);
	moment(p, F_OLDEST, s->oldest_stored_ns);
	one(p, F_DEAD, s->dead_letters);
	one(p, F_BYTES, s->bytes);
	begin(p, &families[F_FREE_BYTES]);
	if (free_known)
		put_whole(p, NULL, (int64_t)s->free_bytes);
	one(p, F_SEGMENTS, s->segments);
	one(p, F_REMOVED, s->removed);
	one(p, F_PLACES, s->places);
	one(p, F_UNDERIVED, s->underived);
	moment(p, F_UNDERIVED_AGE, s->underived_ns);
	one(p, F_UNANCHORED, s->places - s->anchor_place);
	one(p, F_ANCHORS, s->anchors);
	moment(p, F_ANCHORED, s->anchor_ns);
	one(p, F_UNSENT, s->anchors_unsent);
}

/* ---- rows that are counted by their words ---------------------------------- */

#define WORD 64
#define CELLS 256 /* what comes after these is one "other" */

struct cell {
	char words[METRICS_LABELS][WORD];
	uint64_t n;
};

struct cells {
	struct cell list[CELLS + 1];
	size_t n;
};

static void count(struct cells *c, const char *const words[METRICS_LABELS], uint64_t n)
{
	struct cell *cell = c->list, fresh = { .n = 0 };

	for (int i = 0; i < METRICS_LABELS; i++)
		snprintf(fresh.words[i], WORD, "%s", words[i] ? words[i] : "none");
	while (cell < c->list + c->n && memcmp(cell->words, fresh.words, sizeof(fresh.words)) != 0)
		cell++;
	if (cell == c->list + c->n && c->n < CELLS)
		c->list[c->n++] = fresh;
	if (cell == c->list + CELLS) {
		for (int i = 0; i < METRICS_LABELS; i++)
			snprintf(cell->words[i], WORD, "other");
		c->n = CELLS + 1;
	}
	cell->n += n;
}

static int take_tally(void *arg, const char *const words[STORE_TALLY_WORDS], uint64_t n)
{
	count(arg, words, n);
	return 0;
}

static void put_cells(struct page *p, enum family f, const struct cells *c)
{
	begin(p, &families[f]);
	for (size_t i = 0; i < c->n; i++) {
		const char *words[METRICS_LABELS];

		for (int k = 0; k < METRICS_LABELS; k++)
			words[k] = c->list[i].words[k];
		put_whole(p, words, (int64_t)c->list[i].n);
	}
}

/* What is 0 is shown as 0: each combination of these words, divided by blanks. */
static void zero(struct cells *c, const char *const sets[METRICS_LABELS])
{
	char text[METRICS_LABELS][160] = { "" }, *next[METRICS_LABELS];
	const char *words[METRICS_LABELS] = { NULL };
	unsigned at[METRICS_LABELS] = { 0 };
	int i;

	do {
		for (i = 0; i < METRICS_LABELS && sets[i]; i++) {
			snprintf(text[i], sizeof(text[i]), "%s", sets[i]);
			words[i] = strtok_r(text[i], " ", &next[i]);
			for (unsigned k = 0; k < at[i] && words[i]; k++)
				words[i] = strtok_r(NULL, " ", &next[i]);
		}
		count(c, words, 0);
		/* the last set runs fastest */
		while (i-- > 0) {
			at[i]++;
			if (strtok_r(NULL, " ", &next[i]))
				break;
			at[i] = 0;
		}
	} while (i >= 0);
}

static const struct {
	enum family family;
	enum store_tally tally;
	const char *zero[METRICS_LABELS];
} tallies[] = {
	{ F_INCIDENTS,
	  STORE_TALLY_INCIDENTS,
	  { "failover management-switch untrusted-source", "no yes" } },
	{ F_FLOWS,
	  STORE_TALLY_FLOWS,
	  { "ssh bgp", "primary in-band", "trusted untrusted no-policy", "established" } },
	{ F_SESSIONS, STORE_TALLY_SESSIONS, { "yes no unknown drill" } },
	{ F_DEVICES,
	  STORE_TALLY_DEVICES,
	  { "primary primary-failing in-band in-band-unexplained in-band-unjustified "
	    "unreachable" } },
	{ F_TARGETS, STORE_TALLY_TARGETS, { "primary in-band", "reached seen unseen" } },
	{ F_ARMED, STORE_TALLY_ARMED, { "yes no unknown" } },
};

/* One family of them; below 0 when the store fails. */
static int tally(struct page *p, struct store *s, enum family f)
{
	struct cells c = { .n = 0 };
	int rc = 0;

	for (size_t i = 0; i < COUNT(tallies); i++)
		if (tallies[i].family == f) {
			zero(&c, tallies[i].zero);
			rc = store_tally(s, tallies[i].tally, take_tally, &c);
		}
	put_cells(p, f, &c);
	return rc;
}

static int take_alert(void *arg, const struct store_alert *a)
{
	const char *const words[METRICS_LABELS] = { a->name, event_severity_name(a->severity),
						    store_alert_state_name(a->state), "" };

	count(arg, words, 1);
	return 0;
}

static int alerts(struct page *p, struct store *s, uint64_t now_ns)
{
	struct store_alert_filter f = { .now_ns = now_ns,
					.states = 1u << STORE_ALERT_OPEN |
						  1u << STORE_ALERT_ACKNOWLEDGED |
						  1u << STORE_ALERT_SILENCED };
	struct cells c = { .n = 0 };
	int rc;

	for (enum alert_rule r = 0; r < ALERT_NUM_RULES; r++) {
		const struct alert_about *about = alert_about(r);
		const char *const words[METRICS_LABELS] = { about->name,
							    event_severity_name(about->severity),
							    "open", "" };

		count(&c, words, 0);
	}
	rc = store_alerts(s, &f, take_alert, &c);
	put_cells(p, F_ALERTS, &c);
	return rc;
}

/* ---- lines of several families that one row gives -------------------------- */

/* A family's lines must stand together, but a row has a line of each: every family
 * of such rows is written aside, and put into the page one after the other. */
struct aside {
	struct page page;
	char *text;
	size_t size;
};

static bool open_asides(struct aside *a, size_t n, enum family first, const struct page *p)
{
	bool good = true;

	for (size_t i = 0; i < n; i++) {
		a[i] = (struct aside){ .page.open = p->open };
		a[i].page.out = open_memstream(&a[i].text, &a[i].size);
		if (!a[i].page.out)
			good = false;
		else
			begin(&a[i].page, &families[first + i]);
	}
	return good;
}

static bool close_asides(struct aside *a, size_t n, struct page *p)
{
	bool good = true;

	for (size_t i = 0; i < n; i++) {
		if (a[i].page.out && fclose(a[i].page.out) == 0)
			fwrite(a[i].text, 1, a[i].size, p->out);
		else
			good = false;
		free(a[i].text);
	}
	return good;
}

#define N_RECEIVER (F_RECEIVER_FAILING - F_WAITING + 1)

static int take_receiver(void *arg, const struct store_metrics_receiver *r)
{
	const char *const words[] = { r->receiver };
	struct aside *a = arg;

	put_whole(&a[F_WAITING - F_WAITING].page, words, (int64_t)r->waiting);
	put_whole(&a[F_FAILED - F_WAITING].page, words, (int64_t)r->failed);
	put_time(&a[F_WAITING_SINCE - F_WAITING].page, words, r->oldest_ns);
	put_whole(&a[F_RECEIVER_FAILING - F_WAITING].page, words, r->error);
	return 0;
}

static int receivers(struct page *p, struct store *s, uint64_t now_ns)
{
	struct aside a[N_RECEIVER];
	int rc = STORE_FAILED;

	if (open_asides(a, N_RECEIVER, F_WAITING, p))
		rc = store_metrics_receivers(s, now_ns, take_receiver, a);
	return close_asides(a, N_RECEIVER, p) ? rc : STORE_FAILED;
}

/* ---- agents ---------------------------------------------------------------- */

#define AGENTS 500    /* with lines of their own */
#define INTERFACES 64 /* of an agent */
#define REASONS 8     /* for dropping events */
#define N_AGENT (F_NUM - F_AGENT_INFO)

struct agents {
	struct aside asides[N_AGENT];
	uint64_t n, state[3]; /* stopped, running, silent */
};

static struct page *aside(struct agents *all, enum family f)
{
	return &all->asides[f - F_AGENT_INFO].page;
}

static void put_number(struct page *p, const char *agent, const char *word, const json_t *number)
{
	const char *const words[] = { agent, word };

	if (json_is_integer(number) && json_integer_value(number) >= 0)
		put_whole(p, words, json_integer_value(number));
}

static void put_stats(struct agents *all, const char *agent, const json_t *body)
{
	const char *name, *words[2] = { agent };
	const json_t *dropped = json_object_get(json_object_get(body, "delivery"), "dropped");
	json_t *value;
	unsigned n = 0;

	for (size_t i = 0; i < COUNT(stats); i++)
		put_number(aside(all, stats[i].family), agent, stats[i].word,
			   json_object_get(json_object_get(body, stats[i].group), stats[i].key));
	json_object_foreach((json_t *)(uintptr_t)dropped, name, value)
	{
		if (n++ < REASONS)
			put_number(aside(all, F_DROPPED), agent, name, value);
	}
	n = 0;
	json_object_foreach(json_object_get(body, "interfaces"), name, value)
	{
		words[1] = name;
		if (json_is_boolean(value) && n++ < INTERFACES)
			put_whole(aside(all, F_AGENT_INTERFACE), words, json_is_true(value));
	}
}

static int take_agent(void *arg, const struct store_metrics_agent *a)
{
	struct agents *all = arg;
	const char *const words[] = { a->agent, a->policy };
	json_t *document;

	all->state[a->silent ? 2 : a->running]++;
	if (all->n++ >= AGENTS)
		return 0;
	put_whole(aside(all, F_AGENT_INFO), words, 1);
	put_whole(aside(all, F_AGENT_RUNNING), words, a->running);
	put_time(aside(all, F_AGENT_HEARD), words, a->heard_ns);
	put_time(aside(all, F_AGENT_INTERVAL), words,
		 a->interval_ns ? a->interval_ns : SILENCE_HEARTBEAT);
	put_time(aside(all, F_AGENT_STATS), words, a->stats_ns);
	put_whole(aside(all, F_AGENT_SEQ), words, (int64_t)a->last_seq);
	put_whole(aside(all, F_AGENT_STORED), words, (int64_t)a->events);
	put_whole(aside(all, F_AGENT_MISSING), words, (int64_t)a->missing);
	document = a->stats ? json_loads(a->stats, 0, NULL) : NULL;
	put_stats(all, a->agent, json_object_get(document, "stats"));
	json_decref(document);
	return 0;
}

static int agents(struct page *p, struct store *s)
{
	static const char *const states[] = { "stopped", "running", "silent" };
	struct agents all = { .n = 0 };
	int rc = STORE_FAILED;

	if (open_asides(all.asides, N_AGENT, F_AGENT_INFO, p))
		rc = store_metrics_agents(s, take_agent, &all);
	begin(p, &families[F_AGENTS]);
	for (size_t i = 0; i < COUNT(states); i++)
		put_whole(p, &states[i], (int64_t)all.state[i]);
	one(p, F_AGENTS_UNLISTED, all.n > AGENTS ? all.n - AGENTS : 0);
	return close_asides(all.asides, N_AGENT, p) ? rc : STORE_FAILED;
}

/* All that is of the store. Below 0: it failed, what was written is not whole. */
static int stored(struct page *p, struct store *s, uint64_t now_ns)
{
	struct store_metrics m;
	int rc = store_metrics(s, now_ns, &m);

	if (rc)
		return rc;
	record(p, &m, !store_is_pg(s));
	rc = tally(p, s, F_INCIDENTS);
	if (!rc)
		rc = alerts(p, s, now_ns);
	one(p, F_SILENCES, m.silences);
	one(p, F_DRILLS, m.drills);
	for (enum family f = F_FLOWS; f <= F_ARMED && !rc; f++)
		rc = tally(p, s, f);
	if (!rc)
		rc = receivers(p, s, now_ns);
	return rc ? rc : agents(p, s);
}

/* ---- the page -------------------------------------------------------------- */

const struct metrics_family *metrics_text_family(unsigned i)
{
	if (i < METRIC_OWN_NUM)
		return metrics_family(i);
	i -= METRIC_OWN_NUM;
	return i < F_NUM ? &families[i] : NULL;
}

/* One snapshot. What is written of a store that fails is not shown: half of it may
 * contradict itself. */
static void read_store(struct page *p, struct store *reader, const struct metrics *m,
		       uint64_t now_ns)
{
	struct page s = { .open = p->open };
	uint64_t before = metrics_clock(m);
	char *text = NULL;
	size_t size = 0;
	bool good = false;

	s.out = open_memstream(&text, &size);
	if (s.out && reader && store_snapshot(reader) == 0) {
		good = stored(&s, reader, now_ns) == 0;
		store_rollback(reader);
	}
	if (s.out && fclose(s.out) != 0)
		good = false;
	one(p, F_READABLE, good);
	begin(p, &families[F_READ_SECONDS]);
	if (m && good)
		put_seconds(p, NULL, (double)(metrics_clock(m) - before) / 1e9);
	if (good)
		fwrite(text, 1, size, p->out);
	free(text);
}

static char *write_page(struct store *reader, const struct metrics *m, uint64_t now_ns, bool open)
{
	char *text = NULL;
	size_t size = 0;
	struct page p = { .out = open_memstream(&text, &size), .open = open };
	const char *const build[] = { GLASSWATCH_VERSION, !reader		? "none"
							  : store_is_pg(reader) ? "postgresql"
										: "sqlite" };
	bool bad;

	if (!p.out)
		return NULL;
	process(&p, m);
	begin(&p, &families[F_BUILD]);
	put_whole(&p, build, 1);
	moment(&p, F_STARTED, metrics_started(m));
	read_store(&p, reader, m, now_ns);
	if (open)
		fputs("# EOF\n", p.out);
	bad = ferror(p.out);
	if (fclose(p.out) == 0 && !bad)
		return text;
	free(text);
	return NULL;
}

char *metrics_text(struct store *reader, const struct metrics *m, uint64_t now_ns)
{
	return write_page(reader, m, now_ns, false);
}

char *metrics_open_text(struct store *reader, const struct metrics *m, uint64_t now_ns)
{
	return write_page(reader, m, now_ns, true);
}
