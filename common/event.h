/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_EVENT_H
#define GW_EVENT_H
/*
 * The event: the one document that the agent writes and the collector reads.
 *
 * Its fields are specified in common/event.schema.json and explained in
 * docs/events.md. In C it is struct event; event_encode() makes the JSON text,
 * event_decode() reads it back. A part that was not seen is not in the document
 * ("absent beats null"): each part has a `has_` flag, or a NULL or zero that
 * means absent, as said beside it.
 *
 * Strings are borrowed. When encoding they belong to the caller and must live
 * until event_encode() returns; after decoding they belong to the event and
 * live until event_clear().
 *
 * libevent has a struct event too. A file may include both headers, as only
 * pointers to libevent's are ever held; but event_free() is libevent's and must
 * not be called on ours, nor may event2/event_struct.h be included.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "bpf/record.h"
#include "common/addr.h"

#define EVENT_VERSION 1
#define EVENT_ID_STRLEN (EVENT_AGENT_MAX + 22) /* agent, slash, 20 digits, NUL */
#define EVENT_AGENT_MAX 128		       /* bytes of an agent's name */
#define EVENT_MAX_EVIDENCE 8
#define EVENT_MAX_STACK 8
#define EVENT_MAX_BGP 4 /* OPENs, and NOTIFICATIONs, in one event */

enum event_type {
	EVENT_FLOW_START,
	EVENT_FLOW_UPDATE,
	EVENT_FLOW_END,
	EVENT_BGP_SESSION,
	EVENT_BGP_MESSAGE,
	EVENT_BGP_ROUTE,
	EVENT_PATH_CHANGE,
	EVENT_POLICY_LOADED,
	EVENT_FABRIC_DEVICE,
	EVENT_AGENT_START,
	EVENT_AGENT_STOP,
	EVENT_AGENT_STATS,
	EVENT_AGENT_LOSS,
	EVENT_ALERT, /* "alert.NAME", the name in event->alert */
	EVENT_NUM_TYPES
};

enum event_severity {
	SEVERITY_INFO,
	SEVERITY_NOTICE,
	SEVERITY_WARNING,
	SEVERITY_CRITICAL,
	SEVERITY_NUM
};

struct event_end {
	struct addr ip;
	uint16_t port;
	uint64_t packets, bytes;
};

struct event_ssh_side {
	const char *proto_version;    /* NULL: no identification string seen */
	const char *software_version; /* with the comments after it, RFC 4253 4.2 */
	const char *hassh, *hassh_string;
};

/* Of BGP, `from` and indices: 0 is the source, 1 the destination. */
struct event_bgp_counts {
	uint64_t open, update, notification, keepalive, route_refresh;
	uint64_t malformed, ambiguous;		 /* UPDATEs; 0: absent */
	double keepalive_average, keepalive_max; /* seconds between them; 0: absent */
};

struct event_bgp_open {
	unsigned from;
	uint32_t asn;
	uint16_t hold_time;
	struct addr router_id;
	const uint8_t *capabilities;
	size_t n_capabilities;
};

struct event_bgp_notification {
	unsigned from;
	uint8_t code, subcode;
	const char *name, *text, *inner; /* NULL: absent */
};

struct event_bgp_route {
	const char *action; /* "announce" or "withdraw"; NULL: there is no route */
	const char *reason; /* of a withdrawal that no message made; NULL: absent */
	const char *prefix;
	unsigned from;
	struct addr next_hop; /* family 0: absent */
	bool has_as_path;
	const uint32_t *as_path;
	unsigned n_as_path;
	bool has_path_id;
	uint32_t path_id;
	const char *rd;	    /* NULL: absent */
	struct addr target; /* family 0: absent */
	uint32_t covers;    /* 0: absent */
	bool has_armed, armed;
	bool unseen; /* nobody saw it announced */
};

struct event {
	enum event_type type;
	enum event_severity severity;
	uint64_t time_ns; /* real time */
	const char *agent;
	uint64_t seq;	    /* id = agent/seq; given by the outbox */
	const char *policy; /* generation digest, NULL: no fabric loaded */
	const char *alert;  /* NAME of alert.NAME */

	const char *device, *role, *vrf; /* device NULL: absent */
	enum gw_path path;		 /* GW_PATH_NONE: absent */
	enum gw_service service;

	bool has_ends;
	struct event_end source, destination;

	/* network; with has_ends */
	const char *community_id;
	uint16_t vlan[EVENT_MAX_STACK]; /* stacks are outermost first */
	unsigned vlan_n;
	uint32_t mpls[EVENT_MAX_STACK];
	unsigned mpls_n;
	const char *encapsulation[EVENT_MAX_STACK]; /* "vxlan:5000" */
	unsigned encapsulation_n;
	struct addr outer_source, outer_destination; /* family 0: absent */

	bool has_flow;
	struct {
		const char *id;
		uint64_t start_ns, end_ns; /* real; end is the last packet so far */
		const char *state;	   /* Zeek conn_state */
		const char *outcome;	   /* attempt unanswered refused unreachable
				      * established closed reset */
		enum gw_basis initiator;
		bool outbound;
		bool unknown_target; /* "target":"unknown": in a lo6 range, in no config */
		bool cut;	     /* still open when the agent or the capture stopped */
		double handshake_ms; /* below 0: absent */
		uint64_t retransmits, fragments, missed_bytes;
		uint64_t strays;  /* 0: absent */
		const char *icmp; /* "3/1 from 192.0.2.1": the error that ended it */
	} flow;

