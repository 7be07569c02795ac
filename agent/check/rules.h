/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_RULES_H
#define GW_CHECK_RULES_H
/* The rule table. Adding a rule: a row here, a function in a rules_*.c, a case in
 * tests/unit/test_check.c, an entry in docs/check.md. */
#include "agent/check/rule.h"

extern const struct rule rules[];
extern const size_t n_rules;

#endif
