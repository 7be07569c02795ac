/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FRAGMENTS_H
#define GW_FRAGMENTS_H
/*
 * The two tables of bpf/fragment.h in user space: datagrams under way, and fragments
 * that came before their first one. A table is allocated whole when its first entry is
 * made (few captures have fragments); where there is no room, the oldest entry makes some.
 */
#include "bpf/fragment.h"

struct fragments;

struct fragments *fragments_new(void); /* NULL: no memory */
void fragments_free(struct fragments *f); /* accepts NULL */

/* NULL: not there. Valid until the next _add(). */
struct gw_datagram *datagram_find(struct fragments *f, const struct gw_datagram_key *key);
struct gw_record *early_find(struct fragments *f, const struct gw_datagram_key *key);

/* The entry of that key, which is made, zeroed, where there is none. NULL: no memory. */
struct gw_datagram *datagram_add(struct fragments *f, const struct gw_datagram_key *key);
struct gw_record *early_add(struct fragments *f, const struct gw_datagram_key *key);

#endif
