/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three questions, in the order in which somebody who is woken at night asks them:
 * what is broken, who is on which path, is anyone there who should not be. Each answer
 * is a sentence, and a second one with its reason; neither says more than was seen.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/alert.h"
#include "collector/store/incident.h"
#include "collector/view/fleet.h"
#include "collector/view/row.h"
#include "collector/view/summary.h"
#include "common/clock.h"

#define NAMES 3
#define RECENT_NS (3600 * NS_PER_S)

static const char *const levels[] = { "calm", "in-band", "unknown", "wrong" };
enum level { CALM, INBAND, UNKNOWN, WRONG };

struct group {
	const char *subnet, *switch_name;
	size_t lost, of;
	uint64_t since_ns, until_ns; /* the first and the last that was lost */
	uint64_t suspected_ns;	     /* since when its switch is suspected; 0: it is not */
	json_t *names;
};

struct counts {
	size_t primary, in_band, failing, neither;
	size_t lost, unseen; /* of Ma1: failed; nothing seen within the hour */
	size_t lone;	     /* lost, and nobody is on lo6 yet */
	uint64_t lost_since_ns;
	size_t open, lo6; /* sessions */
	size_t yes, no, unknown, drill;
	const struct fleet_session *unjustified, *intruder;
	json_t *actors, *unreachable;
	size_t silent; /* agents */
	json_t *silent_names;
	struct store_alert_counts alerts;
};

/* ---- counting ---------------------------------------------------------------- */

static void count_devices(const struct fleet *f, struct counts *c)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct fleet_device *d = &f->devices[i];
		const struct fleet_target *t = fleet_target(d, false, 0);
		uint64_t since = d->failing_ns ? d->failing_ns : d->since_ns;

		c->primary += d->state == INCIDENT_PRIMARY;
		c->failing += d->state == INCIDENT_FAILING;
		c->neither += d->state == INCIDENT_UNREACHABLE;
		c->in_band += d->state == INCIDENT_INBAND || d->state == INCIDENT_UNEXPLAINED ||
			      d->state == INCIDENT_UNJUSTIFIED;
		if (d->state == INCIDENT_UNREACHABLE)
			json_array_append_new(c->unreachable, json_string(d->name));
		if (fleet_lost_ma1(d)) {
			c->lost++;
			c->lone += d->state == INCIDENT_FAILING;
			if (!c->lost_since_ns || since < c->lost_since_ns)
				c->lost_since_ns = since;
		} else if (d->state == INCIDENT_PRIMARY &&
			   (!t || t->seen_ns + RECENT_NS < f->moment)) {
			c->unseen++;
		}
	}
}

