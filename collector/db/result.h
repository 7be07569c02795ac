/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_DB_RESULT_H
#define GW_DB_RESULT_H
/* What became of a call to the store or its database, when it is below 0; store/store.h
 * says what each means. */
#define STORE_REFUSED (-1)
#define STORE_FAILED (-2)
#define STORE_BROKEN (-3)

#endif
