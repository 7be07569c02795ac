/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_LIST_H
#define GW_STORE_LIST_H
/*
 * Lists, page by page, the newest first. A page is found by an index whatever the
 * size of the store, and so is the next one: it goes on after the last row's place.
 *
 * Of a flow that several agents saw only the one that is counted is listed.
 * Returns as in store.h.
 */
#include "collector/store/store.h"

struct store_list {
	uint64_t since_ns, until_ns; /* [since, until); a flow that overlaps is in; 0: open end */
	const char *device, *agent;  /* NULL: any, here and below */
	bool agent_many;	     /* the store's own: how its rows are found */
	const char *type;	     /* events: a type, or a group: "flow" */
	const char *path, *service, *verdict;
	const char *outcome; /* this and the next ones: of flows */
	const char *justified, *login, *user;
	enum event_severity severity; /* events: at least */
	bool has_source;
	struct prefix source;
	bool sessions;		    /* break-glass only: established SSH toward lo6 */
	bool is_open;		    /* flows: only those that are */
	bool is_closed;		    /* only those that are not */
	uint64_t incident;	    /* of this one only; 0: any */
	uint64_t n;		    /* this row only; 0: any */
	bool documents;		    /* flows: f.json is made */
	uint64_t place_ns, place_n; /* rows after this place; place_n 0: from the newest */
	uint64_t limit;
};

/* A condition of a statement: the column `source` lies in l's prefix. text:
 * PREFIX_STRLEN bytes that live as long as q, which borrows them. */
struct db_query;
void store_list_within(struct store *s, struct db_query *q, const struct store_list *l, char *text);

/* A flow, and what was found out about it. */
struct store_list_flow {
	struct store_flow f;
	const char *justified, *login; /* NULL: absent */
	uint64_t same_as;	       /* the row that is counted in its stead; 0: this is it */
};

typedef int store_list_flow_fn(void *arg, const struct store_list_flow *row);
int store_list_flows(struct store *s, const struct store_list *l, store_list_flow_fn *fn,
		     void *arg);

/* Flows that lasted at this time, in no order: inbound SSH that was established. */
int store_list_active(struct store *s, const char *device, uint64_t time_ns, uint64_t limit,
		      store_list_flow_fn *fn, void *arg);

/* What may be counted of the newest `most` flows that an index finds for the question.
 * 1: there were more of them than that; 0: that is all. */
struct store_list_facts {
	const char *path, *verdict, *outcome, *login, *user, *justified; /* NULL: absent */
};

typedef int store_list_facts_fn(void *arg, const struct store_list_facts *row);
int store_list_facts(struct store *s, const struct store_list *l, uint64_t most,
		     store_list_facts_fn *fn, void *arg);

/* The same flows, in little: of inbound ones that began in the span, the newest first. */
struct store_list_seen {
	const char *source, *device, *path, *verdict, *user; /* NULL: absent, not the source */
	bool established;
	uint64_t start_ns, end_ns;
};

typedef int store_list_seen_fn(void *arg, const struct store_list_seen *row);
int store_list_seen(struct store *s, const struct store_list *l, store_list_seen_fn *fn, void *arg);

/* Events of one type or all, by time. A group is several calls: store_list_types(). */
int store_list_events(struct store *s, const struct store_list *l, store_event_fn *fn, void *arg);

/* The types of a group that the record has, at most `most`; or the type itself. */
typedef int store_list_type_fn(void *arg, const char *type);
int store_list_types(struct store *s, const char *group, unsigned most, store_list_type_fn *fn,
		     void *arg);

/* Events after_n < n <= upto_n in the order of arrival. */
int store_list_arrived(struct store *s, uint64_t after_n, uint64_t upto_n, store_event_fn *fn,
		       void *arg);

/* The newest event of a device and type that happened up to then (0: at all); 1 and fn
 * was called, 0: there is none. type: one of those that tell a device's state, as
 * path.change, fabric.device, bgp.route. */
int store_list_state(struct store *s, const char *device, const char *type, uint64_t time_ns,
		     store_event_fn *fn, void *arg);

/* The first event of a flow that is as late as this, or later; 1 and fn was called, 0:
 * there is none. */
int store_list_flow_next(struct store *s, const struct store_flow *f, uint64_t time_ns,
			 store_event_fn *fn, void *arg);

/* The row of (agent, flow); 1 and *n, 0 none. */
int store_list_flow_n(struct store *s, const char *agent, const char *flow, uint64_t *n);

/* The agents that saw this flow, that of the row itself first. */
int store_list_seen_by(struct store *s, uint64_t n, store_list_type_fn *fn, void *arg);

/* The numbers of alerts that an event after this one has changed. */
typedef int store_list_id_fn(void *arg, uint64_t id);
int store_list_alerts(struct store *s, uint64_t after_n, store_list_id_fn *fn, void *arg);

/* The newest event: its number and when it was stored; 0 in both: there is none. */
int store_list_newest(struct store *s, uint64_t *n, uint64_t *stored_ns);

#endif
