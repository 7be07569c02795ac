/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_YAML_TREE_H
#define GW_YAML_TREE_H
/*
 * A YAML document to be looked into: nodes are numbers, 0 is no node, and every
 * question about no node has an empty answer. Aliases are shared nodes, never
 * copied, so a walk may meet a node again, or go in a circle: walkers bound their
 * depth. Tags (Ansible's !vault) are not looked at.
 */
#include <stdbool.h>
#include <stddef.h>

enum yaml_kind { YAML_NOTHING, YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_tree;

/* The first document. NULL: no memory (*line is 0), or no YAML: line and reason in
 * *line and why. An empty text has YAML_NOTHING for its root. */
struct yaml_tree *yaml_tree_read(const char *text, size_t len, int *line, char *why, size_t size);
void yaml_tree_free(struct yaml_tree *t); /* accepts NULL */

int yaml_root(struct yaml_tree *t);
/* YAML_NOTHING also for an empty scalar, ~ and null. */
enum yaml_kind yaml_kind_of(struct yaml_tree *t, int node);
int yaml_line(struct yaml_tree *t, int node); /* from 1; 0: no node */
/* Of a scalar without NUL bytes in it; NULL: anything else. Lives as long as the tree. */
const char *yaml_text(struct yaml_tree *t, int node);
size_t yaml_size(struct yaml_tree *t, int node);	     /* of a list or map, else 0 */
int yaml_item(struct yaml_tree *t, int node, size_t i);	     /* of a list; of a map its value */
int yaml_key(struct yaml_tree *t, int node, size_t i);	     /* of a map */
int yaml_get(struct yaml_tree *t, int map, const char *key); /* the first of that key */
/* A further document follows, from which nothing is read: its line, else 0. */
int yaml_second(const struct yaml_tree *t);

#endif
