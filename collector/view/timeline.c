/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A span of time, lane by lane. What is nearer than two pixels is drawn as one run, but
 * only with its like: what is abnormal has a class of its own and is never merged into
 * what is not, so it stays to be seen at any scale.
 *
 * A span may hold millions of flows; what an answer costs is bounded by what it draws. Up to
 * MOST_ABNORMAL flows that are abnormal, and up to MOST_FLOWS (FEW_FLOWS when only abnormal
 * lanes are wanted) ordinary ones toward Ma1, are read whole. Beyond that the answer is
 * `sampled`: each lane that is shown is walked in steps (store_span_walk()), and runs say
 * where there were sessions, their `n` how many were looked at; the density is told from the
 * numbers of the rows. So it is with what is abnormal when the answer is `thinned`, each kind
 * of it walked by itself: that there was one is seen, but not how many; numbers in the words
 * are then the least that there were.
 *
 * Path changes and BGP are read without their documents. Only of marks that are shown, up
 * to MOST_WORDS of them, is the document read for its words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/alert.h"
#include "collector/store/span.h"
#include "collector/view/cover.h"
#include "collector/view/fleet.h"
#include "collector/view/row.h"
#include "collector/words/words.h"
#include "common/clock.h"

#define MOST_FLOWS 20000
#define FEW_FLOWS 2000
#define MOST_ABNORMAL 5000
#define MOST_LASTING 2000 /* that began before the span, when it is thinned */
#define MOST_EVENTS 5000
#define MOST_ENDS 2000 /* of episodes */
#define MOST_WORDS 100
#define BUCKETS 240	  /* of the density */
#define LOOKED_AT 20	  /* sessions of a bucket, when it is thinned */
#define SAMPLES 160	  /* of a lane, at most; each is one step into an index */
#define LEAST_SAMPLES 4
#define ALL_SAMPLES 4000  /* of all lanes, while each has its least */
#define ODD_SAMPLES 500	  /* of a lane and a kind; some three kinds are what lanes have */
#define ALL_ODD_SAMPLES 4000
#define MOST_WATCHED 1000 /* devices of a gap */

enum class {
	CLASS_TRUSTED,
	CLASS_FAILED, /* trusted, never established */
	CLASS_JUSTIFIED,
	CLASS_DRILL,
	CLASS_NO_POLICY,
	CLASS_UNEXPLAINED,
	CLASS_NOT_JUSTIFIED,
	CLASS_REFUSED, /* untrusted, never established */
	CLASS_UNTRUSTED,
	NUM_CLASSES
};

static const char *const class_names[] = { "trusted",	    "failed",	 "justified",
					   "drill",	    "no-policy", "unexplained",
					   "not-justified", "refused",	 "untrusted" };
_Static_assert(sizeof(class_names) / sizeof(class_names[0]) == NUM_CLASSES, "one each");

struct run {
	uint64_t start_ns, end_ns, n, id;
	char *who;	     /* of what is abnormal or on lo6; NULL: nobody is told of */
	uint8_t class, band; /* band 1: lo6 */
};

struct mark {
	uint64_t time_ns, n;
	const char *kind; /* failover, failback, bgp, alert */
	char *state, *words; /* words NULL: not read */
	const char *severity; /* of alerts: the worst */
	enum event_severity worst;
	uint64_t event;
};

struct lane {
	struct run *runs;
	size_t n_runs, room_runs;
	struct mark *marks;
	size_t n_marks, room_marks;
	json_t *path;	  /* spans, newest last: [t0, t1, state] */
	uint64_t path_ns; /* since when it is in the last state */
	struct path now;  /* that, and what its agents say */
	bool abnormal, active, lost;
	bool left; /* it was not on Ma1: an episode may have ended */
};

struct timeline {
	struct store *store;
	const struct fleet *f;
	struct lane *lanes; /* as f->devices */
	uint64_t from_ns, to_ns, now_ns, gap_ns;
	uint64_t flows;
	uint64_t whole_ns; /* from then on ordinary flows are read */
	bool sampled, thinned;
	bool cut; /* there are more marks than were read */
	unsigned words; /* documents read for them */
	uint64_t density[2][BUCKETS];
	uint64_t failovers, failbacks, sessions, justified, drill, bgp_down;
	json_t *sources; /* untrusted ones, each a key */
	enum store_span_what what;
};

static double offset(const struct timeline *t, uint64_t ns)
{
	double s = ((double)ns - (double)t->from_ns) / (double)NS_PER_S;

	return (double)(int64_t)(s * 1000 + (s < 0 ? -0.5 : 0.5)) / 1000;
}

