/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/redis_server.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>

#define SERVER "/usr/bin/redis-server"

void redis_server_prepare(struct redis_server *s)
{
	memset(s, 0, sizeof(*s));
	if (access(SERVER, X_OK)) {
		print_message("skipped: no %s\n", SERVER);
		skip();
	}
	snprintf(s->directory, sizeof(s->directory), "/tmp/test_redis.XXXXXX");
	assert_non_null(mkdtemp(s->directory));
	snprintf(s->socket, sizeof(s->socket), "%s/socket", s->directory);
}

void redis_server_start(struct redis_server *s, const char *args)
{
	char words[200] = "", *argv[40];
	int n = 0;

	const char *fixed[] = { "redis-server", "--unixsocket",	 s->socket, "--dir",
				s->directory,	"--save",	 "",	    "--appendonly",
				"yes",		"--appendfsync", "always",  "--daemonize",
				"no",		"--logfile",	 "log" };

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		argv[n++] = (char *)(uintptr_t)fixed[i];
	if (!args || !strstr(args, "--port")) {
		argv[n++] = (char *)(uintptr_t) "--port";
		argv[n++] = (char *)(uintptr_t) "0";
	}
	if (args)
		snprintf(words, sizeof(words), "%s", args);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		argv[n++] = w;
	argv[n] = NULL;
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		/* A failed assertion in the test must not leave a server behind. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execv(SERVER, argv);
		_exit(127);
	}
	for (int i = 0; i < 9000; i++) {
		redisContext *c = redisConnectUnix(s->socket);
		redisReply *r = c && !c->err ? redisCommand(c, "PING") : NULL;
		/* "NOAUTH" is an answer too, "LOADING" is not yet one. */
		int ready = r && strncmp(r->str, "LOADING", 7);

		if (r)
			freeReplyObject(r);
		if (c)
			redisFree(c);
		if (ready)
			return;
		usleep(10000);
	}
	fail_msg("redis-server does not come up in %s", s->directory);
}

void redis_server_pause(struct redis_server *s)
{
	kill(s->pid, SIGSTOP);
}

void redis_server_go_on(struct redis_server *s)
{
	kill(s->pid, SIGCONT);
}

void redis_server_kill(struct redis_server *s)
{
	if (!s->pid)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void redis_server_remove(struct redis_server *s)
{
	char command[100];

	redis_server_kill(s);
	snprintf(command, sizeof(command), "rm -rf %s", s->directory);
	assert_int_equal(system(command), 0);
}

long long redis_server_ask(struct redis_server *s, const char *format, ...)
{
	redisContext *c = redisConnectUnix(s->socket);
	long long answer = -1;
	redisReply *r;
	va_list ap;

	assert_true(c && !c->err);
	va_start(ap, format);
	r = redisvCommand(c, format, ap);
	va_end(ap);
	assert_non_null(r);
	if (r->type == REDIS_REPLY_INTEGER)
		answer = r->integer;
	else if (r->type != REDIS_REPLY_ERROR)
		answer = 0;
	freeReplyObject(r);
	redisFree(c);
	return answer;
}
