/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/ingest/alerting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/metrics.h"
#include "collector/base/output.h"
#include "collector/ingest/own.h"
#include "collector/rules/incident.h"
#include "collector/store/alert.h"
#include "collector/store/deliver.h"
#include "collector/store/episode.h"
#include "common/clock.h"
#include "common/cut.h"

/* A flow that is still open has a packet, or an end, within the agent's idle time (5
 * minutes) and the interval of its updates; one that its agent never ended is no
 * session for ever. */
#define SESSION_FRESH (15 * 60 * NS_PER_S)

static void note(struct store *s, enum metric which, enum alert_rule rule)
{
	struct metrics_log *log = store_counts(s);
	unsigned name = metrics_name(metrics_log_to(log), METRICS_ALERT, alert_about(rule)->name);

	metrics_note(log, which, metrics_series(which, name, 0, 0, 0), 1);
}

/* ---- telling ---------------------------------------------------------------- */

/* The event in the record, of the moment at_ns; *n is its number. */
static int put_event(struct store *s, const struct alert_change *c, const char *state,
		     uint64_t at_ns, uint64_t since_ns, uint64_t incident, uint64_t drill,
		     json_t *more, uint64_t now_ns, uint64_t *n)
{
	const struct alert_about *about = alert_about(c->rule);
	struct event e = { .type = EVENT_ALERT,
			   .alert = about->name,
			   .severity = c->severity,
			   .time_ns = at_ns,
			   .device = c->device };
	char since[TIME_STRLEN];
	json_t *body;
	int rc;

	body = json_pack("{s:s,s:s*,s:s,s:s,s:s*,s:s*}", "state", state, "agent", c->agent, "since",
			 time_format(since_ns, since), "text", c->text, "key",
			 c->key[0] ? c->key : NULL, "source", c->source[0] ? c->source : NULL);
	if (body && incident)
		json_object_set_new(body, "incident", json_integer((json_int_t)incident));
	if (body && drill)
		json_object_set_new(body, "drill", json_integer((json_int_t)drill));
	if (body && more)
		json_object_update(body, more);
	json_decref(more);
	e.extra = json_pack("{s:o*}", "alert", body);
	if (!e.extra)
		return STORE_FAILED;
	rc = ingest_own(s, &e, now_ns, n);
	json_decref(e.extra);
	return rc;
}

static void default_bundle(struct alert_change *c, uint64_t incident)
{
	if (c->bundle[0])
		return;
	if (incident)
		snprintf(c->bundle, sizeof(c->bundle), "incident/%llu",
			 (unsigned long long)incident);
	else if (c->device)
		snprintf(c->bundle, sizeof(c->bundle), "device/%s",
			 cut_text(c->device, (char[200]){ 0 }, 200));
	else
		snprintf(c->bundle, sizeof(c->bundle), "%s", alert_about(c->rule)->name);
}

static int add_row(struct store *s, struct alert_change *c, uint64_t incident, uint64_t drill,
		   uint64_t n, uint64_t now_ns)
{
	struct store_alert a = {
		.name = alert_about(c->rule)->name,
		.key = c->key,
		.bundle = c->bundle,
		.severity = c->severity,
		.device = c->device,
		.agent = c->agent,
		.source = c->source[0] ? c->source : NULL,
		.incident = incident,
		.since_ns = c->since_ns,
		.last_ns = c->since_ns,
		.heard_ns = now_ns,
		.count = 1,
		.text = c->text,
		.drill = drill,
		.updated = n,
	};
	int rc = store_alert_add(s, &a);

	note(s, METRIC_ALERTS_RAISED, c->rule);
	if (rc < 0 || drill)
		return rc;
	return store_deliver_queue(s, a.bundle, a.id, now_ns);
}

static int add(struct store *s, struct alert_change *c, uint64_t at_ns, uint64_t drill,
	       json_t *more, uint64_t now_ns)
{
	uint64_t n, incident = c->incident;
	int rc = 0;

	if (!incident)
		rc = store_alert_incident(s, c->device, c->source[0] ? c->source : NULL, &incident);
	if (!rc)
		rc = put_event(s, c, alert_about(c->rule)->told ? "told" : "raised", at_ns,
			       c->since_ns, incident, drill, more, now_ns, &n);
	else
		json_decref(more);
	if (rc)
		return rc;
	default_bundle(c, incident);
	return add_row(s, c, incident, drill, n, now_ns);
}

