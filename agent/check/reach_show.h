/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_REACH_SHOW_H
#define GW_CHECK_REACH_SHOW_H
/*
 * Who is reached, as `check` prints it, and what is left of that when something is
 * down. In JSON:
 *
 *   reach[]           device, role, ipv4 and ipv6: address, outside and ce ("yes",
 *                     "one-way", "no"), ways[]: from, hops[], two_way, back (the route by
 *                     which it answers); only_way[]: kind, name; why[]; doubt
 *   single_points[]   kind ("link", "session", "device", "neighbor"), name, families[],
 *                     devices[] that it is the only way to
 *
 * and of what is supposed (--without, --management-switch) a document of its own:
 *
 *   without[]              words, down[]: kind, name; remark
 *   management_switches[]  name, devices (how many lose Ma1), guessed, shared_with
 *   devices[]              device, role, down, ma1 ("lost", "kept", "none"), lost (a CE or
 *                          ToR that was reached and is not, or has neither path),
 *                          ipv4, ipv6: as above, with before: "yes", "one-way", "no"
 *   summary                reached_before, reached_now, lost, down, ma1_lost,
 *                          both_paths_lost
 */
#include <stdio.h>

#include <jansson.h>

#include "agent/check/reach.h"
#include "agent/check/reach_cut.h"

/* Into the document of `check`. */
void reach_into_document(const struct reach *r, json_t *doc);

/* A section of its text. */
void reach_show(const struct reach *r, FILE *to);

struct reach_what_if {
	const struct reach *before, *now;
	const struct reach_supposed *without;
	size_t n_without;
	const struct reach_switch *switches;
	size_t n_switches;
};

/* 1: a CE or ToR is lost; 0: none is. */
int reach_what_if_show(const struct reach_what_if *w, bool json, FILE *to);

#endif
