/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page's own files. A name is made of letters, digits and ._- between slashes,
 * no part begins with a dot, and its ending says what it is; so it can name nothing
 * outside the folder, and nothing that was not put there to be shown. Links inside
 * the folder are followed: who may write there may show what they like.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/api/call.h"

#define MOST (8 * 1024 * 1024) /* bytes of a file */

static const struct {
	const char *ending, *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".mjs", "text/javascript; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".json", "application/json" },
	{ ".webmanifest", "application/manifest+json" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".ico", "image/x-icon" },
	{ ".woff2", "font/woff2" },
	{ ".txt", "text/plain; charset=utf-8" },
};

static const char *type_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(dot, types[i].ending) == 0)
			return types[i].type;
	return NULL;
}

static bool is_name(const char *path)
{
	if (path[strspn(path,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")])
		return false;
	for (const char *at = path; (at = strchr(at, '/')) != NULL;)
		if (*++at == '.' || *at == '/' || !*at)
			return false;
	return true;
}

static char *read_all(int fd, size_t size)
{
	char *text = malloc(size + 1);
	size_t have = 0;
	ssize_t n = 1;

	while (text && have < size && n > 0) {
		n = read(fd, text + have, size - have);
		if (n > 0)
			have += (size_t)n;
	}
	if (have == size)
		return text;
	free(text); /* replaced while it was read */
	return NULL;
}

static void show(struct api_call *c, const char *type, int fd, const struct stat *st)
{
	char tag[64];

	snprintf(tag, sizeof(tag), "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
		 (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec,
		 (uint64_t)st->st_size);
	if (c->r->if_none_match && strstr(c->r->if_none_match, tag))
		c->a->status = 304;
	else
		http_answer_text(c->a, 200, type, read_all(fd, (size_t)st->st_size),
				 (size_t)st->st_size);
	c->a->no_store = false;
	http_answer_header(c->a, "ETag", "%s", tag);
	http_answer_header(c->a, "Cache-Control", "no-cache"); /* ask whether it is the same */
}

bool api_file(struct api_call *c, const char *folder)
{
	const char *path = strcmp(c->r->path, "/") == 0 ? "/index.html" : c->r->path;
	const char *type = type_of(path);
	char name[PATH_MAX];
	struct stat st;
	bool there;
	int fd;

	if (!folder || !type || !is_name(path) ||
	    snprintf(name, sizeof(name), "%s%s", folder, path) >= (int)sizeof(name))
		return false;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	there = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= MOST;
	if (there)
		show(c, type, fd, &st);
	if (fd >= 0)
		close(fd);
	return there;
}