static int worsen(struct store *s, const struct alert_change *c,
		  const struct store_alert_found *found, uint64_t at_ns, uint64_t drill,
		  json_t *more, uint64_t now_ns)
{
	uint64_t n;
	int rc = put_event(s, c, alert_about(c->rule)->told ? "told" : "raised", at_ns,
			   found->since_ns, 0, drill, more, now_ns, &n);

	if (!rc)
		rc = store_alert_sign(s, found->id, c->since_ns, now_ns, c->again, n);
	if (!rc)
		rc = store_alert_change(s, found->id, c->severity, c->text, drill, n);
	if (rc < 0 || drill)
		return rc;
	return store_deliver_queue(s, found->bundle, found->id, now_ns);
}

static int resolve(struct store *s, const struct alert_change *c,
		   const struct store_alert_found *found, bool always, json_t *more,
		   uint64_t now_ns)
{
	struct alert_change told = *c;
	uint64_t n, end = c->since_ns > found->last_ns ? c->since_ns : found->last_ns;
	int rc;

	if (always) /* then c has when it began */
		end = now_ns;
	if (!told.device && found->device[0])
		told.device = found->device;
	if (!told.agent && found->agent[0])
		told.agent = found->agent;
	if (!told.source[0])
		snprintf(told.source, sizeof(told.source), "%s", found->source);
	rc = put_event(s, &told, "cleared", always ? now_ns : c->since_ns,
		       found->since_ns && !always ? found->since_ns : c->since_ns, 0, found->drill,
		       more, now_ns, &n);
	if (rc || !found->id)
		return rc;
	rc = store_alert_resolve(s, found->id, end, c->text, n);
	note(s, METRIC_ALERTS_RESOLVED, c->rule);
	/* What only happened has no end that anybody waits for. */
	if (rc < 0 || found->drill || alert_about(c->rule)->told)
		return rc;
	return store_deliver_queue(s, found->bundle, found->id, now_ns);
}

/* Severity and drill of it as things are. */
static int judge_drill(struct store *s, struct alert_change *c, uint64_t *drill)
{
	int rc = 0;

	*drill = 0;
	if (alert_about(c->rule)->drill)
		rc = store_drill_at(s, c->device, c->since_ns, drill);
	if (*drill)
		c->severity = SEVERITY_INFO;
	return rc < 0 ? rc : 0;
}

/* ---- those beyond the most that are open --------------------------------------- */

/* The alert that stands for many says nothing of each. One that has no quiet time lasts until
 * something says that it is over, so each of them is a row of alarms until it has an alert of
 * its own, or is over. Of switches the incidents are there already; flows say again what goes
 * on of the two others, and do not say that it is over. */
static bool is_remembered(enum alert_rule r)
{
	return !alert_about(r)->quiet_ns && r != ALERT_MANAGEMENT_SWITCH &&
	       r != ALERT_SHARED_ACCOUNT && r != ALERT_NO_POLICY;
}

static struct store_alarm beyond(enum alert_rule r, const char *key, char name[80])
{
	snprintf(name, 80, "beyond %s", alert_about(r)->name);
	return (struct store_alarm){ .name = name, .agent = "", .subject = key };
}

static int remember(struct store *s, const struct alert_change *c)
{
	char name[80], *data;
	struct store_alarm a = beyond(c->rule, c->key, name);
	json_t *doc;
	int rc;

	if (!is_remembered(c->rule))
		return 0;
	doc = json_pack("{s:i,s:s,s:s,s:s,s:s*,s:s*}", "severity", c->severity, "text", c->text,
			"bundle", c->bundle, "source", c->source, "device", c->device, "agent",
			c->agent);
	data = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	a.since_ns = c->since_ns;
	a.data = data;
	rc = data ? store_alarm_raise(s, &a) : STORE_FAILED;
	free(data);
	json_decref(doc);
	return rc < 0 ? rc : 0;
}

