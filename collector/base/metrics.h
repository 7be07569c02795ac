/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_BASE_METRICS_H
#define GW_BASE_METRICS_H
/*
 * What the running collector counts of itself: counters, gauges and histograms,
 * one row each in the table of metrics.c, which docs/metrics.md is checked against.
 * view/metrics.h writes them out, together with what is read of the store then.
 *
 * Any thread may count; nothing here waits or allocates. A value is an atomic of
 * its own, so a scrape may see one of two that belong together a moment earlier.
 * Every function accepts NULL for the metrics and does nothing then.
 *
 * Labels are bounded: most take the words of a table; those that are known only
 * at run time (routes, receivers, names of alerts) METRICS_NAMES of them, what comes
 * after these is "other". No address, device or user is ever a label here.
 *
 * One more metric: a row in enum metric, one in the table, one in docs/metrics.md,
 * and where it happens metrics_add(), metrics_set() or metrics_observe().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metrics;

enum metric {
	/* in from Redis, into the store */
	METRIC_EVENTS, /* type */
	METRIC_DUPLICATES,
	METRIC_DEAD,
	METRIC_EVENT_SECONDS, /* stage: enum metrics_stage */
	METRIC_BATCH_SECONDS, /* step: enum metrics_step */
	METRIC_DELAY_SECONDS,
	METRIC_STORE_FAILURES,
	METRIC_REDIS_UP,
	METRIC_REDIS_LOST,
	METRIC_LAG,
	METRIC_PENDING,
	METRIC_LEADER,
	/* what was in the events */
	METRIC_FLOWS_STARTED,	  /* service path verdict */
	METRIC_FLOWS_ESTABLISHED, /* service path verdict */
	METRIC_FLOWS,		  /* service path verdict outcome */
	METRIC_SESSIONS,	  /* justified: enum metrics_justified */
	METRIC_ALERTS_RAISED,	  /* name */
	METRIC_ALERTS_RESOLVED,	  /* name */
	METRIC_INCIDENTS,	  /* kind: metrics_incident() */
	/* out: notifications */
	METRIC_DELIVERIES,	 /* receiver result: enum metrics_result */
	METRIC_DELIVERY_SECONDS, /* receiver */
	/* out: the API */
	METRIC_API_SECONDS, /* route code */
	METRIC_HTTP_CONNECTIONS,
	METRIC_HTTP_REFUSED, /* reason: enum metrics_refused */
	METRIC_STREAM_CLIENTS,
	METRIC_STREAM_MESSAGES,
	METRIC_STREAM_CUT,
	METRIC_OWN_NUM
};

/* One event: read from its JSON; put into the record, with its place in the chain;
 * and all that is derived of it: flow, incident, alerts. */
enum metrics_stage { METRICS_DECODE, METRICS_STORE, METRICS_DERIVE };

/* One batch: XREADGROUP until its answer, which may be a wait for new events; its
 * events; the commit; XACK until its answer. */
enum metrics_step { METRICS_READ, METRICS_INGEST, METRICS_COMMIT, METRICS_ACKNOWLEDGE };

enum metrics_justified {
	METRICS_JUSTIFIED_YES,
	METRICS_JUSTIFIED_NO,
	METRICS_JUSTIFIED_UNKNOWN,
	METRICS_JUSTIFIED_DRILL
};

/* Of one attempt: the receiver has it; it could not be reached or said 5xx or 429,
 * it is tried again; it refused, trying again does not help. */
enum metrics_result { METRICS_DELIVERED, METRICS_RETRIED, METRICS_REFUSED };

/* Why a request or connection was turned away before a route saw it. */
enum metrics_refused {
	METRICS_REFUSED_TOKEN, /* none, or a wrong one */
	METRICS_REFUSED_RIGHT, /* a token to read, where operate is needed */
	METRICS_REFUSED_RATE,
	METRICS_REFUSED_CONNECTIONS,
	METRICS_REFUSED_SIZE,
	METRICS_REFUSED_MALFORMED
};

