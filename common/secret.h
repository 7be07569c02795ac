/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_SECRET_H
#define GW_SECRET_H
/* Passwords, from where others cannot read them: a file or the environment. */
#include <stddef.h>

/* The first line of a file that must be regular, owned by root or by us, not
 * writable by its group and out of reach for others. malloc()ed, at least one
 * byte; NULL with one line in err. */
char *secret_read(const char *path, char *err, size_t size);

/* The value of an environment variable, NULL when unset or empty. The first call
 * for a name blanks it in the environment, so that /proc/PID/environ no longer has
 * it; later calls return the same. Never freed. At most four names. */
const char *secret_env(const char *name);

#endif
