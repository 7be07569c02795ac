/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_BENCH_FLEET_H
#define GW_BENCH_FLEET_H
/*
 * The events of a fleet of agents, made up, one after the other in the order of
 * their times; the same seed gives the same bytes.
 *
 * A site has one agent and twelve devices, each watched on Ma1 and lo6. Of a
 * hundred events some 80 are SSH flows (start, an update when the login succeeds,
 * end with HASSH and algorithms, and attempts of strangers), 15 are BGP, 2 are
 * statistics, the rest path changes. First come agent.start and one fabric.device
 * for each device. With that mix a document has 1.4 kB on average, as those that an
 * agent makes of real captures have (0.6 kB a start, 2.8 kB an end with HASSH).
 */
#include <stddef.h>
#include <stdint.h>

#define FLEET_DEVICES 12 /* of a site */

struct fleet;

/* per_second: events of the whole fleet in a second of their own time. NULL: no memory. */
struct fleet *fleet_new(uint64_t seed, unsigned sites, uint64_t start_ns, unsigned per_second);
void fleet_free(struct fleet *f); /* accepts NULL */

/* The next document, *len bytes and a NUL; lives until the next call. */
const char *fleet_next(struct fleet *f, size_t *len);
uint64_t fleet_time(const struct fleet *f); /* of the newest document */

/* What questions may ask for: a device, a trusted source that is seen often, and a
 * stranger that is seen a few times. buf: 64 bytes. */
const char *fleet_device(const struct fleet *f, unsigned site, unsigned device, char *buf);
const char *fleet_source(const struct fleet *f, char *buf);
const char *fleet_stranger(const struct fleet *f, unsigned number, char *buf);

#endif
