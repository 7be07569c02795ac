/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CONF_VALUE_H
#define GW_CONF_VALUE_H
/* One option's value: from text, to text. Used by conf.c and conf_yaml.c only. */
#include "common/conf.h"

#define CONF_VALUE_LEN 64 /* text of any value but strings */

/* Sets the option from text as a user writes it; a list is appended to. False
 * with the reason in err (CONF_ERRLEN), which does not name the option. */
bool conf_value_set(const struct conf_option *o, void *config, const char *text, char *err);

/* Back to zero; frees what it owned. */
void conf_value_clear(const struct conf_option *o, void *config);

bool conf_value_is_list(const struct conf_option *o);

/* How many values there are: of a list its length, of a string that is not set 0,
 * else 1. */
size_t conf_value_count(const struct conf_option *o, const void *config);

/* The i-th value's text: the string itself, or buf (CONF_VALUE_LEN). */
const char *conf_value_text(const struct conf_option *o, const void *config, size_t i, char *buf);

/* "5m", "64M", ... of a number, as .min and .max are written. */
const char *conf_value_number(const struct conf_option *o, uint64_t v, char *buf);

#endif
