/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_RULES_LEAK_H
#define GW_CHECK_RULES_LEAK_H
/* S8 to S10: leaking between the default VRF and the in-band one, on a CE. */
#include "agent/check/rule.h"

void rule_soo_missing(const struct subject *s);
void rule_soo_not_soo(const struct subject *s);
void rule_leak_map_undefined(const struct subject *s);
void rule_leak_map_no_list(const struct subject *s);
void rule_leak_map_undefined_list(const struct subject *s);
void rule_leak_map_no_protocol(const struct subject *s);
void rule_leak_map_no_soo(const struct subject *s);
void rule_leak_ipv4_missing(const struct subject *s);
void rule_leak_ipv6_missing(const struct subject *s);
void rule_leak_other_list(const struct subject *s);
void rule_leak_two_families(const struct subject *s);
void rule_leak_misses_tor(const struct subject *s);
void rule_leak_missing(const struct subject *s);
void rule_leaked_not_redistributed(const struct subject *s);

#endif
