/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_REACH_RULES_H
#define GW_CHECK_REACH_RULES_H
/* The rules that ask whether the in-band address is reached: scope->reach must be there. */
#include "agent/check/rule.h"

void rule_lo6_unreachable(const struct subject *s);
void rule_lo6_no_way_back(const struct subject *s);

#endif
