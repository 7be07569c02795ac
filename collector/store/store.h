/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_STORE_H
#define GW_STORE_STORE_H
/*
 * The collector's store: the record of events, and what is derived from it.
 *
 * Only store_*.c knows SQL. The writer (`run`) opens one store and changes it in
 * transactions: store_begin(), any number of puts, store_commit(); readers (the
 * query commands) open it read-only and never make the writer wait. Rows are
 * handed to a callback; their strings live until it returns.
 *
 * A write says what became of it:
 *   >= 0            done (some calls tell more, see there)
 *   STORE_REFUSED   this value cannot be stored, ever; other values can
 *   STORE_FAILED    the store cannot be written now (locked, disk full, I/O):
 *                   roll back, acknowledge nothing, try the same again later
 *   STORE_BROKEN    the file is damaged: trying again does not help
 * store_error() then has the reason, in words for the operator.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/db/result.h"
#include "collector/record/chain.h"
#include "common/addr.h"
#include "common/event.h"

struct metrics;
struct metrics_log;
struct store;

enum store_mode { STORE_READ, STORE_WRITE };

/* path: a file, or postgresql://... ":memory:" keeps the store in memory, for tests.
 * STORE_WRITE creates the file. NULL with one
 * line in err, which begins with the path and names the remedy. */
struct store *store_open(const char *path, enum store_mode mode, char *err, size_t size);
void store_close(struct store *s); /* accepts NULL */
/* Where it is, for people: the file, or the URL without what is secret in it. */
const char *store_place(const struct store *s);
bool store_is_file(const char *path); /* no URL */
/* Files that a connection may read again when it is made anew: of passwords and
 * certificates. Returns their number; malloc()ed. */
#define STORE_MAX_FILES 8
size_t store_files(const char *path, char *files[STORE_MAX_FILES]);
const char *store_error(const struct store *s);

/* What the transactions of this connection change is counted in m, when they are
 * committed. Borrowed; before the first of them. */
void store_count(struct store *s, struct metrics *m);
struct metrics_log *store_counts(struct store *s); /* NULL: nothing is counted */

int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/*
 * What is cheap. A transaction of a thousand events costs little more than their rows:
 * in SQLite each statement is one prepared step; in PostgreSQL events and places of the
 * chain are sent by COPY when the transaction ends, and whatever is written with
 * db_later() goes along without a round trip. What costs is a question (one round trip,
 * 50 us and more, in PostgreSQL), above all one that names `events` or `chain`: the rows
 * that wait are sent before it. store_entry_begin() costs the same and sends them too.
 *
 * So a refusal may be told late: by any call, at last by store_flush() or
 * store_commit(). After store_entry_begin() it is told by store_entry_end().
 */
int store_flush(struct store *s);

/* 1: this store leads among those of one database: it does what one alone must do
 * (notice_tick(), retention, deliveries). Another takes over when it is closed or its
 * process or connection is gone. Ask again now and then; 0: another one does. */
int store_leads(struct store *s);

/* Within a transaction: what one entry changes is kept or undone as a whole. */
int store_entry_begin(struct store *s);
int store_entry_end(struct store *s);
int store_entry_undo(struct store *s);

/* ---- the record ------------------------------------------------------------ */

enum { STORE_DUPLICATE = 0, STORE_NEW = 1, STORE_CONFLICT = 2 };

/* Appends an event to the record; json is its document as received; derived: all that
 * follows from it is written in this transaction, too. STORE_NEW and *place;
 * STORE_DUPLICATE: this id is stored with the same document; STORE_CONFLICT: with
 * another one, which an agent that lost its outbox and began at 1 again causes. */
int store_record(struct store *s, const struct event *e, const char *json, size_t len,
		 uint64_t stored_ns, const struct chain_hash *digest, bool derived,
		 uint64_t *place);
/* What digest is there; NULL: it is made there. Any thread may make one, with its own d.
 * False: libcrypto failed. */
