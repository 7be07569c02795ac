/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One array of atomics holds every series. A metric's series stand one after the
 * other, the last label running fastest; a histogram's series is its buckets, each
 * counting its own span (they are summed up when read), +Inf, and the sum in ns.
 */
#include "collector/base/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/event.h"

#define UNSET INT64_MIN
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum label {
	L_NONE,
	L_TYPE,
	L_STAGE,
	L_STEP,
	L_SERVICE,
	L_PATH,
	L_VERDICT,
	L_OUTCOME,
	L_JUSTIFIED,
	L_KIND,
	L_RESULT,
	L_CODE,
	L_REASON,
	/* words of these come at run time, in the order of enum metrics_names */
	L_ROUTE,
	L_RECEIVER,
	L_ALERT,
};

/* Words of a label that has them; the last takes whatever is none of them. Those
 * without a meaning of their own are shown only when something was counted there. */
static const char *const type_words[] = {
	"flow.start", "flow.update", "flow.end",      "bgp.session",   "bgp.message",
	"bgp.route",  "path.change", "policy.loaded", "fabric.device", "agent.start",
	"agent.stop", "agent.stats", "agent.loss",    "alert",
};
static_assert(COUNT(type_words) == EVENT_NUM_TYPES, "types of events");
static const char *const stage_words[] = { "decode", "store", "derive" };
static const char *const step_words[] = { "read", "ingest", "commit", "acknowledge" };
static const char *const service_words[] = { "none", "ssh", "bgp" };
static const char *const path_words[] = { "none", "primary", "in-band" };
static const char *const verdict_words[] = { "none", "trusted", "untrusted", "no-policy" };
static const char *const outcome_words[] = { "attempt",	    "unanswered", "refused", "unreachable",
					     "established", "closed",	  "reset",   "other" };
static const char *const justified_words[] = { "yes", "no", "unknown", "drill" };
static const char *const kind_words[] = { "failover", "management-switch", "untrusted-source",
					     "other" };
static const char *const result_words[] = { "delivered", "retried", "refused" };
static const char *const code_words[] = { "200", "201", "202", "204", "206",  "304", "400",
					  "401", "403", "404", "405", "406",  "408", "409",
					  "410", "411", "413", "414", "415",  "422", "429",
					  "431", "500", "501", "503", "other" };
static const char *const reason_words[] = { "token",	   "right", "rate",
					    "connections", "size",  "malformed" };

static const struct {
	const char *name;
	const char *const *words;
	unsigned n;
} labels[] = {
#define WORDS(w) w, COUNT(w)
	[L_TYPE] = { "type", WORDS(type_words) },
	[L_STAGE] = { "stage", WORDS(stage_words) },
	[L_STEP] = { "step", WORDS(step_words) },
	[L_SERVICE] = { "service", WORDS(service_words) },
	[L_PATH] = { "path", WORDS(path_words) },
	[L_VERDICT] = { "verdict", WORDS(verdict_words) },
	[L_OUTCOME] = { "outcome", WORDS(outcome_words) },
	[L_JUSTIFIED] = { "justified", WORDS(justified_words) },
	[L_KIND] = { "kind", WORDS(kind_words) },
	[L_RESULT] = { "result", WORDS(result_words) },
	[L_CODE] = { "code", WORDS(code_words) },
	[L_REASON] = { "reason", WORDS(reason_words) },
#undef WORDS
	[L_ROUTE] = { "route", NULL, METRICS_NAMES + 1 },
	[L_RECEIVER] = { "receiver", NULL, METRICS_NAMES + 1 },
	[L_ALERT] = { "name", NULL, METRICS_NAMES + 1 },
};

/* Bounds in seconds. */
static const double event_bounds[] = { 1e-5, 2.5e-5, 5e-5,  1e-4, 2.5e-4, 5e-4,
				       1e-3, 5e-3,   25e-3, 0.1,  1 };
static const double batch_bounds[] = { 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025,
				       0.05, 0.1,  0.25,   0.5,	 1,    2.5 };
static const double delay_bounds[] = {
	0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600
};
/* 0.2 is what a first page may take */
static const double request_bounds[] = { 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05,
					 0.1,  0.2,    0.5,  1,	   2.5,	  10 };
static const double delivery_bounds[] = { 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30 };

