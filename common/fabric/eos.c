/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an EOS running-config.
 *
 * EOS prints three blanks per level, but people and tools write other things:
 * one blank for every level, tabs, no indentation at all. So nesting follows
 * the indentation as far as that says something, and keywords where it does not:
 *
 *  - A line at the first column opens a section, except the sub-commands of an
 *    interface or the entries of a prefix-list right inside one.
 *  - Inside `router bgp`, `router general` and `management ...`, a sub-section
 *    whose next line is not deeper is "flat": it runs to the next opener.
 *  - `!` lines never end anything. A section may be opened again later.
 *
 * Free text comes before all of this. A banner may hold text that looks like
 * configuration (`ip prefix-list trusted_sources seq 1 permit 0.0.0.0/0`), and
 * taking it for configuration would let a banner's author decide who is
 * trusted. Where a free text is never closed, the rest of the file is not read
 * and a note says so: a list that is missed is no-policy, never trusted.
 *
 * Order of work: split() cuts a private copy of the text into lines, then
 * read_lines() walks them once, looking ahead where a rule needs it. Nodes are
 * allocated once, one per line at most. Nothing recurses.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fabric/eos.h"

#define TAB_COLUMNS 8

struct raw {
	char *text; /* trimmed, NUL-terminated */
	uint32_t indent;
	bool eof;      /* the line is exactly "EOF": no blank before or after it */
	bool too_long; /* text is not kept */
};

struct frame {
	struct eos_node *node;
	uint32_t indent;
	bool flat; /* lines at its own indent belong to it */
};

enum section {
	SECTION_OTHER,
	SECTION_INTERFACE,
	SECTION_PREFIX_LIST,
	SECTION_ROUTE_MAP,
	SECTION_BGP,
	SECTION_GENERAL,
	SECTION_MANAGEMENT
};

