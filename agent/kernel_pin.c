/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kernel_pin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_BPF
#include <bpf/bpf.h>
#endif

#define BPF_FS 0xcafe4a11 /* BPF_FS_MAGIC of linux/magic.h */
#define LOCK_TRIES 50	  /* for an agent that is just going */
#define LOCK_PAUSE_NS 20000000
#define MAX_NAMES 4096

struct pins {
	char top[PATH_MAX];    /* ROOT/glasswatch */
	char agent[PATH_MAX];  /* ROOT/glasswatch/AGENT */
	char layout[PATH_MAX]; /* ... /LAYOUT; empty: none in use */
	int lock;
};

/* ---- names ------------------------------------------------------------------- */

static void escape(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 4 < size; text++) {
		if (*text == '.' || *text == '%')
			n += (size_t)snprintf(out + n, size - n, "%%%02x", (unsigned char)*text);
		else
			out[n++] = *text;
	}
	out[n] = '\0';
}

static void unescape(char *out, size_t size, const char *text)
{
	size_t n = 0;

	while (*text && n + 1 < size) {
		unsigned c;

		if (*text == '%' && sscanf(text + 1, "%2x", &c) == 1) {
			out[n++] = (char)c;
			text += 3;
		} else {
			out[n++] = *text++;
		}
	}
	out[n] = '\0';
}

void pins_link_name(char *out, size_t size, const char *hook, const char *interface)
{
	char name[PIN_NAME_MAX];

	escape(name, sizeof(name), interface);
	snprintf(out, size, "link-%s-%s", hook, name);
}

void pins_filter_name(char *out, size_t size, const char *hook, uint32_t handle,
		      uint32_t priority, bool qdisc_is_ours, const char *interface)
{
	char name[PIN_NAME_MAX];

	escape(name, sizeof(name), interface);
	snprintf(out, size, "filter-%s-%x-%u-%d-%s", hook, handle, priority, qdisc_is_ours, name);
}

bool pins_filter_parse(const char *name, bool *egress, uint32_t *handle, uint32_t *priority,
		       bool *qdisc_is_ours)
{
	char hook[4];
	int ours;

	if (sscanf(name, "filter-%3[a-z]-%x-%u-%d-", hook, handle, priority, &ours) != 4)
		return false;
	*egress = strcmp(hook, "out") == 0;
	*qdisc_is_ours = ours != 0;
	return true;
}

const char *pins_interface(const char *name, char *out, size_t size)
{
	int skip = strncmp(name, "filter-", 7) == 0 ? 5 : 2;

	while (skip && (name = strchr(name, '-'))) {
		name++;
		skip--;
	}
	unescape(out, size, name ? name : "");
	return out;
}

static bool join(char out[PATH_MAX], const char *directory, const char *name)
{
	return snprintf(out, PATH_MAX, "%s/%s", directory, name) < PATH_MAX;
}

/* ---- the agent's directory ------------------------------------------------------ */

/* What to do about a directory that cannot be used. */
static void explain(const char *root, int why, char *err, size_t size)
{
	const char *remedy = "";

	if (why == EROFS)
		remedy = "; mount it for writing (mount -o remount,rw)";
	else if (why == EACCES || why == EPERM)
		remedy = "; run as root, or give the agent a directory of its own there with --pin";
	else if (why == ENOSPC || why == EDQUOT)
		remedy = "; make room, or mount another bpffs and name it with --pin";
	else if (why == EEXIST || why == ENOTDIR)
		remedy = "; a file is in the way, remove it";
	snprintf(err, size, "%s: %s%s", root, strerror(why), remedy);
}

static int lock_directory(const char *path)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), i;

	for (i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
			int why = errno;

			close(fd);
			errno = why;
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return fd;
}

static bool is_in_the_way(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && !S_ISDIR(st.st_mode);
}

/* Whether the directories are there or can be made; errno: why not. */
static bool can_make(const char *root, const struct pins *p)
{
	if (access(root, W_OK))
		return false;
	errno = EEXIST;
	return !is_in_the_way(p->top) && !is_in_the_way(p->agent);
}

struct pins *pins_open(const char *root, const char *agent, char *err, size_t size)
{
	struct pins *p = calloc(1, sizeof(*p));
	char name[PIN_NAME_MAX];
	struct statfs fs;

	escape(name, sizeof(name), agent);
	if (!p || !join(p->top, root, "glasswatch") || !join(p->agent, p->top, name)) {
		snprintf(err, size, "%s: no memory, or too long a name", root);
		free(p);
		return NULL;
	}
	p->lock = -1;
	if (statfs(root, &fs) || (unsigned long)fs.f_type != BPF_FS) {
		snprintf(err, size, "%s is not a mounted bpffs; `mount -t bpf bpf %s` makes it one",
			 root, root);
		free(p);
		errno = EMEDIUMTYPE;
		return NULL;
	}
	if (!can_make(root, p)) {
		explain(p->agent, errno, err, size);
		free(p);
		return NULL;
	}
	if (access(p->agent, F_OK)) /* there is nothing to take over: see take_directory() */
		return p;
	p->lock = lock_directory(p->agent);
	if (p->lock < 0) {
		if (errno == EWOULDBLOCK)
			snprintf(err, size, "%s is in use by a running agent of that name",
				 p->agent);
		else
			explain(p->agent, errno, err, size);
		free(p);
		return NULL;
	}
	return p;
}

