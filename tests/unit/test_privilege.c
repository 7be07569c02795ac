/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process may still do, tried in a child each, because none of it can be
 * undone. A child's answer is its exit status: 0 as it should be, else the line.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/landlock.h"
#include "common/log.h"
#include "common/privilege.h"
#include "common/syscalls.h"

static char dir[] = "/tmp/test_privilege.XXXXXX";

/* In a child: ends it with the line that is not so. */
#define SO(x)                                                                                      \
	do {                                                                                       \
		if (!(x))                                                                          \
			_exit(__LINE__ & 0xff ? __LINE__ & 0xff : 1);                              \
	} while (0)

#define UNKNOWN 125 /* this kernel cannot do it */

/* How a child that runs fn ends, as waitpid() says. */
static int in_child(void (*fn)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void succeeds(void (*fn)(void))
{
	int status = in_child(fn);

	if (WIFEXITED(status) && WEXITSTATUS(status) == UNKNOWN)
		skip();
	if (WIFEXITED(status) && WEXITSTATUS(status))
		print_error("line %d, or that many more times 256\n", WEXITSTATUS(status));
	assert_int_equal(status, 0);
}

static bool refused(int rc, int why)
{
	return rc < 0 && errno == why;
}

static const char *at(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, 128, "%s/%s", dir, name);
	return p;
}

