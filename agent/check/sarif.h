/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_SARIF_H
#define GW_CHECK_SARIF_H
/*
 * The findings as SARIF 2.1.0 (OASIS), which code hosts take to annotate lines. FAIL is
 * level error, WARN and UNKNOWN warning, ADVICE note. A finding without a line has a
 * file and no region. partialFingerprints/glasswatch/v1 stays the same while lines move.
 */
#include <jansson.h>

#include "agent/check/check.h"

json_t *sarif_document(const struct check *c); /* NULL: no memory */

#endif
