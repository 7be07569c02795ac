/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refused call does not end the program: a new libc may make calls that this
 * table does not know, and a blind moment is what an attacker would like best. It
 * fails with EPERM instead, by way of SIGSYS, whose handler names it in the log and
 * counts it; every caller has to bear a failing call anyway. Calls that no libc
 * makes for a program like this are another matter: then somebody else is at the
 * controls, and the process is killed before the call is done.
 *
 * Names and not numbers: libseccomp knows the numbers of each machine. A name that
 * it does not know (an older library) or that the machine does not have is skipped.
 */
#include "common/syscalls.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/log.h"

#define NUMBERS 1024 /* above every system call's number on the machines we know */

static const struct {
	unsigned group;
	const char *names; /* separated by blanks */
} allowed[] = {
	/* memory; mmap and mprotect are below */
	{ SYSCALLS_BASE, "brk munmap mremap madvise membarrier mseal" },
	/* waiting, time, chance */
	{ SYSCALLS_BASE, "epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll "
			 "select pselect6 eventfd2 pipe2 timerfd_create timerfd_settime futex "
			 "futex_waitv nanosleep clock_nanosleep clock_gettime clock_getres "
			 "gettimeofday time times getrandom restart_syscall sched_yield "
			 "sched_getaffinity rseq" },
	/* signals to itself, its end */
	{ SYSCALLS_BASE, "rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack rt_sigtimedwait "
			 "exit exit_group" },
	/* who and where am I */
	{ SYSCALLS_BASE, "getpid getppid gettid getuid geteuid getgid getegid getcwd uname sysinfo "
			 "getrusage getrlimit set_robust_list set_tid_address" },
	/* files that are open */
	{ SYSCALLS_BASE, "read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 "
			 "lseek close dup dup2 dup3 fcntl flock fsync fdatasync fallocate "
			 "ftruncate fchmod fchown sendfile fadvise64 close_range" },
	/* files by name; which of them is Landlock's to say */
	{ SYSCALLS_BASE, "open openat openat2 access faccessat faccessat2 stat lstat fstat "
			 "newfstatat fstatat64 statx statfs fstatfs readlink readlinkat getdents64 "
			 "unlink unlinkat rmdir rename renameat renameat2 inotify_init1 "
			 "inotify_add_watch inotify_rm_watch umask" },
	/* the network; socket is below */
	{ SYSCALLS_BASE, "connect accept accept4 sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg "
			 "shutdown getsockname getpeername getsockopt setsockopt" },
	/* clone is below */
	{ SYSCALLS_THREADS, "setpriority sched_setaffinity sched_getparam sched_getscheduler "
			    "sched_get_priority_min sched_get_priority_max" },
};

/* Of calls with many uses, these: argument `arg`, masked, has this value. */
static const struct {
	unsigned group;
	const char *name;
	unsigned arg;
	uint64_t mask, value;
} allowed_if[] = {
#define IS 0xffffffffu
	{ SYSCALLS_BASE, "mmap", 2, PROT_EXEC, 0 },
	{ SYSCALLS_BASE, "mprotect", 2, PROT_EXEC, 0 },
	/* a library's text is mapped readable; nothing is ever writable and executable */
	{ SYSCALLS_LIBRARIES, "mmap", 2, PROT_EXEC | PROT_WRITE, PROT_EXEC },
	{ SYSCALLS_BASE, "socket", 0, IS, AF_UNIX },
	{ SYSCALLS_BASE, "socket", 0, IS, AF_INET },
	{ SYSCALLS_BASE, "socket", 0, IS, AF_INET6 },
	{ SYSCALLS_BASE, "socket", 0, IS, AF_NETLINK }, /* interfaces, clsact filters */
	{ SYSCALLS_BASE, "socketpair", 0, IS, AF_UNIX },
	{ SYSCALLS_BASE, "ioctl", 1, IS, FIONREAD },
	{ SYSCALLS_BASE, "ioctl", 1, IS, FIONBIO },
	{ SYSCALLS_BASE, "ioctl", 1, IS, TCGETS },
	{ SYSCALLS_BASE, "ioctl", 1, IS, TIOCGWINSZ },
	{ SYSCALLS_BASE, "ioctl", 1, IS, SIOCGIFFLAGS },
	{ SYSCALLS_BASE, "ioctl", 1, IS, SIOCGIFINDEX },
	{ SYSCALLS_BASE, "ioctl", 1, IS, SIOCGIFNAME },
	{ SYSCALLS_BASE, "prlimit64", 2, IS, 0 }, /* asks, does not set */
	{ SYSCALLS_THREADS, "prctl", 0, IS, PR_SET_NAME }, /* of a thread */
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_CREATE },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_LOOKUP_ELEM },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_UPDATE_ELEM },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_DELETE_ELEM },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_GET_NEXT_KEY },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_LOOKUP_AND_DELETE_ELEM },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_LOOKUP_BATCH },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_LOOKUP_AND_DELETE_BATCH },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_UPDATE_BATCH },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_MAP_DELETE_BATCH },
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_PROG_TEST_RUN }, /* the kernel's clock */
	{ SYSCALLS_BPF, "bpf", 0, IS, BPF_OBJ_GET_INFO_BY_FD },
