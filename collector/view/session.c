/* SPDX-License-Identifier: Apache-2.0 */
/* One flow, with everything that the record can say for and against it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/alert.h"
#include "collector/store/fleet.h"
#include "collector/view/row.h"
#include "collector/view/trust.h"
#include "common/clock.h"

#define STEPS 120		  /* of the bytes' graph */
#define STEP_NS (60 * NS_PER_S)	  /* a flow that lasts tells of itself so often */
#define SETTLE_NS (30 * NS_PER_S) /* after which the path's change has been told */

struct session {
	struct store *store;
	const struct view_args *a;
	json_t *out;
	json_t *doc; /* the flow's folded document */
	/* strings that outlive the row */
	char *agent, *flow, *device, *source, *user, *path, *justified, *login, *generation;
	uint64_t n, start_ns, end_ns;
	bool established, open;
};

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int take_flow(void *arg, const struct store_list_flow *f)
{
	struct session *x = arg;
	uint64_t now = view_moment(x->a);

	x->out = view_flow_row(f, now);
	x->doc = f->f.json ? json_loads(f->f.json, 0, NULL) : NULL;
	x->n = f->f.n;
	x->agent = copy(f->f.agent);
	x->flow = copy(f->f.flow);
	x->device = copy(f->f.device);
	x->source = copy(f->f.source);
	x->user = copy(f->f.user);
	x->path = copy(f->f.path);
	x->justified = copy(f->justified);
	x->login = copy(f->login);
	x->start_ns = f->f.start_ns;
	x->end_ns = f->f.end_ns;
	x->established = f->f.established;
	x->open = f->f.open;
	x->generation = copy(json_string_value(json_object_get(x->doc, "policy")));
	return 0;
}

/* ---- why trusted ------------------------------------------------------------- */

static int take_json(void *arg, const struct store_event *e)
{
	json_t **doc = arg;

	*doc = json_loads(e->json, 0, NULL);
	return 0;
}

static int set_walk(struct session *x)
{
	json_t *trust = json_object_get(x->out, "trust"), *doc = NULL, *walk, *said = json_object();
	const char *generation;
	struct addr source;
	int rc = 0;

	if (!trust || !x->device || !x->source || !addr_parse(x->source, &source)) {
		json_decref(said);
		return 0;
	}
	rc = store_list_state(x->store, x->device, "fabric.device", x->start_ns, take_json, &doc);
	if (!rc) /* the configuration came after it */
		rc = store_list_state(x->store, x->device, "fabric.device", 0, take_json, &doc);
	if (rc > 0 && doc) {
		walk = trust_walk(json_object_get(doc, "fabric"), &source, said);
		generation = json_string_value(json_object_get(doc, "policy"));
		json_object_set_new(trust, "walk", walk);
		row_text(trust, "generation", generation);
		row_text(trust, "loaded", json_string_value(json_object_get(doc, "time")));
		if (json_object_get(said, "file"))
			json_object_set(trust, "file", json_object_get(said, "file"));
		if (json_object_get(said, "line"))
			json_object_set(trust, "line", json_object_get(said, "line"));
		if (x->generation && generation && strcmp(x->generation, generation) != 0) {
			row_flag(trust, "other_generation", true);
			row_text(trust, "judged_by", x->generation);
		}
	}
	json_decref(said);
	json_decref(doc);
	return rc < 0 ? rc : 0;
}

/* ---- who --------------------------------------------------------------------- */

/* An actor is known of a connection that was opened on the agent's own host. */
static void set_actor(struct session *x)
{
	json_t *actor = json_object_get(x->doc, "actor"), *o, *via, *hop;

	o = json_is_object(actor) ? json_copy(actor) : json_object();
	via = json_array();
	if (json_is_object(actor)) {
		hop = json_object();
		row_text(hop, "who", json_string_value(json_object_get(actor, "user")));
		row_text(hop, "at", x->agent);
		row_text(hop, "ip", x->source);
		row_text(hop, "by", json_string_value(json_object_get(actor, "comm")));
		json_array_append_new(via, hop);
		row_text(o, "words",
			 "Seen by the agent on the source's own host, when it connected.");
	} else if (x->user) { /* joined: this agent saw the packets, that one who sent them */
		hop = json_object();
		row_text(hop, "who", x->user);
		row_text(hop, "ip", x->source);
		json_array_append_new(via, hop);
		row_text(o, "words",
			 "Seen by another agent, on the source's own host, when it connected.");
	} else {
		row_text(o, "words", "Not known: no agent on the source's host saw it connect.");
	}
	json_object_set_new(o, "via", via);
	json_object_set_new(x->out, "actor", o);
}

