/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_DEVICE_H
#define GW_DEVICE_H
/*
 * One configuration's syntax tree -> one struct fabric_device: interfaces,
 * prefix-lists, BGP neighbors. Pure. Statements it does not know are passed
 * over; a statement it knows but cannot read is reported with its line.
 */
#include "common/fabric/eos.h"
#include "common/fabric/fabric.h"

enum device_report {
	DEVICE_PROBLEM, /* a statement that should have been read was not */
	DEVICE_NOTE	/* all was read, but the operator should know */
};

/* text lives until the call returns. line 0: the file as a whole. */
typedef void device_report_fn(void *arg, enum device_report kind, int line, const char *text);

/* 0; -ENOENT: no configuration statement in the file, or none may be read;
 * -ENOMEM. On success the device is free()d with device_clear(). stem is its name
 * when the file does not say one. */
int device_read(const struct eos *config, const char *stem, device_report_fn *report, void *arg,
		struct fabric_device *out);
void device_clear(struct fabric_device *d);

/* The role that a hostname's tail tells: "fab1-AR-CE1" is a CE. */
enum fabric_role device_role(const char *hostname);

/* Lists are sorted by family and name. NULL: no such list. */
const struct prefix_list *device_list(const struct fabric_device *d, uint8_t family,
				      const char *name);

#endif
