/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_SYSCALLS_H
#define GW_SYSCALLS_H
/*
 * Which system calls this process may still make, by seccomp. The table is in
 * syscalls.c, by what a call is for. A call that is not in it fails with EPERM and
 * is named in the log, once; one that only an intruder would make (execve, ptrace,
 * mount, ...) kills the process. Cannot be undone; covers every thread.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
	SYSCALLS_BASE = 1 << 0,	     /* memory, time, files, going out to the network */
	SYSCALLS_BPF = 1 << 1,	     /* reading and filling BPF maps; not loading programs */
	SYSCALLS_THREADS = 1 << 2,   /* starting threads */
	SYSCALLS_LIBRARIES = 1 << 3, /* mapping code that was not there at the start (NSS) */
};

/* Returns 0, or a negative errno: -ENOSYS where the kernel has no seccomp. Wants
 * no_new_privs. */
int syscalls_limit(unsigned groups);

/* How often a call was refused since. */
uint64_t syscalls_refused(void);

#endif
