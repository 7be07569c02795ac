/* SPDX-License-Identifier: Apache-2.0 */
/* The event: any bytes are refused with a reason or decoded, and what was decoded
 * encodes to a document that decodes to the same. What json_tree reads by itself is
 * what jansson reads. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "common/json_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct json_tree *a, const struct json_node *x, const struct json_tree *b,
		 const struct json_node *y)
{
	if (!x != !y)
		abort();
	if (!x)
		return;
	if (x->type != y->type || x->key_len != y->key_len || x->text_len != y->text_len ||
	    (x->key_len && memcmp(x->key, y->key, x->key_len) != 0) ||
	    (x->text_len && memcmp(x->text, y->text, x->text_len) != 0) ||
	    (x->type == JSON_INTEGER && x->integer != y->integer) ||
	    (x->type == JSON_REAL && memcmp(&x->real, &y->real, sizeof(x->real)) != 0))
		abort();
	same(a, json_tree_first(a, x), b, json_tree_first(b, y));
	same(a, json_tree_next(a, x), b, json_tree_next(b, y));
}

static void as_jansson(const char *text, size_t size)
{
	struct json_tree read, from;
	json_t *doc;

	if (json_tree_read(&read, text, size) != 0)
		return;
	doc = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (!doc || json_tree_from(&from, doc))
		abort();
	same(&read, &read.nodes[1], &from, &from.nodes[1]);
	json_tree_clear(&read);
	json_tree_clear(&from);
	json_decref(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event e, again;
	char err[300] = "", *first, *second;

	as_jansson((const char *)data, size);
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
