/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: YAML in, YAML out.
 *
 * libyaml builds the document's tree with the line of every node; this file walks
 * the tree beside the option table. Aliases are shared nodes, never copied, and
 * the walk goes no deeper than the table does, so a hostile file costs no more
 * than its own length.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/conf_value.h"
#include "common/conf_yaml.h"

struct reader {
	const struct conf_program *program;
	const char *name; /* of the file */
	void *config;
	int *lines; /* where each option was set; 0: not yet */
	yaml_document_t doc;
	char *err;
};

__attribute__((format(printf, 3, 4))) static bool fail(struct reader *r, size_t line,
						       const char *fmt, ...)
{
	char text[CONF_ERRLEN - 64];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(r->err, CONF_ERRLEN, "%.*s:%zu: %s", CONF_ERRLEN / 2, r->name, line, text);
	return false;
}

static size_t line_of(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

/* The text of a scalar; NULL when it is none, or holds a NUL. */
static const char *text_of(const yaml_node_t *node)
{
	const char *text;

	if (!node || node->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length ? text : NULL;
}

/* A plain empty scalar, ~ or null: a key without a value. */
static bool is_null(const yaml_node_t *node)
{
	const char *text = text_of(node);

	return text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

/* Does some option live under "prefix."? */
static bool is_group(const struct conf_program *p, const char *prefix)
{
	size_t len = strlen(prefix);

	for (size_t i = 0; i < p->n_options; i++)
		if (!strncmp(p->options[i].key, prefix, len) && p->options[i].key[len] == '.' &&
		    !(p->options[i].flags & CONF_NOT_IN_FILE))
			return true;
	return false;
}

static bool read_value(struct reader *r, size_t i, const yaml_node_t *key, yaml_node_t *value)
{
	const struct conf_option *o = &r->program->options[i];
	char why[CONF_ERRLEN];
	const char *text;
	yaml_node_t *item;

	if (r->lines[i])
		return fail(r, line_of(key), "%s is set twice, first on line %d; remove one",
			    o->key, r->lines[i]);
	r->lines[i] = (int)line_of(key);
	if (is_null(value))
		return fail(r, line_of(key), "%s has no value; remove the line for the default",
			    o->key);
	conf_value_clear(o, r->config);
	if (value->type == YAML_SEQUENCE_NODE && conf_value_is_list(o)) {
		yaml_node_item_t *at = value->data.sequence.items.start;

		for (; at < value->data.sequence.items.top; at++) {
			item = yaml_document_get_node(&r->doc, *at);
			text = text_of(item);
			if (!text)
				return fail(r, item ? line_of(item) : line_of(key),
					    "%s: each entry must be a plain value", o->key);
			if (!conf_value_set(o, r->config, text, why))
				return fail(r, line_of(item), "%s: %s", o->key, why);
		}
		return true;
	}
	text = text_of(value);
	if (!text)
		return fail(r, line_of(value), "%s must be a single value%s", o->key,
			    conf_value_is_list(o) ? " or a list of values" : "");
	if (!conf_value_set(o, r->config, text, why))
		return fail(r, line_of(value), "%s: %s", o->key, why);
	return true;
}

/* Levenshtein distance, for "did you mean"; both shorter than CONF_VALUE_LEN. */
static size_t distance(const char *a, const char *b)
{
	size_t row[CONF_VALUE_LEN], n = strlen(b), corner, above;

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			above = row[j];
			row[j] = corner + (*a != b[j - 1]);
			if (above + 1 < row[j])
				row[j] = above + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			corner = above;
		}
	}
	return row[n];
}

const char *conf_nearest(const struct conf_program *p, const char *key, unsigned without)
{
	const char *best = NULL;
	size_t best_d = 4, d; /* further away is no help */

	if (strlen(key) >= CONF_VALUE_LEN)
		return NULL;
	for (size_t i = 0; i < p->n_options; i++) {
		const char *known = p->options[i].key;

		if ((p->options[i].flags & without) || strlen(known) >= CONF_VALUE_LEN)
			continue;
		d = distance(key, known);
		if (d < best_d && d * 2 < strlen(known)) {
			best_d = d;
			best = known;
		}
	}
	return best;
}

static bool unknown(struct reader *r, const yaml_node_t *key, const char *full)
{
	const char *near = conf_nearest(r->program, full, CONF_NOT_IN_FILE);

	if (near)
		return fail(r, line_of(key), "unknown key '%.64s'; did you mean '%s'?", full, near);
	return fail(r, line_of(key), "unknown key '%.64s'; `%s -n` prints the known ones", full,
		    r->program->name);
}

static bool read_mapping(struct reader *r, yaml_node_t *map, const char *prefix)
{
	yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	const struct conf_program *p = r->program;
	char full[2 * CONF_VALUE_LEN];

	for (; pair < map->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = yaml_document_get_node(&r->doc, pair->key);
		yaml_node_t *value = yaml_document_get_node(&r->doc, pair->value);
		const char *text = text_of(key);
		size_t i;

		if (!key || !value || !text || strlen(text) >= CONF_VALUE_LEN)
			return fail(r, key ? line_of(key) : line_of(map),
				    "a key must be a short plain word");
		snprintf(full, sizeof(full), "%s%s%s", prefix, *prefix ? "." : "", text);
		if (!*prefix && is_group(p, text)) {
			if (is_null(value))
				continue;
			if (value->type != YAML_MAPPING_NODE)
				return fail(r, line_of(key),
					    "%s holds keys of its own; indent them below it", text);
			if (!read_mapping(r, value, text))
				return false;
			continue;
		}
		if (!*prefix && strchr(text, '.'))
			return fail(r, line_of(key),
				    "'%.64s' is written nested: one line for each side of the dot",
				    text);
		for (i = 0; i < p->n_options; i++)
			if (!strcmp(p->options[i].key, full))
				break;
		if (i == p->n_options)
			return unknown(r, key, full);
		if (p->options[i].flags & CONF_NOT_IN_FILE)
			return fail(r, line_of(key), "%s is an option of the command line only",
				    full);
		if (!read_value(r, i, key, value))
			return false;
	}
	return true;
}

static bool fail_parser(struct reader *r, const yaml_parser_t *parser)
{
	size_t line = parser->problem_mark.line;

	if (parser->error == YAML_MEMORY_ERROR)
		return fail(r, line + 1, "out of memory");
	return fail(r, line + 1, "not YAML: %s%s%s", parser->context ? parser->context : "",
		    parser->context ? ", " : "", parser->problem ? parser->problem : "unreadable");
}

bool conf_yaml_read(const struct conf_program *program, const char *name, const char *text,
		    size_t len, void *config, int *lines, char *err)
{
	struct reader r = {
		.program = program, .name = name, .config = config, .lines = lines, .err = err
	};
	yaml_parser_t parser;
	yaml_node_t *root;
	bool ok = false;

	if (!yaml_parser_initialize(&parser)) {
		snprintf(err, CONF_ERRLEN, "out of memory");
		return false;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &r.doc)) {
		fail_parser(&r, &parser);
		goto out_parser;
	}
	root = yaml_document_get_root_node(&r.doc);
	if (root && !is_null(root)) {
		if (root->type != YAML_MAPPING_NODE) {
			fail(&r, line_of(root), "expected `key: value` lines");
			goto out_document;
		}
		if (!read_mapping(&r, root, ""))
			goto out_document;
	}
	if (root) { /* a second document would be ignored in silence */
		yaml_document_delete(&r.doc);
		if (!yaml_parser_load(&parser, &r.doc)) {
			fail_parser(&r, &parser);
			goto out_parser;
		}
		root = yaml_document_get_root_node(&r.doc);
		if (root) {
			fail(&r, line_of(root), "a second document; put all keys into the first");
			goto out_document;
		}
	}
	ok = true;
out_document:
	yaml_document_delete(&r.doc);
out_parser:
	yaml_parser_delete(&parser);
	return ok;
}