static struct lane *lane_of(struct timeline *t, const char *device)
{
	const struct fleet_device *d = fleet_find(t->f, device);

	return d ? &t->lanes[d - t->f->devices] : NULL;
}

/* ---- runs -------------------------------------------------------------------- */

static enum class class_of(const struct store_span_flow *f, bool band) {
	if (!f->verdict || strcmp(f->verdict, "no-policy") == 0) return CLASS_NO_POLICY;
	if (strcmp(f->verdict, "untrusted") == 0) return f->established ? CLASS_UNTRUSTED
									: CLASS_REFUSED;
	if (!f->established) return CLASS_FAILED;
	if (!band) return CLASS_TRUSTED;
	if (!f->justified || strcmp(f->justified, "unknown") == 0) return CLASS_UNEXPLAINED;
	return strcmp(f->justified, "yes") == 0	    ? CLASS_JUSTIFIED
	       : strcmp(f->justified, "drill") == 0 ? CLASS_DRILL
						    : CLASS_NOT_JUSTIFIED;
}

static void add_density(struct timeline *t, bool band, uint64_t start, uint64_t end)
{
	uint64_t span = t->to_ns - t->from_ns;
	size_t from, to;

	if (start < t->from_ns)
		start = t->from_ns;
	if (end >= t->to_ns)
		end = t->to_ns - 1;
	if (end < start)
		return;
	from = (size_t)((double)(start - t->from_ns) / (double)span * BUCKETS);
	to = (size_t)((double)(end - t->from_ns) / (double)span * BUCKETS);
	for (size_t i = from; i <= to && i < BUCKETS; i++)
		t->density[band][i]++;
}

static int add_run(struct lane *l, const struct run *r)
{
	if (l->n_runs == l->room_runs) {
		size_t room = l->room_runs ? l->room_runs * 2 : 16;
		struct run *runs = realloc(l->runs, room * sizeof(*runs));

		if (!runs) {
			free(r->who);
			return STORE_FAILED;
		}
		l->runs = runs;
		l->room_runs = room;
	}
	l->runs[l->n_runs++] = *r;
	l->active = true;
	return 0;
}

static uint64_t end_of(const struct timeline *t, const struct store_span_flow *f)
{
	uint64_t end = f->open ? t->now_ns : f->end_ns;

	return end < f->start_ns ? f->start_ns : end;
}

static int take_flow(void *arg, const struct store_span_flow *f)
{
	struct timeline *t = arg;
	struct lane *l = lane_of(t, f->device);
	bool band = f->path && strcmp(f->path, "in-band") == 0;
	struct run r = { .start_ns = f->start_ns,
			 .end_ns = end_of(t, f),
			 .n = 1,
			 .id = f->n,
			 .band = band };

	if (r.end_ns < t->from_ns) /* a step from before */
		return 0;
	/* One that is untrusted comes with the others of its kind. */
	if (t->what == STORE_SPAN_SESSIONS && f->verdict && strcmp(f->verdict, "trusted") != 0)
		return 0;
	t->flows++;
	if (t->what == STORE_SPAN_REST && f->start_ns >= t->from_ns && f->start_ns < t->whole_ns)
		t->whole_ns = f->start_ns;
	if (!l)
		return 0;
	r.class = (uint8_t)class_of(f, band);
	if (r.class != CLASS_TRUSTED && r.class != CLASS_FAILED) {
		const char *who = f->user && *f->user ? f->user : f->source;

		l->abnormal = true;
		if (who && !(r.who = strdup(who)))
			return STORE_FAILED;
	}
	if (f->established)
		add_density(t, band, r.start_ns, r.end_ns);
	if (r.class == CLASS_REFUSED || r.class == CLASS_UNTRUSTED)
		json_object_set_new(t->sources, f->source ? f->source : "", json_true());
	if (band && f->established) {
		t->sessions++;
		t->justified += r.class == CLASS_JUSTIFIED;
		t->drill += r.class == CLASS_DRILL;
	}
	return add_run(l, &r);
}

struct sample {
	struct timeline *t;
	struct lane *lane;
};

static int take_sample(void *arg, const struct store_span_flow *f)
{
	struct sample *x = arg;
	struct run r = { .start_ns = f->start_ns,
			 .end_ns = end_of(x->t, f),
			 .n = 1,
			 .id = f->n,
			 .class = f->established ? CLASS_TRUSTED : CLASS_FAILED };

	return add_run(x->lane, &r);
}