#undef IS
};

/* What only an intruder would do. */
static const char deadly[] =
	"execve execveat fork vfork ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp "
	"mount umount2 pivot_root chroot setns unshare move_mount open_tree fsopen fsmount "
	"init_module finit_module delete_module kexec_load kexec_file_load reboot swapon "
	"iopl ioperm perf_event_open userfaultfd open_by_handle_at mknod mknodat keyctl add_key "
	"request_key acct quotactl settimeofday clock_settime";

static _Atomic uint64_t refused;
static _Atomic bool named[NUMBERS];
static char *names[NUMBERS]; /* looked up before, as the handler may not allocate */

uint64_t syscalls_refused(void)
{
	return refused;
}

#if defined(__x86_64__) || defined(__aarch64__)
#define REFUSE SCMP_ACT_TRAP

/* Runs in the place of a refused call and makes it return -EPERM. log_warning() is
 * in order here: the signal is not asynchronous, it stands where a system call
 * stood, so no lock of stdio or malloc is waited for in this thread's back. */
static void on_refused(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	int before = errno, number = info->si_syscall;
	unsigned long long first, second;

#if defined(__x86_64__)
	first = (unsigned long long)u->uc_mcontext.gregs[REG_RDI];
	second = (unsigned long long)u->uc_mcontext.gregs[REG_RSI];
	u->uc_mcontext.gregs[REG_RAX] = -EPERM;
#else
	first = u->uc_mcontext.regs[0];
	second = u->uc_mcontext.regs[1];
	u->uc_mcontext.regs[0] = (unsigned long long)-EPERM;
#endif
	refused++;
	if (number >= 0 && number < NUMBERS && !atomic_exchange(&named[number], true))
		log_warning("the system call %s (%d: %llx, %llx) is not in this program's table: "
			    "refused; --sandbox off runs without the table",
			    names[number] ? names[number] : "number", number, first, second);
	errno = before;
}

#else

/* Without a line in the log: where a system call's result lies is not known. */
#define REFUSE SCMP_ACT_ERRNO(EPERM)
#define on_refused NULL

#endif

static int add_names(scmp_filter_ctx filter, uint32_t action, const char *list)
{
	char *copy = strdup(list), *rest = copy, *name;
	int err = copy ? 0 : -ENOMEM, number;

	while (!err && (name = strsep(&rest, " ")) != NULL) {
		number = seccomp_syscall_resolve_name(name);
		/* negative: another machine's call */
		if (number >= 0)
			err = seccomp_rule_add(filter, action, number, 0);
	}
	free(copy);
	return err;
}

/* Threads, but no processes. clone3() hides its arguments from the filter; without
 * it libc takes clone(). These fail without SIGSYS: libc blocks signals around them,
 * and a signal that must come and is blocked kills. */
static int add_clone(scmp_filter_ctx filter, bool threads)
{
	int err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	if (!err && !threads)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 0);
	if (!err && threads)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (!err && threads)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return err;
}

static int fill(scmp_filter_ctx filter, unsigned groups)
{
	size_t i;
	int err = add_names(filter, SCMP_ACT_KILL_PROCESS, deadly);

	for (i = 0; !err && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (allowed[i].group & groups)
			err = add_names(filter, SCMP_ACT_ALLOW, allowed[i].names);
	for (i = 0; !err && i < sizeof(allowed_if) / sizeof(allowed_if[0]); i++)
		if (allowed_if[i].group & groups)
			err = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
					       seccomp_syscall_resolve_name(allowed_if[i].name), 1,
					       SCMP_CMP(allowed_if[i].arg, SCMP_CMP_MASKED_EQ,
							allowed_if[i].mask, allowed_if[i].value));
	if (!err)
		err = add_clone(filter, groups & SYSCALLS_THREADS);
	/* signals, to itself alone */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return err;
}

static int handle_refusals(void)
{
	struct sigaction act = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO };
	int i;

	if (!act.sa_sigaction)
		return 0;

	for (i = 0; i < NUMBERS; i++)
		if (!names[i])
			names[i] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);
	return sigaction(SIGSYS, &act, NULL) < 0 ? -errno : 0;
}

int syscalls_limit(unsigned groups)
{
	scmp_filter_ctx filter = seccomp_init(REFUSE);
	int err;

	if (!filter)
		return -ENOMEM;
	err = handle_refusals();
	if (!err)
		err = fill(filter, groups);
	if (!err)
		err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
