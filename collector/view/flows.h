/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_FLOWS_H
#define GW_VIEW_FLOWS_H
#include "collector/view/row.h"

/* A flow's row, and how sure the login is: confidence, basis. */
json_t *view_session_row(const struct store_list_flow *f, uint64_t now_ns);

#endif