/* A step so long that all lanes together are walked in so many, no lane in more than `most`. */
static uint64_t step_of(const struct timeline *t, size_t lanes, size_t all, size_t most)
{
	size_t n = all / (lanes ? lanes : 1);
	uint64_t step;

	n = n > most ? most : n < LEAST_SAMPLES ? LEAST_SAMPLES : n;
	step = (t->to_ns - t->from_ns) / n;
	return step > t->gap_ns ? step : t->gap_ns ? t->gap_ns : 1;
}

/* Where there were sessions, without reading all of them. */
static int sample_lane(struct timeline *t, size_t i, size_t lanes)
{
	const char *device = t->f->devices[i].name;
	uint64_t early = t->from_ns > STORE_SPAN_EARLY ? t->from_ns - STORE_SPAN_EARLY : 0;
	int rc = 0;

	if (t->thinned)
		rc = store_span_walk(t->store, true, device, early, t->to_ns,
				     step_of(t, lanes, ALL_ODD_SAMPLES, ODD_SAMPLES), take_flow, t);
	if (!rc && t->sampled && t->whole_ns > t->from_ns)
		rc = store_span_walk(t->store, false, device, t->from_ns, t->whole_ns,
				     step_of(t, lanes, ALL_SAMPLES, SAMPLES), take_sample,
				     &(struct sample){ t, &t->lanes[i] });
	return rc < 0 ? rc : 0;
}

static int sample_density(struct timeline *t)
{
	uint64_t n, before = 0;
	int rc = 0;

	memset(t->density[0], 0, sizeof(t->density[0]));
	for (size_t i = 0; i <= BUCKETS && !rc; i++) {
		rc = store_span_row(t->store, t->from_ns + (t->to_ns - t->from_ns) / BUCKETS * i,
				    &n);
		if (i && n > before && before)
			t->density[0][i - 1] = n - before;
		if (n)
			before = n;
	}
	return rc;
}

/* How near the first ones of a bucket stand to each other says how many there are. */
static int thin_density(struct timeline *t)
{
	uint64_t width = (t->to_ns - t->from_ns) / BUCKETS, from, n, last;
	int rc = 0;

	memset(t->density[1], 0, sizeof(t->density[1]));
	for (size_t i = 0; i < BUCKETS && width && !rc; i++) {
		from = t->from_ns + width * i;
		rc = store_span_sessions(t->store, from, from + width, LOOKED_AT, &n, &last);
		if (n == LOOKED_AT && last > from)
			n = (uint64_t)((double)n * (double)width / (double)(last - from));
		t->density[1][i] = n;
	}
	return rc;
}

static int mark_odd(void *arg, const char *device)
{
	struct lane *l = lane_of(arg, device);

	if (l)
		l->abnormal = l->active = true;
	return 0;
}

static int mark_active(void *arg, const char *device)
{
	struct lane *l = lane_of(arg, device);

	if (l)
		l->active = true;
	return 0;
}

/* What is abnormal. When it is too much to be read, only which lanes have any. */
static int read_odd(struct timeline *t, const struct view_args *a, uint64_t lanes)
{
	uint64_t n;
	int rc = store_span_odd(t->store, a->device, t->from_ns, t->to_ns, MOST_ABNORMAL, &n);

	t->thinned = n >= MOST_ABNORMAL;
	for (int what = STORE_SPAN_SESSIONS; !rc && what <= STORE_SPAN_UNTRUSTED; what++) {
		t->what = (enum store_span_what)what;
		rc = t->thinned ? store_span_lasting(t->store, t->what, a->device, t->from_ns,
						     MOST_LASTING, take_flow, t)
				: store_span_flows(t->store, t->what, a->device, t->from_ns,
						   t->to_ns, MOST_ABNORMAL, take_flow, t);
	}
	t->what = STORE_SPAN_UNTRUSTED; /* what is walked comes once */
	if (!rc && t->thinned && !a->device)
		rc = store_span_devices(t->store, true, t->from_ns, t->to_ns, lanes, mark_odd, t);
	return rc;
}

/* Rows have numbers in the order in which they came: about so many began in the span. */
static int rows_within(struct timeline *t, uint64_t *n)
{
	uint64_t first, after = 0, all;
	int rc = store_span_row(t->store, t->from_ns, &first);

	if (!rc)
		rc = store_span_row(t->store, t->to_ns, &after);
	if (!rc && !after) {
		rc = store_span_rows(t->store, &all);
		after = all + 1;
	}
	*n = first && after > first ? after - first : 0;
	return rc;
}

