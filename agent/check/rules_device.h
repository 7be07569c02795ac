/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_RULES_DEVICE_H
#define GW_CHECK_RULES_DEVICE_H
/* What the procedure takes for granted: a configuration that can be read, routing and its
 * agent, SSH, and that names mean something. */
#include "agent/check/rule.h"

void rule_not_multi_agent(const struct subject *s);
void rule_routing_off(const struct subject *s);
void rule_ssh_not_enabled(const struct subject *s);
void rule_undefined_name(const struct subject *s);
void rule_no_config(const struct subject *s);
void rule_config_unread(const struct subject *s);
void rule_source_conflict(const struct subject *s);

#endif
