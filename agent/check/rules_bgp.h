/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_RULES_BGP_H
#define GW_CHECK_RULES_BGP_H
/* S4 to S7: the peer group, its families, and what the device announces of itself. */
#include "agent/check/rule.h"

void rule_group_missing(const struct subject *s);
void rule_group_auto_local(const struct subject *s);
void rule_ipv6_not_activated(const struct subject *s);
void rule_ipv4_not_activated(const struct subject *s);
void rule_rcf_missing(const struct subject *s);
void rule_rcf_outside(const struct subject *s);
void rule_rcf_no_list(const struct subject *s);
void rule_rcf_undefined_list(const struct subject *s);
void rule_rcf_not_accepted(const struct subject *s);
void rule_rcf_no_function(const struct subject *s);
void rule_redistribute_missing(const struct subject *s);
void rule_redistribute_unfiltered(const struct subject *s);
void rule_redistribute_undefined(const struct subject *s);
void rule_advertise_map_denies(const struct subject *s);
void rule_advertise_map_open(const struct subject *s);
void rule_ce_lo6_not_redistributed(const struct subject *s);

#endif
