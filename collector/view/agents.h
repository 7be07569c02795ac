/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_AGENTS_H
#define GW_VIEW_AGENTS_H
#include <jansson.h>

#include "collector/store/store.h"

json_t *view_agent_row(const struct store_agent *r, uint64_t now_ns);

#endif