/* ---- justified --------------------------------------------------------------- */

struct evidence {
	json_t *list;
	uint64_t start_ns, time_ns;
	struct say *w;
	const char *answer;
};

static int take_change(void *arg, const struct store_event *e)
{
	struct evidence *x = arg;
	json_t *doc = json_loads(e->json, 0, NULL), *change = json_object_get(doc, "change");
	json_t *o = json_object();
	const char *reason = json_string_value(json_object_get(change, "reason"));

	row_text(o, "event", json_string_value(json_object_get(doc, "id")));
	row_time(o, "time", e->time_ns);
	row_text(o, "from", json_string_value(json_object_get(change, "from")));
	row_text(o, "to", json_string_value(json_object_get(change, "to")));
	row_text(o, "reason", reason);
	row_text(o, "words", reason ? words_reason(reason) : NULL);
	if (json_object_get(change, "evidence"))
		json_object_set(o, "flows", json_object_get(change, "evidence"));
	json_array_append_new(x->list, o);
	if (reason && strcmp(x->answer, "yes") == 0) {
		say_clean(x->w, words_reason(reason));
		say(x->w, ", says a change of ");
		say_clock(x->w, e->time_ns, x->start_ns);
		say(x->w, ".");
	}
	json_decref(doc);
	return 0;
}

static int take_drill(void *arg, const struct store_drill *d)
{
	struct evidence *x = arg;
	json_t *o;

	if (x->start_ns < d->since_ns || x->start_ns >= d->until_ns ||
	    (d->ended_ns && x->start_ns >= d->ended_ns))
		return 0;
	o = json_object();
	row_count(o, "drill", d->id);
	row_text(o, "who", d->who);
	row_text(o, "why", d->why);
	row_time(o, "since", d->since_ns);
	row_time(o, "until", d->until_ns);
	json_array_append_new(x->list, o);
	say(x->w, "Announced by ");
	say_clean(x->w, d->who);
	say(x->w, ": ");
	say_clean(x->w, d->why);
	say(x->w, ".");
	return 0;
}

/* An event names flows as its agent calls them: where they lie in this store. */
static int number_flows(struct session *x, json_t *evidence)
{
	json_t *o, *flow, *numbers;
	char agent[EVENT_AGENT_MAX + 1];
	uint64_t n;
	size_t i, k;
	int rc;

	json_array_foreach(evidence, i, o)
	{
		const char *id = json_string_value(json_object_get(o, "event"));
		const char *slash = id ? strrchr(id, '/') : NULL;

		if (!slash || (size_t)(slash - id) >= sizeof(agent))
			continue;
		snprintf(agent, sizeof(agent), "%.*s", (int)(slash - id), id);
		numbers = json_array();
		json_array_foreach(json_object_get(o, "flows"), k, flow)
		{
			rc = json_is_string(flow) ? store_list_flow_n(x->store, agent,
								      json_string_value(flow), &n)
						  : 0;
			if (rc < 0) {
				json_decref(numbers);
				return rc;
			}
			json_array_append_new(numbers, rc ? json_integer((json_int_t)n)
							  : json_null());
		}
		json_object_set_new(o, "sessions", numbers);
	}
	return 0;
}