/* Ordinary sessions. */
static int read_rest(struct timeline *t, const struct view_args *a, uint64_t lanes)
{
	uint64_t most = a->abnormal ? FEW_FLOWS : MOST_FLOWS, n = 0, before = t->flows;
	int rc = a->device ? 0 : rows_within(t, &n);

	t->sampled = n > 2 * most; /* not all of these are SSH toward Ma1 */
	t->whole_ns = t->to_ns;
	if (rc)
		return rc;
	if (t->sampled) {
		if (!a->abnormal && t->f->n > lanes)
			rc = store_span_devices(t->store, false, t->from_ns, t->to_ns, t->f->n,
						mark_active, t);
		return rc;
	}
	t->what = STORE_SPAN_REST;
	rc = store_span_flows(t->store, t->what, a->device, t->from_ns, t->to_ns, most, take_flow,
			      t);
	t->sampled = t->flows - before >= most;
	if (!t->sampled)
		t->whole_ns = t->from_ns;
	t->what = STORE_SPAN_UNTRUSTED;
	return rc;
}

static int by_start(const void *x, const void *y)
{
	const struct run *a = x, *b = y;

	return a->start_ns < b->start_ns ? -1 : a->start_ns > b->start_ns;
}

/* Runs of one band: each class by itself, what is near is one. */
static json_t *runs_of(const struct timeline *t, struct lane *l, uint8_t band)
{
	json_t *out = json_array();

	if (l->n_runs)
		qsort(l->runs, l->n_runs, sizeof(*l->runs), by_start);
	for (uint8_t class = 0; class < NUM_CLASSES; class ++) {
		struct run run = { 0 };

		for (size_t i = 0; i <= l->n_runs; i++) {
			const struct run *r = i < l->n_runs ? &l->runs[i] : NULL;
			json_t *row;

			if (r && (r->band != band || r->class != class))
				continue;
			if (r && run.n && r->start_ns <= run.end_ns + t->gap_ns) {
				if (r->end_ns > run.end_ns)
					run.end_ns = r->end_ns;
				run.n += r->n;
				continue;
			}
			if (run.n) {
				row = json_pack("[f,f,s,I]", offset(t, run.start_ns),
						offset(t, run.end_ns), class_names[class],
						(json_int_t)run.n);
				if (run.n == 1)
					json_array_append_new(row,
							      json_integer((json_int_t)run.id));
				if (run.n == 1 && run.who)
					json_array_append_new(row, json_string(run.who));
				json_array_append_new(out, row);
			}
			if (r)
				run = *r;
		}
	}
	return out;
}

/* ---- paths and marks --------------------------------------------------------- */

static int add_mark(struct lane *l, const struct timeline *t, const char *kind, const char *state,
		    uint64_t time_ns, uint64_t event, const char *words)
{
	struct mark *m = l->n_marks ? &l->marks[l->n_marks - 1] : NULL;

	/* Events come in the order of time. */
	if (m && m->kind == kind && time_ns <= m->time_ns + t->gap_ns &&
	    strcmp(m->state, state) == 0) {
		m->n++;
		return 0;
	}
	if (l->n_marks == l->room_marks) {
		size_t room = l->room_marks ? l->room_marks * 2 : 8;

		m = realloc(l->marks, room * sizeof(*m));
		if (!m)
			return STORE_FAILED;
		l->marks = m;
		l->room_marks = room;
	}
	m = &l->marks[l->n_marks++];
	*m = (struct mark){ .time_ns = time_ns,
			    .n = 1,
			    .kind = kind,
			    .state = strdup(state),
			    .words = words ? strdup(words) : NULL,
			    .event = event };
	return m->state && (m->words || !words) ? 0 : STORE_FAILED;
}

static bool on_lo6(enum incident_path p)
{
	return p == INCIDENT_INBAND || p == INCIDENT_UNEXPLAINED || p == INCIDENT_UNJUSTIFIED;
}

static void end_span(struct timeline *t, struct lane *l, enum incident_path state,
		     uint64_t until_ns)
{
	if (until_ns > l->path_ns)
		json_array_append_new(l->path, json_pack("[f,f,s]", offset(t, l->path_ns),
							 offset(t, until_ns),
							 incident_path_name(state)));
}

struct kept {
	uint64_t n, time_ns; /* n 0: its episode ended, and no change says so */
	struct lane *lane;
	char agent[256], change[160];
};

struct keep {
	struct timeline *t;
	struct kept *list;
	size_t n, read;
	struct lane *lane; /* whose ends are read */
};

/* A change before the end that it was. */
static int by_moment(const void *x, const void *y)
{
	const struct kept *a = x, *b = y;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	if (!a->n != !b->n)
		return a->n ? -1 : 1;
	return a->n < b->n ? -1 : a->n > b->n;
}

