/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FABRIC_H
#define GW_FABRIC_H
/*
 * The fabric as its devices' own configurations describe it: devices, the
 * addresses to watch (targets), and per device the lists that say which source
 * is trusted (policies). Built whole from a directory, then never changed; a
 * reload builds another one. Reference counted, because flows keep the fabric
 * that judged them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fabric/names.h"
#include "common/fabric/prefix_list.h"
#include "bpf/record.h"
#include "common/addr.h"

#define FABRIC_GENERATION_LEN 12 /* hex digits */

/* The prefix-lists that mean something here, by the names Nexus gives them; a fabric's
 * own names are in fabric->names. */
#define FABRIC_TRUST_V4 "trusted_sources"
#define FABRIC_TRUST_V6 "trusted_sources_v6"
#define FABRIC_RANGE_V4 "loopback"
#define FABRIC_RANGE_V6 "loopback_v6"
#define FABRIC_INBAND_INTERFACE "Loopback6"

#define FABRIC_SETTINGS "fabric.yaml" /* beside the configurations */

enum fabric_role {
	ROLE_UNKNOWN,
	ROLE_CE,
	ROLE_TOR,
	ROLE_MGMT_SWITCH,
	ROLE_NPB,
	ROLE_TERMINAL_SERVER,
	ROLE_PE,
	ROLE_NUM
};

enum fabric_interface_kind { IF_MANAGEMENT, IF_LOOPBACK, IF_OTHER };

struct fabric_address {
	struct prefix prefix; /* host bits kept: 192.0.2.11/24 */
	bool secondary;
	int line;
};

struct fabric_interface {
	enum fabric_interface_kind kind;
	char *name; /* as EOS prints it: "Management1", "Loopback6" */
	char *vrf;  /* NULL: default */
	char *description;
	bool shutdown;
	struct fabric_address *addresses;
	size_t n_addresses;
	int line;
	int vrf_line, shutdown_line; /* of the statement that says so; 0: none */
	int routed_line;	     /* of `no switchport`; 0: not said */
	uint32_t vlan;		     /* `encapsulation dot1q vlan N`; 0: none */
	uint32_t channel_group;	     /* the Port-Channel that it is in; 0: none */
};

struct fabric_neighbor {
	struct addr address;
	uint32_t asn;			      /* 0: not given here nor by its peer group */
	char *peer_group, *vrf, *description; /* NULL: none */
	char *scope; /* interface of a link-local address, as written: "Et1"; NULL: none */
	bool shutdown;
	int line;
};

/* An address that another source than the configuration tells: fabric.yaml's targets,
 * and an export's management address where the configuration has none. */
struct fabric_told {
	struct addr address;
	enum gw_path path; /* PRIMARY or INBAND */
	uint32_t source;   /* index into fabric->sources */
	int line;
};

struct fabric_vrf {
	char *name;
	int line;
};

struct fabric_device {
	char *name; /* hostname */
	enum fabric_role role;
	char *file;	/* path as opened, for messages */
	bool no_config; /* only an export or fabric.yaml tells of it; file is that one's */
	struct fabric_told *told;
	size_t n_told;
	char *management_switch; /* that its Ma1 hangs on, as fabric.yaml says; NULL: not said */
	struct fabric_vrf *vrfs; /* defined ones, sorted by name; not `default` */
	size_t n_vrfs;
	struct fabric_interface *interfaces;
	size_t n_interfaces;
	struct prefix_list *lists; /* both families */
	size_t n_lists;
	uint32_t asn; /* 0: no router bgp */
	struct fabric_neighbor *neighbors;
	size_t n_neighbors;
	uint32_t policy; /* index into fabric->policies */
	void *extra;	 /* what the loader's extra made of the configuration, or NULL */
};

/* What a caller of the loader wants of a device's configuration besides the above. It
 * is asked while the syntax tree is there, which is not kept: 5,000 trees are large. */
struct eos;
struct fabric_extra {
	void *(*read)(const struct eos *config); /* NULL: no memory */
	void (*free)(void *extra);
};

/* A watched address. */
struct fabric_target {
	struct addr address;
	uint32_t device;   /* index */
	enum gw_path path; /* NONE: of the underlay, watched for BGP alone */
	bool peer;	   /* not the device's own, but a neighbor's in no configuration */
	const char *vrf;   /* borrowed from interface or neighbor; NULL: default */
};

