/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_RULES_LINK_H
#define GW_CHECK_RULES_LINK_H
/* S3, and the links and sessions between CE and ToR, with both ends at hand. */
#include "agent/check/rule.h"

void rule_link_no_ipv6(const struct subject *s);
void rule_link_ipv6_mismatch(const struct subject *s);
void rule_link_ipv4_mismatch(const struct subject *s);
void rule_link_not_routed(const struct subject *s);
void rule_link_shutdown(const struct subject *s);
void rule_link_no_vlan(const struct subject *s);
void rule_link_no_member(const struct subject *s);
void rule_session_no_link(const struct subject *s);
void rule_session_one_sided(const struct subject *s);
void rule_session_not_in_group(const struct subject *s);
void rule_session_as(const struct subject *s);
void rule_session_shutdown(const struct subject *s);
void rule_session_none(const struct subject *s);
void rule_pe_session(const struct subject *s);

#endif
