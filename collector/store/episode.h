/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_EPISODE_H
#define GW_STORE_EPISODE_H
/*
 * What correlation remembers between two events, and writes: for readers there is
 * incident.h. The rules are in rules/incident.h and rules/joint.h.
 *
 * An episode is what happens to one device from failover to failback. Each belongs to
 * one incident.
 */
#include <stdbool.h>
#include <stdint.h>

#include "collector/store/incident.h"
#include "collector/store/store.h"

/* ---- the memory of a device ------------------------------------------------- */

/* Over all agents. */
struct store_path {
	char state[32]; /* the worst that an agent sees now; "" at first */
	uint64_t since_ns;
	char agent[256]; /* (agent, seq) of the newest change */
	uint64_t seq;
	uint64_t failing_ns, failing_event; /* since when the primary fails; 0: it does not */
	uint64_t episode;		    /* the open one; 0: none */
	uint64_t joint;			    /* the open incident of its subnet; 0: none */
	bool stale;			    /* one of its views is */
};

/* What one agent sees of it. */
struct store_view {
	char state[32]; /* of its newest path.change; "": it has said nothing */
	uint64_t since_ns, seq;
	uint64_t failing_ns, failing_event;
	bool stale; /* it cannot say more: it has started anew since, or is gone */
};

/* 1 and *out; 0: nothing remembered, *out is zeroed. */
int store_path_get(struct store *s, const char *device, struct store_path *out);
int store_path_put(struct store *s, const char *device, const struct store_path *p);

typedef int store_view_fn(void *arg, const char *agent, const struct store_view *v);
int store_views(struct store *s, const char *device, store_view_fn *fn, void *arg);
int store_view_put(struct store *s, const char *device, const char *agent,
		   const struct store_view *v);
/* All of a device are on the primary path, whatever was said before. */
int store_views_primary(struct store *s, const char *device);
/* All of an agent's. */
int store_path_stale(struct store *s, const char *agent);

/* ---- where a device belongs --------------------------------------------------- */

#define STORE_DEVICE_LEN 256

/* A subnet is one of a fabric: two fabrics may use the same addresses. */
struct store_site {
	char fabric[64];		    /* the device's name up to the first '-' */
	char subnet[64];		    /* of its Ma1; "": none is known */
	char switch_name[STORE_DEVICE_LEN]; /* the one mgmt-switch in it; "": not known */
};

/* The fabric alone; returns buf. */
const char *store_fabric_of(const char *device, char *buf, size_t size);
/* When nothing is known of the device: all but the fabric is empty. */
int store_site_get(struct store *s, const char *device, struct store_site *out);
/* Out of its fabric.device, after store_device() has taken it. */
int store_site_put(struct store *s, const char *device, const char *json, size_t len);

/* Devices of a subnet whose primary path fails and that have no open episode. */
typedef int store_failing_fn(void *arg, const char *device, const struct store_path *p);
int store_failing(struct store *s, const struct store_site *at, store_failing_fn *fn, void *arg);

/* ---- episodes ------------------------------------------------------------------- */

struct store_episode {
	uint64_t id;
	uint64_t incident;
	const char *device;
	uint64_t began_ns, opened_ns;
	uint64_t closed_ns; /* 0: open */
	const char *state, *worst, *reason;
	const char *closed_by; /* NULL: open */
	double outage_s;       /* below 0: not known */
	bool lost;	       /* its primary path was seen to fail */
};

int store_episode_add(struct store *s, struct store_episode *e); /* sets e->id */
int store_episode_put(struct store *s, const struct store_episode *e);
/* The newest episode of a device that lasted at this time; 1, 0 none. Strings live
 * until the next call. */
int store_episode_at(struct store *s, const char *device, uint64_t time_ns,
		     struct store_episode *out);
int store_episode_get(struct store *s, uint64_t id, struct store_episode *out);
/* When the newest episode of a device that is over was closed; 0: none is. 0, or STORE_*. */
int store_episode_ended(struct store *s, const char *device, uint64_t *closed_ns);

/* ---- incidents ------------------------------------------------------------------- */

int store_incident_add(struct store *s, struct store_incident *i); /* sets i->id */
/* All but what is counted when read. */
int store_incident_put(struct store *s, const struct store_incident *i);

/* The newest of a subnet that overlaps [from, to], but `except`; to 0: that is open.
 * 1 and *out; 0: none. */
int store_incident_of_subnet(struct store *s, const struct store_site *at, uint64_t from_ns,
			     uint64_t to_ns, uint64_t except, struct store_incident *out);
/* An open one of which is known that lo6 was used and nothing else. */
int store_incident_unexplained(struct store *s, const struct store_site *at, uint64_t except,
			       struct store_incident *out);