static int make(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void fill(const char *path, const char *text)
{
	int fd = make(path);

	SO(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

/* ---- files ----------------------------------------------------------------------- */

static void files(void)
{
	struct landlock_path paths[] = {
		{ at("read"), LANDLOCK_READ },
		{ at("write"), LANDLOCK_READ | LANDLOCK_WRITE },
		{ at("removed"), LANDLOCK_RMDIR },
		{ at("nowhere"), LANDLOCK_READ | LANDLOCK_WRITE },
	};
	int open_before = make(at("before")), version;

	SO(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	version = landlock_limit(paths, 4);
	if (version == 0)
		_exit(UNKNOWN);
	SO(version > 0);
	SO(write(open_before, "x", 1) == 1);
	SO(refused(make(at("new")), EACCES));
	SO(refused(make(at("read/new")), EACCES));
	SO(refused(open("/etc/passwd", O_RDONLY), EACCES));
	SO(refused(rmdir(at("read")), EACCES));
	SO(refused(mkdir(at("write/d"), 0700), EACCES));
	SO(refused(symlink("/etc/passwd", at("write/l")), EACCES));
}

static void files_granted(void)
{
	struct landlock_path paths[] = {
		{ at("read"), LANDLOCK_READ },
		{ at("write"), LANDLOCK_READ | LANDLOCK_WRITE },
		{ dir, LANDLOCK_RMDIR },
	};
	int version;

	SO(mkdir(at("removed"), 0700) == 0);
	SO(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	version = landlock_limit(paths, 3);
	if (version == 0)
		_exit(UNKNOWN);
	SO(version > 0);
	SO(open(at("read/file"), O_RDONLY) >= 0);
	SO(make(at("write/new")) >= 0);
	SO(truncate(at("write/new"), 0) == 0);
	SO(rename(at("write/new"), at("write/other")) == 0);
	SO(refused(rename(at("write/other"), at("read/other")), version >= 2 ? EACCES : EXDEV));
	SO(unlink(at("write/other")) == 0);
	SO(rmdir(at("removed")) == 0);
	SO(refused(unlink(at("read/file")), EACCES));
}

/* A link that comes to lead elsewhere, and a folder that another replaces. */
static void files_replaced(void)
{
	struct landlock_path paths[] = { { at("link"), LANDLOCK_READ | LANDLOCK_REPLACED } };

	SO(mkdir(at("real"), 0700) == 0 && mkdir(at("real/1"), 0700) == 0);
	SO(mkdir(at("real/2"), 0700) == 0 && symlink("real/1", at("link")) == 0);
	fill(at("real/2/file"), "x");
	SO(unlink(at("link")) == 0 && symlink("real/2", at("link")) == 0);
	SO(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (landlock_limit(paths, 1) == 0)
		_exit(UNKNOWN);
	SO(open(at("link/file"), O_RDONLY) >= 0);
	SO(open(at("real/1"), O_RDONLY | O_DIRECTORY) >= 0);
	SO(refused(open(at("read/file"), O_RDONLY), EACCES));
}

static void test_files(void **state)
{
	succeeds(files);
	succeeds(files_granted);
	succeeds(files_replaced);
}

/* ---- system calls -------------------------------------------------------------------- */

static void limit(unsigned groups)
{
	int err;

	log_threshold(LOG_LEVEL_ERROR);
	SO(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	err = syscalls_limit(groups);
	if (err == -ENOSYS || err == -EINVAL)
		_exit(UNKNOWN);
	SO(err == 0);
}

static void calls(void)
{
	limit(SYSCALLS_BASE);
	SO(syscalls_refused() == 0);
	SO(refused(socket(AF_PACKET, SOCK_RAW, 0), EPERM));
	SO(refused((int)syscall(SYS_bpf, 0, NULL, 0), EPERM));
	SO(refused((int)syscall(SYS_kill, getppid(), 0), EPERM));
	SO(refused(prctl(PR_SET_NAME, "x"), EPERM));
	SO(refused(mkdir(at("d"), 0700), EPERM));
	SO(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		   MAP_FAILED &&
	   errno == EPERM);
	SO(syscalls_refused() == 6);
	SO(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	SO(open("/etc/passwd", O_RDONLY) >= 0);
	SO(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	   MAP_FAILED);
	SO(syscalls_refused() == 6);
}

static void *thread(void *arg)
{
	SO(refused(socket(AF_PACKET, SOCK_RAW, 0), EPERM));
	return arg;
}

static void threads(void)
{
	pthread_t t;
	void *said;

	limit(SYSCALLS_BASE | SYSCALLS_THREADS);
	SO(pthread_create(&t, NULL, thread, dir) == 0);
	SO(pthread_join(t, &said) == 0 && said == dir);
	SO(refused(fork(), EPERM));
	SO(syscalls_refused() == 1);
}

static void no_threads(void)
{
	pthread_t t;

	limit(SYSCALLS_BASE);
	SO(pthread_create(&t, NULL, thread, dir) == EPERM);
}

static void run_program(void)
{
	limit(SYSCALLS_BASE | SYSCALLS_THREADS | SYSCALLS_LIBRARIES);
	execl("/bin/true", "true", NULL);
}

static void test_calls(void **state)
{
	int status;

	succeeds(calls);
	succeeds(threads);
	succeeds(no_threads);
	status = in_child(run_program);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* ---- both, as the programs do --------------------------------------------------------- */

static bool holds(const char *field, uint64_t value)
{
	char line[256], wanted[64];
	FILE *f = fopen("/proc/self/status", "re");
	bool yes = false;

	SO(f != NULL);
	snprintf(wanted, sizeof(wanted), "%s:\t%016llx\n", field, (unsigned long long)value);
	while (fgets(line, sizeof(line), f))
		yes |= strcmp(line, wanted) == 0;
	fclose(f);
	return yes;
}

static void together(void)
{
	const struct landlock_path paths[] = { { at("write"), LANDLOCK_READ | LANDLOCK_WRITE } };
	const struct privilege p = {
		.keep = PRIVILEGE(CAP_NET_RAW), .paths = paths, .n_paths = 1, .calls = SYSCALLS_BASE
	};
	uint64_t net = PRIVILEGE(CAP_NET_RAW) | PRIVILEGE(CAP_NET_ADMIN);
	bool root = geteuid() == 0 && holds("CapInh", 0);
	json_t *report;
	char err[256];

	log_threshold(LOG_LEVEL_ERROR);
	SO(privilege_start(NULL, NULL, net, err, sizeof(err)) == 0);
	if (root)
		SO(holds("CapPrm",
			 net | PRIVILEGE(CAP_DAC_OVERRIDE) | PRIVILEGE(CAP_DAC_READ_SEARCH)));
	SO(holds("CapAmb", 0));
	SO(privilege_limit(&p, err, sizeof(err)) == 0);
	SO(holds("CapPrm", root ? PRIVILEGE(CAP_NET_RAW) : 0));
	SO(holds("CapEff", root ? PRIVILEGE(CAP_NET_RAW) : 0));
	report = privilege_report();
	SO(json_is_true(json_object_get(report, "no_new_privileges")));
	SO(json_array_size(json_object_get(report, "capabilities")) == (root ? 1 : 0));
	json_decref(report);
}

/* Root reads what is somebody else's by a capability; so it keeps that one. */
static void overriding(void)
{
	const struct landlock_path paths[] = { { at("other"), LANDLOCK_READ } };
	const struct privilege p = { .sandbox = SANDBOX_OFF, .paths = paths, .n_paths = 1 };
	char err[256];

	if (geteuid() != 0)
		_exit(UNKNOWN);
	log_threshold(LOG_LEVEL_ERROR);
	SO(privilege_start(NULL, NULL, 0, err, sizeof(err)) == 0);
	SO(privilege_limit(&p, err, sizeof(err)) == 0);
	SO(holds("CapEff", PRIVILEGE(CAP_DAC_READ_SEARCH)));
	SO(open(at("other/file"), O_RDONLY) >= 0);
}

static void test_together(void **state)
{
	succeeds(together);
}

static void test_overriding(void **state)
{
	succeeds(overriding);
}

static void another_user(void)
{
	char err[256];

	if (geteuid() != 0)
		_exit(UNKNOWN);
	SO(privilege_start("nobody", at("owned"), PRIVILEGE(CAP_NET_RAW), err, sizeof(err)) == 0);
	SO(getuid() == 65534 && geteuid() == 65534 && getgid() != 0 && getegid() != 0);
	SO(holds("CapEff", PRIVILEGE(CAP_NET_RAW)) && holds("CapBnd", 0));
	SO(make(at("owned/file")) >= 0);
	SO(setuid(0) < 0);
}

static void no_user(void)
{
	char err[256];

	SO(privilege_start("gwt-nobody", NULL, 0, err, sizeof(err)) < 0);
	SO(strstr(err, "there is no user gwt-nobody") != NULL);
	if (geteuid() != 0)
		return;
	SO(privilege_start("nobody", at("read"), 0, err, sizeof(err)) < 0);
	SO(strstr(err, "may not write") != NULL);
	SO(privilege_start("root", NULL, 0, err, sizeof(err)) < 0);
	SO(strstr(err, "only root can become") != NULL);
}

static void test_user(void **state)
{
	succeeds(another_user);
	succeeds(no_user);
}

static int set_up(void **state)
{
	if (!mkdtemp(dir) || chmod(dir, 0755) || mkdir(at("read"), 0755) ||
	    mkdir(at("write"), 0700) || mkdir(at("other"), 0700) || close(make(at("read/file"))) ||
	    close(make(at("other/file"))))
		return -1;
	return geteuid() == 0 && chown(at("other"), 65534, 65534) ? -1 : 0;
}

static int tear_down(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),	 cmocka_unit_test(test_calls),
		cmocka_unit_test(test_together), cmocka_unit_test(test_overriding),
		cmocka_unit_test(test_user),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