static int keep_change(void *arg, const struct store_span_change *c)
{
	struct keep *k = arg;
	struct lane *l = lane_of(k->t, c->device);

	k->read++;
	if (!l)
		return 0;
	k->list[k->n] = (struct kept){ .n = c->n, .time_ns = c->time_ns, .lane = l };
	snprintf(k->list[k->n].agent, sizeof(k->list[0].agent), "%s", c->agent ? c->agent : "");
	snprintf(k->list[k->n].change, sizeof(k->list[0].change), "%s", c->change);
	if (strncmp(c->change, "primary ", 8) != 0)
		l->left = true;
	k->n++;
	return 0;
}

static int keep_end(void *arg, uint64_t closed_ns)
{
	struct keep *k = arg;

	k->list[k->n++] = (struct kept){ .time_ns = closed_ns, .lane = k->lane };
	return 0;
}

/* An agent that has begun anew never says that the device is back: the end of its episode
 * says it. Those that a change tells of as well come behind it and mark nothing. */
static int read_ends(struct timeline *t, struct keep *k)
{
	int rc = 0;

	for (size_t i = 0; i < t->f->n && !rc && k->n < MOST_EVENTS + MOST_ENDS; i++) {
		k->lane = &t->lanes[i];
		if (k->lane->left)
			rc = store_fleet_ends(t->store, t->f->devices[i].name, t->from_ns, t->to_ns,
					      MOST_EVENTS + MOST_ENDS - k->n, keep_end, k);
	}
	if (k->n)
		qsort(k->list, k->n, sizeof(*k->list), by_moment);
	return rc;
}

static int mark_path(struct timeline *t, const struct kept *k)
{
	struct lane *l = k->lane;
	struct path was = l->now;
	enum incident_path to;
	char words[WORDS_LEN];
	int rc = 0;

	if (!k->n)
		path_ended(&l->now, k->time_ns);
	else if (!path_step(&l->now, &(struct store_fleet_change){ k->n, k->time_ns, k->agent,
								   k->change }))
		return 0;
	to = l->now.state;
	if (to == was.state)
		return 0;
	end_span(t, l, was.state, k->time_ns);
	if (on_lo6(to) && !on_lo6(was.state)) {
		rc = add_mark(l, t, "failover", incident_path_name(to), k->time_ns, k->n, NULL);
		t->failovers++;
	} else if (to == INCIDENT_PRIMARY && was.state != INCIDENT_FAILING) {
		words_back(incident_path_name(was.state), words);
		rc = add_mark(l, t, "failback", incident_path_name(to), k->time_ns, k->n,
			      k->n ? NULL : words);
		t->failbacks++;
	}
	l->path_ns = k->time_ns;
	l->abnormal |= to != INCIDENT_PRIMARY;
	l->lost |= to == INCIDENT_FAILING || to == INCIDENT_INBAND || to == INCIDENT_UNREACHABLE;
	return rc;
}

static int mark_bgp(struct timeline *t, const struct kept *k)
{
	char state[sizeof(k->change)];

	snprintf(state, sizeof(state), "%.*s", (int)strcspn(k->change, " "), k->change);
	if (strcmp(state, "down") == 0)
		t->bgp_down++;
	if (strcmp(state, "up") != 0 && strcmp(state, "armed") != 0)
		k->lane->abnormal = true;
	return add_mark(k->lane, t, "bgp", state, k->time_ns, k->n, NULL);
}

static int read_events(struct timeline *t, const char *device)
{
	static const char *const types[] = { "path.change", "bgp.session", "bgp.route" };
	struct keep k = { .t = t, .list = calloc(MOST_EVENTS + MOST_ENDS, sizeof(*k.list)) };
	int rc = k.list ? 0 : STORE_FAILED;

	for (size_t i = 0; !rc && i < sizeof(types) / sizeof(types[0]); i++) {
		k.n = k.read = 0;
		rc = store_span_changes(t->store, types[i], device, t->from_ns, t->to_ns,
					MOST_EVENTS, keep_change, &k);
		t->cut |= k.read == MOST_EVENTS;
		if (!rc && !i)
			rc = read_ends(t, &k);
		else if (k.n)
			qsort(k.list, k.n, sizeof(*k.list), by_moment);
		for (size_t n = 0; n < k.n && !rc; n++)
			rc = i ? mark_bgp(t, &k.list[n]) : mark_path(t, &k.list[n]);
	}
	free(k.list);
	return rc;
}

