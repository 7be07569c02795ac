/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INTERFACE_H
#define GW_INTERFACE_H
#include <stdbool.h>

/* False: it is down, has no carrier, or is gone. True also when that cannot be told. */
bool interface_up(const char *name);

#endif
