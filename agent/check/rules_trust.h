/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_RULES_TRUST_H
#define GW_CHECK_RULES_TRUST_H
/* S11, and what else a trust list can get wrong. */
#include "agent/check/rule.h"

void rule_trusted_missing(const struct subject *s);
void rule_trusted_outside(const struct subject *s);
void rule_trusted_empty(const struct subject *s);
void rule_trusted_any(const struct subject *s);
void rule_trusted_shadowed(const struct subject *s);
void rule_trusted_ambiguous(const struct subject *s);
void rule_trusted_drift(const struct subject *s);

#endif
