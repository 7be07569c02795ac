/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_TRUST_H
#define GW_VIEW_TRUST_H
#include <jansson.h>

#include "common/addr.h"

/* The walk of an address through a device's list, entry by entry: {seq, action, prefix,
 * file, line, result, reason}; result: decides, passed, not-reached. fabric: the part
 * `fabric` of the device's document. Also sets verdict and what decided in `out`. */
json_t *trust_walk(const json_t *fabric, const struct addr *source, json_t *out);

#endif
