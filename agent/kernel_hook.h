/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_KERNEL_HOOK_H
#define GW_KERNEL_HOOK_H
/*
 * The kernel programs on interfaces. Each interface gets both programs: as TCX
 * links (Linux 6.6), or else as filters of a clsact qdisc. A qdisc that was there
 * before, or that others have put filters on since, stays.
 *
 * Where a former agent's links or filters are found in the pins, they are left as
 * they are, with its programs and its fabric, until hooks_settle(): that puts the
 * new program in the place of the old one in one step, so no packet passes unseen.
 */
#include <stdbool.h>
#include <stddef.h>

struct capture_config;
struct hooks;
struct kernel;
struct pins;

/* Attaches to the configured interfaces. NULL with one line in err. */
struct hooks *hooks_open(struct kernel *k, const struct capture_config *config, char *err,
			 size_t size);

/* When the new programs know whom to watch: replaces the former agent's, pins what
 * is to outlive this one, takes away what it had on other interfaces. 0, or a
 * negative errno when something could not be pinned; the programs run all the same. */
int hooks_settle(struct hooks *h);

/* True where programs are on by clsact: taking those off takes CAP_NET_ADMIN. */
bool hooks_filtered(const struct hooks *h);

/* Takes the programs off; leave: what is pinned goes on. Accepts NULL. */
void hooks_close(struct hooks *h, bool leave);

/* Takes off the clsact filter that this pinned name notes, and the qdisc if it was
 * made for it and nobody else has come to use it. */
void hooks_drop_filter(void *unused, const char *name);

#endif
