/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_LANDLOCK_H
#define GW_LANDLOCK_H
/*
 * Which parts of the file system this process may still open, by Landlock
 * (Linux 5.13). What is open stays open. Cannot be undone; threads that run
 * already are not covered.
 */
#include <stddef.h>

enum {
	LANDLOCK_READ = 1 << 0,	 /* read files and folders */
	LANDLOCK_WRITE = 1 << 1, /* create, write, rename and remove files */
	LANDLOCK_RMDIR = 1 << 2, /* remove folders */
	/* A grant belongs to the file that is there, not to its name. One that is
	 * replaced by another, by rename or as a link's target, wants this: the folder
	 * around it is granted, unless that is the root. */
	LANDLOCK_REPLACED = 1 << 3,
};

/* What may be done at a path and beneath it. NULL, or a path that does not exist,
 * grants nothing. */
struct landlock_path {
	const char *path;
	unsigned may;
};

/* Everything else is refused (EACCES), and so are listening on TCP ports and
 * signals to processes outside where the kernel can (Linux 6.7, 6.12). Returns
 * the kernel's Landlock version, 0 when it has none, or a negative errno.
 * Wants no_new_privs. */
int landlock_limit(const struct landlock_path *paths, size_t n);

#endif
