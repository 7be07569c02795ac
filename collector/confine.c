/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/confine.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/store/store.h"
#include "common/log.h"
#include "common/privilege.h"
#include "common/syscalls.h"

/* NULL: it is not in a file. */
static const char *folder_of_store(const struct collector_config *config, char path[PATH_MAX])
{
	if (!store_is_file(config->db))
		return NULL;
	snprintf(path, PATH_MAX, "%s", config->db);
	return dirname(path);
}

void confine_start(const struct collector_config *config)
{
	char path[PATH_MAX], err[512];
	const char *folder = folder_of_store(config, path);

	if (privilege_start(config->user, folder, 0, err, sizeof(err)) < 0)
		die("%s", err);
	/* for SQLite's temporary files, as the usual folders will be closed; it looks
	 * here once, when the store is opened */
	if (folder)
		setenv("SQLITE_TMPDIR", folder, 1);
}

void confine(const struct collector_config *config)
{
	char path[PATH_MAX], err[512];
	const char *folder = folder_of_store(config, path);
	char *files[STORE_MAX_FILES] = { NULL };
	size_t n = store_files(config->db, files);
	/* SQLite makes and removes files beside the store */
	const struct landlock_path paths[] = {
		{ folder, LANDLOCK_READ | LANDLOCK_WRITE },
		{ config->anchors, LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_REPLACED },
		/* read again at each log-in */
		{ config->redis.password_file, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->redis.tls_ca, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->redis.tls_cert, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->redis.tls_key, LANDLOCK_READ | LANDLOCK_REPLACED },
		/* the API's */
		{ config->tokens, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->tls_cert, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->tls_key, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->web, LANDLOCK_READ },
		/* read again with each notification */
		{ config->alert_token, LANDLOCK_READ | LANDLOCK_REPLACED },
		{ config->alert_ca, LANDLOCK_READ | LANDLOCK_REPLACED },
		/* PostgreSQL's */
		{ files[0], LANDLOCK_READ },
		{ files[1], LANDLOCK_READ },
		{ files[2], LANDLOCK_READ },
		{ files[3], LANDLOCK_READ },
		{ files[4], LANDLOCK_READ },
		{ files[5], LANDLOCK_READ },
		{ files[6], LANDLOCK_READ },
	};
	const struct privilege limits = { .sandbox = config->sandbox,
					  .paths = paths,
					  .n_paths = sizeof(paths) / sizeof(paths[0]),
					  .calls = SYSCALLS_BASE | SYSCALLS_THREADS };

	if (privilege_limit(&limits, err, sizeof(err)) < 0)
		die("%s", err);
	while (n)
		free(files[--n]);
}
