/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_JSON_TREE_H
#define GW_JSON_TREE_H
/*
 * A JSON document to be looked into once and thrown away: its nodes lie in one array,
 * its strings in one copy of the text. For 1.4 kB of event that is two malloc()s
 * where jansson's trees of hash tables make some three hundred, and takes a tenth of
 * the time; the collector does it for every event.
 *
 * It reads what our programs write: objects and arrays not more than 16 deep, ASCII,
 * integers of at most 18 digits, reals without an exponent, no \u. On anything else
 * json_tree_read() says that it does not know, and the caller asks jansson, whose
 * word it is what is JSON and what is wrong with it. What both accept is the same
 * to both (tests/fuzz/fuzz_event.c).
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_node {
	json_type type;
	uint32_t next;	  /* of its object or array; 0: the last */
	uint32_t child;	  /* the first in it; 0: empty */
	uint32_t found;	  /* the member that json_tree_get() found last; 0: none */
	const char *key;  /* of an object's member */
	const char *text; /* of a string */
	uint32_t key_len, text_len;
	uint32_t at, length; /* where it stands in the text that was read; not of jansson's */
	union {
		int64_t integer;
		double real;
	};
};

struct json_tree {
	char *text; /* what strings and keys point into */
	size_t text_size;
	struct json_node *nodes;
	uint32_t n, size;
};

/* 0: nodes[1] is the document, an object. 1: it does not know. -1: no memory. Both leave
 * *t empty. Members of one object have different names. */
int json_tree_read(struct json_tree *t, const char *text, size_t len);
/* The same with the memory of a tree that was read before, or is zero; what was read then
 * is gone. 1 and -1 leave that memory where it is. */
int json_tree_read_again(struct json_tree *t, const char *text, size_t len);

/* The same of what jansson has read, which must live as long as *t; 0 or -1. */
int json_tree_from(struct json_tree *t, const json_t *doc);

void json_tree_clear(struct json_tree *t);

/* A member of an object by its name; NULL: there is none, or o is NULL or no object. */
const struct json_node *json_tree_get(const struct json_tree *t, const struct json_node *o,
				      const char *name);
/* Walks through an object or array: first, next; NULL at the end. */
const struct json_node *json_tree_first(const struct json_tree *t, const struct json_node *o);
const struct json_node *json_tree_next(const struct json_tree *t, const struct json_node *of);

#endif
