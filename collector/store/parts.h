/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_PARTS_H
#define GW_STORE_PARTS_H
/* What the files of the store share: store.c (opening, transactions), record.c (events,
 * agents, devices), flow.c, episode.c, chain.c, missing.c, read.c and whoever else holds
 * SQL. */
#include "collector/db/db.h"
#include "collector/record/block.h"
#include "collector/record/chain.h"
#include "collector/store/store.h"

#define STORE_AGENT_SLOTS 64
#define STORE_WEEK (7 * 86400 * UINT64_C(1000000000)) /* of a partition */

struct agent;
struct store_kept;
struct store_alert_found;
struct store_known;
struct store_open;
struct store_shared;
struct store_sums;
struct store_drills_kept;
struct store_blocks;
struct store_paths;
struct store_twins;

struct store {
	struct db *db;
	const char *name;	    /* of the agent that the collector's own events are of */
	struct metrics_log *counts; /* NULL: nothing is counted */
	size_t counts_mark;	    /* of the entry that began last */

	/* the chain */
	char id[CHAIN_ID_LEN];
	struct chain_digest *digest;
	struct chain_hash head; /* at this place; read again in each transaction */
	uint64_t head_place;
	uint64_t newest;  /* events.n */
	uint64_t derived; /* up to this place all is derived that follows from the record */
	bool head_known;
	int watch_derived;
	struct store_blocks *blocks; /* block.c */
	uint64_t blocks_stored_ns;   /* of the first row that waits there */
	int watch_blocks;

	/* Others write as well: what is kept of rows is good for a transaction, and for
	 * the next when the chain still ends where the last one of ours has left it. */
	bool kept;
	struct chain_hash kept_head;
	uint64_t kept_derived;
	struct agent *agents[STORE_AGENT_SLOTS]; /* agent.c */
	int watch_agents;

	struct db_bulk events, flows, sum_rows, span_rows, use_rows;
	uint64_t week; /* PostgreSQL: the partition of week - 1 is there; 0: not known */

	/* Flows as they are in their rows, flow_kept.c; good as long. */
	struct store_kept *kept_flows;
	uint64_t newest_flow; /* flows.n; 0: not known */
	struct store_twins *twins; /* twins.c; of this transaction */
	struct store_paths *paths;   /* episode.c */
	struct store_known *known;   /* known.c; good as long, as those below */
	struct store_open *open_alerts; /* alert_open.c */
	struct store_shared *shared; /* shared.c */
	struct store_sums *sums;     /* source.c: what waits, of this transaction */
	int watch_sums;
	struct store_drills_kept *drills_kept; /* operate.c */
	int watch_flows, watch_targets, watch_clients, watch_alerts;
	bool writing; /* between store_begin() and its end */
	bool careful; /* store_entry_begin() was called in it */
	uint64_t own_next; /* of the collector's own events; 0: not known */
	uint64_t swept; /* rows were removed so often, by whomever: what is kept is of then */
	/* How far store_sweep() is with the flows of a segment: in this transaction, and as it
	 * was committed. */
	struct store_swept_to {
		uint64_t segment;      /* its number; 0: none so far */
		uint64_t newest_event; /* events.n, of all that go with it */
		uint64_t place;	       /* flows that events up to it name have been seen to */
		uint64_t newest_flow;  /* flows.n, of all that were */
	} swept_to, swept_to_kept;

	char *document; /* the newest that store_document() made */
	size_t document_size;
};

/* A number of rows is no error. */
int store_done(int rc);

int store_record_open(struct store *s);

/* All that is kept of rows: agents, flows, paths, known sources, alerts, drills. */
void store_forget_rows(struct store *s);

/* agent.c. 1: an event of this number is stored; 0: it is not. */
int store_agent_knows(struct store *s, const char *agent, uint64_t seq);
int store_agents_write(void *arg);
void store_agents_forget(struct store *s);

/* chain.c: gives a row of the record its place, the one after head_place. derived: what
 * follows from it is written in this transaction. */
int store_chain_add(struct store *s, const struct block_row *row, const struct chain_hash *digest,
		    bool derived);
/* v: what a digest is of, the columns of STORE_CHAIN_EVENT and the document, or those of
 * STORE_CHAIN_DEAD. */
bool store_chain_digest(struct chain_digest *d, bool event, const struct db_value *v, int n,
			struct chain_hash *out);
int store_no_hash(struct store *s); /* STORE_FAILED, and why */
int store_chain_head(struct store *s); /* so that head, head_place, newest, derived are known */
int store_chain_open(struct store *s); /* reads the store's id, */
int store_chain_begin(struct store *s); /* or gives it one; in a new store */

/* record.c: the columns of STORE_CHAIN_EVENT of an event. The texts live in buf. */
struct store_event_texts {
	char type[128], source[ADDR_STRLEN];
};
int store_event_values(const struct event *e, uint64_t stored_ns, struct store_event_texts *buf,
		       struct db_value *v);

/* block.c */
int store_blocks_open(struct store *s);
void store_blocks_close(struct store *s);
void store_blocks_forget(struct store *s);
int store_blocks_write(void *arg); /* those that wait */
int store_derived_write(void *arg);
int store_block_add(struct store *s, uint64_t place, const struct block_row *row,
		    const struct chain_hash *digest, const struct chain_hash *hash, bool derived);
/* Those with a place between; readable: else only first, count and links say something. */
typedef int store_block_fn(void *arg, const struct block *b, bool readable, bool derived);
int store_blocks(struct store *s, uint64_t from, uint64_t to, store_block_fn *fn, void *arg);
/* 1 and the row of this place, which lives until the next call of one of these; 0. */
int store_row(struct store *s, uint64_t place, const struct block_row **out);
/* An event among those that are not derived yet. */
int store_block_find(struct store *s, const char *agent, uint64_t seq,
		     const struct block_row **out);

