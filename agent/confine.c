/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/confine.h"

#include <libgen.h>
#include <linux/capability.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/privilege.h"
#include "common/syscalls.h"

/* Debian 12's headers have them; older ones did not */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

void confine_start(const struct agent_config *config)
{
	/* loading programs and attaching them; packet sockets; locked memory, which
	 * kernels before 5.11 count maps as */
	const uint64_t opening = PRIVILEGE(CAP_BPF) | PRIVILEGE(CAP_PERFMON) |
				 PRIVILEGE(CAP_NET_ADMIN) | PRIVILEGE(CAP_NET_RAW) |
				 PRIVILEGE(CAP_SYS_RESOURCE);
	const char *state = config->state ? config->state : config->redis.url ? AGENT_STATE : NULL;
	char err[512];

	if (privilege_start(config->user, state, opening, err, sizeof(err)) < 0)
		die("%s", err);
	/* for SQLite's temporary files, as the usual folders will be closed; it looks
	 * here once, when the outbox is opened */
	setenv("SQLITE_TMPDIR", config->state ? config->state : AGENT_STATE, 1);
}

void confine(const struct agent_config *config, const struct capture *capture, const char *state,
	     bool remove_state)
{
	char path[PATH_MAX], around[PATH_MAX + 8], pins[PATH_MAX], err[512];
	const struct landlock_path paths[] = {
		{ config->fabric, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ state, LANDLOCK_READ | LANDLOCK_WRITE },
		/* the names in bpffs go at the end, with their folders */
		{ capture->pinned ? pins : NULL, LANDLOCK_READ | LANDLOCK_WRITE },
		{ capture->pinned ? config->pin : NULL, LANDLOCK_RMDIR },
		{ remove_state ? around : NULL, LANDLOCK_RMDIR },
		/* read again at each log-in */
		{ config->redis.password_file, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->redis.tls_ca, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->redis.tls_cert, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->redis.tls_key, LANDLOCK_READ | LANDLOCK_REPLACED },
	};
	const struct privilege limits = { .keep = capture->keeps,
					  .sandbox = config->sandbox,
					  .paths = paths,
					  .n_paths = sizeof(paths) / sizeof(paths[0]),
					  .calls = SYSCALLS_BASE | SYSCALLS_BPF };

	snprintf(pins, sizeof(pins), "%s/glasswatch", config->pin);
	snprintf(path, sizeof(path), "%s", state);
	snprintf(around, sizeof(around), "%s", dirname(path));
	if (privilege_limit(&limits, err, sizeof(err)) < 0)
		die("%s", err);
}