static bool is_word(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

static void count_sessions(const struct fleet *f, struct counts *c)
{
	for (size_t i = 0; i < f->n_sessions; i++) {
		const struct fleet_session *t = &f->sessions[i];

		c->open++;
		if (is_word(t->verdict, "untrusted") && !c->intruder)
			c->intruder = t;
		if (!t->in_band)
			continue;
		c->lo6++;
		row_once(c->actors, t->who ? t->who : t->source, 20);
		c->yes += is_word(t->justified, "yes");
		c->drill += is_word(t->justified, "drill");
		if (is_word(t->justified, "no")) {
			c->no++;
			if (!c->unjustified)
				c->unjustified = t;
		}
	}
	c->unknown = c->lo6 - c->yes - c->drill - c->no;
}

static int take_agent(void *arg, const struct store_agent *row)
{
	struct counts *c = arg;

	if (is_word(row->state, "silent")) {
		c->silent++;
		json_array_append_new(c->silent_names, json_string(row->agent));
	}
	return 0;
}

/* ---- the answers ------------------------------------------------------------- */

static json_t *answer(enum level level, const struct say *text, const struct say *reason,
		      const char *link)
{
	json_t *o = json_object();

	row_text(o, "level", levels[level]);
	row_text(o, "text", text->text);
	row_text(o, "reason", reason->text);
	row_text(o, "link", link);
	return o;
}

/* "since 02:14 UTC (16 min)" */
static void say_since(struct say *w, uint64_t since_ns, uint64_t now_ns)
{
	say(w, "since ");
	say_clock(w, since_ns, now_ns);
	if (now_ns > since_ns) {
		say(w, " (");
		say_lasting(w, (double)(now_ns - since_ns) / (double)NS_PER_S);
		say(w, ")");
	}
}

static void say_silent(struct say *w, const struct counts *c)
{
	if (!c->silent)
		return;
	say(w, "%sNothing comes from ", w->len ? " " : "");
	say_names(w, c->silent_names, NAMES);
	say(w, ": what it watches is not seen.");
}

/* "All 3 ", "Both ", "2 of them ": several of those that are lost. */
static void say_of_all(struct say *w, size_t n, size_t lost)
{
	if (n < lost)
		say(w, "%zu of them ", n);
	else if (n == 2)
		say(w, "Both ");
	else
		say(w, "All %zu ", n);
}

static json_t *broken_words(const struct fleet *f, const struct counts *c, const struct group *g,
			    size_t n_groups)
{
	const struct group *worst = NULL;
	struct say text = { 0 }, reason = { 0 };

	if (!f->n) {
		say(&text, "Nothing has been seen yet.");
		say(&reason, "No agent has told of a device, so this is not \"nothing happened\".");
		return answer(UNKNOWN, &text, &reason, "agents");
	}
	for (size_t i = 0; i < n_groups; i++)
		if (g[i].lost > 1 && (!worst || g[i].lost > worst->lost))
			worst = &g[i];
	if (c->neither) {
		say_number(&text, c->neither, "device is", "devices are");
		say(&text, " reachable on neither path.");
		say_names(&reason, c->unreachable, NAMES);
		say(&reason, ".");
		if (c->lost > c->neither)
			say(&reason, " Ma1 is lost on %zu of %zu devices.", c->lost, f->n);
		say_silent(&reason, c);
		return answer(WRONG, &text, &reason, "devices?state=unreachable");
	}
	if (c->lost) {
		say(&text, "Ma1 is lost on %zu of %zu devices.", c->lost, f->n);
		if (worst && worst->suspected_ns) {
			say_of_all(&reason, worst->lost, c->lost);
			say(&reason, "hang off ");
			if (worst->switch_name)
				say_clean(&reason, worst->switch_name);
			else
				say(&reason, "the management switch of %s", worst->subnet);
			say(&reason, ", suspected dead ");
			say_since(&reason, worst->suspected_ns, f->moment);
			say(&reason, ".");
		} else if (worst) {
			say_of_all(&reason, worst->lost, c->lost);
			say(&reason, "are in the Ma1 subnet %s", worst->subnet);
			if (worst->switch_name) {
				say(&reason, " of ");
				say_clean(&reason, worst->switch_name);
			}
			say(&reason, ", ");
			say_since(&reason, worst->since_ns, f->moment);
			say(&reason, ".");
		} else {
			say(&reason, "It is so ");
			say_since(&reason, c->lost_since_ns, f->moment);
			say(&reason, ".");
		}
		if (c->lone)
			say(&reason, " On %zu of them no one is on lo6 yet.", c->lone);
		else
			say(&reason, " Each was reached over lo6 since.");
		say_silent(&reason, c);
		return answer(WRONG, &text, &reason, "devices?state=failing");
	}
	say(&text, "Ma1 is not seen to fail on any of ");
	say_number(&text, f->n, "device.", "devices.");
	if (c->unseen)
		say(&reason, "On %zu of them nothing was seen within the last hour.", c->unseen);
	else
		say(&reason, "All of them were seen within the last hour.");
	say_silent(&reason, c);
	return answer(c->silent ? UNKNOWN : CALM, &text, &reason,
		      c->silent ? "agents" : "coverage");
}

static json_t *path_words(const struct fleet *f, const struct counts *c)
{
	struct say text = { 0 }, reason = { 0 };
	enum level level = CALM;

	if (c->in_band || c->failing || c->neither)
		say(&text, "%zu on Ma1, %zu on lo6, %zu failing, %zu on neither.", c->primary,
		    c->in_band, c->failing, c->neither);
	else if (f->n)
		say(&text, f->n == 1 ? "The one device is on Ma1." : "All %zu are on Ma1.", f->n);
	else
		say(&text, "No device is known.");
	if (c->lo6) {
		level = c->no ? WRONG : c->unknown ? UNKNOWN : INBAND;
		say_names(&reason, c->actors, NAMES);
		say(&reason,
		    json_array_size(c->actors) == 1 ? " is in over lo6: " : " are in over lo6: ");
		say_number(&reason, c->lo6, "session", "sessions");
		if (c->yes == c->lo6)
			say(&reason, c->lo6 == 1 ? ", justified." : ", all justified.");
		else
			say(&reason,
			    ", %zu justified, %zu drill, %zu not justified, %zu unexplained.",
			    c->yes, c->drill, c->no, c->unknown);
	} else {
		level = c->in_band ? INBAND : CALM;
		say(&reason, "No break-glass session is open.");
	}
	return answer(level, &text, &reason, "sessions?state=open");
}

static const char *device_name(const struct fleet *f, const struct fleet_session *t)
{
	return t->device < f->n ? f->devices[t->device].name : "an unknown device";
}

static void say_would_trust(struct say *w, const json_t *source)
{
	const json_t *names = json_object_get(source, "would_trust");

	if (!json_array_size(names))
		return;
	say(w, " ");
	say_names(w, names, NAMES);
	say(w, " would let it in.");
}

static json_t *intruder_words(const struct fleet *f, const struct counts *c)
{
	const json_t *first = json_array_get(f->refused, 0), *source;
	struct say text = { 0 }, reason = { 0 };
	uint64_t attempts = f->attempts, in = f->got_in;
	const char *least = f->refused_more ? "at least " : "";
	char link[64] = "flows?verdict=untrusted";
	enum level level = CALM;
	bool trusted = false;
	size_t i;

	json_array_foreach(f->refused, i, source) trusted |=
		json_array_size(json_object_get(source, "would_trust")) != 0;
	if (c->intruder) {
		say_clean(&text, c->intruder->who ? c->intruder->who : c->intruder->source);
		say(&text, " is on ");
		say_clean(&text, device_name(f, c->intruder));
		say(&text, " over %s, and is untrusted.", c->intruder->in_band ? "lo6" : "Ma1");
		say(&reason, is_word(c->intruder->login, "success")
				     ? "It is logged in, as far as packet lengths tell; "
				     : "Whether it has logged in is not known; ");
		say_since(&reason, c->intruder->start_ns, f->moment);
		say(&reason, ".");
		snprintf(link, sizeof(link), "sessions/%" PRIu64, c->intruder->n);
		return answer(WRONG, &text, &reason, link);
	}
	if (c->unjustified) {
		say_clean(&text,
			  c->unjustified->who ? c->unjustified->who : c->unjustified->source);
		say(&text, " is on ");
		say_clean(&text, device_name(f, c->unjustified));
		say(&text, " over lo6 while its Ma1 works.");
		say(&reason, is_word(c->unjustified->verdict, "trusted")
				     ? "Trusted source, not justified, "
				     : "Not justified, ");
		say_since(&reason, c->unjustified->start_ns, f->moment);
		say(&reason, ".");
		snprintf(link, sizeof(link), "sessions/%" PRIu64, c->unjustified->n);
		level = WRONG;
	} else if (in) {
		say(&text, "No one is in who should not be.");
		say(&reason, "Within the last hour untrusted sources had ");
		say_number(&reason, in, "session that has ended.",
			   "sessions that have ended.");
		level = UNKNOWN;
	} else if (first) {
		say(&text, "No one is in who should not be. ");
		say_clean(&text, json_string_value(json_object_get(first, "source")));
		if (json_array_size(f->refused) > 1)
			say(&text, " and %s%zu more", least, json_array_size(f->refused) - 1);
		say(&text, " tried.");
	} else {
		say(&text, "No one was seen who should not be there.");
		say(&reason, "No untrusted source has tried within the last hour.");
	}
	if (attempts) {
		say(&reason, "%s", reason.len ? " " : "");
		say(&reason, "%s", f->refused_more ? "At least " : "");
		say_number(&reason, attempts, "attempt", "attempts");
		say(&reason, " of %s", least);
		say_number(&reason, json_array_size(f->refused), "untrusted source",
			   "untrusted sources");
		say(&reason, " within the last hour did not get in.");
		say_would_trust(&reason, first);
		if (trusted && level == CALM)
			level = UNKNOWN;
	}
	return answer(level, &text, &reason, link);
}

/* ---- the document ------------------------------------------------------------ */

static json_t *broken_row(const struct fleet *f, const struct counts *c, const struct group *g,
			  size_t n)
{
	json_t *o = json_object(), *groups = json_array(), *row;

	row_count(o, "lost", c->lost);
	row_count(o, "of", f->n);
	for (size_t i = 0; i < n; i++) {
		if (!g[i].lost)
			continue;
		row = json_object();
		row_text(row, "switch", g[i].switch_name);
		row_text(row, "subnet", g[i].subnet);
		row_count(row, "lost", g[i].lost);
		row_count(row, "of", g[i].of);
		row_time(row, "since", g[i].since_ns);
		row_time(row, "suspected", g[i].suspected_ns);
		row_seconds(row, "within_s",
			    (double)(g[i].until_ns - g[i].since_ns) / (double)NS_PER_S);
		json_array_append_new(groups, row);
	}
	json_object_set_new(o, "groups", groups);
	json_object_set(o, "unreachable", c->unreachable);
	return o;
}

/* Subnets with devices, in the order of their first device. */
static size_t group_all(const struct fleet *f, struct group *g)
{
	json_t *index = json_object(), *at;
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct fleet_device *d = &f->devices[i];
		uint64_t since = d->failing_ns ? d->failing_ns : d->since_ns;
		struct group *x;

		if (!d->subnet[0])
			continue;
		at = json_object_get(index, d->subnet);
		x = at ? &g[json_integer_value(at)] : &g[n];
		if (!at) {
			*x = (struct group){ .subnet = d->subnet };
			json_object_set_new(index, d->subnet, json_integer((json_int_t)n++));
		}
		if (d->switch_name)
			x->switch_name = d->switch_name;
		x->of++;
		if (!fleet_lost_ma1(d))
			continue;
		if (!x->lost || since < x->since_ns)
			x->since_ns = since;
		if (!x->lost || since > x->until_ns)
			x->until_ns = since;
		x->lost++;
	}
	json_decref(index);
	return n;
}

