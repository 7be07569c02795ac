/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CONTROL_H
#define GW_CONTROL_H
/*
 * The running agent's control socket, STATE/agent.sock: whoever may connect is
 * sent one JSON document and the connection is closed. `status` is its client.
 */
#include <stddef.h>
#include <jansson.h>

struct event_base;
struct control;

/* Called for each client: a new document, or NULL; the caller frees it. */
typedef json_t *control_status_fn(void *arg);

/* NULL with one line in err. An old socket that nobody answers on is replaced; one
 * that an agent answers on is an error. */
struct control *control_open(struct event_base *base, const char *state_dir,
			     control_status_fn *fn, void *arg, char *err, size_t size);
void control_close(struct control *c); /* removes the socket; accepts NULL */

/* Asks the running agent. Returns its document, or NULL with one line in err. */
json_t *control_ask(const char *state_dir, char *err, size_t size);

#endif