/* Of a source, what is open or had not ended at this time. */
int store_incident_of_source(struct store *s, const char *source, const char *fabric,
			     uint64_t time_ns, struct store_incident *out);

/* What the episodes of one come to. */
struct store_incident_sum {
	uint64_t began_ns, opened_ns; /* earliest */
	uint64_t newest_ns;	      /* newest first sign */
	uint64_t closed_ns;	      /* newest end; 0: one is open */
	unsigned devices;
	unsigned lost;	       /* devices whose Ma1 failed and has not come back */
	unsigned ever_lost;
	char device[STORE_DEVICE_LEN]; /* of the first; and why that was */
	char worst[32], reason[64];
	char closed_by[64];	       /* of the last */
};

int store_incident_sum(struct store *s, uint64_t id, struct store_incident_sum *out);

/* Something of it happened then. */
int store_incident_touch(struct store *s, uint64_t id, uint64_t time_ns, uint64_t event_n);

/* No drill covers it as a whole. */
int store_incident_undrilled(struct store *s, uint64_t id);

/* What lies in a subnet knows of its open incident; 0: there is none. */
int store_incident_announce(struct store *s, const struct store_site *at, uint64_t id);
/* 1: this device has an episode in it that began by then and was a loss. */
int store_incident_lost(struct store *s, uint64_t id, const char *device, uint64_t time_ns);

/* Moves all that `from` holds into `into`, its alerts too: event_n is their newest change. */
int store_incident_merge(struct store *s, uint64_t from, uint64_t into, uint64_t event_n);

int store_incident_event(struct store *s, uint64_t id, uint64_t event_n);
int store_incident_flow(struct store *s, uint64_t id, uint64_t flow_n);
/* The same; 1: it was not among them. */
int store_incident_flow_new(struct store *s, uint64_t id, uint64_t flow_n);
/* Joins the flows of a device that lasted at or began after since_ns and belong to an
 * incident: toward lo6, or untrusted, or failed toward Ma1. */
int store_incident_gather(struct store *s, uint64_t id, const char *device, uint64_t since_ns);

/* When the first attempt of it toward a Ma1 began that failed; 0: none is known. */
int store_incident_sign(struct store *s, uint64_t id, uint64_t *sign_ns);

/* The first session to a Ma1 of the subnet that was established and began after this.
 * 1, *at_ns and the device; 0: none. */
int store_answered(struct store *s, const struct store_site *at, uint64_t after_ns,
		   uint64_t *at_ns, char device[STORE_DEVICE_LEN]);

/* Of an untrusted source: adds to what it did at a device. */
struct store_reach {
	int64_t attempts, established, logged_in;
	uint64_t first_ns, last_ns;
};

int store_incident_reach(struct store *s, uint64_t id, const char *device,
			 const struct store_reach *r);

/* Open untrusted-source incidents with nothing since then and no open flow. */
int store_incident_quiet(struct store *s, uint64_t since_ns, uint64_t most, store_incident_fn *fn,
			 void *arg);
/* Open untrusted-source incidents of a fabric whose source lies in this prefix get so
 * many SYNs of a flood, and the event that told of it. */
int store_incident_flood(struct store *s, const char *fabric, const char *prefix, uint64_t syns,
			 uint64_t event_n, uint64_t last_ns);

/* ---- flows ------------------------------------------------------------------------ */

/* The row of another agent that is the same flow: Community ID and device are equal, it
 * lasted at the same time, give or take slack_ns, and has no other row of this agent.
 * The nearest start wins. 1 and *n; 0: none. */
int store_flow_twin(struct store *s, const struct store_flow *f, uint64_t slack_ns, uint64_t *n);
int store_flow_same_as(struct store *s, uint64_t n, uint64_t as);

/* The counted row, after it was given what another agent knew. */
struct store_lent {
	bool rose, login_rose; /* by this: it was established, the login succeeded */
	bool established, logged_in;
	bool untrusted; /* by its own agent */
};

/* Gives the counted row (from->same_as) what the other one knows and it does not: that it was
 * established, who it was, how the login ended. 0, or STORE_*. */
int store_flow_lend(struct store *s, const struct store_flow *from, uint64_t updated,
		    struct store_lent *out);

/* Break-glass sessions of a device that began by until_ns, and are open or ended at or
 * after since_ns; without their documents. */
int store_sessions_at(struct store *s, const char *device, uint64_t since_ns, uint64_t until_ns,
		      store_flow_fn *fn, void *arg);
int store_flow_justify(struct store *s, uint64_t n, const char *justified, uint64_t updated);

#endif
