/* SPDX-License-Identifier: Apache-2.0 */
/* Values of options: text in, checked against the table, and text out again. */
#include "common/conf_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"

/* Binary powers, largest first. */
static const struct {
	char letter;
	unsigned shift;
} size_units[] = { { 'T', 40 }, { 'G', 30 }, { 'M', 20 }, { 'K', 10 }, { '\0', 0 } };

static void *field(const struct conf_option *o, void *config)
{
	return (char *)config + o->offset;
}

static const void *field_const(const struct conf_option *o, const void *config)
{
	return (const char *)config + o->offset;
}

bool conf_value_is_list(const struct conf_option *o)
{
	return o->type == CONF_STRINGS || o->type == CONF_PORTS;
}

static bool complain(char *err, const char *text, const char *wanted)
{
	snprintf(err, CONF_ERRLEN, "'%.64s' is not %s", text, wanted);
	return false;
}

/* Digits only: no sign, no blank, no octal surprise. Stops at the first other. */
static bool parse_digits(const char *text, const char **end, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	*end = p;
	*out = v;
	return p > text;
}

static bool parse_size(const char *text, uint64_t *out)
{
	const char *end;

	if (!parse_digits(text, &end, out))
		return false;
	for (size_t i = 0; i < sizeof(size_units) / sizeof(size_units[0]); i++)
		if (*end == size_units[i].letter)
			return (!*end || !end[1]) &&
			       !__builtin_mul_overflow(*out, 1ull << size_units[i].shift, out);
	return false;
}

static uint64_t type_max(const struct conf_option *o)
{
	if (o->max)
		return o->max;
	return o->type == CONF_U32 ? UINT32_MAX : UINT64_MAX;
}

const char *conf_value_number(const struct conf_option *o, uint64_t v, char *buf)
{
	size_t i = 0;

	if (o->type == CONF_DURATION)
		return duration_format(v, buf);
	if (o->type == CONF_SIZE && v) {
		while (v & ((1ull << size_units[i].shift) - 1))
			i++;
		snprintf(buf, CONF_VALUE_LEN, "%" PRIu64 "%c", v >> size_units[i].shift,
			 size_units[i].letter);
		return buf;
	}
	snprintf(buf, CONF_VALUE_LEN, "%" PRIu64, v);
	return buf;
}

static bool set_number(const struct conf_option *o, void *config, const char *text, char *err)
{
	char low[CONF_VALUE_LEN], high[CONF_VALUE_LEN];
	const char *end;
	uint64_t v;

	if (o->type == CONF_DURATION) {
		if (!duration_parse(text, &v))
			return complain(err, text, "a duration such as 30s, 5m or 2h15m");
	} else if (o->type == CONF_SIZE) {
		if (!parse_size(text, &v))
			return complain(err, text, "a size such as 65536, 512K or 64M");
	} else if (!parse_digits(text, &end, &v) || *end) {
		return complain(err, text, "a whole number");
	}
	if (v < o->min || v > type_max(o)) {
		if (type_max(o) == UINT64_MAX)
			snprintf(err, CONF_ERRLEN, "'%.64s' is too small; the least is %s", text,
				 conf_value_number(o, o->min, low));
		else
			snprintf(err, CONF_ERRLEN, "'%.64s' is out of range, %s to %s", text,
				 conf_value_number(o, o->min, low),
				 conf_value_number(o, type_max(o), high));
		return false;
	}
	if (o->type == CONF_U32)
		*(uint32_t *)field(o, config) = (uint32_t)v;
	else
		*(uint64_t *)field(o, config) = v;
	return true;
}

static bool set_bool(const struct conf_option *o, void *config, const char *text, char *err)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i])) {
			*(bool *)field(o, config) = i % 2;
			return true;
		}
	return complain(err, text, "true or false");
}

/* Points *at and *len at the i-th of "a|b|c". */
static bool choice(const char *choices, int i, const char **at, size_t *len)
{
	for (; i > 0; i--) {
		choices = strchr(choices, '|');
		if (!choices)
			return false;
		choices++;
	}
	*at = choices;
	*len = strcspn(choices, "|");
	return true;
}

static bool set_choice(const struct conf_option *o, void *config, const char *text, char *err)
{
	const char *at;
	size_t len;

	for (int i = 0; choice(o->choices, i, &at, &len); i++)
		if (strlen(text) == len && !memcmp(text, at, len)) {
			*(int *)field(o, config) = i;
			return true;
		}
	snprintf(err, CONF_ERRLEN, "'%.64s' is not one of %s", text, o->choices);
	return false;
}

static bool add_port(const struct conf_option *o, struct conf_ports *ports, const char *text,
		     size_t len, char *err)
{
	size_t most = o->max && o->max < CONF_MAX_PORTS ? o->max : CONF_MAX_PORTS;
	char number[8] = "";
	const char *end;
	uint64_t v;

	if (len < sizeof(number))
		memcpy(number, text, len);
	if (!parse_digits(number, &end, &v) || *end || v < 1 || v > 65535) {
		snprintf(err, CONF_ERRLEN, "'%.*s' is not a port, 1 to 65535",
			 (int)(len < 64 ? len : 64), text);
		return false;
	}
	for (size_t i = 0; i < ports->n; i++)
		if (ports->port[i] == v) {
			snprintf(err, CONF_ERRLEN, "port %s is given twice", number);
			return false;
		}
	if (ports->n == most) {
		snprintf(err, CONF_ERRLEN, "more than %zu ports", most);
		return false;
	}
	ports->port[ports->n++] = (uint16_t)v;
	return true;
}