/* The document of an event by its place, ended by NUL. Zero it first; json lives until the
 * next call with it, and is NULL when the record has it no more (0, not 1). text is free()d
 * by the caller. */
struct store_text {
	const char *json;
	size_t len;
	char *text;
	size_t size;
};
int store_text(struct store *s, uint64_t place, struct store_text *t);

/* Which flows last at a time is the hard question: an index on `start` finds what began
 * about then, and nothing what ends when. So they are told apart by their length: those of
 * less than this are found by their start. Of those that took longer there are few, and they
 * have an index of their own, flows_long, which has this condition word for word. */
#define STORE_LONG_NS (60 * NS_PER_S)
#define STORE_IS_LONG "\"end\" - start > 60000000000"

/* A break-glass session: the condition of flows_sessions and the indexes beside it, word for
 * word. */
#define STORE_IS_SESSION "path = 'in-band' AND service = 'ssh' AND established = 1"

/* The condition of the index flows_odd word for word, and its column between `established`
 * and `start`. */
#define STORE_IS_ODD                                                                               \
	"service = 'ssh' AND direction = 'inbound' AND same_as IS NULL"                            \
	" AND (verdict <> 'trusted' OR (path = 'in-band' AND established = 1))"
#define STORE_ODD_KIND                                                                             \
	"(CASE verdict WHEN 'trusted' THEN COALESCE(justified, 'unknown') ELSE verdict END)"

/* Reads the columns of STORE_FLOW_COLUMNS, in order. */
void store_flow_row(struct db_row *row, struct store_flow *out);
/* NULL: it is not kept. Strings live until the flow is put. */
const struct store_flow *store_kept_find(struct store *s, const char *agent, const char *flow);
const struct store_flow *store_kept_row(struct store *s, uint64_t n);
/* Those of this Community ID. */
int store_kept_twins(struct store *s, const char *community_id, store_flow_fn *fn, void *arg);
/* A row as it is, and as it shall be. 1; 0: it cannot be kept; below 0. */
int store_kept_read(struct store *s, const struct store_flow *f);
int store_kept_put(struct store *s, const struct store_flow *f);
/* After store_flows_write(), or when what waits is undone. */
void store_kept_forget_all(struct store *s);
void store_kept_free(struct store *s);
int store_flows_write(void *arg);
int store_flows_write_of(struct store *s, const char *device); /* its flows alone */
/* flow.c, for it: old is the row as it is, NULL: there is none. All together are
 * in the database after store_flow_written(). */
int store_flow_open(struct store *s);
int store_flow_write(struct store *s, const struct store_flow *old, const struct store_flow *f);
int store_flow_written(struct store *s);
/* As store_flow_find(), by its number. */
int store_flow_row_get(struct store *s, uint64_t n, struct store_flow *out);
/* Puts f->json together; it lives until the next call. 0, or below. */
int store_document(struct store *s, struct store_flow *f);
/* Some of it is what events up to this one (events.n) say. */
bool store_document_needs(const struct store_flow *f, uint64_t n);

#define STORE_FLOW_COLUMNS                                                                         \
	"n, agent, flow, seq, open, established, direction, device, role, path, service, "         \
	"source, source_port, source_packets, source_bytes, "                                      \
	"destination, destination_port, destination_packets, destination_bytes, "                  \
	"state, outcome, verdict, list, rule, prefix, start, \"end\", community_id, \"user\", "    \
	"json, parts, same_as, justified, login, updated"

/* twins.c. True: no flow in the database has this Community ID. note: one has it now. */
bool store_twins_none(struct store *s, const char *id);
void store_twins_note(struct store *s, const char *id);
void store_twins_forget(struct store *s);
void store_twins_free(struct store *s);

void store_paths_forget(struct store *s);

/* known.c: what changes is written before a statement that names the table. */
int store_targets_write(void *arg);
int store_clients_write(void *arg);
/* A row was added. */
int store_target_known(struct store *s, const char *address, const char *device);
void store_known_forget(struct store *s);

/* alert_open.c, for alert.c: an alert was opened, changed, resolved. */
#define STORE_ALERT_FOUND                                                                          \
	"id, since, last, count, drill, severity, bundle, device, agent, source"
#define STORE_ALERT_FOUND_N 10
void store_alert_found_row(struct db_row *row, struct store_alert_found *out);
int store_open_add(struct store *s, const char *name, const char *key,
		   const struct store_alert_found *found);
void store_open_change(struct store *s, uint64_t id, enum event_severity severity, uint64_t drill);
void store_open_remove(struct store *s, uint64_t id);
int store_open_write(void *arg);
void store_open_forget(struct store *s);

/* shared.c: the flow was changed. */
void store_shared_note(struct store *s, const struct store_flow *f);
void store_shared_forget(struct store *s);

/* source.c */
int store_sources_open(struct store *s);
int store_sums_write(void *arg);
int store_sums_bound(struct store *s); /* what was told of rows that are in the database */
void store_sums_forget(struct store *s);

void store_drills_forget(struct store *s); /* operate.c */

/* A hash in a column; all zero when it is none. */
void store_column_hash(struct db_row *row, int column, struct chain_hash *out);

/* What a place of the chain covers, in this order, of an event with its document behind
 * it; see record/chain.h. */
#define STORE_CHAIN_EVENT                                                                          \
	"agent, seq, time, stored, type, severity, device, path, service, source, verdict, "       \
	"policy, flow"
#define STORE_CHAIN_EVENT_N 13
#define STORE_CHAIN_DEAD "entry, received, reason, data"
#define STORE_CHAIN_DEAD_N 4

#endif