static int take_words(void *arg, const struct store_event *from)
{
	char words[WORDS_LEN], err[128];
	struct mark *m = arg;
	struct event e;

	if (event_decode(from->json, strlen(from->json), &e, err, sizeof(err)))
		return 0;
	m->words = strdup(words_event(&e, words));
	event_clear(&e);
	return m->words ? 0 : STORE_FAILED;
}

/* Of a lane that is shown. */
static int read_words(struct timeline *t, struct lane *l)
{
	int rc = 0;

	for (size_t i = 0; i < l->n_marks && t->words < MOST_WORDS && !rc; i++) {
		struct store_list one = { .n = l->marks[i].event, .limit = 1 };

		if (l->marks[i].words || !one.n)
			continue;
		t->words++;
		rc = store_list_events(t->store, &one, take_words, &l->marks[i]);
	}
	return rc;
}

/* The last mark is of these alerts: it has the worst one's severity. */
static int worst(struct lane *l, enum event_severity severity)
{
	struct mark *m = &l->marks[l->n_marks - 1];

	if (severity >= m->worst) {
		m->worst = severity;
		m->severity = event_severity_name(severity);
	}
	return 0;
}

static int take_alert(void *arg, const struct store_alert *a)
{
	struct timeline *t = arg;
	struct lane *l = lane_of(t, a->device);

	if (!l || a->since_ns < t->from_ns)
		return 0;
	if (a->severity >= SEVERITY_WARNING)
		l->abnormal = true;
	return add_mark(l, t, "alert", a->name, a->since_ns, 0, a->text) ? STORE_FAILED
									 : worst(l, a->severity);
}

static int by_time(const void *x, const void *y)
{
	const struct mark *a = x, *b = y;

	return a->time_ns < b->time_ns ? -1 : a->time_ns > b->time_ns;
}

static json_t *marks_of(const struct timeline *t, struct lane *l)
{
	json_t *out = json_array(), *o;

	if (l->n_marks)
		qsort(l->marks, l->n_marks, sizeof(*l->marks), by_time);
	for (size_t i = 0; i < l->n_marks; i++) {
		const struct mark *m = &l->marks[i];

		o = json_object();
		json_object_set_new(o, "t", json_real(offset(t, m->time_ns)));
		row_text(o, "kind", m->kind);
		row_text(o, "state", m->state);
		row_count(o, "n", m->n);
		row_text(o, "words", m->words);
		row_text(o, "severity", m->severity);
		if (m->event)
			row_count(o, "event", m->event);
		json_array_append_new(out, o);
	}
	return out;
}

/* ---- what was not seen ------------------------------------------------------- */

struct gaps {
	struct timeline *t;
	json_t *list;
	struct cover unseen; /* of what is asked for, until now */
};

static int take_watched(void *arg, const char *device)
{
	json_array_append_new(arg, json_string(device));
	return 0;
}

/* Which lanes it hides: devices that the agent has told of. None: that is not known. */
static int add_gap(struct gaps *x, json_t *o, const char *agent)
{
	json_t *devices = json_array();

	json_object_set_new(o, "devices", devices);
	json_array_append_new(x->list, o);
	return store_span_watched(x->t->store, agent, MOST_WATCHED, take_watched, devices);
}

static int take_gap(void *arg, const struct store_fleet_gap *g)
{
	struct gaps *x = arg;
	uint64_t from = 0, to = 0;
	json_t *o;
	int rc;

	rc = store_span_gap(x->t->store, g->agent, g->first, g->last, &from, &to);
	if (rc <= 0 || to < x->t->from_ns || from >= x->t->to_ns)
		return rc < 0 ? rc : 0;
	o = json_object();
	row_text(o, "agent", g->agent);
	json_object_set_new(o, "t0", json_real(offset(x->t, from)));
	json_object_set_new(o, "t1", json_real(offset(x->t, to)));
	row_text(o, "reason", "events-lost");
	row_count(o, "events", g->last - g->first + 1);
	cover_add(&x->unseen, from, to);
	return add_gap(x, o, g->agent);
}

static int take_silence(void *arg, const struct store_alert *a)
{
	struct gaps *x = arg;
	uint64_t end = a->resolved_ns ? a->resolved_ns : x->t->now_ns;
	json_t *o;

	if (!a->agent || end < x->t->from_ns || a->since_ns >= x->t->to_ns)
		return 0;
	o = json_object();
	row_text(o, "agent", a->agent);
	json_object_set_new(o, "t0", json_real(offset(x->t, a->since_ns)));
	json_object_set_new(o, "t1", json_real(offset(x->t, end)));
	row_text(o, "reason", "agent-silent");
	cover_add(&x->unseen, a->since_ns, end);
	return add_gap(x, o, a->agent);
}