bool store_event_digest(struct chain_digest *d, const struct event *e, const char *json, size_t len,
			uint64_t stored_ns, struct chain_hash *out);
/* The first of what is derived from it: its row, under the next number. */
int store_event_row(struct store *s, const struct event *e, uint64_t place, uint64_t stored_ns,
		    uint64_t *n);
/* Both; what else follows from it is written in this transaction, too. */
int store_event(struct store *s, const struct event *e, const char *json, size_t len,
		uint64_t stored_ns, uint64_t *n);

/* How far the deriving is behind the record (derive.h), for readers: up to which place
 * it is, how many places there are, and when the first one that is left was stored; 0:
 * none is. */
int store_behind(struct store *s, uint64_t *derived, uint64_t *places, uint64_t *oldest_ns);

/* Counts a new event of the record to its agent: newest number, gaps, state, and when it
 * was heard. */
int store_agent(struct store *s, const struct event *e, uint64_t now_ns);
/* The newest statistics of an agent; interval_ns: of the heartbeat that this event is. 1; 0:
 * its agent has told newer ones, by the number, and nothing is changed; or below 0. */
int store_agent_stats(struct store *s, const struct event *e, const char *json, size_t len,
		      uint64_t interval_ns);

/* The configuration of e->device, as an agent has loaded it. Of one agent's documents that
 * with the highest number stands; of two agents the later one counts, but none is later than
 * it was stored (now_ns). 1; 0: a newer one is known, and nothing is changed; or below 0. */
int store_device(struct store *s, const struct event *e, const char *json, size_t len,
		 uint64_t now_ns);

int store_dead_letter(struct store *s, const char *entry, uint64_t received_ns, const char *reason,
		      const void *data, size_t len);

/* Events that the collector itself raises are of this agent (borrowed). */
void store_set_name(struct store *s, const char *name);
const char *store_name(const struct store *s); /* "" when not set */
/* The number of the next of them; 1, or below 0. */
int store_own_next(struct store *s, uint64_t *seq);

/* ---- what is missing (rules/silence.h) -------------------------------------------- */

struct store_beat {
	const char *agent;
	bool running;
	uint64_t heard_ns, interval_ns;
	uint64_t alarm_ns; /* agent-silent is raised since then; 0: it is not */
};

typedef int store_beat_fn(void *arg, const struct store_beat *b);
int store_beats(struct store *s, store_beat_fn *fn, void *arg);

/* Numbers that were noticed to be missing up to then and were not told of; and those noticed
 * after or_after_ns, before the clock was set back. What an agent sent before its first event
 * here is not among them. */
struct store_gap {
	const char *agent;
	uint64_t first, last, noticed_ns;
};

typedef int store_gap_fn(void *arg, const struct store_gap *g);
int store_gaps(struct store *s, uint64_t noticed_until_ns, uint64_t or_after_ns, store_gap_fn *fn,
	       void *arg);
int store_gap_told(struct store *s, const char *agent, uint64_t first);

/* An alarm is open from raise to clear. 1: it was changed by this call. agent and
 * subject may be "". data: text that goes with it, or NULL. */
struct store_alarm {
	const char *name, *agent, *subject, *data;
	uint64_t since_ns;
};

int store_alarm_raise(struct store *s, const struct store_alarm *a);
int store_alarm_put(struct store *s, const struct store_alarm *a); /* raises or replaces */
int store_alarm_clear(struct store *s, const struct store_alarm *a);
/* 1 and since_ns and data of it, which lives until the next call; 0: not open. */
int store_alarm_get(struct store *s, struct store_alarm *a);
typedef int store_alarm_fn(void *arg, const struct store_alarm *a);
int store_alarms(struct store *s, const char *name, const char *agent, store_alarm_fn *fn,
		 void *arg);

/* A flow to or from this address of the device; reached: it is to it, and was established. If
 * the device (NULL: not known) has none such, it is of each that has: the other end of a flow
 * may be a device too. */
int store_target_seen(struct store *s, const char *address, const char *device, uint64_t time_ns,
		      bool reached);