/* It has an alert of its own, or is over. */
static int forget(struct store *s, enum alert_rule r, const char *key)
{
	struct store_alert_found found;
	char name[80];
	struct store_alarm a = beyond(r, key, name);
	int rc = is_remembered(r) ? store_alert_find(s, alert_about(r)->name, "*", &found) : 0;

	if (rc == 1)
		rc = store_alarm_clear(s, &a);
	return rc < 0 ? rc : 0;
}

/* always: an event is made even when the row says that nothing is new. */
static int change(struct store *s, const struct alert_change *in, bool always, json_t *more,
		  uint64_t n, uint64_t now_ns)
{
	struct alert_change c = *in;
	struct store_alert_found found;
	const char *name = alert_about(c.rule)->name;
	/* by the clock of what it is about, so that it has its place among the events */
	uint64_t at_ns = always ? now_ns : c.since_ns;
	uint64_t drill, open = 0;
	int rc = store_alert_find(s, name, c.key, &found);

	if (rc == 0)
		rc = store_alert_how_many(s, name, &open);
	/* names come from elsewhere; a sentence goes to terminals, mails and chats */
	output_clean(in->text, c.text, sizeof(c.text));
	if (rc == 0 && (c.resolve || open < ALERT_MOST_OPEN))
		rc = forget(s, c.rule, c.key);
	if (rc >= 0 && c.resolve) {
		if (rc == 1 || always)
			return resolve(s, &c, &found, always, more, now_ns);
		json_decref(more);
		return 0;
	}
	if (rc == 0 && open >= ALERT_MOST_OPEN) {
		rc = remember(s, &c);
		alert_overflow(&c);
		if (!rc)
			rc = store_alert_find(s, name, c.key, &found);
	}
	if (rc < 0 || judge_drill(s, &c, &drill) < 0) {
		json_decref(more);
		return rc < 0 ? rc : STORE_FAILED;
	}
	if (rc == 0)
		return add(s, &c, at_ns, drill, more, now_ns);
	if (c.severity > found.severity)
		return worsen(s, &c, &found, at_ns, drill, more, now_ns);
	if (always)
		rc = put_event(s, &c, alert_about(c.rule)->told ? "told" : "raised", at_ns,
			       c.since_ns, 0, found.drill, more, now_ns, &n);
	else
		json_decref(more);
	return rc < 0 ? rc : store_alert_sign(s, found.id, c.since_ns, now_ns, c.again, n);
}

int alerting_tell(struct store *s, const struct alert_change *c, json_t *more, uint64_t now_ns)
{
	return change(s, c, true, more, 0, now_ns);
}

/* ---- an event --------------------------------------------------------------- */

static int raise_switch(void *arg, const struct store_switch *x)
{
	struct alert_change *c = arg;

	alert_management_switch(x->fabric, x->subject, x->name, x->incident, x->devices,
				x->opened_ns, c);
	return 1; /* the next of them at the next tick */
}

static int look_for_switch(struct store *s, uint64_t n, uint64_t now_ns)
{
	struct alert_change c = { 0 };
	int rc = store_switches(s, raise_switch, &c);

	return rc == 1 ? change(s, &c, false, NULL, n, now_ns) : rc;
}

/* What it says is what one agent sees; the device's state is the worst that any of them
 * sees, and by that alerts come and go. One that came late is no sign of it. */
static int path_changed(struct store *s, const struct event *e, uint64_t n, uint64_t now_ns)
{
	struct alert_change list[ALERT_MOST];
	struct store_path p;
	unsigned k = 0;
	int rc = e->device ? store_path_get(s, e->device, &p) : 0;

	if (rc == 1)
		k = alert_path(e, p.state, list);
	rc = rc < 0 ? rc : 0;
	for (unsigned i = 0; i < k && !rc; i++) {
		if (p.seq != e->seq || strcmp(p.agent, e->agent) != 0) {
			list[i].again = false;
			list[i].since_ns = p.since_ns;
		}
		rc = change(s, &list[i], false, NULL, n, now_ns);
	}
	if (!rc)
		rc = store_alert_follow(s, n);
	return rc ? rc : look_for_switch(s, n, now_ns);
}

