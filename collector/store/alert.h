/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_ALERT_H
#define GW_STORE_ALERT_H
/*
 * Alerts in the store, what operators said of them, and what is to be sent.
 *
 * An alert is one row from when its cause is there until it is gone; the same again
 * is a new row. Name and key make it one while it is open. What is to be sent is
 * written in the transaction of the change, so neither is there without the other.
 *
 * Returns as in store.h. Strings that go to a callback live until it returns.
 */
#include "collector/store/store.h"

/* As it is shown; the first that fits, from the last to the first. */
enum store_alert_state {
	STORE_ALERT_OPEN,
	STORE_ALERT_ACKNOWLEDGED,
	STORE_ALERT_SILENCED,
	STORE_ALERT_RESOLVED,
	STORE_ALERT_STATES
};

const char *store_alert_state_name(enum store_alert_state s);
bool store_alert_state_parse(const char *text, enum store_alert_state *out);

struct store_alert {
	uint64_t id;
	const char *name, *key, *bundle; /* see rules/alert.h */
	enum event_severity severity;
	const char *device, *agent, *source; /* NULL: none */
	uint64_t incident;		     /* 0: none */
	uint64_t since_ns, last_ns;	     /* first and newest sign of it, their own times */
	uint64_t heard_ns;		     /* when the newest came here */
	uint64_t count;			     /* signs of it */
	const char *text;		     /* one sentence */
	uint64_t resolved_ns;		     /* 0: it is not */
	const char *resolved_by;	     /* why; NULL: open */
	uint64_t drill;			     /* the drill it belongs to; 0: none */
	uint64_t acked_ns;		     /* 0: nobody has */
	const char *acked_by, *acked_why;    /* NULL: nobody has */
	uint64_t acked_until_ns;	     /* 0: until it is resolved */
	uint64_t updated;		     /* events.n of its newest change */

	/* when read, as of the time that was asked for */
	enum store_alert_state state;
	uint64_t silence; /* the silence in force; 0: none */
};

struct store_alert_filter {
	uint64_t now_ns;			    /* for states; required */
	unsigned states;			    /* 1 << STORE_ALERT_...; 0: all */
	uint64_t since_ns;			    /* was open at, or after; 0: any */
	uint64_t until_ns;			    /* began before; 0: any */
	const char *name, *device, *agent, *bundle; /* NULL: any */
	bool has_source;
	struct prefix source;
	enum event_severity severity; /* at least */
	uint64_t incident;	      /* those that this one holds; 0: any */
	uint64_t before;	      /* numbers below; 0: any: the cursor of a page */
	uint64_t limit;		      /* 0: all */
};

typedef int store_alert_fn(void *arg, const struct store_alert *a);

/* The newest first. */
int store_alerts(struct store *s, const struct store_alert_filter *f, store_alert_fn *fn,
		 void *arg);
/* 1 and fn was called; 0: there is none of this number. */
int store_alert_get(struct store *s, uint64_t id, uint64_t now_ns, store_alert_fn *fn, void *arg);

/* How many are in each state, and the highest severity among the open ones. */
struct store_alert_counts {
	uint64_t state[STORE_ALERT_STATES];
	uint64_t severity[SEVERITY_NUM]; /* of those that are open */
};

int store_alert_count(struct store *s, uint64_t now_ns, struct store_alert_counts *out);

/* Its events, in order of arrival. */
int store_alert_events(struct store *s, uint64_t id, store_event_fn *fn, void *arg);

/* ---- changes, within a transaction -------------------------------------------- */

/* The open alert of this name and key: 1 and *out; 0: there is none. */
struct store_alert_found {
	uint64_t id, since_ns, last_ns, count, drill;
	enum event_severity severity;
	char bundle[400], device[256], agent[256], source[64]; /* "": none */
};

int store_alert_find(struct store *s, const char *name, const char *key,
		     struct store_alert_found *out);
int store_alert_how_many(struct store *s, const char *name, uint64_t *open);

int store_alert_add(struct store *s, struct store_alert *a); /* sets a->id; state is not read */
/* A further sign of it. `again` counts it, and event_n is then its newest change. */
int store_alert_sign(struct store *s, uint64_t id, uint64_t time_ns, uint64_t now_ns, bool again,
		     uint64_t event_n);
/* It is worse, or no drill any more. An acknowledgement of what it was ends. */
int store_alert_change(struct store *s, uint64_t id, enum event_severity severity, const char *text,
		       uint64_t drill, uint64_t event_n);
int store_alert_resolve(struct store *s, uint64_t id, uint64_t time_ns, const char *why,
			uint64_t event_n);
/* The event is of this alert, and so of the incident that the alert is of. */
int store_alert_joins(struct store *s, uint64_t id, uint64_t event_n);
/* until_ns 0: until it is resolved. 1; 0: there is no such open alert. */
int store_alert_acknowledge(struct store *s, uint64_t id, const char *who, const char *why,
			    uint64_t until_ns, uint64_t now_ns, uint64_t event_n);