struct row {
	struct metrics_family family;
	enum label labels[METRICS_LABELS];
	const double *bounds;
	unsigned n_bounds;
	bool zero; /* a gauge that is known from the start */
};

#define BOUNDS(b) .bounds = b, .n_bounds = COUNT(b)

static const struct row rows[] = {
	[METRIC_EVENTS] = { { "glasswatch_events_total", METRICS_COUNTER, "type",
			      "Events that this process has stored." },
			    { L_TYPE } },
	[METRIC_DUPLICATES] = { { "glasswatch_events_duplicate_total", METRICS_COUNTER, "",
				  "Events that were stored already and came again." } },
	[METRIC_DEAD] = { { "glasswatch_events_dead_total", METRICS_COUNTER, "",
			    "Entries of the stream that cannot be stored: dead letters." } },
	[METRIC_EVENT_SECONDS] = { { "glasswatch_event_seconds", METRICS_HISTOGRAM, "stage",
				     "Time that one event takes to be decoded, stored, and all "
				     "that follows of it derived." },
				   { L_STAGE },
				   BOUNDS(event_bounds) },
	[METRIC_BATCH_SECONDS] = { { "glasswatch_batch_seconds", METRICS_HISTOGRAM, "step",
				     "Time of a batch: read from Redis (the wait for new events is "
				     "in it), its events, commit, acknowledgement." },
				   { L_STEP },
				   BOUNDS(batch_bounds) },
	[METRIC_DELAY_SECONDS] = { { "glasswatch_event_delay_seconds", METRICS_HISTOGRAM, "",
				     "From an event's own time to its commit. A clock that is "
				     "behind counts as 0." },
				   .bounds = delay_bounds,
				   .n_bounds = COUNT(delay_bounds) },
	[METRIC_STORE_FAILURES] = { { "glasswatch_store_failures_total", METRICS_COUNTER, "",
				      "Batches that the store did not take; they wait in "
				      "Redis." } },
	[METRIC_REDIS_UP] = { { "glasswatch_redis_up", METRICS_GAUGE, "",
				"1 while Redis answers, else 0." } },
	[METRIC_REDIS_LOST] = { { "glasswatch_redis_connections_lost_total", METRICS_COUNTER, "",
				  "Connections to Redis that were lost or not made." } },
	[METRIC_LAG] = { { "glasswatch_group_lag", METRICS_GAUGE, "",
			   "Entries of the stream that the consumer group has not been handed "
			   "(XINFO GROUPS, every 5 s; Redis 7)." } },
	[METRIC_PENDING] = { { "glasswatch_group_pending", METRICS_GAUGE, "",
			       "Entries that were handed to the group and not acknowledged "
			       "(XINFO GROUPS, every 5 s)." } },
	[METRIC_LEADER] = { { "glasswatch_leader", METRICS_GAUGE, "",
			      "1 while this collector leads correlation, else 0." } },
	[METRIC_FLOWS_STARTED] = { { "glasswatch_flows_started_total", METRICS_COUNTER,
				     "service path verdict", "Flows whose first packet was told." },
				   { L_SERVICE, L_PATH, L_VERDICT } },
	[METRIC_FLOWS_ESTABLISHED] = { { "glasswatch_flows_established_total", METRICS_COUNTER,
					 "service path verdict",
					 "Flows that became established, when they did." },
				       { L_SERVICE, L_PATH, L_VERDICT } },
	[METRIC_FLOWS] = { { "glasswatch_flows_total", METRICS_COUNTER,
			     "service path verdict outcome",
			     "Flows that have ended, by what became of them." },
			   { L_SERVICE, L_PATH, L_VERDICT, L_OUTCOME } },
	[METRIC_SESSIONS] = { { "glasswatch_breakglass_sessions_total", METRICS_COUNTER,
				"justified",
				"Break-glass sessions that have ended: SSH to Loopback6 that was "
				"established." },
			      { L_JUSTIFIED } },
	[METRIC_ALERTS_RAISED] = { { "glasswatch_alerts_raised_total", METRICS_COUNTER, "name",
				     "Alerts that were raised." },
				   { L_ALERT } },
	[METRIC_ALERTS_RESOLVED] = { { "glasswatch_alerts_resolved_total", METRICS_COUNTER, "name",
				       "Alerts that were resolved." },
				     { L_ALERT } },
	[METRIC_INCIDENTS] = { { "glasswatch_incidents_total", METRICS_COUNTER, "kind",
				 "Incidents that were opened, by what they were then." },
			       { L_KIND } },
	[METRIC_DELIVERIES] = { { "glasswatch_deliveries_total", METRICS_COUNTER, "receiver result",
				  "Attempts to deliver a notification." },
				{ L_RECEIVER, L_RESULT } },
	[METRIC_DELIVERY_SECONDS] = { { "glasswatch_delivery_seconds", METRICS_HISTOGRAM,
					"receiver", "Time of an attempt to deliver." },
				      { L_RECEIVER },
				      BOUNDS(delivery_bounds) },
	[METRIC_API_SECONDS] = { { "glasswatch_api_request_seconds", METRICS_HISTOGRAM,
				   "route code", "Time of an answer of the API." },
				 { L_ROUTE, L_CODE },
				 BOUNDS(request_bounds) },
	[METRIC_HTTP_CONNECTIONS] = { { "glasswatch_http_connections", METRICS_GAUGE, "",
					"Open connections to the HTTP server." },
				      .zero = true },
	[METRIC_HTTP_REFUSED] = { { "glasswatch_http_refused_total", METRICS_COUNTER, "reason",
				    "Requests and connections that no route has seen." },
				  { L_REASON } },
	[METRIC_STREAM_CLIENTS] = { { "glasswatch_stream_clients", METRICS_GAUGE, "",
				      "Clients of the live stream (Server-Sent Events)." },
				    .zero = true },
	[METRIC_STREAM_MESSAGES] = { { "glasswatch_stream_messages_total", METRICS_COUNTER, "",
				       "Messages handed to clients of the live stream." } },
	[METRIC_STREAM_CUT] = { { "glasswatch_stream_cut_total", METRICS_COUNTER, "",
				  "Clients of the live stream that were cut off as too slow." } },
};
static_assert(COUNT(rows) == METRIC_OWN_NUM, "a row for each metric");

