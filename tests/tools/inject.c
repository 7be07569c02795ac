/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes another process make a system call, as an intruder in it would:
 *
 *	inject PID CALL ARGUMENT...
 *
 * CALL is a name; an argument is a number, or a path that begins with / (the process
 * gets its address). Prints what the call returned, as a number or as -ENAME, or
 * "killed". Exit status 0 unless it could not be made; 77 where this machine is not
 * known.
 *
 * The process is stopped behind a system call of its own, whose instruction serves
 * ours too. When the call raises SIGSYS the process's own handler runs; what it
 * makes of the call is the result. Then the registers are put back as they were; of
 * memory only what lies far below the stack was touched.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"

#if defined(__x86_64__)

#define MAX_ARGS 6
#define BELOW_STACK 16384 /* far enough below what the process uses */
#define SYSCALL_INSN 0x050fu

static pid_t pid;

static void must(long rc, const char *what)
{
	if (rc < 0)
		die("%s of %d: %s", what, (int)pid, strerror(errno));
}

/* Waits for the next stop; false when the process is gone. */
static bool stopped(int *status)
{
	must(waitpid(pid, status, __WALL), "waiting");
	return WIFSTOPPED(*status);
}

static void put_text(unsigned long long at, const char *text)
{
	size_t n = strlen(text) + 1, i;

	for (i = 0; i < n; i += sizeof(long)) {
		long word = 0;

		memcpy(&word, text + i, n - i < sizeof(word) ? n - i : sizeof(word));
		must(ptrace(PTRACE_POKEDATA, pid, at + i, word), "writing to memory");
	}
}

static long read_word(unsigned long long at)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
	if (errno)
		die("reading memory of %d: %s", (int)pid, strerror(errno));
	return word;
}

static void show(long long result)
{
	const char *name = result < 0 && result > -4096 ? strerrorname_np((int)-result) : NULL;

	if (name)
		printf("-%s\n", name);
	else
		printf("%lld\n", result);
}

/* Stops the process and steps over a system call of its own. */
static struct user_regs_struct seize(void)
{
	struct user_regs_struct regs;
	int status;

	must(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD), "tracing");
	must(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), "interrupting");
	for (;;) {
		if (!stopped(&status))
			die("%d has ended", (int)pid);
		must(ptrace(PTRACE_GETREGS, pid, NULL, &regs), "reading registers");
		/* behind a system call that is done, not before one */
		if ((read_word(regs.rip - 2) & 0xffff) == SYSCALL_INSN &&
		    (long long)regs.rax != -ENOSYS)
			return regs;
		must(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), "continuing");
	}
}

static void arguments(struct user_regs_struct *regs, int n, char **text)
{
	unsigned long long *slot[MAX_ARGS] = { &regs->rdi, &regs->rsi, &regs->rdx,
					       &regs->r10, &regs->r8,  &regs->r9 };
	unsigned long long free_at = (regs->rsp - BELOW_STACK) & ~15ULL;
	int i;

	for (i = 0; i < n; i++) {
		const char *t = text[i];

		if (t[0] == '/') {
			put_text(free_at, t);
			*slot[i] = free_at;
			free_at += (strlen(t) + 16) & ~15ULL;
		} else {
			*slot[i] = (unsigned long long)strtoll(t, NULL, 0);
		}
	}
}

static bool sigsys_pending(void)
{
	struct __ptrace_peeksiginfo_args first = { .off = 0, .flags = 0, .nr = 1 };
	siginfo_t info;

	return ptrace(PTRACE_PEEKSIGINFO, pid, &first, &info) == 1 && info.si_signo == SIGSYS;
}

/* True when the process is back where it left for our call: at the call's end, or
 * at the end of the handler that ran instead. */
static bool returned(const struct user_regs_struct *before, struct user_regs_struct *now)
{
	struct __ptrace_syscall_info info;

	must(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info), "asking what it does");
	must(ptrace(PTRACE_GETREGS, pid, NULL, now), "reading registers");
	return info.op == PTRACE_SYSCALL_INFO_EXIT && now->rip == before->rip &&
	       now->rsp == before->rsp && !sigsys_pending();
}

static int inject(int number, int n, char **text)
{
	struct user_regs_struct before = seize(), regs = before;
	int status, sig = 0;

	arguments(&regs, n, text);
	regs.rip -= 2;
	regs.rax = (unsigned long long)number;
	regs.orig_rax = (unsigned long long)-1; /* nothing to be restarted */
	must(ptrace(PTRACE_SETREGS, pid, NULL, &regs), "writing registers");
	do {
		must(ptrace(PTRACE_SYSCALL, pid, NULL, sig), "continuing");
		if (!stopped(&status)) {
			puts("killed");
			return 0;
		}
		/* a stop of ptrace's own, or a signal on its way to the process */
		sig = status >> 16 || WSTOPSIG(status) & 0x80 ? 0 : WSTOPSIG(status);
	} while (sig || !returned(&before, &regs));
	show((long long)regs.rax);
	must(ptrace(PTRACE_SETREGS, pid, NULL, &before), "writing registers");
	must(ptrace(PTRACE_DETACH, pid, NULL, NULL), "letting go");
	return 0;
}

int main(int argc, char **argv)
{
	int number;

	log_program("inject");
	if (argc < 3 || argc > 3 + MAX_ARGS)
		die("usage: inject PID CALL ARGUMENT...");
	pid = atoi(argv[1]);
	number = seccomp_syscall_resolve_name(argv[2]);
	if (pid <= 0 || number < 0)
		die("%s of process %s: no such system call or process", argv[2], argv[1]);
	return inject(number, argc - 3, argv + 3);
}

#else

int main(void)
{
	return 77;
}

#endif
