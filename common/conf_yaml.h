/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CONF_YAML_H
#define GW_CONF_YAML_H
/* The file's side of conf; used by conf.c only. */
#include "common/conf.h"

/* conf_read(), noting in lines[n_options] the line where each option was set. */
bool conf_yaml_read(const struct conf_program *program, const char *name, const char *text,
		    size_t len, void *config, int *lines, char *err);

/* The known key nearest to a misspelt one, NULL when none is near. Options with a
 * flag of `without` are not proposed. */
const char *conf_nearest(const struct conf_program *program, const char *key, unsigned without);

#endif