/* Distinct pairs of trust lists; devices with equal lists share one. */
struct fabric_policy {
	const struct prefix_list *v4, *v6; /* NULL: no such list (no-policy) */
	struct lpm *v4_table, *v6_table;   /* compiled; NULL with the list */
};

/* A prefix in which in-band addresses live, from the lists `loopback` and
 * `loopback_v6`; an address in it that no config has is an unknown target. */
struct fabric_range {
	struct prefix prefix;
	bool permit; /* false: a hole, by longest match */
};

struct fabric_problem {
	char *file; /* NULL: the directory as a whole */
	int line;   /* 0: the file as a whole */
	char *text;
	bool conflict; /* two sources differ; file and line are the one's, text names the other */
};

/* A file that is no configuration, and what it told. */
struct fabric_source {
	char *file;
	const char *kind; /* "fabric.yaml", "nexus", "netbox", "ansible", "unknown" */
	size_t n_devices;
	bool incomplete; /* a page of several */
};

/* An ipPrefixes resource of Nexus. */
struct fabric_intent {
	struct prefix_list list; /* family 0: it has no rules */
	uint32_t source;
	bool trusted; /* among the trustedIpPrefixes of the Nexus fabric */
};

struct fabric {
	unsigned refs;
	const struct fabric_extra *extra; /* NULL: none was wanted */
	uint32_t number;		  /* counts loads in this process; stamped by the kernel */
	char generation[FABRIC_GENERATION_LEN + 1]; /* digest of targets, lists, neighbors */
	char *directory;
	struct fabric_device *devices;
	size_t n_devices;
	struct fabric_target *targets; /* sorted by address */
	size_t n_targets;
	struct fabric_policy *policies;
	size_t n_policies;
	struct fabric_range *ranges;
	size_t n_ranges;
	struct lpm *range_table;	 /* of ranges; rule: index into them */
	struct fabric_problem *problems; /* what could not be read */
	size_t n_problems;
	struct fabric_problem *notes; /* what was read, but deserves a look */
	size_t n_notes;
	struct fabric_names names; /* point to the defaults or into texts */
	char **texts;
	size_t n_texts;
	struct fabric_source *sources;
	size_t n_sources;
	struct fabric_intent *intended;
	size_t n_intended;
};

struct fabric_trust {
	enum gw_verdict verdict;
	const struct prefix_list *list; /* NULL: no-policy */
	uint32_t rule;			/* index into list->entries or GW_RULE_IMPLICIT */
};

/* Reads every regular file of dir: EOS running-configs, and other sources by their
 * names, docs/inventory.md (names starting with '.' and ending in '~' are passed over).
 * Returns NULL when the directory or a file cannot be read or holds no device, or
 * something is wrong with fabric.yaml, with one line in err. What could be read
 * around is in ->problems; the fabric is good all the same, except that strict loads
 * (a reload of a running agent) refuse any problem. */
struct fabric *fabric_load(const char *dir, char *err, size_t size);

/* The same, and where underlay is true the ends of the devices' BGP sessions are targets
 * too: the neighbors' addresses, and the devices' own ones that face them. */
struct fabric *fabric_load_with(const char *dir, bool underlay, char *err, size_t size);

/* The same, and each device's ->extra is what `extra` makes of its configuration; it
 * lives as long as the fabric and is freed with it. NULL: none. */
struct fabric *fabric_load_extra(const char *dir, bool underlay, const struct fabric_extra *extra,
				 char *err, size_t size);
struct fabric *fabric_ref(struct fabric *f);
void fabric_unref(struct fabric *f); /* accepts NULL */

/* By hostname. NULL: no such device, or no fabric. */
const struct fabric_device *fabric_find_device(const struct fabric *f, const char *name);

/* NULL: not a target. */
const struct fabric_target *fabric_find_target(const struct fabric *f, const struct addr *a);
bool fabric_in_range(const struct fabric *f, const struct addr *a);
bool fabric_is_neighbor(const struct fabric *f, uint32_t device, const struct addr *a);

/* Judges a source by a policy: first match by seq, through the compiled table. */
struct fabric_trust fabric_judge(const struct fabric *f, uint32_t policy,
				 const struct addr *source);

const char *fabric_role_name(enum fabric_role r);

#endif
