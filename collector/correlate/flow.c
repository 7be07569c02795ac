/* SPDX-License-Identifier: Apache-2.0 */
/* Flows: the same one seen by two agents; and was a break-glass session justified? */
#include <stdio.h>
#include <string.h>

#include "collector/correlate/parts.h"
#include "collector/store/alert.h"

/* Two agents' clocks may be so far apart. The same ports are not used again so soon,
 * but by a scanner, and then the nearest start tells them apart. */
#define TWIN_SLACK (2 * NS_PER_S)
/* A session may have ended just before the path.change that it brought about is stored. */
#define SESSION_SLACK (10 * NS_PER_S)

int correlate_twin(struct store *s, const struct event *e, uint64_t n, struct folded *flow)
{
	struct store_flow f = { .agent = e->agent,
				.device = e->device,
				.community_id = e->community_id,
				.start_ns = flow->start_ns,
				.end_ns = flow->end_ns,
				.established = flow->rose };
	bool turned = flow->added || flow->turned;
	struct store_lent lent;
	int rc;

	if (flow->added && f.device && f.community_id) {
		rc = store_flow_twin(s, &f, TWIN_SLACK, &flow->same_as);
		if (rc == 1)
			rc = store_flow_same_as(s, flow->n, flow->same_as);
		if (rc < 0)
			return rc;
	}
	if (!flow->same_as)
		return 0;
	f.same_as = flow->same_as;
	f.user = e->has_actor ? e->actor.user : NULL;
	f.login = e->ssh_auth.result;
	rc = store_flow_lend(s, &f, n, &lent);
	if (rc)
		return rc;
	flow->added = false;
	flow->rose = lent.rose;
	flow->login_rose = lent.login_rose;
	flow->established = lent.established;
	flow->logged_in = lent.logged_in;
	/* Where its agent has another generation, nothing came of the verdict so far. */
	flow->turned = turned && !lent.untrusted;
	return 0;
}

static int drilled(struct store *s, const char *device, uint64_t time_ns, bool *drill)
{
	uint64_t id;
	int rc = store_drill_at(s, device, time_ns, &id);

	*drill = rc == 1;
	return rc < 0 ? rc : 0;
}

/* The state by which a session is judged, when the device has moved on since. */
static int state_then(struct store *s, const struct event *e, const struct folded *flow,
		      const struct store_path *memory, char state[32])
{
	struct store_episode episode;
	int rc;

	memcpy(state, memory->state, sizeof(memory->state));
	if (flow->open || memory->since_ns <= flow->end_ns + SESSION_SLACK)
		return 0;
	rc = store_episode_at(s, e->device, flow->end_ns, &episode);
	state[0] = '\0';
	/* A reason that was found is the better word, though it is not the worst. */
	if (rc == 1)
		snprintf(state, 32, "%s",
			 episode.lost && strcmp(episode.worst, "in-band-unexplained") == 0
				 ? "in-band"
				 : episode.worst);
	return rc < 0 ? rc : 0;
}

int correlate_session(struct store *s, const struct event *e, uint64_t n, const struct folded *flow,
		      const struct store_path *memory)
{
	uint64_t row = flow->same_as ? flow->same_as : flow->n;
	char state[32] = "";
	bool drill = false;
	int rc = 0;

	if (!flow->rose || e->path != GW_PATH_INBAND || e->service != GW_SERVICE_SSH ||
	    e->flow.outbound)
		return 0;
	if (memory) {
		rc = drilled(s, e->device, flow->start_ns, &drill);
		if (!rc)
			rc = state_then(s, e, flow, memory, state);
	}
	return rc ? rc : store_flow_justify(s, row, joint_justified(NULL, drill, state), n);
}

struct ask_again {
	struct store *s;
	const struct event *e;
	uint64_t n;
};

static int justify_again(void *arg, const struct store_flow *f)
{
	struct ask_again *ask = arg;
	const char *justified;
	bool drill;
	int rc = drilled(ask->s, f->device, f->start_ns, &drill);

	if (rc)
		return rc;
	justified = joint_justified(f->justified, drill, ask->e->change.to);
	if (f->justified && strcmp(f->justified, justified) == 0)
		return 0;
	return store_flow_justify(ask->s, f->n, justified, ask->n);
}

int correlate_sessions(struct store *s, const struct event *e, uint64_t n)
{
	struct ask_again ask = { s, e, n };
	enum incident_path to;

	if (!e->has_change || !incident_path_parse(e->change.to, &to) || to == INCIDENT_PRIMARY)
		return 0;
	return store_sessions_at(s, e->device, e->time_ns - SESSION_SLACK,
				 e->time_ns + TWIN_SLACK, justify_again, &ask);
}
