/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries what rules/joint.h judges of several devices to the store. An incident's row says
 * what its episodes come to: it is written anew from them whenever one has changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/correlate/parts.h"
#include "collector/store/alert.h"
#include "common/cut.h"
#include "common/grow.h"

/* An incident, while its row's strings may be gone. */
struct held {
	struct store_incident i;
	char kind[32], subject[STORE_DEVICE_LEN], fabric[64], subnet[64], suspicion[16];
	char switch_name[STORE_DEVICE_LEN], worst[32], severity[16], reason[64], closed_by[64];
	char witness[STORE_DEVICE_LEN];
};

#define HOLD(h, field)                                                                             \
	((h)->i.field ? (void)(cut_text((h)->i.field, (h)->field, sizeof((h)->field)),             \
			       (h)->i.field = (h)->field)                                          \
		      : (void)0)

static void hold(struct held *h)
{
	HOLD(h, kind);
	HOLD(h, subject);
	HOLD(h, fabric);
	HOLD(h, subnet);
	HOLD(h, suspicion);
	HOLD(h, switch_name);
	HOLD(h, worst);
	HOLD(h, severity);
	HOLD(h, reason);
	HOLD(h, closed_by);
	HOLD(h, witness);
}

static int held_get(struct store *s, uint64_t id, struct held *h)
{
	int rc = store_incident_own(s, id, &h->i);

	if (rc == 1)
		hold(h);
	return rc;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- which incident --------------------------------------------------------- */

/* Whether an episode belongs to an incident of its subnet; 1 yes, 0 no. */
static int belongs(struct store *s, const struct store_site *at, uint64_t incident,
		   const struct joint_sign *episode)
{
	struct store_incident_sum sum;
	struct joint_sign sign = { .path = INCIDENT_INBAND };
	char witness[STORE_DEVICE_LEN];
	uint64_t first, answered = 0;
	int rc;

	rc = store_incident_sum(s, incident, &sum);
	if (!rc)
		rc = store_incident_sign(s, incident, &first);
	if (rc)
		return rc;
	sign.began_ns = sum.began_ns;
	sign.lost = sum.ever_lost > 0;
	first = earlier(earlier(first, sum.began_ns), episode->began_ns);
	rc = store_answered(s, at, first + JOINT_SKEW, &answered, witness);
	if (rc < 0)
		return rc;
	return joint_joins(&sign, sum.newest_ns, episode, answered);
}

struct failing {
	char device[STORE_DEVICE_LEN];
	struct store_path memory;
};

struct failing_list {
	struct failing *rows;
	size_t n;
};

/* They are changed afterwards: not while they are read. */
static int collect(void *arg, const char *device, const struct store_path *p)
{
	struct failing_list *list = arg;
	struct failing *grown = grow_array(list->rows, list->n, sizeof(*grown));

	if (!grown)
		return STORE_FAILED;
	list->rows = grown;
	cut_text(device, list->rows[list->n].device, sizeof(list->rows[0].device));
	list->rows[list->n++].memory = *p;
	return 0;
}

static int is_refused(void *arg, const struct store_event *row)
{
	bool *refused = arg;
	struct event e;
	char err[128];

	if (event_read(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	*refused = e.has_change && !incident_is_loss(e.change.to, e.change.reason);
	event_clear(&e);
	return 0;
}

/* Whether the first sign of a failing path is a loss; 1 yes, 0 no: it was refused. */
static int is_loss(struct store *s, const struct store_path *memory)
{
	struct store_filter one = {
		.after = memory->failing_event - 1, .limit = 1, .oldest = true, .arrival = true
	};
	bool refused = false;
	int rc = 0;

	if (!memory->failing_ns)
		return 0;
	if (memory->failing_event)
		rc = store_events(s, &one, is_refused, &refused);
	return rc < 0 ? rc : !refused;
}

/* True when another device of the subnet, that no incident holds, has lost its Ma1 at
 * nearly the same time, and none of the subnet has answered since. */
static int fails_together(struct store *s, const struct store_site *at, const char *device,
			  uint64_t began_ns, bool *together)
{
	struct failing_list list = { 0 };
	uint64_t first = began_ns, answered;
	char witness[STORE_DEVICE_LEN];
	bool found = false;
	int rc = at->subnet[0] ? store_failing(s, at, collect, &list) : 0;

	for (size_t k = 0; k < list.n && rc >= 0; k++) {
		const struct failing *f = &list.rows[k];

		if (strcmp(f->device, device) == 0 ||
		    !joint_together(f->memory.failing_ns, began_ns))
			continue;
		rc = is_loss(s, &f->memory);
		if (rc != 1)
			continue;
		first = earlier(first, f->memory.failing_ns);
		found = true;
	}
	free(list.rows);
	if (rc >= 0 && found)
		rc = store_answered(s, at, first + JOINT_SKEW, &answered, witness);
	*together = rc == 0 && found;
	return rc < 0 ? rc : 0;
}

int correlate_subnet_open(struct store *s, const char *device, uint64_t incident, uint64_t began_ns,
			  bool *open)
{
	struct joint_sign sign = { began_ns, true, INCIDENT_FAILING };
	struct store_site at;
	int rc = store_site_get(s, device, &at);

	if (rc >= 0)
		rc = incident ? belongs(s, &at, incident, &sign) : 0;
	*open = rc == 1;
	return rc ? (rc < 0 ? rc : 0) : fails_together(s, &at, device, began_ns, open);
}

static int new_incident(struct store *s, struct store_episode *e, const struct store_site *at,
			uint64_t drill, uint64_t n)
{
	struct store_incident i = {
		.kind = STORE_KIND_FAILOVER,
		.subject = e->device,
		.fabric = at->fabric,
		.subnet = at->subnet,
		.began_ns = e->began_ns,
		.opened_ns = e->opened_ns,
		.closed_ns = e->closed_ns,
		.last_ns = later(e->closed_ns, e->opened_ns),
		.worst = e->worst,
		.severity = event_severity_name(SEVERITY_WARNING),
		.reason = e->reason,
		.closed_by = e->closed_by,
		.drill = drill,
		.updated = n,
	};
	int rc = store_incident_add(s, &i);

	e->incident = i.id;
	return rc;
}

int correlate_attach(struct store *s, struct store_episode *e, enum incident_path path, uint64_t n)
{
	struct joint_sign sign = { e->began_ns, e->lost, path };
	struct store_incident other;
	struct store_site at;
	uint64_t drill = 0;
	int rc;

	rc = store_site_get(s, e->device, &at);
	if (rc >= 0)
		rc = store_drill_at(s, e->device, e->began_ns, &drill);
	if (rc >= 0 && at.subnet[0]) {
		rc = store_incident_of_subnet(s, &at, e->began_ns, e->closed_ns, 0, &other);
		if (rc == 1) {
			e->incident = other.id;
			rc = belongs(s, &at, e->incident, &sign);
			if (rc == 0)
				e->incident = 0;
		}
	}
	if (rc < 0)
		return rc;
	rc = e->incident ? 0 : new_incident(s, e, &at, drill, n);
	/* A drill covers it when it covers all its devices. */
	if (!rc && !drill)
		rc = store_incident_undrilled(s, e->incident);
	return rc ? rc : store_episode_add(s, e);
}

/* ---- what it comes to -------------------------------------------------------- */

/* The younger becomes part of the older one. */
static int merge(struct store *s, uint64_t *id, uint64_t other, uint64_t n, uint64_t now_ns)
{
	uint64_t into = *id < other ? *id : other, from = *id < other ? other : *id;
	struct held h = { 0 };
	int rc = held_get(s, from, &h);

	if (rc <= 0)
		return rc;
	rc = store_incident_merge(s, from, into, n);
	if (rc)
		return rc;
	h.i.joined = into;
	h.i.closed_ns = later(now_ns, h.i.opened_ns);
	h.i.closed_by = "joined";
	h.i.updated = n;
	*id = into;
	return store_incident_put(s, &h.i);
}

/* What the switch is said to be, by what is known now. */
static int suspect(struct store *s, struct held *h, const struct store_site *at,
		   const struct store_incident_sum *sum, uint64_t now_ns)
{
	enum joint_word was = joint_word_parse(h->i.suspicion), word;
	struct joint_facts facts = { .lost = sum->lost, .closed = sum->closed_ns != 0 };
	char witness[STORE_DEVICE_LEN];
	uint64_t first, answered;
	int rc;

	if (!sum->ever_lost || !at->subnet[0])
		return 0;
	if (!h->i.answered_ns) {
		rc = store_incident_sign(s, h->i.id, &first);
		if (rc)
			return rc;
		first = earlier(first, sum->began_ns);
		rc = store_answered(s, at, first + JOINT_SKEW, &answered, witness);
		if (rc < 0)
			return rc;
		if (rc == 1 && (!sum->closed_ns || answered <= sum->closed_ns)) {
			h->i.answered_ns = answered;
			cut_text(witness, h->witness, sizeof(h->witness));
			h->i.witness = h->witness;
		}
	}
	if (h->i.answered_ns && h->i.witness) {
		facts.answered = true;
		rc = store_incident_lost(s, h->i.id, h->i.witness, h->i.answered_ns);
		if (rc < 0)
			return rc;
		facts.witness_lost = rc == 1;
	}
	word = joint_word(was, &facts);
	h->i.suspicion = joint_word_name(word);
	if (word == JOINT_SUSPECTED && was != word)
		h->i.suspected_ns = now_ns;
	return 0;
}

static int write_sum(struct store *s, struct held *h, const struct store_site *at,
		     const struct store_incident_sum *sum, uint64_t n, uint64_t now_ns)
{
	bool unreachable = strcmp(sum->worst, "unreachable") == 0;
	int rc = suspect(s, h, at, sum, now_ns);

	if (rc)
		return rc;
	if (sum->devices > 1) {
		h->i.kind = STORE_KIND_SWITCH;
		h->i.subject = at->subnet;
		if (at->switch_name[0])
			h->i.switch_name = at->switch_name;
	}
	h->i.began_ns = sum->began_ns;
	h->i.opened_ns = sum->opened_ns;
	h->i.closed_ns = sum->closed_ns;
	h->i.closed_by = sum->closed_ns ? sum->closed_by : NULL;
	h->i.last_ns = later(h->i.last_ns, later(now_ns, sum->closed_ns));
	h->i.worst = sum->worst;
	h->i.reason = sum->reason;
	h->i.severity =
		event_severity_name(unreachable ? SEVERITY_CRITICAL : SEVERITY_WARNING);
	h->i.updated = n;
	return store_incident_put(s, &h->i);
}

/* ---- who else belongs to it ---------------------------------------------------- */

/* Its primary path fails and nobody is on its lo6: by this incident it is affected. */
static int take_in(struct store *s, uint64_t id, struct failing *f)
{
	struct store_path *memory = &f->memory;
	const char *state = incident_path_name(INCIDENT_FAILING);
	struct store_episode e = { .incident = id,
				   .device = f->device,
				   .began_ns = memory->failing_ns,
				   .opened_ns = memory->failing_ns,
				   .state = state,
				   .worst = state,
				   .reason = "primary-unanswered",
				   .outage_s = -1,
				   .lost = true };
	int rc = store_episode_add(s, &e);

	memory->episode = e.id;
	if (!rc)
		rc = store_path_put(s, f->device, memory);
	if (!rc && memory->failing_event)
		rc = correlate_join_stored(s, id, memory->failing_event);
	return rc ? rc : store_incident_gather(s, id, f->device, memory->failing_ns);
}

static int take_failing(struct store *s, uint64_t id, const struct store_site *at)
{
	struct failing_list list = { 0 };
	int rc = store_failing(s, at, collect, &list);

	for (size_t k = 0; k < list.n && !rc; k++) {
		struct joint_sign sign = { list.rows[k].memory.failing_ns, true, INCIDENT_FAILING };

		rc = is_loss(s, &list.rows[k].memory);
		if (rc == 1)
			rc = belongs(s, at, id, &sign);
		if (rc == 1)
			rc = take_in(s, id, &list.rows[k]);
	}
	free(list.rows);
	return rc;
}

/* What was on lo6 without a reason has one when the switch is suspected. */
static int take_unexplained(struct store *s, uint64_t *id, const struct store_site *at, uint64_t n,
			    uint64_t now_ns, bool *merged)
{
	struct store_incident other;
	uint64_t found;
	int rc;

	*merged = false;
	rc = store_incident_unexplained(s, at, *id, &other);
	if (rc <= 0)
		return rc;
	found = other.id;
	struct joint_sign sign = { other.began_ns, false, INCIDENT_UNEXPLAINED };

	rc = belongs(s, at, *id, &sign);
	if (rc <= 0)
		return rc;
	*merged = true;
	return merge(s, id, found, n, now_ns);
}

/* A loss that was found later may belong to what its subnet has already. */
static int find_older(struct store *s, uint64_t *id, const struct store_site *at,
		      const struct store_episode *e, uint64_t n, uint64_t now_ns)
{
	struct joint_sign sign = { e->began_ns, true, INCIDENT_INBAND };
	struct store_incident other;
	uint64_t found;
	int rc = store_incident_of_subnet(s, at, e->began_ns, e->closed_ns, *id, &other);

	if (rc <= 0)
		return rc;
	found = other.id;
	rc = belongs(s, at, found, &sign);
	return rc == 1 ? merge(s, id, found, n, now_ns) : rc;
}

static int refresh_once(struct store *s, uint64_t id, const struct store_site *at, uint64_t n,
			uint64_t now_ns, struct held *h, bool *closed)
{
	struct store_incident_sum sum;
	int rc = held_get(s, id, h);

	if (rc <= 0)
		return rc;
	*closed = h->i.closed_ns != 0;
	rc = store_incident_sum(s, id, &sum);
	return rc ? rc : write_sum(s, h, at, &sum, n, now_ns);
}

int correlate_refresh(struct store *s, uint64_t *id, const struct store_episode *e,
		      bool became_lost, uint64_t n, uint64_t now_ns)
{
	struct store_incident other;
	struct held h = { 0 };
	struct store_site at;
	bool merged = false, was_closed = false;
	int rc = store_site_get(s, e->device, &at);

	if (rc < 0)
		return rc;
	rc = 0;
	if (became_lost && at.subnet[0]) {
		rc = find_older(s, id, &at, e, n, now_ns);
		if (!rc && !e->closed_ns)
			rc = take_failing(s, *id, &at);
		if (!rc && !e->closed_ns)
			rc = store_incident_announce(s, &at, *id);
	}
	if (!rc)
		rc = refresh_once(s, *id, &at, n, now_ns, &h, &was_closed);
	while (!rc && joint_word_parse(h.i.suspicion) == JOINT_SUSPECTED && !h.i.closed_ns) {
		rc = take_unexplained(s, id, &at, n, now_ns, &merged);
		if (rc || !merged)
			break;
		rc = store_incident_announce(s, &at, *id);
		if (!rc)
			rc = refresh_once(s, *id, &at, n, now_ns, &h, &was_closed);
	}
	if (rc || !h.i.closed_ns || was_closed || !at.subnet[0])
		return rc;
	/* It is closed: what fails now belongs to what else is open. */
	rc = store_incident_of_subnet(s, &at, 0, 0, *id, &other);
	return rc < 0 ? rc : store_incident_announce(s, &at, rc ? other.id : 0);
}

int correlate_answered(struct store *s, uint64_t id, const char *device, uint64_t start_ns,
		       uint64_t n)
{
	struct joint_facts facts = { .answered = true };
	struct store_incident_sum sum;
	struct held h = { 0 };
	uint64_t first;
	int rc = held_get(s, id, &h);

	if (rc <= 0 || h.i.answered_ns || h.i.closed_ns)
		return rc < 0 ? rc : 0;
	rc = store_incident_sum(s, id, &sum);
	if (!rc)
		rc = store_incident_sign(s, id, &first);
	if (rc)
		return rc;
	if (start_ns <= earlier(first, sum.began_ns) + JOINT_SKEW)
		return 0;
	rc = store_incident_lost(s, id, device, start_ns);
	if (rc < 0)
		return rc;
	facts.lost = sum.lost;
	facts.witness_lost = rc == 1;
	h.i.answered_ns = start_ns;
	h.i.witness = device;
	h.i.suspicion = joint_word_name(joint_word(joint_word_parse(h.i.suspicion), &facts));
	h.i.last_ns = later(h.i.last_ns, start_ns);
	h.i.updated = n;
	return store_incident_put(s, &h.i);
}
