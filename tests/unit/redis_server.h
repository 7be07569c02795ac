/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_TEST_REDIS_SERVER_H
#define GW_TEST_REDIS_SERVER_H
/*
 * A real redis-server for a test, in a directory of its own, on a unix socket. An
 * acknowledged write survives its SIGKILL: appendonly, fsync always. Include
 * cmocka.h before; a step that fails fails the test, no redis-server skips it.
 */
#include <sys/types.h>

struct redisReply;

struct redis_server {
	char directory[64], socket[96];
	pid_t pid; /* 0: not running */
};

void redis_server_prepare(struct redis_server *s);
void redis_server_start(struct redis_server *s, const char *args); /* args: NULL or options */
void redis_server_pause(struct redis_server *s);		   /* SIGSTOP */
void redis_server_go_on(struct redis_server *s);
void redis_server_kill(struct redis_server *s);
void redis_server_remove(struct redis_server *s); /* kills, removes the directory */

/* One command on a connection of its own; integer replies as they are, status and
 * bulk as 0, an error as -1. */
long long redis_server_ask(struct redis_server *s, const char *format, ...);

#endif