/* Read without a lock: a text is there before n says so, and stays. */
struct names {
	_Atomic unsigned n;
	char *text[METRICS_NAMES];
};

struct metrics {
	uint64_t (*clock)(void);
	uint64_t started_ns;
	size_t at[METRIC_OWN_NUM]; /* where a metric's first series begins */
	struct names names[METRICS_NAMES_NUM];
	pthread_mutex_t naming;
	_Atomic uint64_t values[];
};

/* Values that a series takes. */
static unsigned width(const struct row *r)
{
	return r->family.kind == METRICS_HISTOGRAM ? r->n_bounds + 2 : 1;
}

static unsigned n_series(const struct row *r)
{
	unsigned n = 1;

	for (unsigned i = 0; i < METRICS_LABELS && r->labels[i]; i++)
		n *= labels[r->labels[i]].n;
	return n;
}

struct metrics *metrics_new(uint64_t (*clock)(void), uint64_t started_ns)
{
	size_t at[METRIC_OWN_NUM], n = 0;
	struct metrics *m;

	for (unsigned i = 0; i < METRIC_OWN_NUM; i++) {
		at[i] = n;
		n += (size_t)n_series(&rows[i]) * width(&rows[i]);
	}
	m = calloc(1, sizeof(*m) + n * sizeof(m->values[0]));
	if (!m)
		return NULL;
	m->clock = clock;
	m->started_ns = started_ns;
	memcpy(m->at, at, sizeof(at));
	pthread_mutex_init(&m->naming, NULL);
	for (unsigned i = 0; i < METRIC_OWN_NUM; i++)
		if (rows[i].family.kind == METRICS_GAUGE && !rows[i].zero)
			metrics_unset(m, i, 0);
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < METRICS_NAMES_NUM; i++)
		for (unsigned k = 0; k < m->names[i].n; k++)
			free(m->names[i].text[k]);
	pthread_mutex_destroy(&m->naming);
	free(m);
}

uint64_t metrics_clock(const struct metrics *m)
{
	return m ? m->clock() : 0;
}

uint64_t metrics_started(const struct metrics *m)
{
	return m ? m->started_ns : 0;
}

/* ---- names ----------------------------------------------------------------- */