static int look_up(struct store *s, const struct event *e, uint64_t n, uint64_t now_ns)
{
	uint64_t fresh = e->time_ns > SESSION_FRESH ? e->time_ns - SESSION_FRESH : 0;
	char source[ADDR_STRLEN], other[64];
	struct alert_change c;
	int rc = 0;

	if (!alert_wants_known(e))
		return 0; /* the others want it too */
	addr_format(&e->source.ip, source);
	rc = store_known_source(s, e->device, source, e->time_ns, ALERT_LEARN);
	if (rc == 1) {
		alert_first_seen(e, &c);
		rc = change(s, &c, false, NULL, n, now_ns);
	}
	if (!rc && e->type == EVENT_FLOW_END && e->ssh_client.hassh)
		rc = store_known_hassh(s, e->ssh_client.hassh, source, e->time_ns);
	if (!rc && alert_wants_shared(e)) {
		rc = store_shared_device(s, e->device, source, e->agent,
					 e->has_actor ? e->actor.user : NULL, fresh, other);
		if (rc == 1) {
			alert_shared_device(e, other, &c);
			rc = change(s, &c, false, NULL, n, now_ns);
		}
	}
	if (!rc && alert_wants_user(e)) {
		rc = store_shared_user(s, e->actor.user, source, e->agent, fresh, other);
		if (rc == 1) {
			alert_shared_user(e, other, &c);
			rc = change(s, &c, false, NULL, n, now_ns);
		}
	}
	return rc;
}

/* 1: it tells how something was, and how that is now was told already. Two collectors store
 * side by side, and what one had read when it died comes last. */
static int is_late(struct store *s, const struct event *e, const struct alert_change *c,
		   uint64_t now_ns)
{
	if (e->type != EVENT_BGP_SESSION && e->type != EVENT_BGP_ROUTE)
		return 0; /* of a heartbeat or a configuration, who calls knows */
	return store_alert_late(s, alert_about(c->rule)->name, c->key, e, now_ns);
}

int alerting_event(struct store *s, struct event *e, uint64_t n, uint64_t now_ns)
{
	struct alert_change list[ALERT_MOST];
	unsigned k;
	int rc = 0;

	if (e->type == EVENT_PATH_CHANGE)
		return path_changed(s, e, n, now_ns);
	k = alert_step(e, list);
	for (unsigned i = 0; i < k && rc >= 0; i++) {
		rc = is_late(s, e, &list[i], now_ns);
		if (!rc)
			rc = change(s, &list[i], false, NULL, n, now_ns);
	}
	return rc < 0 ? rc : look_up(s, e, n, now_ns);
}

/* ---- the tick --------------------------------------------------------------- */

/* Alerts that are over, copied, as ending them changes what is being read. */
struct ended {
	struct {
		enum alert_rule rule;
		enum event_severity severity;
		uint64_t since_ns;
		char key[ALERT_KEY_LEN], device[256], agent[256], source[64], text[ALERT_TEXT_LEN];
	} list[64];
	size_t n;
};

static int keep(void *arg, const struct store_alert *a)
{
	struct ended *all = arg;

	if (all->n == sizeof(all->list) / sizeof(all->list[0]) ||
	    !alert_parse(a->name, &all->list[all->n].rule))
		return 0;
	all->list[all->n].severity = a->severity;
	all->list[all->n].since_ns = a->since_ns;
	cut_text(a->key, all->list[all->n].key, ALERT_KEY_LEN);
	cut_text(a->device ? a->device : "", all->list[all->n].device, 256);
	cut_text(a->agent ? a->agent : "", all->list[all->n].agent, 256);
	cut_text(a->source ? a->source : "", all->list[all->n].source, 64);
	cut_text(a->text, all->list[all->n].text, ALERT_TEXT_LEN);
	all->n++;
	return 0;
}

static void copied(const struct ended *all, size_t i, uint64_t now_ns, struct alert_change *c)
{
	*c = (struct alert_change){
		.rule = all->list[i].rule,
		.severity = SEVERITY_NOTICE,
		.since_ns = now_ns,
		.device = all->list[i].device[0] ? all->list[i].device : NULL,
		.agent = all->list[i].agent[0] ? all->list[i].agent : NULL,
	};
	memcpy(c->key, all->list[i].key, sizeof(c->key));
	snprintf(c->source, sizeof(c->source), "%s", all->list[i].source);
}