/* Labels whose words are given at run time. */
enum metrics_names { METRICS_ROUTE, METRICS_RECEIVER, METRICS_ALERT, METRICS_NAMES_NUM };
#define METRICS_NAMES 48

/* clock: monotonic, in ns; main.c owns it. started_ns: real time. NULL: no memory. */
struct metrics *metrics_new(uint64_t (*clock)(void), uint64_t started_ns);
void metrics_free(struct metrics *m);

uint64_t metrics_clock(const struct metrics *m); /* 0 without metrics */
uint64_t metrics_started(const struct metrics *m);

/* The number of a word of such a label; given on the first call with it. The text is
 * copied. A known one is found without waiting. */
unsigned metrics_name(struct metrics *m, enum metrics_names label, const char *text);

/* The series of a metric with these labels, in the order of its row; labels that it
 * does not have are 0. A value beyond the last word is the last word. */
unsigned metrics_series(enum metric which, unsigned a, unsigned b, unsigned c, unsigned d);

/* Series 0 is the only one of a metric without labels. */
void metrics_add(struct metrics *m, enum metric which, unsigned series, uint64_t n);
void metrics_set(struct metrics *m, enum metric which, unsigned series, int64_t value);
void metrics_move(struct metrics *m, enum metric which, unsigned series, int64_t by);
/* A gauge that is not known (any more) has no line. So it is at first. */
void metrics_unset(struct metrics *m, enum metric which, unsigned series);
void metrics_observe(struct metrics *m, enum metric which, unsigned series, uint64_t ns);
/* The time since `since` (metrics_clock()); returns the clock, for what comes next. */
uint64_t metrics_lap(struct metrics *m, enum metric which, unsigned series, uint64_t since);

/* The numbers of words: flow.outcome, an incident's kind. */
unsigned metrics_outcome(const char *outcome);
unsigned metrics_incident(const char *kind);

/* An answered request: its route as of metrics_name(), HTTP status, duration. */
void metrics_request(struct metrics *m, unsigned route, unsigned status, uint64_t ns);

/* ---- what counts only when it is committed --------------------------------- */

/* The changes of one transaction: noted as they happen, counted when it is committed.
 * Of one thread at a time. NULL is accepted, and notes nothing. */
struct metrics_log;

struct metrics_log *metrics_log_new(struct metrics *m); /* NULL: no metrics, no memory */
void metrics_log_free(struct metrics_log *l);
struct metrics *metrics_log_to(const struct metrics_log *l);

/* n more, or of a histogram an observation of n ns. */
void metrics_note(struct metrics_log *l, enum metric which, unsigned series, uint64_t n);
size_t metrics_log_mark(const struct metrics_log *l);
void metrics_log_undo(struct metrics_log *l, size_t mark); /* what came since is not to be */
void metrics_log_commit(struct metrics_log *l);
void metrics_log_rollback(struct metrics_log *l);

/* ---- reading --------------------------------------------------------------- */

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

#define METRICS_LABELS 4

/* What the documentation and a scrape say of a metric. */
struct metrics_family {
	const char *name; /* as scraped: counters end in _total, but for histograms */
	enum metrics_kind kind;
	const char *labels; /* "service path verdict"; "": none */
	const char *help;
};

const struct metrics_family *metrics_family(enum metric which);

/* Bounds of a histogram in seconds, without +Inf; the number of them. */
unsigned metrics_buckets(enum metric which, const double **bounds);

struct metrics_value {
	const char *labels[METRICS_LABELS]; /* words, in the order of the row; then NULL */
	uint64_t count;			    /* counter, or how many were observed */
	int64_t gauge;
	double sum;	      /* of what was observed, in seconds */
	uint64_t buckets[16]; /* each with those below it */
};

/* Every series that is to be shown, in order: all of a metric whose labels have few
 * words, so that a first event is a step from 0; else those that were ever counted. */
void metrics_each(const struct metrics *m, enum metric which,
		  void (*fn)(void *arg, const struct metrics_value *v), void *arg);

#endif
