/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_KERNEL_PIN_H
#define GW_KERNEL_PIN_H
/*
 * What keeps the kernel's side alive when the agent dies: names in bpffs.
 *
 *	ROOT/glasswatch/AGENT/		locked (flock) by the running agent
 *	    LAYOUT/			vVERSION-HASH; what is below fits one build
 *		map-NAME		flow tables, ring buffer, counters, who opened
 *		link-HOOK-IFACE		a TCX link; HOOK is `in` or `out`
 *		filter-HOOK-HANDLE-PRIORITY-OURS-IFACE	the program of a clsact filter,
 *					which stays by itself; OURS 1: so is the qdisc
 *		actor			the link of the socket-state program
 *
 * bpffs takes no dot in a name: one is written %2e, and % itself %25.
 *
 * Maps and links are pinned when the first fabric is in force, so an agent that
 * does not get that far leaves nothing. libbpf's own pinning is not used: it
 * would pin at load.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIN_ROOT "/sys/fs/bpf"
#define PIN_NAME_MAX 256

struct pins;

/* Takes the agent's directory and its lock, where it is there; else it is made with
 * the first name in it. NULL with what is
 * wrong and its remedy in err: not bpffs (then errno is EMEDIUMTYPE), not
 * writable, another agent's. */
struct pins *pins_open(const char *root, const char *agent, char *err, size_t size);

/* Lets go of the lock; what is pinned stays. Removes directories that are empty.
 * Accepts NULL. */
void pins_close(struct pins *p);

/* From here on names are below this layout's directory. True when it is there. */
bool pins_use(struct pins *p, const char *layout);

/* A new descriptor of what is pinned under the name, or a negative errno. */
int pins_get(const struct pins *p, const char *name);

/* Pins; what had the name before is replaced in one step. 0 or a negative errno. */
int pins_put(struct pins *p, const char *name, int fd);

int pins_drop(const struct pins *p, const char *name);

/* Every name of the layout in use that begins with prefix; fn may drop it. */
void pins_each(const struct pins *p, const char *prefix, void (*fn)(void *arg, const char *name),
	       void *arg);

/* The interface at the end of a name, into out of IF_NAMESIZE bytes. */
const char *pins_interface(const char *name, char *out, size_t size);
void pins_link_name(char *out, size_t size, const char *hook, const char *interface);
void pins_filter_name(char *out, size_t size, const char *hook, uint32_t handle,
		      uint32_t priority, bool qdisc_is_ours, const char *interface);
bool pins_filter_parse(const char *name, bool *egress, uint32_t *handle, uint32_t *priority,
		       bool *qdisc_is_ours);

/* Removes every layout but the one in use (none: all). Returns how many there
 * were; filters of clsact, which the names only note, are taken off by fn. */
unsigned pins_remove_others(struct pins *p, void (*fn)(void *arg, const char *name), void *arg);

/* Removes the layout in use. */
void pins_remove(struct pins *p, void (*fn)(void *arg, const char *name), void *arg);

#endif