static int set_justified(struct session *x)
{
	struct say w = { 0 };
	struct evidence e = { .list = json_array(), .start_ns = x->start_ns, .w = &w };
	uint64_t at = x->start_ns + SETTLE_NS;
	json_t *o;
	int rc = 0;

	if (!x->established || !x->path || strcmp(x->path, "in-band") != 0 || !x->device) {
		json_decref(e.list);
		return 0;
	}
	e.answer = x->justified ? x->justified : "unknown";
	if (!x->open && x->end_ns < at)
		at = x->end_ns;
	if (strcmp(e.answer, "drill") == 0) {
		say(&w, "Drill. ");
		rc = store_drills(x->store, 0, take_drill, &e);
	} else {
		say(&w, strcmp(e.answer, "yes") == 0 ? "Yes: "
			: strcmp(e.answer, "no") == 0
				? "No: Ma1 worked at that time. "
				: "Not known: nothing was seen of Ma1 at that "
				  "time.");
		rc = store_list_state(x->store, x->device, "path.change", at, take_change, &e);
		if (rc >= 0)
			rc = number_flows(x, e.list);
	}
	o = json_object();
	row_text(o, "answer", e.answer);
	row_text(o, "words", w.text);
	json_object_set_new(o, "evidence", e.list);
	json_object_set_new(x->out, "justified", o);
	return rc < 0 ? rc : 0;
}

/* ---- login ------------------------------------------------------------------- */

static void set_login(struct session *x)
{
	json_t *ssh = json_object_get(x->doc, "ssh"), *auth = json_object_get(ssh, "auth");
	const char *result = json_string_value(json_object_get(auth, "result"));
	const char *confidence = json_string_value(json_object_get(auth, "confidence"));
	json_t *o;
	struct say w = { 0 };

	if (ssh)
		json_object_set(x->out, "ssh", ssh);
	if (!result)
		return;
	o = json_copy(auth);
	if (strcmp(result, "unknown") == 0) {
		say(&w, "Unknown");
	} else {
		say(&w, strcmp(result, "success") == 0 ? "Success" : "Failure");
		if (json_object_get(auth, "attempts")) {
			say(&w, ", ");
			say_number(&w,
				   (uint64_t)json_integer_value(json_object_get(auth, "attempts")),
				   "attempt", "attempts");
		}
		if (confidence) {
			say(&w, ", ");
			say_clean(&w, confidence);
			say(&w, " confidence");
		}
	}
	say(&w, ". Inferred from encrypted packet lengths, not read.");
	row_text(o, "words", w.text);
	json_object_set_new(x->out, "auth", o);
}

static int set_hassh(struct session *x)
{
	json_t *ssh = json_object_get(x->doc, "ssh");
	json_t *hassh = json_object_get(json_object_get(ssh, "client"), "hassh"), *o;
	const char *hash = json_string_value(json_object_get(hassh, "hash"));
	struct store_hassh_facts known;
	int rc;

	if (!hash || !x->source)
		return 0;
	rc = store_fleet_hassh(x->store, hash, x->source, &known);
	if (rc < 0)
		return rc;
	o = json_object();
	row_text(o, "hash", hash);
	row_time(o, "first_seen", known.first_ns);
	row_count(o, "sessions", known.sessions);
	row_count(o, "sources", known.sources);
	/* Most of what this source does, it does with this client. */
	if (known.here + known.other)
		row_flag(o, "usual_for_source", known.here > 1 && known.here >= known.other);
	json_object_set_new(x->out, "hassh", o);
	return 0;
}

/* ---- bytes ------------------------------------------------------------------- */

struct bytes {
	uint64_t time_ns, out, in;
	bool last;
};

static int take_bytes(void *arg, const struct store_event *e)
{
	struct bytes *b = arg;
	json_t *doc = json_loads(e->json, 0, NULL);

	b->time_ns = e->time_ns;
	b->last = strcmp(e->type, "flow.end") == 0;
	b->out = (uint64_t)json_integer_value(
		json_object_get(json_object_get(doc, "source"), "bytes"));
	b->in = (uint64_t)json_integer_value(
		json_object_get(json_object_get(doc, "destination"), "bytes"));
	json_decref(doc);
	return 0;
}

/*
 * Counters are told every minute. A step's bytes are what was told in it; bytes that
 * were told later than two steps after the time before are spread over nothing: the
 * steps between are `missing`.
 */
