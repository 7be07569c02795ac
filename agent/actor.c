/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/actor.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE 64 /* operators of one management host; the oldest entry goes */

struct actor_name {
	uint32_t uid;
	char *name; /* NULL: looked for and not found */
};

struct actor_names {
	struct actor_name cache[CACHE];
	unsigned n, next;
};

struct actor_names *actor_names_new(void)
{
	return calloc(1, sizeof(struct actor_names));
}

void actor_names_free(struct actor_names *n)
{
	unsigned i;

	for (i = 0; n && i < n->n; i++)
		free(n->cache[i].name);
	free(n);
}

static char *look_up(uint32_t uid)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *pw;
	char *name = NULL;

	if (!f)
		return NULL;
	while (!name && (pw = fgetpwent(f)))
		if (pw->pw_uid == uid)
			name = strdup(pw->pw_name);
	fclose(f);
	return name;
}

const char *actor_user(struct actor_names *n, uint32_t uid)
{
	struct actor_name *slot;
	unsigned i;

	for (i = 0; i < n->n; i++)
		if (n->cache[i].uid == uid)
			return n->cache[i].name;
	if (n->n < CACHE) {
		slot = &n->cache[n->n++];
	} else {
		slot = &n->cache[n->next++ % CACHE];
		free(slot->name);
	}
	slot->uid = uid;
	slot->name = look_up(uid);
	return slot->name;
}
