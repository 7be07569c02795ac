/* SPDX-License-Identifier: Apache-2.0 */
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST 1024
#define MAX_NAMES 4

/* NULL: good. Group may read: systemd hands over credentials so (an ACL's mask
 * shows as the group's bits), and a service's group is a usual owner. */
static const char *unsafe(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to another user: chown it to root or to this one";
	if (st->st_mode & (S_IRWXO | S_IWGRP))
		return "can be read or changed by others: chmod 600 it";
	return NULL;
}

char *secret_read(const char *path, char *err, size_t size)
{
	/* O_NONBLOCK: a FIFO must not hold us up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[LONGEST + 2], *out = NULL;
	const char *why;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st)) {
		snprintf(err, size, "%s: %s", path, strerror(errno));
		goto out;
	}
	why = unsafe(&st);
	if (why) {
		snprintf(err, size, "%s %s", path, why);
		goto out;
	}
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0) {
		snprintf(err, size, "%s: %s", path, strerror(errno));
		goto out;
	}
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (!text[0] || strlen(text) > LONGEST) {
		snprintf(err, size, "%s: no password in its first line (1 to %d bytes)", path,
			 LONGEST);
		goto wipe;
	}
	out = strdup(text);
	if (!out)
		snprintf(err, size, "%s: no memory", path);
wipe:
	explicit_bzero(text, sizeof(text));
out:
	if (fd >= 0)
		close(fd);
	return out;
}

const char *secret_env(const char *name)
{
	static struct {
		const char *name;
		char *value;
	} known[MAX_NAMES];
	char *value;

	for (size_t i = 0; i < MAX_NAMES; i++) {
		if (known[i].name && !strcmp(known[i].name, name))
			return known[i].value;
		if (known[i].name)
			continue;
		value = getenv(name);
		known[i].name = name;
		if (value && *value) {
			known[i].value = strdup(value);
			memset(value, 0, strlen(value));
		}
		return known[i].value;
	}
	return NULL;
}