struct eos {
	char *buffer;
	struct raw *raw; /* only while parsing */
	size_t n_raw;
	struct eos_node *nodes; /* nodes[0] is the root */
	size_t n_nodes;
	const char *device_comment;
	bool cut;
	struct eos_note notes[EOS_MAX_NOTES];
	size_t n_notes;
	struct frame stack[EOS_MAX_DEPTH]; /* open sections, outermost first */
	unsigned depth;
	enum section section; /* the kind of stack[0], where there is one */
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

size_t eos_split(const char *text, struct eos_word *words, size_t max)
{
	size_t n = 0;

	for (;;) {
		const char *start;

		while (blank(*text))
			text++;
		if (!*text)
			break;
		start = text;
		while (*text && !blank(*text))
			text++;
		if (n < max)
			words[n] = (struct eos_word){ start, (size_t)(text - start) };
		n++;
	}
	for (size_t i = n; i < max; i++)
		words[i] = (struct eos_word){ "", 0 };
	return n;
}

const char *eos_after(const char *text, size_t n)
{
	while (blank(*text))
		text++;
	for (; n > 0; n--) {
		while (*text && !blank(*text))
			text++;
		while (blank(*text))
			text++;
	}
	return text;
}

static void note(struct eos *e, int line, const char *text)
{
	if (e->n_notes < EOS_MAX_NOTES)
		e->notes[e->n_notes++] = (struct eos_note){ line, text };
}

/* Cuts the buffer into lines. CRLF and LF end a line, and so does the end. */
static int split(struct eos *e, size_t len)
{
	char *at = e->buffer, *end = e->buffer + len;
	size_t lines = 1;

	for (char *p = at; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		lines++;
	if (lines > EOS_MAX_LINES) {
		lines = EOS_MAX_LINES;
		note(e, EOS_MAX_LINES, "the file has more lines than are read");
	}
	e->raw = calloc(lines, sizeof(*e->raw));
	e->nodes = calloc(lines + 1, sizeof(*e->nodes));
	if (!e->raw || !e->nodes)
		return -1;

	while (at <= end && e->n_raw < lines) {
		struct raw *r = &e->raw[e->n_raw++];
		char *stop = memchr(at, '\n', (size_t)(end - at));
		char *next;

		if (!stop)
			stop = end;
		next = stop + 1;
		while (stop > at && stop[-1] == '\r')
			stop--;
		r->eof = stop - at == 3 && memcmp(at, "EOF", 3) == 0;
		for (; at < stop && blank(*at); at++)
			r->indent += *at == '\t' ? TAB_COLUMNS - r->indent % TAB_COLUMNS : 1;
		while (stop > at && (blank(stop[-1]) || stop[-1] == '\r'))
			stop--;
		if (stop - at > EOS_MAX_LINE) {
			r->too_long = *at != '!';
			stop = at;
		}
		*stop = '\0'; /* at the latest on the byte after the copy */
		r->text = at;
		at = next;
	}
	return 0;
}

static bool is_content(const struct raw *r)
{
	return r->too_long || (r->text[0] && r->text[0] != '!');
}

/* Line i becomes a node; w: its first words of `words`, or NULL: they are not known. */
static struct eos_node *add(struct eos *e, struct eos_node *parent, size_t i,
			    const struct eos_word *w, size_t words)
{
	struct eos_node *n = &e->nodes[++e->n_nodes];

	n->text = e->raw[i].text;
	n->line = (int)i + 1;
	n->parent = parent;
	if (w) {
		n->n_words = (uint16_t)words;
		for (size_t k = 0; k < words && k < EOS_WORDS; k++) {
			n->words[k].at = (uint16_t)(w[k].at - n->text);
			n->words[k].len = (uint16_t)w[k].len;
		}
	}
	if (parent->last)
		parent->last->next = n;
	else
		parent->child = n;
	parent->last = n;
	return n;
}

static bool is_eof(const struct raw *r)
{
	return r->text[0] == 'E' && strcmp(r->text, "EOF") == 0;
}

static struct eos_node *top(struct eos *e)
{
	return e->depth ? e->stack[e->depth - 1].node : &e->nodes[0];
}

static void push(struct eos *e, struct eos_node *n, uint32_t indent, bool flat)
{
	if (e->depth < EOS_MAX_DEPTH)
		e->stack[e->depth++] = (struct frame){ n, indent, flat };
}

static enum section section_by(const struct eos_word *w)
{
	if (eos_is(w[0], "interface"))
		return SECTION_INTERFACE;
	if ((eos_is(w[0], "ip") || eos_is(w[0], "ipv6")) && eos_is(w[1], "prefix-list"))
		return SECTION_PREFIX_LIST;
	if (eos_is(w[0], "route-map"))
		return SECTION_ROUTE_MAP;
	if (eos_is(w[0], "router") && eos_is(w[1], "bgp"))
		return SECTION_BGP;
	if (eos_is(w[0], "router") && eos_is(w[1], "general"))
		return SECTION_GENERAL;
	return eos_is(w[0], "management") ? SECTION_MANAGEMENT : SECTION_OTHER;
}

/* Line i, whose words are w, begins a section. */
static struct eos_node *open_section(struct eos *e, size_t i, uint32_t indent,
				     const struct eos_word *w, size_t words)
{
	struct eos_node *n = add(e, &e->nodes[0], i, w, words);

	e->depth = 0;
	push(e, n, indent, false);
	e->section = section_by(w);
	return n;
}

static enum section section_of(const struct eos *e)
{
	return e->depth ? e->section : SECTION_OTHER;
}

/* A sub-command of an interface, whatever its indentation, in an interface.
 * `ip address virtual source-nat vrf V address A` is a global command. */
static bool is_interface_word(const struct eos_word *v, size_t n)
{
	if (eos_is(v[0], "no") || eos_is(v[0], "default")) {
		v++;
		n--;
	}
	if (eos_is(v[0], "ip"))
		return eos_is(v[1], "address") &&
		       !(eos_is(v[2], "virtual") && eos_is(v[3], "source-nat"));
	if (eos_is(v[0], "ipv6"))
		return eos_is(v[1], "address") || eos_is(v[1], "enable");
	if (eos_is(v[0], "vrf"))
		return !eos_is(v[1], "instance") && !eos_is(v[1], "definition") && n <= 3;
	return eos_is(v[0], "description") || eos_is(v[0], "mtu") || eos_is(v[0], "switchport") ||
	       eos_is(v[0], "shutdown") || eos_is(v[0], "channel-group");
}

/* No global command of EOS begins with one of these. */
static bool is_entry_word(const struct eos_word *v)
{
	if (eos_is(*v, "no"))
		v++;
	return eos_is(*v, "seq") || eos_is(*v, "permit") || eos_is(*v, "deny") ||
	       eos_is(*v, "remark");
}

/* Lines that cannot have lines under them: a deeper one after them is their
 * sibling, badly indented. */
static bool is_leaf(enum section s, const struct eos_word *w, size_t n)
{
	if (eos_is(*w, "no") || eos_is(*w, "default"))
		return true;
	switch (s) {
	case SECTION_PREFIX_LIST:
	case SECTION_ROUTE_MAP:
		return true;
	case SECTION_INTERFACE:
		return is_interface_word(w, n);
	case SECTION_BGP:
		return eos_is(*w, "neighbor") || eos_is(*w, "redistribute") ||
		       eos_is(*w, "router-id") || eos_is(*w, "rd") || eos_is(*w, "bgp") ||
		       eos_is(*w, "maximum-paths") || eos_is(*w, "network") ||
		       eos_is(*w, "aggregate-address");
	case SECTION_OTHER:
	case SECTION_GENERAL:
	case SECTION_MANAGEMENT:
		break;
	}
	return false;
}

enum opener { OPENER_NONE, OPENER_VRF, OPENER_FAMILY, OPENER_CONTROL };

static enum opener opener_of(enum section s, struct eos_word w)
{
	if (eos_is(w, "vrf") &&
	    (s == SECTION_BGP || s == SECTION_GENERAL || s == SECTION_MANAGEMENT))
		return OPENER_VRF;
	if (eos_is(w, "address-family") && s == SECTION_BGP)
		return OPENER_FAMILY;
	if (eos_is(w, "control-functions") && s == SECTION_GENERAL)
		return OPENER_CONTROL;
	return OPENER_NONE;
}

/* True when the next line that says something is not deeper than line i. */
static bool next_is_level(const struct eos *e, size_t i)
{
	for (size_t k = i + 1; k < e->n_raw; k++)
		if (is_content(&e->raw[k]))
			return e->raw[k].indent == e->raw[i].indent;
	return false;
}

/* `exit` closes the section it is printed in; AVD prints it one deeper than
 * the opener, others level with it. */
static void leave(struct eos *e, uint32_t indent)
{
	bool closed = false;

	while (e->depth && e->stack[e->depth - 1].indent >= indent) {
		closed = true;
		e->depth--;
	}
	if (!closed && e->depth)
		e->depth--;
}

/* Finds the place of command line i, which has `words` words. Returns its node. */
static struct eos_node *place(struct eos *e, size_t i, const struct eos_word *w, size_t words)
{
	const struct raw *r = &e->raw[i];
	enum section s = section_of(e);
	uint32_t indent = r->indent;
	struct eos_node *n;
	struct eos_word above;
	enum opener opener;
	bool flat;

	/* `interface X` with one word: inside an interface it opens the next one
	 * however it is indented; elsewhere it may be a sub-line
	 * (`interface Tunnel100 primary` under `router path-selection`). */
	if (s == SECTION_INTERFACE && eos_is(w[0], "interface") && words == 2) {
		if (indent > e->stack[0].indent)
			indent = e->stack[0].indent;
		return open_section(e, i, indent, w, words);
	}
	if (e->depth && indent <= e->stack[0].indent &&
	    ((s == SECTION_INTERFACE && is_interface_word(w, words)) ||
	     (s == SECTION_PREFIX_LIST && is_entry_word(w)))) {
		e->depth = 1;
		return add(e, e->stack[0].node, i, w, words);
	}

	while (e->depth) {
		const struct frame *f = &e->stack[e->depth - 1];

		if (f->indent < indent || (f->indent == indent && f->flat))
			break;
		e->depth--;
	}
	if (!e->depth)
		return open_section(e, i, indent, w, words);

	opener = opener_of(s, w[0]);
	if (opener == OPENER_VRF || opener == OPENER_CONTROL) {
		while (e->stack[e->depth - 1].flat)
			e->depth--; /* ends: the section itself is never flat */
	} else if (opener == OPENER_FAMILY && e->stack[e->depth - 1].flat) {
		eos_split(top(e)->text, &above, 1);
		if (opener_of(s, above) == OPENER_FAMILY)
			e->depth--;
	}
	flat = opener != OPENER_NONE && next_is_level(e, i);
	n = add(e, top(e), i, w, words);
	if (!is_leaf(s, w, words))
		push(e, n, indent, flat);
	return n;
}

/* Returns the index of the last line of a free text opened on line i that ends
 * at `ends` lines "EOF"; to the letter for a banner, whose text may hold an
 * indented EOF. */
static size_t skip_text(struct eos *e, size_t i, unsigned ends, bool exact, const char *unclosed)
{
	for (size_t k = i + 1; k < e->n_raw; k++) {
		const struct raw *r = &e->raw[k];

		if (exact ? r->eof : is_eof(r))
			ends--;
		if (!ends)
			return k;
	}
	note(e, (int)i + 1, unclosed);
	return e->n_raw;
}

/* At brace depth 0 a line of RCF begins like this; anything else that is not
 * indented deeper than `code unit` is configuration again. */
static bool is_code_word(const char *text)
{
	return strchr("@#{}", text[0]) || strncmp(text, "function", 8) == 0;
}

/*
 * The text of a code unit, opened on line i: kept, with its line numbers. It
 * ends at EOF, or, as some captures print it, without one: where the braces
 * are balanced and the indentation has come back.
 */
static size_t read_code(struct eos *e, struct eos_node *unit, size_t i)
{
	long braces = 0;

	for (size_t k = i + 1; k < e->n_raw; k++) {
		const struct raw *r = &e->raw[k];

		if (is_eof(r))
			return k;
		if (!is_content(r))
			continue;
		if (braces <= 0 && r->indent <= e->raw[i].indent && !is_code_word(r->text))
			return k - 1;
		add(e, unit, k, NULL, 0)->code = true;
		for (const char *p = r->text; *p && *p != '#'; p++)
			braces += (*p == '{') - (*p == '}');
	}
	if (braces > 0)
		note(e, (int)i + 1, "code unit is not closed by EOF: nothing after it is read");
	return e->n_raw;
}

/* "! device: leaf1 (vEOS, EOS-4.21.1.1F)" */
static void read_comment(struct eos *e, char *text)
{
	struct eos_word w[3];

	if (e->device_comment)
		return;
	if (eos_split(text, w, 3) >= 3 && eos_is(w[0], "!") && eos_is(w[1], "device:")) {
		char *name = text + (w[2].at - text);

		name[w[2].len] = '\0';
		e->device_comment = name;
	}
}

/* Configuration after `end` is a second file glued on, and is not read. */
static void check_after_end(struct eos *e, size_t i)
{
	for (size_t k = i + 1; k < e->n_raw; k++) {
		struct eos_word w;

		eos_split(e->raw[k].text, &w, 1);
		if (e->raw[k].indent == 0 &&
		    (eos_is(w, "hostname") || eos_is(w, "interface") || eos_is(w, "ip") ||
		     eos_is(w, "ipv6") || eos_is(w, "router"))) {
			note(e, (int)k + 1,
			     "stands after `end` and is not read, nor is what follows");
			return;
		}
	}
}

static void read_lines(struct eos *e)
{
	for (size_t i = 0; i < e->n_raw; i++) {
		const struct raw *r = &e->raw[i];
		struct eos_word w[EOS_WORDS];
		struct eos_node *n;
		size_t words;

		if (r->too_long) {
			note(e, (int)i + 1, "the line is too long and is not read");
			continue;
		}
		if (r->text[0] == '!')
			read_comment(e, r->text);
		if (!is_content(r))
			continue;

		words = eos_split(r->text, w, EOS_WORDS);
		if (eos_is(w[0], "banner") && (r->indent == 0 || eos_is(w[1], "login") ||
					       eos_is(w[1], "motd") || eos_is(w[1], "exec"))) {
			e->depth = 0;
			add(e, &e->nodes[0], i, w, words);
			i = skip_text(e, i, 1, true,
				      "banner is not closed by EOF: nothing after it is read");
			continue;
		}
		if (words == 1 && eos_is(w[0], "comment")) {
			i = skip_text(e, i, 1, false,
				      "comment is not closed by EOF: nothing after it is read");
			continue;
		}
		if (words == 1 && r->indent == 0 && eos_is(w[0], "end")) {
			check_after_end(e, i);
			e->cut = false;
			return;
		}
		if (is_eof(r)) { /* of a text that was not known as one */
			note(e, (int)i + 1,
			     "EOF closes nothing: free text before it may have been read as "
			     "configuration");
			continue;
		}
		if (words == 1 && eos_is(w[0], "exit")) {
			leave(e, r->indent);
			continue;
		}
		n = place(e, i, w, words);
		if (words == 2 && eos_is(w[0], "action") && eos_is(w[1], "bash"))
			i = skip_text(e, i, 1, false,
				      "action bash is not closed by EOF: nothing after it is read");
		else if (words == 3 && eos_is(w[0], "protocol") && eos_is(w[1], "https") &&
			 eos_is(w[2], "certificate")) /* the certificate, then its key */
			i = skip_text(e, i, 2, false,
				      "certificate and key are not closed by two EOF: nothing "
				      "after them is read");
		else if (section_of(e) == SECTION_GENERAL && eos_is(w[0], "code") &&
			 (words == 1 || eos_is(w[1], "unit")))
			i = read_code(e, n, i);
	}
}

struct eos *eos_parse(const char *text, size_t len)
{
	struct eos *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* UTF-8 byte order mark */
		text += 3;
		len -= 3;
	}
	e->buffer = malloc(len + 1);
	if (!e->buffer)
		goto fail;
	if (len)
		memcpy(e->buffer, text, len);
	e->buffer[len] = '\0';
	if (len && memchr(e->buffer, '\0', len)) {
		note(e, 0, "holds NUL bytes: it is not a text file");
		len = 0;
		e->buffer[0] = '\0';
	}
	if (split(e, len) < 0)
		goto fail;
	e->nodes[0].text = "";
	e->cut = len && text[len - 1] != '\n';
	read_lines(e);
	free(e->raw);
	e->raw = NULL;
	return e;
fail:
	eos_free(e);
	return NULL;
}

void eos_free(struct eos *e)
{
	if (!e)
		return;
	free(e->buffer);
	free(e->raw);
	free(e->nodes);
	free(e);
}

const struct eos_node *eos_root(const struct eos *e)
{
	return &e->nodes[0];
}

const char *eos_device_comment(const struct eos *e)
{
	return e->device_comment;
}

bool eos_is_cut(const struct eos *e)
{
	return e->cut;
}

const struct eos_note *eos_notes(const struct eos *e, size_t *n)
{
	*n = e->n_notes;
	return e->notes;
}
