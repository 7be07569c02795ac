/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INVENTORY_H
#define GW_INVENTORY_H
/*
 * What sources other than the devices' configurations say of a fabric: exports of
 * Nexus resources and of NetBox (JSON), an Ansible inventory (YAML), and
 * fabric.yaml, which a person writes. Each reader adds to one struct inventory what
 * it found, with the line; none of them knows the others or the configurations.
 * merge.c compares and joins (docs/inventory.md).
 *
 * An export that cannot be read is reported like a bad line of a configuration;
 * fabric.yaml is written by hand, so anything wrong with it is an error.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fabric/device.h"
#include "common/fabric/fabric.h"

struct inventory_address {
	struct addr address;
	enum gw_path path; /* PRIMARY for what an export calls the management address */
	int line;
};

struct inventory_device {
	char *name;	       /* the host name */
	char *alias;	       /* by which a configuration may know it instead; NULL: none */
	enum fabric_role role; /* UNKNOWN: not said */
	struct inventory_address *addresses;
	size_t n_addresses;
	char *management_switch; /* fabric.yaml only; NULL: not said */
	int line;		 /* 0: the source tells no lines */
	uint32_t source;
};

/* A Nexus ipPrefixes resource. */
struct inventory_list {
	struct prefix_list list;
	char *id; /* resource id, or NULL */
	uint32_t source;
};

/* management_switches of fabric.yaml: whose Ma1 hang on it. */
struct inventory_switch {
	char *name;
	struct prefix *subnets;
	size_t n_subnets;
	char **devices;
	int *device_lines; /* beside devices */
	size_t n_devices;
	int line;
};

struct inventory {
	struct fabric_source *sources;
	size_t n_sources;
	struct inventory_device *devices; /* in the order of the sources, then of the lines */
	size_t n_devices;
	struct inventory_list *lists;
	size_t n_lists;
	char **trusted; /* resource ids: trustedIpPrefixes of the Nexus fabric */
	size_t n_trusted;
	struct inventory_switch *switches;
	size_t n_switches;
	struct fabric_names names; /* point to the defaults or into texts */
	char **texts;
	size_t n_texts;
	int settings; /* index of the source that is fabric.yaml, or -1 */
};

void inventory_init(struct inventory *inv);
void inventory_clear(struct inventory *inv);

/* Adds a source; its number, or -ENOMEM. kind: a constant. */
int inventory_source(struct inventory *inv, const char *file, const char *kind);

/* A new element, to be filled; NULL: no memory. Elements move when others are added. */
struct inventory_device *inventory_device(struct inventory *inv, const char *name, int line,
					  uint32_t source);
/* 0 or -ENOMEM; an address said twice is kept once. */
int inventory_address(struct inventory_device *d, const struct addr *a, enum gw_path path,
		      int line);

/* "CE", "tor", "Top of Rack", "mgmt-switch", ...: what people and tools call the roles.
 * UNKNOWN: another word. */
enum fabric_role inventory_role(const char *word);

/* Readers: 0 or -ENOMEM. The source was added by the caller and is its last; they set
 * its kind. What cannot be read is reported with its line. */
int inventory_read_json(struct inventory *inv, const char *text, size_t len,
			device_report_fn *report, void *arg);
int inventory_read_ansible(struct inventory *inv, const char *text, size_t len,
			   device_report_fn *report, void *arg);

/* fabric.yaml. 0; -ENOMEM; -EINVAL: "LINE: what is wrong" in err. */
int inventory_read_settings(struct inventory *inv, const char *text, size_t len, char *err,
			    size_t size);

#endif