struct store_unseen {
	const char *device;
	const char *targets; /* "10.1.0.11,10.30.0.66" */
	uint64_t since_ns;   /* the first of them is known */
};

/* Devices with addresses that are known since then or longer, that no flow was seen
 * of, and no alarm target-unseen is open for. At most `most`. */
typedef int store_unseen_fn(void *arg, const struct store_unseen *u);
int store_unseen(struct store *s, uint64_t since_ns, unsigned most, store_unseen_fn *fn, void *arg);
/* Open alarms target-unseen of devices that have no such address any more. */
int store_seen_again(struct store *s, unsigned most, store_alarm_fn *fn, void *arg);

/* ---- the chain ------------------------------------------------------------- */

/* Every new event and dead letter is given its place in the chain by the call that
 * stores it (record/chain.h). */

const char *store_id(const struct store *s);

/* Within a transaction: makes an anchor of the chain's end when the newest is so
 * many places or so long behind it, and something has been stored since. 1: made. */
int store_anchor_make(struct store *s, uint64_t now_ns, uint64_t places, uint64_t age_ns);
int store_anchor_sent(struct store *s, uint64_t number);

/* Those with a number above `after`, in their order. */
typedef int store_anchor_fn(void *arg, const struct chain_anchor *a);
int store_anchors(struct store *s, bool unsent_only, uint64_t after, store_anchor_fn *fn,
		  void *arg);

/* Checking the chain: one snapshot for all of it. */
int store_snapshot(struct store *s); /* until store_rollback() */

struct store_place {
	uint64_t place, n;
	const char *kind;		/* "event", "dead-letter" */
	struct chain_hash digest, hash; /* as stored; all zero when they are not 32 bytes */
	bool there;			/* the row is; then: */
	struct chain_hash row;		/* its digest as it is now */
	unsigned unreadable;		/* so many documents from here on cannot be read */
	uint64_t time_ns;
	const char *agent, *type; /* of events */
	uint64_t seq;
};

typedef int store_place_fn(void *arg, const struct store_place *p);
int store_chain(struct store *s, store_place_fn *fn, void *arg);
/* Rows of the record that have no place; there, place 0. */
int store_chain_strays(struct store *s, store_place_fn *fn, void *arg);
int store_chain_length(struct store *s, uint64_t *places);
int store_chain_hash(struct store *s, uint64_t place, struct chain_hash *out); /* 1, 0 none */

/* Numbers of an agent, from its first stored to the highest it was known to have
 * used, that are not in the record. */
struct store_hole {
	const char *agent;
	uint64_t first, last;
	bool known; /* noticed when the event after it came; else they were there once */
};

typedef int store_hole_fn(void *arg, const struct store_hole *h);
int store_holes(struct store *s, store_hole_fn *fn, void *arg);

/* What SQLite itself finds wrong with the file, line by line. */
typedef int store_damage_fn(void *arg, const char *what);
int store_damage(struct store *s, store_damage_fn *fn, void *arg);

/* ---- flows ----------------------------------------------------------------- */

struct store_flow {
	uint64_t n; /* row; 0: not stored yet */
	const char *agent, *flow;
	uint64_t seq;
	bool open, established, outbound;
	const char *device, *role, *path, *service; /* NULL: absent, here and below */
	const char *source, *destination;
	uint64_t source_port, source_packets, source_bytes;
	uint64_t destination_port, destination_packets, destination_bytes;
	const char *state, *outcome;
	const char *verdict, *list, *prefix;
	int64_t rule; /* seq of the deciding entry; -1: none */
	uint64_t start_ns, end_ns;
	const char *community_id, *user;
	const char *json;  /* its document; when found or put: what the row has of it */
	const char *parts; /* where the rest of it stands, see document.c */
	const char *login; /* ssh.auth.result */
	uint64_t updated;  /* events.n of its newest change */

