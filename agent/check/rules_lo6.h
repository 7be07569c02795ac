/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_RULES_LO6_H
#define GW_CHECK_RULES_LO6_H
/* S1, S2 and what else concerns a device's own addresses: Loopback6, Management1. */
#include "agent/check/rule.h"

void rule_lo6_missing(const struct subject *s);
void rule_lo6_shutdown(const struct subject *s);
void rule_lo6_vrf(const struct subject *s);
void rule_lo6_no_ipv4(const struct subject *s);
void rule_lo6_ipv4_length(const struct subject *s);
void rule_lo6_no_ipv6(const struct subject *s);
void rule_lo6_ipv6_length(const struct subject *s);
void rule_loopback_list_missing(const struct subject *s);
void rule_loopback_list_outside(const struct subject *s);
void rule_loopback_not_permitted(const struct subject *s);
void rule_lo6_duplicate(const struct subject *s);
void rule_ma1_duplicate(const struct subject *s);
void rule_ma1_missing(const struct subject *s);
void rule_lo6_on_excluded_role(const struct subject *s);
void rule_role_unknown(const struct subject *s);

#endif