void pins_close(struct pins *p)
{
	if (!p)
		return;
	/* these fail, rightly, where something is left */
	if (p->layout[0])
		rmdir(p->layout);
	if (p->lock >= 0) {
		rmdir(p->agent);
		rmdir(p->top);
		close(p->lock);
	}
	free(p);
}

bool pins_use(struct pins *p, const char *layout)
{
	struct stat st;

	return join(p->layout, p->agent, layout) && !stat(p->layout, &st) && S_ISDIR(st.st_mode);
}

/* ---- what is in it ---------------------------------------------------------------- */

#ifdef HAVE_BPF

static bool make_directory(const char *path)
{
	struct stat st;

	if (!mkdir(path, 0700))
		return true;
	if (errno != EEXIST)
		return false;
	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return true;
	errno = EEXIST;
	return false;
}

/* Not before something is pinned: one that does not get that far leaves nothing. */
static int take_directory(struct pins *p)
{
	if (p->lock >= 0)
		return 0;
	if (!make_directory(p->top) || !make_directory(p->agent))
		return -errno;
	p->lock = lock_directory(p->agent);
	return p->lock < 0 ? -errno : 0;
}

int pins_get(const struct pins *p, const char *name)
{
	char path[PATH_MAX];
	int fd;

	if (!join(path, p->layout, name))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

int pins_put(struct pins *p, const char *name, int fd)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	int err = take_directory(p);

	if (err)
		return err;

	if (!join(path, p->layout, name) || !join(fresh, p->layout, "new"))
		return -ENAMETOOLONG;
	if (!make_directory(p->layout))
		return -errno;
	unlink(fresh); /* of one that was killed here */
	if (bpf_obj_pin(fd, fresh))
		return -errno;
	if (rename(fresh, path)) {
		err = -errno;
		unlink(fresh);
	}
	return err;
}

#else

int pins_get(const struct pins *p, const char *name)
{
	return -ENOSYS;
}

int pins_put(struct pins *p, const char *name, int fd)
{
	return -ENOSYS;
}

#endif

int pins_drop(const struct pins *p, const char *name)
{
	char path[PATH_MAX];

	if (!join(path, p->layout, name))
		return -ENAMETOOLONG;
	return unlink(path) ? -errno : 0;
}

/* The names in a directory, read before any is removed. */
static size_t list(const char *path, char **names, size_t max)
{
	DIR *d = opendir(path);
	struct dirent *e;
	size_t n = 0;

	while (d && n < max && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		names[n] = strdup(e->d_name);
		if (names[n])
			n++;
	}
	if (d)
		closedir(d);
	return n;
}

static void each_in(const char *path, const char *prefix,
		    void (*fn)(void *arg, const char *name), void *arg)
{
	char **names = calloc(MAX_NAMES, sizeof(*names));
	size_t n = names ? list(path, names, MAX_NAMES) : 0, i;

	for (i = 0; i < n; i++) {
		if (strncmp(names[i], prefix, strlen(prefix)) == 0)
			fn(arg, names[i]);
		free(names[i]);
	}
	free(names);
}

void pins_each(const struct pins *p, const char *prefix, void (*fn)(void *arg, const char *name),
	       void *arg)
{
	if (p->layout[0])
		each_in(p->layout, prefix, fn, arg);
}

/* ---- removing ------------------------------------------------------------------------ */

struct removal {
	struct pins *pins;
	const char *directory; /* of a layout */
	void (*fn)(void *arg, const char *name);
	void *arg;
	bool links; /* this time round: what sees packets, or the rest */
	unsigned n;
};

static void remove_name(void *arg, const char *name)
{
	struct removal *r = arg;
	bool map = strncmp(name, "map-", 4) == 0;
	char path[PATH_MAX];

	if (map == r->links)
		return;
	if (strncmp(name, "filter-", 7) == 0 && r->fn)
		r->fn(r->arg, name);
	if (join(path, r->directory, name))
		unlink(path);
}

static void remove_layout(void *arg, const char *name)
{
	struct removal *r = arg;
	char path[PATH_MAX];

	if (!join(path, r->pins->agent, name) || strcmp(path, r->pins->layout) == 0)
		return;
	r->directory = path;
	/* nothing that counts is left without its map */
	r->links = true;
	each_in(path, "", remove_name, r);
	r->links = false;
	each_in(path, "", remove_name, r);
	if (!rmdir(path))
		r->n++;
}

unsigned pins_remove_others(struct pins *p, void (*fn)(void *arg, const char *name), void *arg)
{
	struct removal r = { .pins = p, .fn = fn, .arg = arg };

	each_in(p->agent, "", remove_layout, &r);
	return r.n;
}

void pins_remove(struct pins *p, void (*fn)(void *arg, const char *name), void *arg)
{
	struct removal r = { .pins = p, .fn = fn, .arg = arg };
	char layout[PATH_MAX];

	if (!p->layout[0])
		return;
	memcpy(layout, p->layout, sizeof(layout));
	p->layout[0] = '\0';
	remove_layout(&r, layout + strlen(p->agent) + 1);
}
