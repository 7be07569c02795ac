/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_PRIVILEGE_H
#define GW_PRIVILEGE_H
/*
 * What a running program may still do, given up in two steps:
 *
 *	privilege_start()   first of all: becomes another user if asked to, and keeps
 *			    the capabilities alone that opening things takes
 *	... open captures, files, sockets ...
 *	privilege_limit()   the capabilities that the running program needs, no new
 *			    privileges, the file system (landlock.h), the system
 *			    calls (syscalls.h)
 *
 * A service manager that starts the program as its own user with ambient
 * capabilities has done most of the first step; the second is the same.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/landlock.h"

#define PRIVILEGE(capability) (1ULL << (capability)) /* of linux/capability.h */

enum { SANDBOX_ON, SANDBOX_OFF }; /* of an option "on|off" */

struct privilege {
	uint64_t keep; /* capabilities, PRIVILEGE() of each */
	int sandbox;   /* SANDBOX_OFF: capabilities are given up and nothing else */
	const struct landlock_path *paths;
	size_t n_paths;
	unsigned calls; /* SYSCALLS_* */
};

/* Becomes `user` (NULL: stays who it is), whose folder `state` is made if it does
 * not exist; keeps of the capabilities those in `keep` that it has. Returns 0, or
 * -1 with one line in err. */
int privilege_start(const char *user, const char *state, uint64_t keep, char *err, size_t size);

/* Root that is stripped of its capabilities can read only what is root's or
 * everybody's. Where a path that it has to use belongs to others, it keeps
 * CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE and says so in the log. What this kernel
 * cannot do is left out, and privilege_report() says so. Returns 0, or -1 with one
 * line in err. */
int privilege_limit(const struct privilege *p, char *err, size_t size);

/* What is in force, for `status`. */
json_t *privilege_report(void);

/* The report as one line. */
void privilege_print(const json_t *report, FILE *out);

#endif