struct suspects {
	struct group *g;
	size_t n;
};

static int take_suspect(void *arg, const struct store_incident *i)
{
	struct suspects *x = arg;

	for (size_t k = 0; k < x->n; k++)
		if (i->subnet && strcmp(x->g[k].subnet, i->subnet) == 0 && x->g[k].lost &&
		    is_word(i->suspicion, "suspected"))
			x->g[k].suspected_ns = i->suspected_ns ? i->suspected_ns : i->began_ns;
	return 0;
}

/* Devices that would let an untrusted source in, and its times as text. */
static void finish_refused(const struct fleet *f)
{
	json_t *o, *names;
	struct addr source;
	uint32_t rule;
	size_t i;

	json_array_foreach(f->refused, i, o)
	{
		uint64_t last = (uint64_t)json_integer_value(json_object_get(o, "last"));

		json_object_del(o, "last");
		row_time(o, "last", last);
		names = json_array();
		if (i < 20 && addr_parse(json_string_value(json_object_get(o, "source")), &source))
			for (size_t k = 0; k < f->n; k++)
				if (fleet_judge(f, &f->devices[k], &source, &rule) ==
				    GW_VERDICT_TRUSTED)
					row_once(names, f->devices[k].name, 20);
		json_object_set_new(o, "would_trust", names);
	}
}

