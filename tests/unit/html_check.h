/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_HTML_CHECK_H
#define GW_HTML_CHECK_H
/*
 * Is this HTML as we write it? Every element is closed where it should be, attributes
 * are quoted and not repeated, ids are unique, entities are the five that we use, there
 * is no script and nothing that a browser would fetch, and no control character.
 * Stricter than HTML: what passes cannot be misread.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HTML_DEPTH 64
#define HTML_IDS 64

struct html_check {
	char open[HTML_DEPTH][16];
	size_t depth;
	char id[HTML_IDS][32];
	size_t ids;
	char why[200];
};

static bool html_bad(struct html_check *c, const char *what, const char *at)
{
	snprintf(c->why, sizeof(c->why), "%s: \"%.80s\"", what, at);
	return false;
}

static bool html_entity(const char *p)
{
	static const char *const known[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };

	for (size_t i = 0; i < 5; i++)
		if (strncmp(p, known[i], strlen(known[i])) == 0)
			return true;
	return false;
}

static bool html_value(struct html_check *c, const char *name, const char *value, size_t len)
{
	if (memchr(value, '<', len) || memchr(value, '>', len))
		return html_bad(c, "angle bracket in an attribute", value);
	if (strncmp(name, "on", 2) == 0 || strncmp(name, "src", 3) == 0 ||
	    strncmp(name, "style=", 6) == 0)
		return html_bad(c, "forbidden attribute", name);
	if (strncmp(name, "href=", 5) == 0 && value[0] != '#' && strncmp(value, "data:,", 6) != 0)
		return html_bad(c, "leads away", value);
	if (strncmp(name, "id=", 3) != 0)
		return true;
	for (size_t i = 0; i < c->ids; i++)
		if (strlen(c->id[i]) == len && memcmp(c->id[i], value, len) == 0)
			return html_bad(c, "id twice", value);
	if (c->ids < HTML_IDS && len < sizeof(c->id[0])) {
		memcpy(c->id[c->ids], value, len);
		c->id[c->ids++][len] = '\0';
	}
	return true;
}

/* Attributes up to '>' or '/>'; *p is moved behind it. */
static bool html_attributes(struct html_check *c, const char **p, bool *closed)
{
	const char *at = *p;

	*closed = false;
	for (;;) {
		const char *name, *value;

		if (at[0] == '>') {
			*p = at + 1;
			return true;
		}
		if (at[0] == '/' && at[1] == '>') {
			*closed = true;
			*p = at + 2;
			return true;
		}
		if (*at != ' ')
			return html_bad(c, "not an attribute", at);
		name = ++at;
		while (isalnum((unsigned char)*at) || *at == '-')
			at++;
		if (at == name || at[0] != '=' || at[1] != '"')
			return html_bad(c, "attribute without a quoted value", name);
		value = at + 2;
		at = strchr(value, '"');
		if (!at)
			return html_bad(c, "quote is not closed", value);
		if (!html_value(c, name, value, (size_t)(at - value)))
			return false;
		for (const char *q = value; q < at; q++)
			if (*q == '&' && !html_entity(q))
				return html_bad(c, "entity", q);
		at++;
	}
}

static bool html_tag(struct html_check *c, const char **p)
{
	static const char *const empty[] = { "meta", "link" };
	static const char *const forbidden[] = { "script", "iframe", "img",   "object", "embed",
						 "form",   "image",  "audio", "video",	"base" };
	bool end = (*p)[1] == '/', closed;
	const char *name = *p + 1 + end, *at = name;
	char tag[16] = "";

	while (isalnum((unsigned char)*at))
		at++;
	if (at == name || (size_t)(at - name) >= sizeof(tag))
		return html_bad(c, "not a tag", *p);
	memcpy(tag, name, (size_t)(at - name));
	*p = at;
	if (end) {
		if (*at != '>' || !c->depth || strcmp(c->open[c->depth - 1], tag) != 0)
			return html_bad(c, "closes what is not open", name);
		c->depth--;
		*p = at + 1;
		return true;
	}
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		if (strcmp(tag, forbidden[i]) == 0)
			return html_bad(c, "forbidden element", name);
	if (!html_attributes(c, p, &closed))
		return false;
	if (closed || strcmp(tag, empty[0]) == 0 || strcmp(tag, empty[1]) == 0)
		return true;
	if (c->depth == HTML_DEPTH)
		return html_bad(c, "too deep", name);
	memcpy(c->open[c->depth++], tag, sizeof(tag));
	return true;
}

/* True, or false with the reason in c->why. */
static bool html_check(struct html_check *c, const char *text)
{
	static const char doctype[] = "<!doctype html>\n<html lang=\"en\">";
	const char *p = text;

	memset(c, 0, sizeof(*c));
	if (strncmp(text, doctype, sizeof(doctype) - 1) != 0)
		return html_bad(c, "no doctype and language", text);
	p += strlen("<!doctype html>");
	while (*p) {
		if (c->depth && strcmp(c->open[c->depth - 1], "style") == 0 && *p != '<') {
			if (strncmp(p, "@import", 7) == 0 || strncmp(p, "url(h", 5) == 0 ||
			    strncmp(p, "url(/", 5) == 0)
				return html_bad(c, "style fetches", p);
			p++;
		} else if (*p == '<') {
			if (!html_tag(c, &p))
				return false;
		} else if (*p == '&' && !html_entity(p)) {
			return html_bad(c, "entity", p);
		} else if ((unsigned char)*p < 0x20 && *p != '\n') {
			return html_bad(c, "control character", p);
		} else if (strncmp(p, "\xe2\x80\xae", 3) == 0 ||
			   strncmp(p, "\xe2\x80\x8b", 3) == 0) {
			return html_bad(c, "turns the direction, or hides", p);
		} else {
			p++;
		}
	}
	return c->depth ? html_bad(c, "not closed", c->open[c->depth - 1]) : true;
}

#endif
