/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_RULE_H
#define GW_CHECK_RULE_H
/*
 * What a rule is, what it is given, and what rules share.
 *
 * A rule looks at one device and says what is wrong there (rule_tell()). It may look
 * at the rest of the fabric through the scope, which is built once, sorted, so that
 * no rule's cost grows with the square of the fleet. Rules keep no state and know
 * nothing of each other: their order in the table (rules.c) means nothing.
 */
#include "agent/check/finding.h"
#include "agent/check/model.h"
#include "common/fabric/names.h"
#include "common/fabric/fabric.h"

#define RULE_CE (1u << ROLE_CE)
#define RULE_TOR (1u << ROLE_TOR)
#define RULE_BOTH (RULE_CE | RULE_TOR)
#define RULE_EXCLUDED (1u << ROLE_MGMT_SWITCH | 1u << ROLE_NPB)
#define RULE_ANY (~0u)

struct subject;

struct rule {
	const char *code;
	const char *step; /* "S1"; "-": beyond the procedure */
	enum finding_severity severity;
	unsigned roles; /* RULE_*: of the devices that it looks at */
	void (*look)(const struct subject *s);
	const char *summary; /* what it verifies, in one line */
	bool without_config; /* looks also where only other sources know the device */
};

/* An address of some device, as sorted in the scope. */
struct scope_address {
	const struct fabric_device *device;
	const struct fabric_interface *interface;
	const struct fabric_address *address;
};

/* How many devices have a list of these contents. */
struct scope_list {
	const struct prefix_list *list; /* one of them */
	const struct fabric_device *device;
	uint64_t digest;
	size_t n;
};

/* The link that a neighbor of a device is on. */
struct scope_link {
	const struct fabric_interface *in; /* NULL: no subnet holds the neighbor */
	const struct fabric_address *own;  /* the address of that subnet */
};

struct reach;

struct scope {
	const struct fabric *fabric;
	const struct reach *reach; /* set by the caller of scope_build() */
	const struct fabric_names *names;
	struct scope_address *addresses; /* by address */
	size_t n_addresses;
	/* The trust lists of the CEs and ToRs, [0] IPv4, [1] IPv6; the most common first. */
	struct scope_list *lists[2];
	size_t n_lists[2], n_with[2]; /* different ones; devices that have one */
};

struct subject {
	const struct scope *scope;
	const struct fabric_names *names;
	const struct fabric_device *d;
	const struct model *m;
	const struct rule *rule;
	struct findings *out;
	const struct scope_link *links; /* one for each of d's neighbors */
};

/* The links of a device's neighbors, in their order; NULL: no memory, or no neighbor
 * (*n is 0). Its cost grows with n log n: a CE may have thousands. free() it. */
struct scope_link *scope_links(const struct fabric_device *d, size_t *n);

/* 0 or -ENOMEM. The scope borrows the fabric, loaded with model_extra. */
int scope_build(struct scope *s, const struct fabric *f);
void scope_clear(struct scope *s);

/* What the loader has to say of a file: a slice of `all`, which is sorted by file. */
const struct fabric_problem *scope_remarks(const struct fabric_problem *all, size_t n_all,
					   const char *file, size_t *n);

/* The addresses equal to a: a slice of scope->addresses. */
const struct scope_address *scope_owners(const struct scope *s, const struct addr *a, size_t *n);

/* Equal entries in equal order mean equal digests; seq and line do not count. */
uint64_t rule_list_digest(const struct prefix_list *l);

/* A finding of this rule. fmt: the reason, without a full stop. */
struct finding *rule_tell(const struct subject *s, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds EOS lines to it. fmt ends in a newline. */
void rule_mend(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- what rules ask ---- */

/* The in-band interface; NULL: none. */
const struct fabric_interface *rule_inband(const struct subject *s);
/* The primary address of a family (of IPv6 the first /128, else the first). NULL: none. */
const struct fabric_address *rule_address(const struct fabric_interface *in, uint8_t family);

/* The VRF that the in-band interface belongs in: NULL (default) on a ToR. */
const char *rule_inband_vrf(const struct subject *s);

/* The list of that family and name; NULL: none. */
const struct prefix_list *rule_list(const struct subject *s, uint8_t family, const char *name);

/* Whether the session with this neighbor is one of CE and ToR. */
bool rule_is_underlay(const struct subject *s, const struct fabric_neighbor *n);

/* The interface in the neighbor's VRF whose IPv4 or IPv6 subnet holds its address, and
 * (own not NULL) the address of that subnet. NULL: none. */
const struct fabric_interface *rule_link(const struct subject *s, const struct fabric_neighbor *n,
					 const struct fabric_address **own);

/* The far end of that link, in another device's configuration. NULL: not in the fabric. */
const struct scope_address *rule_far_end(const struct subject *s, const struct fabric_neighbor *n);

/* "ip" or "ipv6", as the keyword of lists. */
const char *rule_ip(uint8_t family);
const char *rule_vrf(const char *vrf); /* NULL: "default" */

#endif
