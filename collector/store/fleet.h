/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_FLEET_H
#define GW_STORE_FLEET_H
/*
 * What is known of every device: its configuration, where it stands, its addresses.
 * Returns as in store.h; strings live until the callback returns.
 */
#include <jansson.h>

#include "collector/store/store.h"

struct store_fleet_device {
	const char *device, *role, *policy;
	uint64_t updated_ns;		     /* of its newest fabric.device */
	const char *fabric, *subnet, *trust; /* NULL: to be read from json */
	const char *ready;		     /* see store_ready_codes() */
	const char *json;		     /* that document, where it is asked for; else NULL */
	const char *state;		     /* of its newest path.change; NULL: none came */
	uint64_t since_ns;
	const char *agent; /* who said so: (agent, seq) of that event */
	uint64_t seq;
	uint64_t failing_ns; /* since when the primary path fails; 0: it does not */
	bool stale;	     /* nobody watches that any more */
};

/* All of them, or the one of this name, in no order. */
typedef int store_fleet_fn(void *arg, const struct store_fleet_device *row);
int store_fleet(struct store *s, const char *device, bool documents, store_fleet_fn *fn, void *arg);

#define STORE_TRUST_LEN 13

/* What the trust lists of a device judge alike: a digest of both, in hexadecimal. fabric:
 * that part of its document. False: libcrypto failed. */
bool store_trust_digest(struct store *s, const json_t *fabric, char out[STORE_TRUST_LEN]);

#define STORE_READY_LEN 512

/* What a configuration lacks for break-glass: codes, by blanks; "": nothing; NULL: the
 * document does not say. As many as there is room for. */
const char *store_ready_codes(const json_t *fabric, char out[STORE_READY_LEN]);
/* Both of them for the device. Within a transaction, after store_device() has taken it. */
int store_device_says(struct store *s, const char *device, const json_t *fabric);
/* The newest document of a device; 1 and *json, which the caller owns; 0: none. */
int store_fleet_document(struct store *s, const char *device, json_t **json);

struct store_target {
	const char *address, *device, *path;
	uint64_t since_ns;   /* known since */
	uint64_t seen_ns;    /* newest flow of it; 0: none so far */
	uint64_t reached_ns; /* when a flow to it was established last; 0: never */
	int armed;	     /* is it announced: 1, 0; -1: nothing was seen of that */
	uint64_t armed_ns;   /* since when that is so */
};

typedef int store_target_fn(void *arg, const struct store_target *row);
int store_targets(struct store *s, const char *device, store_target_fn *fn, void *arg);

/* Within a transaction: an event said whether it is announced. Devices of two fabrics may
 * have the same address; device NULL: whoever has it. */
int store_target_armed(struct store *s, const char *address, const char *device, bool armed,
		       uint64_t time_ns);

/* The path.change that put a device into its state; 1 and fn was called, 0: none. */
int store_fleet_event(struct store *s, const char *agent, uint64_t seq, store_event_fn *fn,
		      void *arg);

/* What an agent said of the path of a device, without the document. */
struct store_fleet_change {
	uint64_t n, time_ns;
	const char *agent, *change; /* as in the schema: state and reason */
};

/* Those of the device in [from, until], at most the newest so many, the newest first. */
typedef int store_fleet_change_fn(void *arg, const struct store_fleet_change *row);
int store_fleet_changes(struct store *s, const char *device, uint64_t from_ns, uint64_t until_ns,
			uint64_t most, store_fleet_change_fn *fn, void *arg);

/* The newest episode of the device that had opened by then: 1, 0 none. */
struct store_fleet_episode {
	uint64_t began_ns, closed_ns; /* closed 0: it is open now */
};

int store_fleet_episode(struct store *s, const char *device, uint64_t time_ns,
			struct store_fleet_episode *out);

/* When episodes of the device ended that did so in [from, until), in order, so many at most. */
typedef int store_fleet_end_fn(void *arg, uint64_t closed_ns);
int store_fleet_ends(struct store *s, const char *device, uint64_t from_ns, uint64_t until_ns,
		     uint64_t most, store_fleet_end_fn *fn, void *arg);

/* Flows of sources that the device's lists do not permit, by source and device, that
 * began in [since, until); at most the newest `most` flows that were established are looked
 * at, and as many that were not. */
struct store_refused {
	const char *source, *device; /* device NULL: an address in no configuration */
	uint64_t attempts, established, logged_in, open;
	uint64_t first_ns, last_ns;
};

typedef int store_refused_fn(void *arg, const struct store_refused *row);
int store_refused(struct store *s, uint64_t since_ns, uint64_t until_ns, uint64_t most,
		  store_refused_fn *fn, void *arg);

/* How many SSH flows of those there are by device, all of them: source is NULL. */
int store_refused_counts(struct store *s, uint64_t since_ns, uint64_t until_ns,
			 store_refused_fn *fn, void *arg);

/* Numbers that are missing, of all agents or one, noticed in (after, upto]; 0: any. */
struct store_fleet_gap {
	const char *agent;
	uint64_t first, last, found_ns, noticed_ns;
};

typedef int store_fleet_gap_fn(void *arg, const struct store_fleet_gap *row);
int store_fleet_gaps(struct store *s, uint64_t since_ns, uint64_t until_ns, uint64_t most,
		     store_fleet_gap_fn *fn, void *arg);

/* When a drill of each device began last; device "": a drill of all of them. */
typedef int store_drilled_fn(void *arg, const char *device, uint64_t since_ns);
int store_fleet_drills(struct store *s, store_drilled_fn *fn, void *arg);

/* How often the address was seen, by device: first, last, flows, established. */
struct store_known {
	const char *device;
	uint64_t first_ns, last_ns;
};

typedef int store_known_fn(void *arg, const struct store_known *row);
int store_fleet_known(struct store *s, const char *source, store_known_fn *fn, void *arg);

struct store_hassh_facts {
	uint64_t first_ns, last_ns, sessions, sources;
	uint64_t here;	/* sessions of this source with it */
	uint64_t other; /* sessions of this source with other ones */
};

int store_fleet_hassh(struct store *s, const char *hash, const char *source,
		      struct store_hassh_facts *out);
/* When this source came to this device first; 0: never. */
int store_fleet_first(struct store *s, const char *device, const char *source, uint64_t *first_ns);

#endif