static int read_gaps(struct timeline *t, struct gaps *x)
{
	struct store_alert_filter silent = { .now_ns = t->now_ns,
					     .name = "agent-silent",
					     .since_ns = t->from_ns,
					     .until_ns = t->to_ns,
					     .limit = 200 };
	int rc;

	x->t = t;
	x->list = json_array();
	x->unseen.from_ns = t->from_ns;
	x->unseen.to_ns = t->to_ns < t->now_ns ? t->to_ns : t->now_ns;
	/* A gap is found by the event after it, which may come later than the span. */
	rc = store_fleet_gaps(t->store, t->from_ns, 0, 500, take_gap, x);
	if (!rc)
		rc = store_alerts(t->store, &silent, take_silence, x);
	return rc;
}

/* ---- the document ------------------------------------------------------------ */

static json_t *lane_row(struct timeline *t, size_t i)
{
	const struct fleet_device *d = &t->f->devices[i];
	struct lane *l = &t->lanes[i];
	json_t *o = json_object(), *group = json_object();
	uint64_t end = t->to_ns < t->now_ns ? t->to_ns : t->now_ns;

	end_span(t, l, l->now.state, end);
	row_text(o, "device", d->name);
	row_text(o, "role", d->role);
	row_text(group, "switch", d->switch_name);
	row_text(group, "subnet", d->subnet[0] ? d->subnet : NULL);
	json_object_set_new(o, "group", group);
	row_text(o, "state", incident_path_name(l->now.state));
	row_flag(o, "abnormal", l->abnormal);
	for (size_t k = 0; k < d->n_targets; k++)
		if (d->targets[k].in_band && d->targets[k].armed == 0)
			json_object_set_new(o, "armed", json_false());
	json_object_set_new(o, "ma1", runs_of(t, l, 0));
	json_object_set_new(o, "lo6", runs_of(t, l, 1));
	json_object_set(o, "path", l->path);
	json_object_set_new(o, "marks", marks_of(t, l));
	return o;
}

static json_t *words_of(const struct timeline *t, struct gaps *gaps, size_t lost)
{
	const char *least = t->thinned ? "at least " : "";
	json_t *out = json_array();
	struct say w = { 0 };

	say_number(&w, lost, "device lost Ma1", "devices lost Ma1");
	json_array_append_new(out, json_string(w.text));
	w = (struct say){ 0 };
	say_number(&w, t->failovers, "failover, ", "failovers, ");
	say_number(&w, t->failbacks, "failback", "failbacks");
	json_array_append_new(out, json_string(w.text));
	w = (struct say){ 0 };
	say(&w, "%s", t->sessions ? least : "");
	say_number(&w, t->sessions, "session on lo6", "sessions on lo6");
	if (t->sessions && !t->thinned)
		say(&w, ": %" PRIu64 " justified, %" PRIu64 " drill", t->justified, t->drill);
	json_array_append_new(out, json_string(w.text));
	w = (struct say){ 0 };
	say(&w, "%s", json_object_size(t->sources) ? least : "");
	say_number(&w, json_object_size(t->sources), "untrusted source", "untrusted sources");
	json_array_append_new(out, json_string(w.text));
	w = (struct say){ 0 };
	say_number(&w, t->bgp_down, "BGP session went down", "BGP sessions went down");
	json_array_append_new(out, json_string(w.text));
	w = (struct say){ 0 };
	if (gaps->unseen.n) {
		say_lasting(&w, cover_seconds(&gaps->unseen));
		say(&w, " not seen in full");
	} else {
		say(&w, "no gap in what the agents sent");
	}
	json_array_append_new(out, json_string(w.text));
	return out;
}

/* The lanes that are shown: abnormal ones first in choosing, by name in order. */
static size_t choose(const struct timeline *t, const struct view_args *a, bool *shown)
{
	size_t most = a->limit ? (size_t)view_limit(a) : VIEW_LIMIT, n = 0;

	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < t->f->n && n < most; i++) {
			const struct lane *l = &t->lanes[i];
			bool wanted = l->abnormal || (!a->abnormal && (l->active || round == 2));

			if (a->device)
				wanted = strcmp(a->device, t->f->devices[i].name) == 0;
			if (shown[i] || !wanted || (round == 0 && !l->abnormal) ||
			    (round == 2 && a->abnormal))
				continue;
			shown[i] = true;
			n++;
		}
	return n;
}