/* METRICS_NAMES: it is not among them. */
static unsigned find_name(struct names *all, const char *text)
{
	unsigned n = atomic_load_explicit(&all->n, memory_order_acquire);

	for (unsigned i = 0; i < n; i++)
		if (strcmp(all->text[i], text) == 0)
			return i;
	return METRICS_NAMES;
}

unsigned metrics_name(struct metrics *m, enum metrics_names label, const char *text)
{
	struct names *all;
	unsigned i;

	if (!m)
		return 0;
	all = &m->names[label];
	i = find_name(all, text);
	if (i < METRICS_NAMES)
		return i;
	pthread_mutex_lock(&m->naming);
	i = find_name(all, text); /* another thread may have been first */
	if (i == METRICS_NAMES && all->n < METRICS_NAMES) {
		all->text[all->n] = strdup(text);
		if (all->text[all->n]) {
			i = all->n;
			atomic_store_explicit(&all->n, i + 1, memory_order_release);
		}
	}
	pthread_mutex_unlock(&m->naming);
	return i;
}

/* The word, or NULL: nobody has given this number yet. */
static const char *word_of(const struct metrics *m, enum label l, unsigned i)
{
	const struct names *all;

	if (l < L_ROUTE)
		return labels[l].words[i];
	if (i == METRICS_NAMES)
		return "other";
	all = &m->names[l - L_ROUTE];
	return i < atomic_load_explicit(&all->n, memory_order_acquire) ? all->text[i] : NULL;
}

static unsigned find_word(const char *const *words, unsigned n, const char *text)
{
	for (unsigned i = 0; text && i + 1 < n; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return n - 1;
}

unsigned metrics_outcome(const char *outcome)
{
	return find_word(outcome_words, COUNT(outcome_words), outcome);
}

unsigned metrics_incident(const char *kind)
{
	return find_word(kind_words, COUNT(kind_words), kind);
}

/* ---- counting -------------------------------------------------------------- */

unsigned metrics_series(enum metric which, unsigned a, unsigned b, unsigned c, unsigned d)
{
	const unsigned given[METRICS_LABELS] = { a, b, c, d };
	const struct row *r = &rows[which];
	unsigned series = 0;

	for (unsigned i = 0; i < METRICS_LABELS && r->labels[i]; i++) {
		unsigned n = labels[r->labels[i]].n;

		series = series * n + (given[i] < n ? given[i] : n - 1);
	}
	return series;
}

static _Atomic uint64_t *value_of(struct metrics *m, enum metric which, unsigned series)
{
	return &m->values[m->at[which] + (size_t)series * width(&rows[which])];
}

void metrics_add(struct metrics *m, enum metric which, unsigned series, uint64_t n)
{
	if (m && n)
		atomic_fetch_add_explicit(value_of(m, which, series), n, memory_order_relaxed);
}

void metrics_set(struct metrics *m, enum metric which, unsigned series, int64_t value)
{
	if (m)
		atomic_store_explicit(value_of(m, which, series), (uint64_t)value,
				      memory_order_relaxed);
}

void metrics_move(struct metrics *m, enum metric which, unsigned series, int64_t by)
{
	if (m)
		atomic_fetch_add_explicit(value_of(m, which, series), (uint64_t)by,
					  memory_order_relaxed);
}

void metrics_unset(struct metrics *m, enum metric which, unsigned series)
{
	metrics_set(m, which, series, UNSET);
}

void metrics_observe(struct metrics *m, enum metric which, unsigned series, uint64_t ns)
{
	const struct row *r = &rows[which];
	_Atomic uint64_t *v;
	unsigned i = 0;

	if (!m)
		return;
	v = value_of(m, which, series);
	while (i < r->n_bounds && (double)ns > r->bounds[i] * 1e9)
		i++;
	atomic_fetch_add_explicit(&v[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&v[r->n_bounds + 1], ns, memory_order_relaxed);
}

uint64_t metrics_lap(struct metrics *m, enum metric which, unsigned series, uint64_t since)
{
	uint64_t now = metrics_clock(m);

	metrics_observe(m, which, series, now > since ? now - since : 0);
	return now;
}

void metrics_request(struct metrics *m, unsigned route, unsigned status, uint64_t ns)
{
	char text[4] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
			 (char)('0' + status % 10), '\0' };
	unsigned code = find_word(code_words, COUNT(code_words), text);

	metrics_observe(m, METRIC_API_SECONDS,
			metrics_series(METRIC_API_SECONDS, route, code, 0, 0), ns);
}

/* ---- what counts only when it is committed --------------------------------- */

struct note {
	uint32_t which, series;
	uint64_t n;
};

struct metrics_log {
	struct metrics *metrics;
	struct note *notes;
	size_t n, size;
};

struct metrics_log *metrics_log_new(struct metrics *m)
{
	struct metrics_log *l = m ? calloc(1, sizeof(*l)) : NULL;

	if (l)
		l->metrics = m;
	return l;
}

void metrics_log_free(struct metrics_log *l)
{
	if (!l)
		return;
	free(l->notes);
	free(l);
}

struct metrics *metrics_log_to(const struct metrics_log *l)
{
	return l ? l->metrics : NULL;
}

/* Without memory it is counted at once: better a little early than never. */
void metrics_note(struct metrics_log *l, enum metric which, unsigned series, uint64_t n)
{
	struct note note = { which, series, n };

	if (!l)
		return;
	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 256;
		struct note *more = realloc(l->notes, size * sizeof(*more));

		if (!more) {
			metrics_log_commit(l);
		} else {
			l->notes = more;
			l->size = size;
		}
	}
	if (l->n < l->size)
		l->notes[l->n++] = note;
}

