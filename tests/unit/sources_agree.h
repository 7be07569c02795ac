/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_SOURCES_AGREE_H
#define GW_SOURCES_AGREE_H
#include "collector/store/store.h"

#define SOURCES_LINES 4000

/* A store_source_fn: appends a row as a line to arg, SOURCES_LINES bytes. */
int sources_line(void *arg, const struct store_source *row);
/* Fails unless what is summed up of sources is what counting their flows says. True: there
 * are such sources. */
bool sources_agree(struct store *s, const struct store_filter *f);

#endif
