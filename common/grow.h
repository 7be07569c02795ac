/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_GROW_H
#define GW_GROW_H
/* Arrays that grow to powers of two, so that their length alone says when they are full. */
#include <stdlib.h>

/* Room for one more element, of size bytes, behind the n that array has. Returns the array,
 * perhaps moved. NULL: no memory, and the array stays as it was. */
static inline void *grow_array(void *array, size_t n, size_t size)
{
	return n & (n - 1) ? array : realloc(array, (n ? 2 * n : 1) * size);
}

#endif
