/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_METRICS_H
#define GW_STORE_METRICS_H
/*
 * What /metrics asks of the store, each time it is scraped: newest rows, what is open,
 * one row for each agent, device and address. Nothing here reads the record itself, so
 * it costs the same however long that is. Within a snapshot all of it is of one moment.
 *
 * Returns as in store.h; strings that go to a callback live until it returns.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/metrics.h"
#include "collector/store/store.h"

struct store_metrics {
	uint64_t newest_time_ns, newest_stored_ns; /* of the newest event; 0: there is none */
	uint64_t oldest_stored_ns;
	uint64_t events; /* stored ever, also those that retention has removed */
	uint64_t dead_letters;
	uint64_t places; /* of the chain, ever */
	/* Of them, and when the oldest of these was stored; 0: none. */
	uint64_t underived, underived_ns;
	uint64_t anchors, anchor_ns, anchor_place, anchors_unsent;
	uint64_t segments, removed; /* segments that were removed, and their events */
	uint64_t bytes, free_bytes; /* of the database; free: of them not in use */
	uint64_t silences, drills;  /* in force */
};

int store_metrics(struct store *s, uint64_t now_ns, struct store_metrics *out);

/* Groups of rows that are counted: their words, NULL where there is none. */
enum store_tally {
	STORE_TALLY_INCIDENTS, /* open: kind, drill ("yes", "no") */
	STORE_TALLY_FLOWS,     /* open, each once: service, path, verdict, outcome */
	STORE_TALLY_SESSIONS,  /* open break-glass sessions: justified */
	STORE_TALLY_DEVICES,   /* path state */
	STORE_TALLY_TARGETS,   /* path; "reached": a flow was established once, "seen", "unseen" */
	STORE_TALLY_ARMED,     /* of Loopback6 addresses: "yes", "no", NULL: not known */
	STORE_TALLY_NUM
};

#define STORE_TALLY_WORDS 4

typedef int store_tally_fn(void *arg, const char *const words[STORE_TALLY_WORDS], uint64_t n);
int store_tally(struct store *s, enum store_tally what, store_tally_fn *fn, void *arg);

/* Those that were heard last come first. */
struct store_metrics_agent {
	const char *agent, *policy; /* policy NULL: none */
	bool running; /* it has not said that it stops */
	bool silent;  /* it runs, but is not heard: as `agents` has it */
	uint64_t heard_ns, interval_ns; /* its newest was stored; of its heartbeat, 0: not said */
	uint64_t last_seq, events, missing;
	uint64_t stats_ns; /* own time of */
	const char *stats; /* its newest agent.stats document; NULL: none */
};

typedef int store_metrics_agent_fn(void *arg, const struct store_metrics_agent *a);
int store_metrics_agents(struct store *s, store_metrics_agent_fn *fn, void *arg);

/* 1 and *out: this flow is a break-glass session, and counts (it is no twin of another
 * agent's); 0: it is none. */
int store_metrics_session(struct store *s, uint64_t flow, enum metrics_justified *out);

bool store_is_pg(const struct store *s);

/* Receivers that something waits for, or that a collector had during the last day. */
struct store_metrics_receiver {
	const char *receiver;
	uint64_t waiting, failed; /* notifications; those that were tried in vain */
	uint64_t oldest_ns;	  /* since when the oldest waits; 0: none does */
	bool error;		  /* the newest attempt failed */
};

typedef int store_metrics_receiver_fn(void *arg, const struct store_metrics_receiver *r);
int store_metrics_receivers(struct store *s, uint64_t now_ns, store_metrics_receiver_fn *fn,
			    void *arg);

#endif