/* Ends those that `which` finds; `why` says so. */
static int end_all(struct store *s, enum store_alert_over which, enum alert_rule rule,
		   const char *state, uint64_t before_ns, const char *why, uint64_t now_ns)
{
	const struct alert_about *about = alert_about(rule);
	struct ended *all = calloc(1, sizeof(*all));
	struct alert_change c;
	int rc;

	if (!all)
		return STORE_FAILED;
	rc = store_alert_over(s, which, about->name, state, before_ns, keep, all);
	for (size_t i = 0; i < all->n && !rc; i++) {
		copied(all, i, now_ns, &c);
		c.resolve = true;
		if (about->told)
			c.severity = SEVERITY_INFO;
		snprintf(c.text, sizeof(c.text), "%s", why);
		rc = change(s, &c, false, NULL, 0, now_ns);
	}
	free(all);
	return rc;
}

/* What goes on after its drill is over is no drill any more. */
static int end_drills(struct store *s, enum alert_rule rule, uint64_t now_ns)
{
	struct ended *all = calloc(1, sizeof(*all));
	struct alert_change c;
	int rc;

	if (!all)
		return STORE_FAILED;
	rc = store_alert_over(s, STORE_OVER_DRILL, alert_about(rule)->name, NULL, now_ns, keep,
			      all);
	for (size_t i = 0; i < all->n && !rc; i++) {
		copied(all, i, now_ns, &c);
		c.severity = alert_about(c.rule)->severity;
		cut_text(all->list[i].text, c.text, sizeof(c.text));
		rc = change(s, &c, false, NULL, 0, now_ns);
	}
	free(all);
	return rc;
}

static const struct {
	enum alert_rule rule;
	enum incident_path state;
} paths[] = {
	{ ALERT_INBAND_UNJUSTIFIED, INCIDENT_UNJUSTIFIED },
	{ ALERT_INBAND_UNEXPLAINED, INCIDENT_UNEXPLAINED },
	{ ALERT_DEVICE_UNREACHABLE, INCIDENT_UNREACHABLE },
};

/* Those that are beyond, copied, as raising one changes what is being read. */
struct others {
	struct {
		char key[ALERT_KEY_LEN];
		uint64_t since_ns;
		json_t *data;
	} list[64];
	size_t n;
};

static int keep_other(void *arg, const struct store_alarm *a)
{
	struct others *all = arg;

	if (all->n == sizeof(all->list) / sizeof(all->list[0]))
		return 1;
	cut_text(a->subject, all->list[all->n].key, ALERT_KEY_LEN);
	all->list[all->n].since_ns = a->since_ns;
	all->list[all->n].data = json_loads(a->data ? a->data : "", 0, NULL);
	all->n++;
	return 0;
}

/* 1: the device is still in the state that this alert is of; or it is no such alert. */
static int is_still(struct store *s, const struct alert_change *c)
{
	struct store_path p;
	int rc;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (paths[i].rule != c->rule || !c->device)
			continue;
		rc = store_path_get(s, c->device, &p);
		if (rc < 0)
			return rc;
		return strcmp(p.state, incident_path_name(paths[i].state)) == 0;
	}
	return 1;
}

static int raise_other(struct store *s, enum alert_rule rule, const char *key, uint64_t since_ns,
		       const json_t *data, uint64_t now_ns)
{
	json_int_t severity = json_integer_value(json_object_get(data, "severity"));
	const char *bundle = json_string_value(json_object_get(data, "bundle"));
	const char *source = json_string_value(json_object_get(data, "source"));
	const char *text = json_string_value(json_object_get(data, "text"));
	struct alert_change c = {
		.rule = rule,
		.again = true,
		.severity = severity > 0 && severity < SEVERITY_NUM ? (enum event_severity)severity
								    : alert_about(rule)->severity,
		.device = json_string_value(json_object_get(data, "device")),
		.agent = json_string_value(json_object_get(data, "agent")),
		.since_ns = since_ns,
	};
	int rc;

	cut_text(key, c.key, sizeof(c.key));
	cut_text(bundle ? bundle : "", c.bundle, sizeof(c.bundle));
	cut_text(source ? source : "", c.source, sizeof(c.source));
	cut_text(text ? text : "", c.text, sizeof(c.text));
	rc = is_still(s, &c);
	if (rc == 1)
		return change(s, &c, true, NULL, 0, now_ns);
	return rc ? rc : forget(s, rule, key);
}

