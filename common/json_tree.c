/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_tree.h"

#include <stdlib.h>
#include <string.h>

#define DEEPEST 16
#define FIRST_NODES 128 /* an event has some 80 */
#define MOST_DIGITS 18	/* of an integer: it fits into 64 bits; of a real: it is finite */

/* While it reads: p moves through the copy, which ends with NUL. */
struct scan {
	struct json_tree *t;
	char *p;
	const char *end; /* the NUL */
	bool memory;	 /* there was none */
};

/* 0: no memory. The first node is 1. */
static uint32_t add_node(struct json_tree *t, json_type type)
{
	if (t->n + 1 >= t->size) {
		uint32_t size = t->size ? 2 * t->size : FIRST_NODES;
		struct json_node *nodes = realloc(t->nodes, size * sizeof(*nodes));

		if (!nodes)
			return 0;
		t->nodes = nodes;
		t->size = size;
	}
	t->n++;
	t->nodes[t->n] = (struct json_node){ .type = type };
	return t->n;
}

static uint32_t add(struct scan *s, json_type type)
{
	uint32_t n = add_node(s->t, type);

	s->memory |= n == 0;
	return n;
}

static void skip_blanks(struct scan *s)
{
	while (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r')
		s->p++;
}

static bool eat(struct scan *s, char c)
{
	skip_blanks(s);
	if (*s->p != c)
		return false;
	s->p++;
	return true;
}

/* ---- strings --------------------------------------------------------------- */

/* Eight bytes at once: is any of them below 0x20, above 0x7f, '"' or '\\'? */
static bool is_plain8(const char *p)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	uint64_t v, quote, slash;

	memcpy(&v, p, 8);
	quote = v ^ (ones * '"');
	slash = v ^ (ones * '\\');
	/* (x - 0x20..) has the high bit for x < 0x20; bytes from 0x80 have it in v. */
	return !((v | (v - ones * 0x20) | (quote - ones) | (slash - ones)) & high);
}

/* p stands behind the opening quote. Ends the string with NUL where its closing quote
 * was, or before, when it holds escapes. */
static bool read_string(struct scan *s, const char **text, uint32_t *len)
{
	char *begin = s->p, *p = s->p, *to;

	for (;;) {
		while (s->end - p >= 8 && is_plain8(p))
			p += 8;
		while ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
		       *p != '\\')
			p++;
		if (*p == '"' || *p == '\\')
			break;
		return false;
	}
	for (to = p; *p != '"';) {
		if (*p == '\\') {
			static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
			const char *name = p[1] ? strchr(names, p[1]) : NULL;

			if (!name)
				return false;
			*to++ = values[name - names];
			p += 2;
		} else if ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80) {
			*to++ = *p++;
		} else {
			return false;
		}
	}
	*to = '\0';
	*text = begin;
	*len = (uint32_t)(to - begin);
	s->p = p + 1;
	return true;
}

/* ---- numbers --------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool read_number(struct scan *s, struct json_node *n)
{
	char *begin = s->p, *p = begin;
	bool minus = *p == '-';
	int64_t v = 0;

	p += minus;
	if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
		return false;
	for (; is_digit(*p); p++) {
		if (p - begin >= MOST_DIGITS)
			return false;
		v = v * 10 + (*p - '0');
	}
	if (*p == '.') {
		p++;
		if (!is_digit(*p))
			return false;
		while (is_digit(*p) && p - begin < 2 * MOST_DIGITS)
			p++;
		n->type = JSON_REAL;
		n->real = strtod(begin, NULL);
	} else {
		n->integer = minus ? -v : v;
	}
	s->p = p;
	return !is_digit(*p) && *p != '.' && *p != 'e' && *p != 'E';
}

/* ---- values ---------------------------------------------------------------- */

static uint32_t read_value(struct scan *s, unsigned depth);

static bool read_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(s->p, word, len) != 0)
		return false;
	s->p += len;
	return true;
}

/* len is not 0: most names differ in their length or first letter. */
static bool is_named(const struct json_node *n, const char *name, size_t len)
{
	return n->key_len == len && n->key[0] == name[0] && memcmp(n->key, name, len) == 0;
}

static bool known_name(const struct json_tree *t, uint32_t first, const char *name, uint32_t len)
{
	for (uint32_t i = first; i; i = t->nodes[i].next)
		if (is_named(&t->nodes[i], name, len))
			return true;
	return false;
}

/* After '{' or '['. Objects of very many members would be slow to compare. */
static bool read_members(struct scan *s, uint32_t of, unsigned depth)
{
	bool object = s->t->nodes[of].type == JSON_OBJECT;
	char close = object ? '}' : ']';
	uint32_t last = 0, most = object ? 256 : UINT32_MAX;

	if (eat(s, close))
		return true;
	do {
		const char *key = NULL;
		uint32_t key_len = 0, n;

		if (object) {
			if (!most-- || !eat(s, '"') || !read_string(s, &key, &key_len) ||
			    known_name(s->t, s->t->nodes[of].child, key, key_len) || !eat(s, ':'))
				return false;
		}
		n = read_value(s, depth);
		if (!n)
			return false;
		s->t->nodes[n].key = key;
		s->t->nodes[n].key_len = key_len;
		if (last)
			s->t->nodes[last].next = n;
		else
			s->t->nodes[of].child = n;
		last = n;
	} while (eat(s, ','));
	return eat(s, close);
}