static void set_counts(json_t *doc, const struct counts *c)
{
	json_t *o = json_object(), *j = json_object();

	row_count(o, "primary", c->primary);
	row_count(o, "in_band", c->in_band);
	row_count(o, "failing", c->failing);
	row_count(o, "neither", c->neither);
	json_object_set_new(doc, "paths", o);
	o = json_object();
	row_count(o, "open", c->open);
	row_count(o, "in_band", c->lo6);
	row_count(j, "yes", c->yes);
	row_count(j, "no", c->no);
	row_count(j, "unknown", c->unknown);
	row_count(j, "drill", c->drill);
	json_object_set_new(o, "justified", j);
	json_object_set(o, "actors", c->actors);
	json_object_set_new(doc, "sessions", o);
	o = json_object();
	for (int i = SEVERITY_CRITICAL; i >= SEVERITY_INFO; i--)
		row_count(o, event_severity_name((enum event_severity)i), c->alerts.severity[i]);
	json_object_set_new(doc, "alerts", o);
}

int view_summary_fill(struct store *s, const struct view_args *a, const struct fleet *f,
		      json_t *doc)
{
	struct counts c = { .actors = json_array(),
			    .unreachable = json_array(),
			    .silent_names = json_array() };
	struct store_filter agents = { 0 };
	struct group *g = calloc(f->n + 1, sizeof(*g));
	json_t *words = json_array();
	size_t n = 0;
	int rc = g ? 0 : STORE_FAILED;

	if (!rc && !a->at_ns) /* who is silent, and what is open, is known of now only */
		rc = store_agents(s, &agents, take_agent, &c);
	if (!rc && !a->at_ns)
		rc = store_alert_count(s, a->now_ns, &c.alerts);
	if (g)
		n = group_all(f, g);
	if (!rc && n && !a->at_ns)
		rc = store_incidents(s,
				     &(struct store_incident_filter){ .kind = STORE_KIND_SWITCH,
								      .open = true },
				     take_suspect, &(struct suspects){ g, n });
	count_devices(f, &c);
	count_sessions(f, &c);
	finish_refused(f);
	json_object_set_new(doc, "broken", broken_row(f, &c, g, n));
	set_counts(doc, &c);
	json_object_set(doc, "untrusted", f->refused);
	if (f->refused_more)
		row_flag(doc, "untrusted_more", true);
	json_array_append_new(words, broken_words(f, &c, g, n));
	json_array_append_new(words, path_words(f, &c));
	json_array_append_new(words, intruder_words(f, &c));
	json_object_set_new(doc, "words", words);
	json_decref(c.actors);
	json_decref(c.unreachable);
	json_decref(c.silent_names);
	free(g);
	return rc < 0 ? rc : 0;
}

json_t *view_summary(struct store *s, const struct view_args *a)
{
	json_t *doc = view_begin(s, a);
	struct fleet f;
	int rc;

	if (!doc)
		return NULL;
	rc = fleet_load(s, a, NULL, FLEET_SESSIONS | FLEET_REFUSED, &f);
	if (!rc)
		rc = view_summary_fill(s, a, &f, doc);
	fleet_free(&f);
	return view_end(s, doc, rc);
}