/* The one that stands for many is over when each of the others that still lasts has an alert
 * of its own. */
static int end_overflow(struct store *s, enum alert_rule rule, uint64_t now_ns)
{
	struct alert_change c = { .rule = rule,
				  .resolve = true,
				  .severity = SEVERITY_NOTICE,
				  .key = "*",
				  .since_ns = now_ns };
	const char *name = alert_about(rule)->name;
	struct others all = { .n = 0 };
	struct store_alert_found found;
	char buf[80];
	uint64_t open;
	size_t i;
	int more, rc = store_alert_find(s, name, "*", &found);

	if (rc <= 0)
		return rc;
	rc = store_alert_how_many(s, name, &open);
	if (rc || open >= ALERT_MOST_OPEN)
		return rc;
	more = store_alarms(s, beyond(rule, "", buf).name, "", keep_other, &all);
	rc = more < 0 ? more : 0;
	for (i = 0; i < all.n && !rc && open < ALERT_MOST_OPEN; i++) {
		rc = raise_other(s, rule, all.list[i].key, all.list[i].since_ns, all.list[i].data,
				 now_ns);
		if (!rc)
			rc = store_alert_how_many(s, name, &open);
	}
	snprintf(c.text, sizeof(c.text), "%s",
		 is_remembered(rule) ? "each of them has an alert of its own again"
				     : "there is room again for an alert of each that goes on");
	if (!rc && !more && i == all.n) /* else the next tick goes on */
		rc = change(s, &c, false, NULL, 0, now_ns);
	for (i = 0; i < all.n; i++)
		json_decref(all.list[i].data);
	return rc;
}

int alerting_tick(struct store *s, uint64_t now_ns)
{
	uint64_t fresh = now_ns > SESSION_FRESH ? now_ns - SESSION_FRESH : 0;
	int rc = store_alert_not_ahead(s, now_ns);

	if (!rc)
		rc = look_for_switch(s, 0, now_ns);
	for (int i = 0; i < ALERT_NUM_RULES && !rc; i++) {
		const struct alert_about *about = alert_about((enum alert_rule)i);

		if (about->quiet_ns && now_ns > about->quiet_ns)
			rc = end_all(s, STORE_OVER_QUIET, (enum alert_rule)i, NULL,
				     now_ns - about->quiet_ns, about->resolved, now_ns);
		if (!rc && !about->quiet_ns)
			rc = end_overflow(s, (enum alert_rule)i, now_ns);
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && !rc; i++)
		rc = end_all(s, STORE_OVER_PATH, paths[i].rule, incident_path_name(paths[i].state),
			     0, alert_about(paths[i].rule)->resolved, now_ns);
	if (!rc)
		rc = end_all(s, STORE_OVER_SWITCH, ALERT_MANAGEMENT_SWITCH, NULL, 0,
			     alert_about(ALERT_MANAGEMENT_SWITCH)->resolved, now_ns);
	if (!rc)
		rc = end_all(s, STORE_OVER_NO_POLICY, ALERT_NO_POLICY, NULL, 0,
			     alert_about(ALERT_NO_POLICY)->resolved, now_ns);
	if (!rc)
		rc = end_all(s, STORE_OVER_UNKNOWN, ALERT_UNKNOWN_TARGET, NULL, 0,
			     "the address is in a configuration now", now_ns);
	if (!rc)
		rc = end_all(s, STORE_OVER_SHARED, ALERT_SHARED_ACCOUNT, NULL, fresh,
			     "there is one of them at most now", now_ns);
	for (int i = 0; i < ALERT_NUM_RULES && !rc; i++) {
		const struct alert_about *about = alert_about((enum alert_rule)i);

		if (about->drill && !about->told) /* what happened in it does not go on */
			rc = end_drills(s, (enum alert_rule)i, now_ns);
	}
	return rc;
}
