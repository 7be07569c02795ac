/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FABRIC_MERGE_H
#define GW_FABRIC_MERGE_H
/*
 * The configurations' devices and what other sources say, put together. Pure. What
 * counts where two differ:
 *
 *  - a role: fabric.yaml, then exports in the order of their files, then the tail
 *    of the host name;
 *  - an address: the configuration's; an export's only where the configuration has
 *    no management address of that family. fabric.yaml adds, and replaces none.
 *
 * Two sources that differ are reported, both places named, unless one of them is
 * fabric.yaml, which is there to override.
 */
#include "common/fabric/inventory.h"

/* text lives until the call returns. line 0: the file as a whole. */
typedef void merge_remark_fn(void *arg, enum device_report kind, bool conflict, const char *file,
			     int line, const char *text);

/* Adds to f, whose devices have different names, what inv says; takes its sources,
 * lists and names over, and leaves it to be cleared. Devices that only inv knows are
 * appended, without a configuration. 0; -ENOMEM; -EINVAL: what is wrong with
 * fabric.yaml in err. */
int merge_inventory(struct fabric *f, struct inventory *inv, merge_remark_fn *remark, void *arg,
		    char *err, size_t size);

/* Each device's trust lists against those that the Nexus fabric intends, a remark for
 * each group of devices that differ; after policies were made. */
void merge_compare_trust(const struct fabric *f, merge_remark_fn *remark, void *arg);

#endif