/* The open incident of a device, or of an untrusted source; 0: none. */
int store_alert_incident(struct store *s, const char *device, const char *source, uint64_t *id);
/* Incidents are joined: open alerts of devices follow the incident of their device. */
int store_alert_follow(struct store *s, uint64_t event_n);

/* ---- what rules look up -------------------------------------------------------- */

/* Notes that a source was on a device. 1: it is new there, and others are known for
 * learn_ns or longer; 0: it is not, or the device is new itself. */
int store_known_source(struct store *s, const char *device, const char *source, uint64_t time_ns,
		       uint64_t learn_ns);
/* And with which SSH client. */
int store_known_hassh(struct store *s, const char *hash, const char *source, uint64_t time_ns);

/* Another source that is on the device over lo6 by SSH, seen since then: 1, 0 none. The
 * same login user (NULL: not known) of the same agent's host is no other, whichever
 * of its addresses it uses. */
int store_shared_device(struct store *s, const char *device, const char *source, const char *agent,
			const char *user, uint64_t since_ns, char other[64]);
/* Where else this login user has a session: of another agent, by another address. Agents
 * that share an address (of containers, say) are on one host. */
int store_shared_user(struct store *s, const char *user, const char *source, const char *agent,
		      uint64_t since_ns, char other[64]);

/* Is this event, stored at now_ns, older than what was told last of the thing of this name
 * and key? 1; 0: it is not, and is remembered as the newest. Of one agent its numbers say so,
 * of two their times. */
int store_alert_late(struct store *s, const char *name, const char *key, const struct event *e,
		     uint64_t now_ns);

/* Alerts that the store says are over, or drill alerts without their drill. At most
 * 64 of a kind, handed out with id, name, key, severity, device, drill set. */
enum store_alert_over {
	STORE_OVER_QUIET,     /* of `name`, not heard since before_ns */
	STORE_OVER_PATH,      /* of `name`, the device's path state is not `state` */
	STORE_OVER_SWITCH,    /* management-switch-suspected, no such incident is open */
	STORE_OVER_NO_POLICY, /* a later flow could be judged */
	STORE_OVER_UNKNOWN,   /* unknown-in-band-target, it is in a configuration now */
	STORE_OVER_SHARED,    /* shared-account, one is there at most since before_ns */
	STORE_OVER_DRILL      /* of `name`, of a drill that is over at before_ns; in none now */
};

/* What was heard of in the future was heard of now: the clock was set back. */
int store_alert_not_ahead(struct store *s, uint64_t now_ns);

int store_alert_over(struct store *s, enum store_alert_over which, const char *name,
		     const char *state, uint64_t before_ns, store_alert_fn *fn, void *arg);

/* Open incidents of kind management-switch that no open alert is of. */
struct store_switch {
	uint64_t incident, opened_ns;
	const char *fabric, *subject, *name; /* fabric "": none; name NULL: not known */
	unsigned devices;
	uint64_t drill;
};

typedef int store_switch_fn(void *arg, const struct store_switch *x);
int store_switches(struct store *s, store_switch_fn *fn, void *arg);

/* store_error() is this text then. */
void store_alert_wrong(struct store *s, const char *text);

/* ---- what operators said ------------------------------------------------------ */

/* Fields that are NULL fit everything. A silence has one that is not, at least. */
struct store_silence {
	uint64_t id;
	const char *name, *device, *source, *agent; /* source: address or prefix */
	const char *who, *why;
	uint64_t since_ns, until_ns, ended_ns; /* ended: before its time; 0: it was not */
};

struct store_drill {
	uint64_t id;
	const char *device; /* NULL: all */
	const char *who, *why;
	uint64_t since_ns, until_ns, ended_ns;
};

typedef int store_silence_fn(void *arg, const struct store_silence *x);
typedef int store_drill_fn(void *arg, const struct store_drill *x);

/* The newest first; now_ns not 0: only those in force then. */
int store_silences(struct store *s, uint64_t now_ns, store_silence_fn *fn, void *arg);
int store_drills(struct store *s, uint64_t now_ns, store_drill_fn *fn, void *arg);

/* 1 and *id: a drill covers this device (NULL: it must be of all) at this time. */
int store_drill_at(struct store *s, const char *device, uint64_t time_ns, uint64_t *id);

int store_silence_add(struct store *s, struct store_silence *x); /* sets x->id */
int store_drill_add(struct store *s, struct store_drill *x);
/* 1: it was in force and ends; 0: it was not. */
int store_silence_end(struct store *s, uint64_t id, uint64_t now_ns);
int store_drill_end(struct store *s, uint64_t id, uint64_t now_ns);

#endif