	uint64_t same_as;      /* another agent saw it, too: the row that is counted; 0: this */
	const char *justified; /* break-glass session: yes, no, unknown, drill */
};

/* 1 and *out, whose strings live until the next store_flow_get(); 0: no such flow. */
int store_flow_get(struct store *s, const char *agent, const char *flow, struct store_flow *out);
/* The same, but json is not made. */
int store_flow_find(struct store *s, const char *agent, const char *flow, struct store_flow *out);

/* Where a flow's document stands when event n, with these of its parts, has been folded
 * in; late: it only gives what was not there. *out is free()d by the caller; NULL: no
 * memory. */
char *store_flow_parts(const struct store_flow *f, uint64_t n, unsigned parts, bool late);

/* As store_flow_find(), of those that were used lately: 0 says nothing. */
int store_flow_recall(struct store *s, const char *agent, const char *flow, struct store_flow *out);

/* A new flow (n = 0; sets f->n), or one that changes; its strings live until the next one
 * is put. It is written with others, at last by
 * store_flush(): that says STORE_REFUSED when there is a flow of this name. */
int store_flow_put(struct store *s, struct store_flow *f);

/* True: an event of this agent with a higher number was here before, or that cannot be
 * excluded. Each event of a flow asks once. 0, or below. */
int store_flow_late(struct store *s, const char *agent, uint64_t seq, bool *late);

/* ---- reading --------------------------------------------------------------- */

struct store_filter {
	uint64_t since_ns, until_ns; /* [since, until); 0: open end */
	const char *device, *type;   /* NULL: any; type may be a group: "flow" */
	const char *path, *service, *verdict;
	bool has_source;
	struct prefix source;
	uint64_t after;	   /* events: rows with a greater n */
	bool arrival;	   /* events: in the order of arrival, not of time */
	uint64_t incident; /* flows, events: of this incident only */
	bool twins;	   /* flows: also the rows of other agents of the same flow */
	bool bare;	   /* flows: json is not made */
	uint64_t limit;	   /* the newest so many, in order of time; 0: all */
	bool oldest;	   /* the limit takes the oldest instead */
};

struct store_event {
	uint64_t n, seq, time_ns, stored_ns;
	const char *agent, *type, *severity;
	const char *device, *path, *service, *source, *verdict, *policy, *flow;
	const char *json;
};

struct store_source {
	const char *source;
	uint64_t first_ns, last_ns;
	uint64_t flows, established, devices, untrusted;
	const char *verdict; /* the worst that any device gave */
	const char *paths;   /* "primary,in-band" */
	const char *users;   /* known actors */
};

struct store_agent {
	const char *agent, *state, *policy;
	uint64_t first_ns, last_ns, last_seq, events, missing;
	const char *gaps;   /* "3,7-9"; NULL: none */
	const char *alarms; /* "agent-silent,interface-down oob0"; NULL: none */
	uint64_t stats_ns;
	const char *stats; /* document; NULL: none yet */
};

struct store_dead {
	uint64_t n, received_ns, size;
	const char *entry, *reason, *data;
};

/* A callback returns 0, or anything else to stop; that value is returned. */
typedef int store_event_fn(void *arg, const struct store_event *row);
typedef int store_flow_fn(void *arg, const struct store_flow *row);
typedef int store_source_fn(void *arg, const struct store_source *row);
typedef int store_agent_fn(void *arg, const struct store_agent *row);
typedef int store_dead_fn(void *arg, const struct store_dead *row);

int store_events(struct store *s, const struct store_filter *f, store_event_fn *fn, void *arg);
int store_flows(struct store *s, const struct store_filter *f, store_flow_fn *fn, void *arg);
/* Flows that devices open themselves are not counted: their source is the device. */
int store_sources(struct store *s, const struct store_filter *f, store_source_fn *fn, void *arg);
int store_agents(struct store *s, const struct store_filter *f, store_agent_fn *fn, void *arg);
int store_dead_letters(struct store *s, const struct store_filter *f, store_dead_fn *fn, void *arg);

#endif
