/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_ACTOR_H
#define GW_ACTOR_H
/*
 * User names for the uids that the kernel noted. Read from /etc/passwd only: the
 * name services may ask the network, and nothing on the capture path may wait.
 */
#include <stdint.h>

struct actor_names;

struct actor_names *actor_names_new(void); /* NULL: no memory */
void actor_names_free(struct actor_names *n);

/* The name, or NULL when the file has none; borrowed until the next call. */
const char *actor_user(struct actor_names *n, uint32_t uid);

#endif
