/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glibc has no functions for Landlock, and Debian 12's headers stop at its second
 * version; what came later is spelled out here as linux/landlock.h of Linux 6.12
 * has it. A kernel is asked for its version first and told only what it knows.
 */
#include "common/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct landlock_ruleset_attr as version 6 has it; older kernels take its head */
struct ruleset {
	uint64_t files;
	uint64_t net;	 /* version 4 */
	uint64_t scoped; /* version 6 */
};

#define FS_V1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define FS_REFER (1ULL << 13)	  /* version 2: move or link into another folder */
#define FS_TRUNCATE (1ULL << 14)  /* version 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* version 5 */
#define NET_BIND_TCP (1ULL << 0)
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)

/* What can be granted at a path that is no folder. */
#define FS_OF_FILE                                                                                 \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

static uint64_t rights_of(unsigned may)
{
	uint64_t rights = 0;

	if (may & LANDLOCK_READ)
		rights |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	if (may & LANDLOCK_WRITE)
		rights |= LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
			  LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_TRUNCATE;
	if (may & LANDLOCK_RMDIR)
		rights |= LANDLOCK_ACCESS_FS_REMOVE_DIR;
	return rights;
}

static int open_granted(const struct landlock_path *p)
{
	char real[PATH_MAX], *slash;

	if (!(p->may & LANDLOCK_REPLACED))
		return open(p->path, O_PATH | O_CLOEXEC);
	/* one that is still to be made has a folder, too */
	if (!realpath(p->path, real))
		snprintf(real, sizeof(real), "%s", p->path);
	slash = strrchr(real, '/');
	if (slash == real)
		return open(p->path, O_PATH | O_CLOEXEC);
	if (slash)
		*slash = '\0';
	return open(slash ? real : ".", O_PATH | O_CLOEXEC);
}

static int grant(int ruleset, uint64_t known, const struct landlock_path *p)
{
	struct landlock_path_beneath_attr rule = { 0 };
	struct stat st;
	int fd = p->path ? open_granted(p) : -1, err = 0;

	if (!p->path)
		return 0;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
	rule.parent_fd = fd;
	rule.allowed_access = rights_of(p->may) & known;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_OF_FILE;
	if (!err && rule.allowed_access &&
	    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		err = -errno;
	close(fd);
	return err;
}

static struct ruleset known_to(int version, size_t *size)
{
	struct ruleset r = { .files = FS_V1 };

	*size = sizeof(r.files);
	if (version >= 2)
		r.files |= FS_REFER;
	if (version >= 3)
		r.files |= FS_TRUNCATE;
	if (version >= 5)
		r.files |= FS_IOCTL_DEV;
	if (version >= 4) {
		r.net = NET_BIND_TCP;
		*size = offsetof(struct ruleset, scoped);
	}
	if (version >= 6) {
		r.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		*size = sizeof(r);
	}
	return r;
}

int landlock_limit(const struct landlock_path *paths, size_t n)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset attr;
	size_t size, i;
	int fd, err = 0;

	if (version < 0) /* not built in, switched off at boot, or hidden by a container */
		return 0;
	attr = known_to((int)version, &size);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return -errno;
	for (i = 0; !err && i < n; i++)
		err = grant(fd, attr.files, &paths[i]);
	if (!err && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		err = -errno;
	close(fd);
	return err ? err : (int)version;
}