static bool add_ports(const struct conf_option *o, void *config, const char *text, char *err)
{
	size_t len;

	for (;; text += len + 1) {
		len = strcspn(text, ",");
		if (!add_port(o, field(o, config), text, len, err))
			return false;
		if (!text[len])
			return true;
	}
}

/* RFC 3629. A YAML file can hold nothing else, and -n prints one. */
static bool is_utf8(const char *text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t n = *p < 0x80 ? 1 : *p < 0xc0 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 :
			   *p < 0xf8 ? 4 : 0;
		uint32_t point = n < 2 ? *p : *p & (0xffu >> (n + 1));

		for (size_t i = 1; i < n; i++) {
			if ((p[i] & 0xc0) != 0x80) /* the NUL too */
				return false;
			point = point << 6 | (p[i] & 0x3f);
		}
		if (!n || point < least[n] || point > 0x10ffff ||
		    (point >= 0xd800 && point < 0xe000))
			return false;
		p += n;
	}
	return true;
}

static bool add_string(const struct conf_option *o, void *config, const char *text, char *err)
{
	struct conf_strings *s = field(o, config);
	char **grown, *copy;

	if (o->max && s->n == o->max) {
		snprintf(err, CONF_ERRLEN, "more than %" PRIu64 " values", o->max);
		return false;
	}
	grown = realloc(s->item, (s->n + 1) * sizeof(*grown));
	if (grown)
		s->item = grown;
	copy = grown ? strdup(text) : NULL;
	if (!copy) {
		snprintf(err, CONF_ERRLEN, "out of memory");
		return false;
	}
	s->item[s->n++] = copy;
	return true;
}

static bool set_string(const struct conf_option *o, void *config, const char *text, char *err)
{
	char *copy = strdup(text), **at = field(o, config);

	if (!copy) {
		snprintf(err, CONF_ERRLEN, "out of memory");
		return false;
	}
	free(*at);
	*at = copy;
	return true;
}

bool conf_value_set(const struct conf_option *o, void *config, const char *text, char *err)
{
	if (!*text) {
		snprintf(err, CONF_ERRLEN, "the value is empty");
		return false;
	}
	if (!is_utf8(text)) {
		snprintf(err, CONF_ERRLEN, "the value is not UTF-8");
		return false;
	}
	switch (o->type) {
	case CONF_STRING:
		return set_string(o, config, text, err);
	case CONF_STRINGS:
		return add_string(o, config, text, err);
	case CONF_PORTS:
		return add_ports(o, config, text, err);
	case CONF_BOOL:
		return set_bool(o, config, text, err);
	case CONF_CHOICE:
		return set_choice(o, config, text, err);
	case CONF_U32:
	case CONF_U64:
	case CONF_SIZE:
	case CONF_DURATION:
		break;
	}
	return set_number(o, config, text, err);
}

void conf_value_clear(const struct conf_option *o, void *config)
{
	struct conf_strings *s;

	switch (o->type) {
	case CONF_STRING:
		free(*(char **)field(o, config));
		*(char **)field(o, config) = NULL;
		break;
	case CONF_STRINGS:
		s = field(o, config);
		for (size_t i = 0; i < s->n; i++)
			free(s->item[i]);
		free(s->item);
		memset(s, 0, sizeof(*s));
		break;
	case CONF_PORTS:
		memset(field(o, config), 0, sizeof(struct conf_ports));
		break;
	case CONF_BOOL:
		*(bool *)field(o, config) = false;
		break;
	case CONF_CHOICE:
		*(int *)field(o, config) = 0;
		break;
	case CONF_U32:
		*(uint32_t *)field(o, config) = 0;
		break;
	case CONF_U64:
	case CONF_SIZE:
	case CONF_DURATION:
		*(uint64_t *)field(o, config) = 0;
		break;
	}
}

size_t conf_value_count(const struct conf_option *o, const void *config)
{
	switch (o->type) {
	case CONF_STRING:
		return *(char *const *)field_const(o, config) != NULL;
	case CONF_STRINGS:
		return ((const struct conf_strings *)field_const(o, config))->n;
	case CONF_PORTS:
		return ((const struct conf_ports *)field_const(o, config))->n;
	default:
		return 1;
	}
}

const char *conf_value_text(const struct conf_option *o, const void *config, size_t i, char *buf)
{
	const void *at = field_const(o, config);
	const char *word;
	size_t len;

	switch (o->type) {
	case CONF_STRING:
		return *(char *const *)at;
	case CONF_STRINGS:
		return ((const struct conf_strings *)at)->item[i];
	case CONF_PORTS:
		snprintf(buf, CONF_VALUE_LEN, "%u", ((const struct conf_ports *)at)->port[i]);
		return buf;
	case CONF_BOOL:
		return *(const bool *)at ? "true" : "false";
	case CONF_CHOICE:
		if (!choice(o->choices, *(const int *)at, &word, &len))
			return "";
		snprintf(buf, CONF_VALUE_LEN, "%.*s", (int)len, word);
		return buf;
	case CONF_U32:
		return conf_value_number(o, *(const uint32_t *)at, buf);
	default:
		return conf_value_number(o, *(const uint64_t *)at, buf);
	}
}
