/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RECALL_SSH_H
#define GW_RECALL_SSH_H
/*
 * The SSH side of a flow's note (recall.h) while it is being read: streams that wait for
 * the rest of a KEXINIT, a login of which not all exchanges were seen. For the same
 * build only; another one has the event's words.
 */
#include <stddef.h>
#include <stdint.h>

#include "agent/ssh_flow.h"

/* Bytes that grow; zeroed is ready. */
struct recall_bytes {
	uint8_t *at;
	size_t len, room;
};

/* False: no memory; what was added before stays. */
bool recall_put(struct recall_bytes *out, const void *bytes, size_t n);

/* Adds what the next agent needs in order to read on; nothing when all was read. */
void recall_put_ssh(struct recall_bytes *out, const struct ssh_flow *f);

/* A new one, or NULL: nothing there, of another build, or damaged. */
struct ssh_flow *recall_ssh(const uint8_t *bytes, size_t len);

#endif
