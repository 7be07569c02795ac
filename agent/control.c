/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "agent.sock"
#define ANSWER_MAX (16u * 1024 * 1024)
#define PATIENCE_S 5 /* a client or an agent that says nothing for so long is gone */

struct control {
	struct evconnlistener *listener;
	control_status_fn *fn;
	void *arg;
	struct sockaddr_un address;
};

static int socket_address(const char *dir, struct sockaddr_un *out, char *err, size_t size)
{
	int n;

	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	n = snprintf(out->sun_path, sizeof(out->sun_path), "%s/%s", dir, SOCKET_NAME);
	if (n < 0 || (size_t)n >= sizeof(out->sun_path)) {
		snprintf(err, size, "%s: the path is too long for a socket (%zu bytes at most)",
			 dir, sizeof(out->sun_path) - sizeof(SOCKET_NAME) - 1);
		return -1;
	}
	return 0;
}

static bool socket_answers(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

static void on_written(struct bufferevent *b, void *arg)
{
	bufferevent_free(b);
}

static void on_gone(struct bufferevent *b, short what, void *arg)
{
	bufferevent_free(b);
}

static void on_client(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len,
		      void *arg)
{
	struct control *c = arg;
	struct timeval patience = { PATIENCE_S, 0 };
	struct bufferevent *b = bufferevent_socket_new(evconnlistener_get_base(l), fd,
						       BEV_OPT_CLOSE_ON_FREE);
	json_t *doc = c->fn(c->arg);
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	if (!b) {
		close(fd);
		free(text);
		return;
	}
	bufferevent_set_timeouts(b, NULL, &patience);
	bufferevent_setcb(b, NULL, on_written, on_gone, NULL);
	bufferevent_enable(b, EV_WRITE);
	evbuffer_add_printf(bufferevent_get_output(b), "%s\n", text ? text : "{}");
	free(text);
}

struct control *control_open(struct event_base *base, const char *state_dir,
			     control_status_fn *fn, void *arg, char *err, size_t size)
{
	struct control *c = calloc(1, sizeof(*c));
	mode_t before;

	if (!c) {
		snprintf(err, size, "no memory");
		return NULL;
	}
	c->fn = fn;
	c->arg = arg;
	if (socket_address(state_dir, &c->address, err, size) < 0) {
		free(c);
		return NULL;
	}
	if (socket_answers(&c->address)) {
		snprintf(err, size, "%s: an agent is running with this --state",
			 c->address.sun_path);
		free(c);
		return NULL;
	}
	unlink(c->address.sun_path);
	before = umask(0077);
	c->listener = evconnlistener_new_bind(base, on_client, c,
					      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 8,
					      (struct sockaddr *)&c->address, sizeof(c->address));
	umask(before);
	if (!c->listener) {
		snprintf(err, size, "%s: %s", c->address.sun_path, strerror(errno));
		free(c);
		return NULL;
	}
	return c;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	evconnlistener_free(c->listener);
	unlink(c->address.sun_path);
	free(c);
}

json_t *control_ask(const char *state_dir, char *err, size_t size)
{
	struct timeval patience = { PATIENCE_S, 0 };
	struct sockaddr_un address;
	json_error_t error;
	json_t *doc = NULL;
	char *text = NULL;
	size_t len = 0, room = 0;
	ssize_t got;
	int fd;

	if (socket_address(state_dir, &address, err, size) < 0)
		return NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		snprintf(err, size, "%s: %s: no agent is running with this --state, or you may not "
				    "ask it", address.sun_path, strerror(errno));
		goto out;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	do {
		if (room - len < 4096) {
			char *grown = realloc(text, room + 65536);

			if (!grown || room > ANSWER_MAX) {
				free(grown ? grown : text);
				text = NULL;
				snprintf(err, size, "the agent's answer is too long");
				goto out;
			}
			text = grown;
			room += 65536;
		}
		got = read(fd, text + len, room - len);
		if (got > 0)
			len += (size_t)got;
	} while (got > 0);
	doc = json_loadb(text, len, 0, &error);
	if (!doc)
		snprintf(err, size, "%s: the agent gave no answer within %d s", address.sun_path,
			 PATIENCE_S);
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return doc;
}