static int set_bytes(struct session *x)
{
	struct store_flow f = { .agent = x->agent, .flow = x->flow, .device = x->device };
	uint64_t end = x->open ? view_moment(x->a) : x->end_ns, step, at, told = 0;
	struct bytes before = { .time_ns = x->start_ns }, now;
	json_t *o, *list[3];
	size_t n, k, from;
	int rc = 1;

	if (end < x->start_ns + 1)
		end = x->start_ns + 1;
	step = (end - x->start_ns + STEPS - 1) / STEPS;
	if (step < STEP_NS)
		step = STEP_NS;
	n = (size_t)((end - x->start_ns + step - 1) / step);
	for (int i = 0; i < 3; i++)
		list[i] = json_array();
	for (k = 0; k < n; k++) {
		json_array_append_new(list[0], json_integer(0));
		json_array_append_new(list[1], json_integer(0));
		json_array_append_new(list[2], json_false());
	}
	/* One event of each step is enough: counters only grow. */
	for (at = x->start_ns; rc > 0 && at <= end + STEP_NS; told++) {
		rc = store_list_flow_next(x->store, &f, at, take_bytes, &now);
		if (rc <= 0)
			break;
		k = now.time_ns > x->start_ns ? (size_t)((now.time_ns - x->start_ns) / step) : 0;
		if (k >= n)
			k = n - 1;
		if (now.out >= before.out && now.in >= before.in) {
			json_t *out = json_array_get(list[0], k), *in = json_array_get(list[1], k);

			json_integer_set(out, json_integer_value(out) +
						      (json_int_t)(now.out - before.out));
			json_integer_set(in,
					 json_integer_value(in) + (json_int_t)(now.in - before.in));
		}
		if (told && now.time_ns > before.time_ns + 2 * step + STEP_NS) {
			from = (size_t)((before.time_ns - x->start_ns) / step) + 1;
			for (; from < k; from++)
				json_array_set_new(list[2], from, json_true());
		}
		before = now;
		if (now.last)
			break;
		at = now.time_ns + (step > STEP_NS ? step / 2 : 1);
	}
	o = json_object();
	row_seconds(o, "step", (double)step / (double)NS_PER_S);
	row_time(o, "from", x->start_ns);
	json_object_set_new(o, "out", list[0]);
	json_object_set_new(o, "in", list[1]);
	json_object_set_new(o, "missing", list[2]);
	json_object_set_new(x->out, "bytes", o);
	return rc < 0 ? rc : 0;
}

/* ---- the document ------------------------------------------------------------ */

static int take_agent(void *arg, const char *agent)
{
	row_once(arg, agent, 50);
	return 0;
}

static int fill(struct session *x)
{
	json_t *seen_by = json_array();
	uint64_t first = 0;
	int rc;

	json_object_set_new(x->out, "seen_by", seen_by);
	set_actor(x);
	set_login(x);
	rc = set_walk(x);
	if (!rc)
		rc = set_justified(x);
	if (!rc)
		rc = set_hassh(x);
	if (!rc)
		rc = set_bytes(x);
	if (!rc)
		rc = store_list_seen_by(x->store, x->n, take_agent, seen_by);
	if (!rc && x->device && x->source)
		rc = store_fleet_first(x->store, x->device, x->source, &first);
	if (first)
		row_flag(x->out, "first_for_device", first + NS_PER_S > x->start_ns);
	if (json_object_get(x->doc, "bgp"))
		json_object_set(x->out, "bgp", json_object_get(x->doc, "bgp"));
	if (json_object_get(x->doc, "network"))
		json_object_set(x->out, "network", json_object_get(x->doc, "network"));
	if (json_object_get(x->doc, "flow"))
		json_object_set(x->out, "detail", json_object_get(x->doc, "flow"));
	return rc;
}

json_t *view_session(struct store *s, const struct view_args *a, uint64_t id)
{
	struct store_list l = { .n = id, .limit = 1, .documents = true };
	struct session x = { .store = s, .a = a };
	json_t *doc = view_begin(s, a);
	int rc;

	if (!doc)
		return NULL;
	rc = id ? store_list_flows(s, &l, take_flow, &x) : 0;
	if (!rc && x.out)
		rc = fill(&x);
	if (x.out) {
		json_object_update(doc, x.out);
		json_decref(x.out);
	} else {
		json_decref(doc);
		doc = json_null();
	}
	json_decref(x.doc);
	free(x.agent);
	free(x.flow);
	free(x.device);
	free(x.source);
	free(x.user);
	free(x.path);
	free(x.justified);
	free(x.login);
	free(x.generation);
	return view_end(s, doc, rc);
}
