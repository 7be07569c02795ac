/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's document behind numbers, so that one file alone includes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/fabric/yaml_tree.h"

struct yaml_tree {
	yaml_document_t doc;
	int second;
};

static void say_why(const yaml_parser_t *parser, int *line, char *why, size_t size)
{
	*line = 0;
	if (parser->error == YAML_MEMORY_ERROR)
		return;
	*line = (int)parser->problem_mark.line + 1;
	snprintf(why, size, "not YAML: %s%s%s", parser->context ? parser->context : "",
		 parser->context ? ", " : "", parser->problem ? parser->problem : "unreadable");
}

/* What stands after the first document; a fault in it is the reader's no more. */
static int find_second(yaml_parser_t *parser)
{
	yaml_document_t doc;
	const yaml_node_t *root;
	int line = 0;

	if (!yaml_parser_load(parser, &doc))
		return (int)parser->problem_mark.line + 1;
	root = yaml_document_get_root_node(&doc);
	if (root)
		line = (int)root->start_mark.line + 1;
	yaml_document_delete(&doc);
	return line;
}

struct yaml_tree *yaml_tree_read(const char *text, size_t len, int *line, char *why, size_t size)
{
	struct yaml_tree *t = calloc(1, sizeof(*t));
	yaml_parser_t parser;

	*line = 0;
	if (!t || !yaml_parser_initialize(&parser)) {
		free(t);
		return NULL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &t->doc)) {
		say_why(&parser, line, why, size);
		yaml_parser_delete(&parser);
		free(t);
		return NULL;
	}
	if (yaml_document_get_root_node(&t->doc))
		t->second = find_second(&parser);
	yaml_parser_delete(&parser);
	return t;
}

void yaml_tree_free(struct yaml_tree *t)
{
	if (!t)
		return;
	yaml_document_delete(&t->doc);
	free(t);
}

static const yaml_node_t *at(struct yaml_tree *t, int node)
{
	return node > 0 ? yaml_document_get_node(&t->doc, node) : NULL;
}

int yaml_root(struct yaml_tree *t)
{
	return yaml_document_get_root_node(&t->doc) ? 1 : 0; /* the root is made first */
}

const char *yaml_text(struct yaml_tree *t, int node)
{
	const yaml_node_t *n = at(t, node);
	const char *text;

	if (!n || n->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)n->data.scalar.value;
	return strlen(text) == n->data.scalar.length ? text : NULL;
}

enum yaml_kind yaml_kind_of(struct yaml_tree *t, int node)
{
	const yaml_node_t *n = at(t, node);
	const char *text = yaml_text(t, node);

	if (!n)
		return YAML_NOTHING;
	if (n->type == YAML_SEQUENCE_NODE)
		return YAML_LIST;
	if (n->type == YAML_MAPPING_NODE)
		return YAML_MAP;
	if (text && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (!*text || !strcmp(text, "~") || !strcmp(text, "null")))
		return YAML_NOTHING;
	return YAML_TEXT;
}

int yaml_line(struct yaml_tree *t, int node)
{
	const yaml_node_t *n = at(t, node);

	return n ? (int)n->start_mark.line + 1 : 0;
}

size_t yaml_size(struct yaml_tree *t, int node)
{
	const yaml_node_t *n = at(t, node);

	if (n && n->type == YAML_SEQUENCE_NODE)
		return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	if (n && n->type == YAML_MAPPING_NODE)
		return (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start);
	return 0;
}

int yaml_item(struct yaml_tree *t, int node, size_t i)
{
	const yaml_node_t *n = at(t, node);

	if (i >= yaml_size(t, node))
		return 0;
	if (n->type == YAML_SEQUENCE_NODE)
		return n->data.sequence.items.start[i];
	return n->data.mapping.pairs.start[i].value;
}

int yaml_key(struct yaml_tree *t, int node, size_t i)
{
	const yaml_node_t *n = at(t, node);

	if (!n || n->type != YAML_MAPPING_NODE || i >= yaml_size(t, node))
		return 0;
	return n->data.mapping.pairs.start[i].key;
}

int yaml_get(struct yaml_tree *t, int map, const char *key)
{
	for (size_t i = 0; i < yaml_size(t, map); i++) {
		const char *text = yaml_text(t, yaml_key(t, map, i));

		if (text && strcmp(text, key) == 0)
			return yaml_item(t, map, i);
	}
	return 0;
}

int yaml_second(const struct yaml_tree *t)
{
	return t->second;
}
