/* SPDX-License-Identifier: Apache-2.0 */
/* The event: any bytes are refused with a reason or decoded, and what was decoded
 * encodes to a document that decodes to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event e, again;
	char err[300] = "", *first, *second;

	if (event_decode((const char *)data, size, &e, err, sizeof(err))) {
		if (!err[0] || e.doc)
			abort();
		return 0;
	}
	first = event_encode(&e);
	if (!first || event_decode(first, strlen(first), &again, err, sizeof(err)))
		abort();
	second = event_encode(&again);
	if (!second || strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	event_clear(&e);
	event_clear(&again);
	return 0;
}