size_t metrics_log_mark(const struct metrics_log *l)
{
	return l ? l->n : 0;
}

void metrics_log_undo(struct metrics_log *l, size_t mark)
{
	if (l && mark < l->n)
		l->n = mark;
}

void metrics_log_commit(struct metrics_log *l)
{
	for (size_t i = 0; l && i < l->n; i++) {
		const struct note *note = &l->notes[i];

		if (rows[note->which].family.kind == METRICS_HISTOGRAM)
			metrics_observe(l->metrics, note->which, note->series, note->n);
		else
			metrics_add(l->metrics, note->which, note->series, note->n);
	}
	metrics_log_rollback(l);
}

void metrics_log_rollback(struct metrics_log *l)
{
	if (l)
		l->n = 0;
}

/* ---- reading --------------------------------------------------------------- */

const struct metrics_family *metrics_family(enum metric which)
{
	return &rows[which].family;
}

unsigned metrics_buckets(enum metric which, const double **bounds)
{
	*bounds = rows[which].bounds;
	return rows[which].n_bounds;
}

static void read_value(const struct row *r, const _Atomic uint64_t *v, struct metrics_value *out)
{
	uint64_t sum = 0;

	out->count = atomic_load_explicit(v, memory_order_relaxed);
	out->gauge = (int64_t)out->count;
	if (r->family.kind != METRICS_HISTOGRAM)
		return;
	for (unsigned i = 0; i <= r->n_bounds; i++) {
		sum += atomic_load_explicit(&v[i], memory_order_relaxed);
		out->buckets[i] = sum;
	}
	out->count = sum;
	out->sum = (double)atomic_load_explicit(&v[r->n_bounds + 1], memory_order_relaxed) / 1e9;
}

/* The words of a series. False: it has none yet, or is shown only when it has
 * counted something. */
static bool read_labels(const struct metrics *m, const struct row *r, unsigned series,
			struct metrics_value *out)
{
	bool always = true;

	for (unsigned i = METRICS_LABELS; i-- > 0;) {
		enum label l = r->labels[i];
		const char *word;

		if (!l)
			continue;
		word = word_of(m, l, series % labels[l].n);
		series /= labels[l].n;
		if (!word)
			return false;
		out->labels[i] = word;
		if (strcmp(word, "none") == 0 || strcmp(word, "other") == 0 || l == L_CODE)
			always = false;
	}
	return always || out->count;
}

void metrics_each(const struct metrics *m, enum metric which,
		  void (*fn)(void *arg, const struct metrics_value *v), void *arg)
{
	const struct row *r = &rows[which];

	for (unsigned i = 0; m && i < n_series(r); i++) {
		struct metrics_value v = { 0 };

		read_value(r, &m->values[m->at[which] + (size_t)i * width(r)], &v);
		if (read_labels(m, r, i, &v) &&
		    (r->family.kind != METRICS_GAUGE || v.gauge != UNSET))
			fn(arg, &v);
	}
}