	bool has_trust;
	struct {
		enum gw_verdict verdict;
		const char *list; /* NULL: no such list */
		bool has_rule;	  /* false: implicit deny */
		uint32_t seq;
		const char *prefix; /* of the deciding entry */
		bool neighbor;
	} trust;

	bool has_ssh;
	struct event_ssh_side ssh_client, ssh_server;
	/* negotiated, each NULL when not known; "A / B" where the directions differ */
	const char *ssh_kex, *ssh_host_key, *ssh_cipher, *ssh_mac, *ssh_compression;
	struct {
		const char *result; /* success failure unknown; NULL: absent */
		bool has_attempts;
		uint64_t attempts;
		const char *confidence; /* high medium low */
		const char *basis;
	} ssh_auth;

	/* Decoding only checks that it is an object: read doc. */
	bool has_bgp;
	struct {
		bool has_counts;
		struct event_bgp_counts counts[2];
		struct event_bgp_open opens[EVENT_MAX_BGP];
		unsigned n_opens;
		struct event_bgp_notification notifications[EVENT_MAX_BGP];
		unsigned n_notifications;
		const char *session; /* "up", "down" or "at-risk"; NULL: absent */
		const char *reason;
		bool has_silent;
		unsigned silent;    /* who says nothing */
		uint16_t hold_time; /* 0: absent */
		struct event_bgp_route route;
	} bgp;

	bool has_actor;
	struct {
		const char *user;	     /* NULL: uid has no name here */
		uint32_t uid, loginuid, pid; /* loginuid 0xffffffff: absent */
		const char *comm;
	} actor;

	bool has_change; /* path.change */
	struct {
		const char *from, *to, *reason;
		const char *evidence[EVENT_MAX_EVIDENCE];
		unsigned evidence_n;
		double outage_s; /* below 0: absent */
	} change;

	/* Parts whose shape only their producer and the schema know: the body of
	 * policy.loaded ("change"), fabric.device ("fabric"), agent.* ("stats",
	 * "interfaces", ...). Merged into the document's top level as it is.
	 * Encoding borrows it; after decoding it is NULL, read doc instead. */
	json_t *extra;

	json_t *doc; /* after decoding: the whole document; owned. Or see event_doc() */

	/* After decoding: */
	unsigned parts;	  /* bit i: the document has part i of event_part_name() */
	const char *text; /* the document, borrowed */
	size_t text_len;
	char *strings; /* what the struct's strings point into, or NULL; owned */
};

/* Parts of the document that describe a flow, not the event about it: "policy",
 * "device", ... NULL from EVENT_NUM_PARTS on. */
#define EVENT_NUM_PARTS 12
const char *event_part_name(unsigned part);

const char *event_type_name(enum event_type t); /* "flow.start"; alert: "alert" */
const char *event_severity_name(enum event_severity s);
const char *event_path_name(enum gw_path p);	   /* "primary", "in-band", NULL */
const char *event_service_name(enum gw_service s); /* "ssh", "bgp", NULL */
const char *event_verdict_name(enum gw_verdict v); /* "trusted", ..., NULL */
const char *event_basis_name(enum gw_basis b);	   /* "syn", ... "unknown" */

/* True for a name fit to be half of an id: 1 to EVENT_AGENT_MAX letters, digits,
 * '.', '_', '-'. */
bool event_agent_valid(const char *name);

/* Encodes to one line of JSON without a newline. Returns malloc()ed text, the
 * caller frees; NULL when memory ran out. In strings, which may come from the wire,
 * control characters and what is not UTF-8 are written byte by byte as the text
 * \xNN. A key of `extra` that the struct's own parts have already given is left
 * out. */
char *event_encode(const struct event *e);

/* The same into a buffer that grows and is used again: *buf is NULL or malloc()ed
 * with *size bytes. Returns the text's length, or -1 when memory ran out. */
long event_encode_into(const struct event *e, char **buf, size_t *size);

/* Decodes text of len bytes. Returns 0 and fills *e (release it with
 * event_clear()), or -1 and writes the reason to err (size bytes). Unknown fields
 * are kept in doc; a known field of the wrong type is an error. */
int event_decode(const char *text, size_t len, struct event *e, char *err, size_t size);
void event_clear(struct event *e); /* accepts a zeroed event; leaves one */

/* The same, several times as fast, without doc: event_doc() makes it when it is
 * asked for, while text lives. NULL: no memory. */
int event_read(const char *text, size_t len, struct event *e, char *err, size_t size);
/* The same for one event after the other: what is read stands in room, which is zero at
 * first, and lives until the next call with it; event_clear() all the same.
 * json_tree_clear() frees it. */
struct json_tree;
int event_read_in(struct json_tree *room, const char *text, size_t len, struct event *e, char *err,
		  size_t size);
const json_t *event_doc(struct event *e);

#endif
