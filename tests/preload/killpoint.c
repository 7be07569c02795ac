/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: counts a program's calls by which it changes anything outside of
 * itself, or learns of it, and ends it, as SIGKILL would, right before the KILL_AT'th.
 * Between two such calls nothing happens that others could see, so killing before
 * each of them is killing between any two steps.
 *
 * KILL_LOG=FILE: a line for each call: its name, and "XACK" when that is in what is
 * written, "wal" when it is to a file of that name.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static long count, kill_at;
static int log_fd = -1;

static void __attribute__((constructor)) begin(void)
{
	const char *at = getenv("KILL_AT"), *log = getenv("KILL_LOG");

	kill_at = at ? atol(at) : 0;
	count = 0; /* other libraries read on their way up, too */
	if (log)
		log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static const char *place(int fd)
{
	static char name[4096];
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	name[n > 0 ? n : 0] = '\0';
	return n > 4 && strcmp(name + n - 4, "-wal") == 0 ? " wal" : "";
}

static void step(const char *call, int fd, const void *data, size_t len)
{
	char line[128];
	int n;

	/* not by kill(2), which the program may not call: a trap, that nobody handles */
	if (++count == kill_at)
		__builtin_trap();
	if (log_fd < 0)
		return;
	n = snprintf(line, sizeof(line), "%s%s%s\n", call, place(fd),
		     data && memmem(data, len, "XACK", 4) ? " XACK" : "");
	syscall(SYS_write, log_fd, line, (size_t)n);
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t read(int fd, void *buf, size_t n)
{
	step("read", fd, NULL, 0);
	return REAL(ssize_t, "read", int, void *, size_t)(fd, buf, n);
}

ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	step("recv", fd, NULL, 0);
	return REAL(ssize_t, "recv", int, void *, size_t, int)(fd, buf, n, flags);
}

ssize_t write(int fd, const void *buf, size_t n)
{
	step("write", fd, buf, n);
	return REAL(ssize_t, "write", int, const void *, size_t)(fd, buf, n);
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	step("send", fd, buf, n);
	return REAL(ssize_t, "send", int, const void *, size_t, int)(fd, buf, n, flags);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	step("pwrite", fd, NULL, 0);
	return REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)(fd, buf, n, at);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	step("pwrite", fd, NULL, 0);
	return REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)(fd, buf, n, at);
}

int ftruncate64(int fd, off64_t len)
{
	step("ftruncate", fd, NULL, 0);
	return REAL(int, "ftruncate64", int, off64_t)(fd, len);
}

int fsync(int fd)
{
	step("fsync", fd, NULL, 0);
	return REAL(int, "fsync", int)(fd);
}

int fdatasync(int fd)
{
	step("fdatasync", fd, NULL, 0);
	return REAL(int, "fdatasync", int)(fd);
}

int unlink(const char *path)
{
	step("unlink", -1, NULL, 0);
	return REAL(int, "unlink", const char *)(path);
}