/* The code point at s and its length in bytes. Values are UTF-8: conf_value_set(). */
static unsigned code_point(const unsigned char *s, size_t *len)
{
	unsigned n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 1;
	unsigned cp = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));

	for (unsigned i = 1; i < n; i++)
		cp = cp << 6 | (s[i] & 0x3f);
	*len = n;
	return cp;
}

/* A double-quoted YAML scalar. Escaped is what YAML 1.1 does not allow as it is
 * (5.1), and its line breaks, which would be folded. */
static void print_string(FILE *out, const char *s)
{
	size_t len;

	putc('"', out);
	for (; *s; s += len) {
		unsigned cp = code_point((const unsigned char *)s, &len);

		if (cp == '"' || cp == '\\')
			fprintf(out, "\\%c", (int)cp);
		else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
			fprintf(out, "\\x%02x", cp);
		else if (cp == 0x2028 || cp == 0x2029 || cp == 0xfeff || cp == 0xfffe ||
			 cp == 0xffff)
			fprintf(out, "\\u%04x", cp);
		else
			fwrite(s, 1, len, out);
	}
	putc('"', out);
}

static void print_value(FILE *out, const struct conf_option *o, const void *config, size_t i)
{
	char buf[CONF_VALUE_LEN];
	const char *text = conf_value_text(o, config, i, buf);

	if (o->type == CONF_STRING || o->type == CONF_STRINGS)
		print_string(out, text);
	else
		fputs(text, out);
}

static void print_option(FILE *out, const struct conf_option *o, const void *config,
			 const char *key, const char *indent)
{
	size_t n = conf_value_count(o, config);

	if (!n && !conf_value_is_list(o)) {
		fprintf(out, "%s# %s: not set\n", indent, key);
		return;
	}
	fprintf(out, "%s%s: ", indent, key);
	if (conf_value_is_list(o)) {
		putc('[', out);
		for (size_t i = 0; i < n; i++) {
			fputs(i ? ", " : "", out);
			print_value(out, o, config, i);
		}
		putc(']', out);
	} else {
		print_value(out, o, config, 0);
	}
	putc('\n', out);
}

char *conf_print(const struct conf_program *p, const void *config)
{
	const struct conf_option *o = p->options, *end = o + p->n_options, *g;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (; o < end; o++) {
		const char *dot = strchr(o->key, '.');
		size_t len = dot ? (size_t)(dot - o->key) + 1 : 0;

		if (o->flags & CONF_NOT_IN_FILE)
			continue;
		if (!dot) {
			print_option(out, o, config, o->key, "");
			continue;
		}
		/* the first of a group prints them all, wherever they stand */
		for (g = p->options;
		     strncmp(g->key, o->key, len) != 0 || (g->flags & CONF_NOT_IN_FILE); g++)
			;
		if (g != o)
			continue;
		fprintf(out, "%.*s:\n", (int)len - 1, o->key);
		for (g = o; g < end; g++)
			if (!strncmp(g->key, o->key, len) && !(g->flags & CONF_NOT_IN_FILE))
				print_option(out, g, config, g->key + len, "  ");
	}
	if (ferror(out) || fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
