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
#include "collector/store.h"

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
	const char *name, *key, *bundle; /* see alert.h */
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
	uint64_t incident;	      /* 0: any */
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

#endif