static int fill(struct timeline *t, const struct view_args *a, json_t *doc)
{
	struct store_alert_filter alerts = { .now_ns = t->now_ns,
					     .since_ns = t->from_ns,
					     .until_ns = t->to_ns,
					     .limit = MOST_EVENTS };
	json_t *lanes = json_array(), *density = json_object(), *list;
	bool *shown = calloc(t->f->n + 1, sizeof(*shown));
	uint64_t most = a->limit ? view_limit(a) : VIEW_LIMIT;
	struct gaps gaps = { 0 };
	size_t n, lost = 0;
	int rc = shown ? 0 : STORE_FAILED;

	if (!rc)
		rc = read_odd(t, a, most);
	if (!rc)
		rc = read_rest(t, a, most);
	if (!rc)
		rc = read_events(t, a->device);
	if (!rc)
		rc = store_alerts(t->store, &alerts, take_alert, t);
	if (!rc)
		rc = read_gaps(t, &gaps);
	n = rc ? 0 : choose(t, a, shown);
	if (!rc && t->sampled)
		rc = sample_density(t);
	if (!rc && t->thinned)
		rc = thin_density(t);
	for (size_t i = 0; !rc && i < t->f->n; i++) {
		lost += t->lanes[i].lost;
		if (!shown[i])
			continue;
		if (t->sampled || t->thinned)
			rc = sample_lane(t, i, n);
		if (!rc)
			rc = read_words(t, &t->lanes[i]);
		json_array_append_new(lanes, lane_row(t, i));
	}
	row_time(doc, "from", t->from_ns);
	row_time(doc, "to", t->to_ns);
	json_object_set_new(doc, "lanes", lanes);
	for (int band = 0; band < 2; band++) {
		list = json_array();
		for (size_t i = 0; i < BUCKETS; i++)
			json_array_append_new(list, json_integer((json_int_t)t->density[band][i]));
		json_object_set_new(density, band ? "lo6" : "ma1", list);
	}
	json_object_set_new(doc, "density", density);
	row_count(doc, "folded", a->device ? 0 : t->f->n - n);
	row_flag(doc, "sampled", t->sampled);
	row_flag(doc, "thinned", t->thinned);
	if (t->cut)
		row_flag(doc, "cut", true);
	if (gaps.list)
		json_object_set_new(doc, "words", words_of(t, &gaps, lost));
	json_object_set_new(doc, "gaps", gaps.list ? gaps.list : json_array());
	free(shown);
	return rc < 0 ? rc : 0;
}

json_t *view_timeline(struct store *s, const struct view_args *a)
{
	struct view_args then = { .now_ns = a->now_ns, .at_ns = a->since_ns };
	struct timeline t = { .store = s,
			      .from_ns = a->since_ns,
			      .to_ns = a->until_ns,
			      .now_ns = view_moment(a),
			      .sources = json_object() };
	json_t *doc = view_begin(s, a);
	struct fleet f;
	int rc;

	if (!doc) {
		json_decref(t.sources);
		return NULL;
	}
	if (t.to_ns <= t.from_ns)
		t.to_ns = t.from_ns + 1;
	t.gap_ns = (t.to_ns - t.from_ns) / (a->px ? a->px : 1000) * 2;
	rc = fleet_load(s, &then, a->device, 0, &f);
	t.f = &f;
	t.lanes = calloc(f.n + 1, sizeof(*t.lanes));
	if (!rc && !t.lanes)
		rc = STORE_FAILED;
	for (size_t i = 0; !rc && i < f.n; i++) {
		t.lanes[i].path = json_array();
		t.lanes[i].path_ns = t.from_ns;
		t.lanes[i].now.state = f.devices[i].state;
		if (f.devices[i].then)
			t.lanes[i].now = *f.devices[i].then;
		t.lanes[i].left = f.devices[i].state != INCIDENT_PRIMARY;
		t.lanes[i].abnormal = f.devices[i].state != INCIDENT_PRIMARY;
		t.lanes[i].lost = fleet_lost_ma1(&f.devices[i]);
	}
	if (!rc)
		rc = fill(&t, a, doc);
	for (size_t i = 0; t.lanes && i < f.n; i++) {
		struct lane *l = &t.lanes[i];

		for (size_t k = 0; k < l->n_marks; k++) {
			free(l->marks[k].state);
			free(l->marks[k].words);
		}
		for (size_t k = 0; k < l->n_runs; k++)
			free(l->runs[k].who);
		free(l->marks);
		free(l->runs);
		json_decref(l->path);
	}
	free(t.lanes);
	json_decref(t.sources);
	fleet_free(&f);
	return view_end(s, doc, rc);
}
