/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_ARMED_H
#define GW_ARMED_H
/*
 * Is a device's in-band address (lo6) announced? From the routes that the watched BGP
 * sessions carry. Pure.
 *
 * A target is armed while, as far as was seen, a session announces the longest prefix
 * that any session has ever announced for it: as a rule its host route. A shorter
 * prefix that still covers it does not arm it then, because an aggregate stays when the
 * device behind it is gone. The default route covers everything and arms nothing.
 *
 * A route is one session's, one direction's, one family's, RD's and path's. Announcing
 * what is announced changes nothing; neither does withdrawing what is not, unless the
 * session was met in mid-stream: then it may well have been announced before.
 *
 * Memory: only routes that cover a target are kept, a fixed number of them. When it is
 * full a route is refused, which is counted.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

#define ARMED_NO_TARGET 0xffffffffu

struct fabric;
struct armed;

struct armed_route {
	uint64_t session; /* flow id */
	uint8_t dir;
	uint8_t family; /* enum bgp_family */
	uint8_t rd[8];
	struct prefix prefix;
	bool has_path_id;
	uint32_t path_id;
};

/* What a route's coming or going means for one target; or, with ARMED_NO_TARGET, that
 * it decides for none of those that it covers. */
struct armed_change {
	uint32_t target; /* index into fabric->targets */
	uint32_t covers; /* how many in-band targets the prefix holds */
	bool was, armed;
	bool unseen; /* withdrawn, and nobody saw it announced */
};

typedef void armed_fn(void *arg, const struct armed_route *r, const struct armed_change *c);

struct armed *armed_new(uint32_t max_routes); /* NULL: no memory */
void armed_free(struct armed *a);	      /* accepts NULL */

/* Makes room for this fabric's targets; 0 or -ENOMEM. */
int armed_prepare(struct armed *a, const struct fabric *f);

/* Puts them in force. What is known of an address that stays is kept. */
void armed_load(struct armed *a, const struct fabric *f);

/* fn is called once per target for which something may have changed. */
void armed_announce(struct armed *a, const struct armed_route *r, armed_fn *fn, void *arg);

/* whole: the session was seen from its OPENs on. */
void armed_withdraw(struct armed *a, const struct armed_route *r, bool whole, armed_fn *fn,
		    void *arg);

/* All that this session announced is gone. */
void armed_session_down(struct armed *a, uint64_t session, armed_fn *fn, void *arg);

uint32_t armed_routes(const struct armed *a); /* kept now */
uint64_t armed_refused(const struct armed *a);

#endif