/* 0: not known, or no memory. */
static uint32_t read_value(struct scan *s, unsigned depth)
{
	bool good = false;
	uint32_t n;

	skip_blanks(s);
	n = add(s, JSON_NULL);
	if (!n || depth > DEEPEST)
		return 0;
	s->t->nodes[n].at = (uint32_t)(s->p - s->t->text);
	switch (*s->p) {
	case '{':
	case '[':
		s->t->nodes[n].type = *s->p++ == '{' ? JSON_OBJECT : JSON_ARRAY;
		good = read_members(s, n, depth + 1);
		break;
	case '"':
		s->p++;
		s->t->nodes[n].type = JSON_STRING;
		good = read_string(s, &s->t->nodes[n].text, &s->t->nodes[n].text_len);
		break;
	case 't':
		s->t->nodes[n].type = JSON_TRUE;
		good = read_word(s, "true");
		break;
	case 'f':
		s->t->nodes[n].type = JSON_FALSE;
		good = read_word(s, "false");
		break;
	case 'n':
		good = read_word(s, "null");
		break;
	default:
		s->t->nodes[n].type = JSON_INTEGER;
		good = read_number(s, &s->t->nodes[n]);
	}
	s->t->nodes[n].length = (uint32_t)(s->p - s->t->text) - s->t->nodes[n].at;
	return good ? n : 0;
}

static bool make_room(struct json_tree *t, size_t size)
{
	char *text;

	if (size <= t->text_size)
		return true;
	text = malloc(size);
	if (!text)
		return false;
	free(t->text);
	t->text = text;
	t->text_size = size;
	return true;
}

int json_tree_read_again(struct json_tree *t, const char *text, size_t len)
{
	struct scan s = { .t = t };

	t->n = 0;
	if (len >= UINT32_MAX || len == 0 || text[0] != '{')
		return 1;
	if (!make_room(t, len + 1))
		return -1;
	memcpy(t->text, text, len);
	t->text[len] = '\0';
	s.p = t->text;
	s.end = t->text + len;
	if (read_value(&s, 1)) {
		skip_blanks(&s);
		if (s.p == s.end)
			return 0;
	}
	return s.memory ? -1 : 1;
}

int json_tree_read(struct json_tree *t, const char *text, size_t len)
{
	int rc;

	memset(t, 0, sizeof(*t));
	rc = json_tree_read_again(t, text, len);
	if (rc)
		json_tree_clear(t);
	return rc;
}

/* ---- what jansson has read ------------------------------------------------- */

static uint32_t take(struct json_tree *t, const json_t *v)
{
	uint32_t n = add_node(t, json_typeof(v)), last = 0, child;
	const char *key = NULL;
	size_t count, i = 0;
	void *at;

	if (!n)
		return 0;
	switch (json_typeof(v)) {
	case JSON_STRING:
		t->nodes[n].text = json_string_value(v);
		t->nodes[n].text_len = (uint32_t)json_string_length(v);
		return n;
	case JSON_INTEGER:
		t->nodes[n].integer = json_integer_value(v);
		return n;
	case JSON_REAL:
		t->nodes[n].real = json_real_value(v);
		return n;
	default:
		break;
	}
	at = json_is_object(v) ? json_object_iter((json_t *)v) : NULL;
	for (count = json_array_size(v); at || i < count; i++) {
		if (at)
			key = json_object_iter_key(at);
		child = take(t, at ? json_object_iter_value(at) : json_array_get(v, i));
		if (!child)
			return 0;
		t->nodes[child].key = key;
		t->nodes[child].key_len = key ? (uint32_t)strlen(key) : 0;
		if (last)
			t->nodes[last].next = child;
		else
			t->nodes[n].child = child;
		last = child;
		if (at)
			at = json_object_iter_next((json_t *)v, at);
	}
	return n;
}

int json_tree_from(struct json_tree *t, const json_t *doc)
{
	memset(t, 0, sizeof(*t));
	if (take(t, doc))
		return 0;
	json_tree_clear(t);
	return -1;
}

/* ---- looking --------------------------------------------------------------- */

void json_tree_clear(struct json_tree *t)
{
	free(t->text);
	free(t->nodes);
	memset(t, 0, sizeof(*t));
}

static const struct json_node *node(const struct json_tree *t, uint32_t n)
{
	return n ? &t->nodes[n] : NULL;
}

const struct json_node *json_tree_first(const struct json_tree *t, const struct json_node *o)
{
	return o ? node(t, o->child) : NULL;
}

const struct json_node *json_tree_next(const struct json_tree *t, const struct json_node *of)
{
	return of ? node(t, of->next) : NULL;
}

/* Members are mostly asked for in the order in which they stand. */
const struct json_node *json_tree_get(const struct json_tree *t, const struct json_node *o,
				      const char *name)
{
	struct json_node *of = (struct json_node *)(uintptr_t)o;
	uint32_t begin, i;
	size_t len;

	if (!o || o->type != JSON_OBJECT)
		return NULL;
	len = strlen(name);
	begin = o->found ? t->nodes[o->found].next : o->child;
	for (i = begin; i && !is_named(&t->nodes[i], name, len);)
		i = t->nodes[i].next;
	if (!i && begin != o->child)
		for (i = o->child; i != begin && !is_named(&t->nodes[i], name, len);)
			i = t->nodes[i].next;
	if (!i || (i == begin && !is_named(&t->nodes[i], name, len)))
		return NULL;
	of->found = i;
	return &t->nodes[i];
}
