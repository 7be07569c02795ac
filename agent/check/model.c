/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over the top-level sections; each section has its reader. Names are
 * copied into blocks that the model owns, so everything else can hold plain
 * pointers and is freed array by array.
 */
#include "agent/check/model.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fabric/statement.h"
#include "common/grow.h"

#define TEXT_BLOCK 1000 /* bytes; a device's names take one or two */
#define DEFAULT_SEQ 10	/* of a route-map's statement without a number */
#define MAX_TOKEN 255	/* of RCF text; longer is no name */

struct model_text {
	struct model_text *next;
	size_t used, room;
	char bytes[];
};

struct reader {
	struct model *m;
	bool no_memory;
};

/* ---- memory ---- */

static const char *keep(struct reader *r, struct eos_word w)
{
	struct model_text *t = r->m->texts;
	char *at;

	if (!t || t->room - t->used < w.len + 1) {
		size_t room = w.len + 1 > TEXT_BLOCK ? w.len + 1 : TEXT_BLOCK;

		t = malloc(sizeof(*t) + room);
		if (!t) {
			r->no_memory = true;
			return "";
		}
		*t = (struct model_text){ .next = r->m->texts, .room = room };
		r->m->texts = t;
	}
	at = t->bytes + t->used;
	memcpy(at, w.at, w.len);
	at[w.len] = '\0';
	t->used += w.len + 1;
	return at;
}

static const char *keep_vrf(struct reader *r, struct eos_word w)
{
	return eos_is(w, "default") ? NULL : keep(r, w);
}

static struct eos_word word_of(const char *text)
{
	return (struct eos_word){ text, strlen(text) };
}

/* Makes room for one more element; arrays grow to powers of two. */
static void *grow(struct reader *r, void *array, size_t n, size_t size)
{
	void *larger = grow_array(array, n, size);

	if (!larger)
		r->no_memory = true;
	return larger;
}

/* Appends value to model array NAME. */
#define ADD(r, where, name, ...)                                                                   \
	do {                                                                                       \
		void *larger_ = grow(r, (where)->name, (where)->n_##name, sizeof(*(where)->name)); \
		if (!larger_)                                                                      \
			break;                                                                     \
		(where)->name = larger_;                                                           \
		(where)->name[(where)->n_##name++] = __VA_ARGS__;                                  \
	} while (0)

/* Takes element i out of model array NAME; the order stays. */
#define DROP(where, name, i)                                                                       \
	memmove(&(where)->name[i], &(where)->name[(i) + 1],                                        \
		(--(where)->n_##name - (i)) * sizeof(*(where)->name))

bool model_same_vrf(const char *a, const char *b)
{
	return strcmp(a ? a : "default", b ? b : "default") == 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void use(struct reader *r, enum model_name kind, struct eos_word w, int line)
{
	if (w.len)
		ADD(r, r->m, uses, (struct model_use){ kind, keep(r, w), line });
}

static void use_vrf(struct reader *r, struct eos_word w, int line)
{
	if (!eos_is(w, "default"))
		use(r, NAME_VRF, w, line);
}

/* What a line named, it names no more: it was taken back. */
static void drop_uses(struct model *m, int line)
{
	for (size_t i = m->n_uses; i-- > 0;)
		if (m->uses[i].line == line)
			DROP(m, uses, i);
}

/* "adv_loopback()", "F(ARGS)" -> the function's name. */
static struct eos_word function_of(struct eos_word w)
{
	const char *open = memchr(w.at, '(', w.len);

	return (struct eos_word){ w.at, open ? (size_t)(open - w.at) : w.len };
}

/* ---- VRFs and routing ---- */

static void read_vrf(struct reader *r, const struct statement *s)
{
	struct model *m = r->m;

	if (s->n != 3)
		return;
	for (size_t i = 0; i < m->n_vrfs; i++)
		if (word_equals(s->w[2], m->vrfs[i].name)) {
			if (s->no)
				DROP(m, vrfs, i);
			return;
		}
	if (!s->no)
		ADD(r, m, vrfs, (struct model_vrf){ keep(r, s->w[2]), s->node->line });
}

/* "ip routing [vrf V]", "ipv6 unicast-routing [vrf V]". */
static void read_routing(struct reader *r, const struct statement *s)
{
	struct model_routing new = { .family = eos_is(s->w[0], "ip") ? 4 : 6,
				     .on = !s->no,
				     .line = s->node->line };

	/* `ip routing ipv6 interfaces`: IPv4 over links without addresses, and routing is on */
	if (eos_is(s->w[2], "vrf")) {
		if (s->n < 4)
			return;
		new.vrf = keep_vrf(r, s->w[3]);
		use_vrf(r, s->w[3], s->node->line); /* `no ip routing vrf V` names it too */
	} else if (eos_is(s->w[2], "ipv6") && eos_is(s->w[4], "vrf") && s->n > 5) {
		new.vrf = keep_vrf(r, s->w[5]);
	}
	ADD(r, r->m, routing, new);
}

static void read_static(struct reader *r, const struct statement *s)
{
	struct model_static new = { .line = s->node->line };
	uint8_t family = eos_is(s->w[0], "ip") ? 4 : 6;
	size_t at = 2, used;

	if (eos_is(s->w[at], "vrf")) {
		new.vrf = keep_vrf(r, s->w[at + 1]);
		if (!s->no)
			use_vrf(r, s->w[at + 1], s->node->line);
		at += 2;
	}
	used = words_prefix(s->w + at, family, &new.prefix);
	if (!used || at + used >= STATEMENT_WORDS)
		return;
	at += used;
	new.next_hop = keep(r, s->w[at]);
	for (size_t i = 0; s->no && i < r->m->n_statics; i++) {
		const struct model_static *old = &r->m->statics[i];

		if (model_same_vrf(old->vrf, new.vrf) && old->prefix.len == new.prefix.len &&
		    addr_equal(&old->prefix.addr, &new.prefix.addr) &&
		    (!s->w[at].len || strcmp(old->next_hop, new.next_hop) == 0)) {
			drop_uses(r->m, old->line);
			DROP(r->m, statics, i);
			i--;
		}
	}
	if (!s->no)
		ADD(r, r->m, statics, new);
}

/* ---- route-maps ---- */

static struct model_route_map *map_at(struct reader *r, struct eos_word name, int line)
{
	struct model *m = r->m;

	for (size_t i = m->n_maps; i-- > 0;)
		if (word_equals(name, m->maps[i].name))
			return &m->maps[i];
	ADD(r, m, maps, (struct model_route_map){ .name = keep(r, name), .line = line });
	return r->no_memory ? NULL : &m->maps[m->n_maps - 1];
}

static void drop_statement(struct model_route_map *map, size_t i)
{
	free(map->statements[i].clauses);
	DROP(map, statements, i);
}

/* The statement of that seq, made where it is missing; ascending seq. */
static struct model_statement *statement_at(struct reader *r, struct model_route_map *map,
					    uint32_t seq)
{
	size_t i = map->n_statements;

	while (i > 0 && map->statements[i - 1].seq > seq)
		i--;
	if (i > 0 && map->statements[i - 1].seq == seq)
		return &map->statements[i - 1];
	ADD(r, map, statements, (struct model_statement){ .seq = seq });
	if (r->no_memory)
		return NULL;
	memmove(&map->statements[i + 1], &map->statements[i],
		(map->n_statements - 1 - i) * sizeof(*map->statements));
	map->statements[i] = (struct model_statement){ .seq = seq };
	return &map->statements[i];
}

static void add_clause(struct reader *r, struct model_statement *to, enum model_clause_kind kind,
		       uint8_t family, struct eos_word name, int line)
{
	ADD(r, to, clauses,
	    (struct model_clause){ kind, family, name.len ? keep(r, name) : NULL, line });
}

static bool is_list_match(const struct statement *s)
{
	return (eos_is(s->w[1], "ip") || eos_is(s->w[1], "ipv6")) && eos_is(s->w[3], "prefix-list");
}

/* What a statement said before is taken back by `no` and the same words. */
static void drop_clause(struct reader *r, struct model_statement *from, const struct statement *s)
{
	for (size_t i = from->n_clauses; i-- > 0;) {
		const struct model_clause *c = &from->clauses[i];
		bool same = false;

		if (c->kind == CLAUSE_MATCH_LIST)
			same = eos_is(s->w[0], "match") && is_list_match(s) &&
			       c->family == (eos_is(s->w[1], "ip") ? 4 : 6);
		else if (c->kind == CLAUSE_MATCH_PROTOCOL)
			same = eos_is(s->w[0], "match") && eos_is(s->w[1], "source-protocol");
		else if (c->kind == CLAUSE_SET_EXTCOMMUNITY)
			same = eos_is(s->w[0], "set") && eos_is(s->w[1], "extcommunity");
		if (same) {
			drop_uses(r->m, c->line);
			DROP(from, clauses, i);
		}
	}
}

static void read_clause(struct reader *r, struct model_statement *to, const struct statement *s)
{
	int line = s->node->line;

	drop_clause(r, to, s); /* said again, it replaces what was said */
	if (s->no) {
		return;
	} else if (eos_is(s->w[0], "match") && is_list_match(s)) {
		uint8_t family = eos_is(s->w[1], "ip") ? 4 : 6;
		bool address = eos_is(s->w[2], "address");

		for (size_t i = 4; i < s->n && i < STATEMENT_WORDS; i++) { /* one of them matches */
			use(r, family == 4 ? NAME_LIST_V4 : NAME_LIST_V6, s->w[i], line);
			add_clause(r, to, address ? CLAUSE_MATCH_LIST : CLAUSE_MATCH_OTHER, family,
				   s->w[i], line);
		}
	} else if (eos_is(s->w[0], "match") && eos_is(s->w[1], "source-protocol")) {
		add_clause(r, to, CLAUSE_MATCH_PROTOCOL, 0, s->w[2], line);
	} else if (eos_is(s->w[0], "match")) {
		if (eos_is(s->w[1], "extcommunity"))
			use(r, NAME_COMMUNITY, s->w[2], line);
		add_clause(r, to, CLAUSE_MATCH_OTHER, 0, s->w[s->n > 2 ? 2 : 1], line);
	} else if (eos_is(s->w[0], "set") && eos_is(s->w[1], "extcommunity") &&
		   eos_is(s->w[2], "extcommunity-list")) {
		use(r, NAME_COMMUNITY, s->w[3], line);
		add_clause(r, to, CLAUSE_SET_EXTCOMMUNITY, 0, s->w[3], line);
	} else if (eos_is(s->w[0], "sub-route-map")) {
		use(r, NAME_ROUTE_MAP, s->w[1], line);
		add_clause(r, to, CLAUSE_SUB_MAP, 0, s->w[1], line);
	} else {
		add_clause(r, to, CLAUSE_SET_OTHER, 0, s->w[0], line);
	}
}

/* "route-map N [statement NAME] [permit|deny] [SEQ]" */
static void read_map(struct reader *r, const struct statement *s)
{
	struct model_route_map *map;
	struct model_statement *to;
	uint32_t seq = DEFAULT_SEQ;
	bool permit = true, numbered = false;
	size_t at = 2;

	if (s->n < 2)
		return;
	map = map_at(r, s->w[1], s->node->line);
	if (!map)
		return;
	if (eos_is(s->w[at], "statement"))
		at += 2;
	if (eos_is(s->w[at], "permit") || eos_is(s->w[at], "deny"))
		permit = eos_is(s->w[at++], "permit");
	numbered = word_number(s->w[at], UINT32_MAX, &seq);
	if (s->no) {
		for (size_t i = map->n_statements; i-- > 0;)
			if (!numbered || map->statements[i].seq == seq)
				drop_statement(map, i);
		return;
	}
	to = statement_at(r, map, seq);
	if (!to)
		return;
	to->permit = permit;
	to->line = s->node->line;
	for (const struct eos_node *n = s->node->child; n && !r->no_memory; n = n->next) {
		struct statement line = statement_of(n);

		read_clause(r, to, &line);
	}
}

/* "ip extcommunity-list [standard|expanded|regexp] NAME permit|deny ..." */
static void read_community(struct reader *r, const struct statement *s)
{
	struct model_community new = { .line = s->node->line };
	size_t at = 2;

	if (s->n > 4 && !eos_is(s->w[3], "permit") && !eos_is(s->w[3], "deny"))
		at++;
	new.name = keep(r, s->w[at]);
	if (s->no) {
		for (size_t i = r->m->n_communities; i-- > 0;)
			if (strcmp(r->m->communities[i].name, new.name) == 0)
				DROP(r->m, communities, i);
		return;
	}
	if (s->n <= at)
		return;
	new.permit = eos_is(s->w[at + 1], "permit");
	for (size_t i = at + 2; i < STATEMENT_WORDS; i++)
		new.soo = new.soo || eos_is(s->w[i], "soo");
	ADD(r, r->m, communities, new);
}

/* ---- RCF ---- */

/* Where the reader of RCF text is: a word and its line. Comments (#) and everything
 * else between words is passed over, but for braces, which are words. */
struct code_cursor {
	const struct eos_node *node; /* NULL: at the end */
	const char *at;
};

static bool is_code_letter(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.:-@", c));
}

/* The next word; *line is where it stands. False: no more. */
static bool next_token(struct code_cursor *c, struct eos_word *w, int *line)
{
	while (c->node) {
		while (*c->at && *c->at != '#' && !is_code_letter(*c->at) && *c->at != '{' &&
		       *c->at != '}')
			c->at++;
		if (*c->at && *c->at != '#') {
			*line = c->node->line;
			w->at = c->at++;
			if (*w->at != '{' && *w->at != '}')
				while (is_code_letter(*c->at))
					c->at++;
			w->len = (size_t)(c->at - w->at);
			return true;
		}
		c->node = c->node->next;
		c->at = c->node ? c->node->text : NULL;
	}
	return false;
}

/* Whether a route that the list matches is accepted: `if prefix match ... NAME { return
 * true; }`, to the brace that closes it, or `return prefix match ... NAME;`. */
static bool accepts(struct code_cursor c, bool returned)
{
	struct eos_word w, before = { "", 0 };
	long depth = 0;
	bool opened = false;
	int line;

	if (returned)
		return true;
	while (next_token(&c, &w, &line)) {
		if (*w.at == '{') {
			depth++;
			opened = true;
		} else if (*w.at == '}') {
			if (--depth <= 0)
				return false;
		} else if (opened && eos_is(w, "true") &&
			   (eos_is(before, "return") || eos_is(before, "exit"))) {
			return true;
		}
		before = w;
	}
	return false;
}

static void read_code_text(struct reader *r, struct model_code *code, const struct eos_node *first)
{
	struct code_cursor c = { first, first->text };
	struct eos_word w, name;
	bool returned = false, negated = false;
	long depth = 0;
	int line;

	while (next_token(&c, &w, &line) && !r->no_memory) {
		if (*w.at == '{') {
			depth++;
		} else if (*w.at == '}') {
			depth--;
		} else if (eos_is(w, "function")) {
			if (next_token(&c, &name, &line))
				ADD(r, code, functions,
				    (struct model_function){ keep(r, name), line });
		} else if (eos_is(w, "prefix_list_v4") || eos_is(w, "prefix_list_v6")) {
			uint8_t family = w.at[w.len - 1] == '4' ? 4 : 6;

			if (!next_token(&c, &name, &line))
				break;
			use(r, family == 4 ? NAME_LIST_V4 : NAME_LIST_V6, name, line);
			ADD(r, code, matches,
			    (struct model_code_match){ family, keep(r, name), line,
						       !negated && accepts(c, returned) });
			returned = negated = false;
			continue;
		} else if (eos_is(w, "return") || eos_is(w, "exit")) {
			returned = true;
			negated = false;
			continue;
		} else if (eos_is(w, "not")) {
			negated = true;
			continue;
		}
		if (!eos_is(w, "prefix") && !eos_is(w, "match"))
			returned = negated = false;
	}
	code->closed = depth == 0;
}

static void read_code(struct reader *r, const struct statement *s)
{
	struct model *m = r->m;
	struct model_code *code = NULL;
	struct eos_word name = s->n > 2 ? s->w[2] : word_of("");

	for (size_t i = 0; i < m->n_codes; i++)
		if (word_equals(name, m->codes[i].name))
			code = &m->codes[i];
	if (s->no) {
		if (code) {
			free(code->functions);
			free(code->matches);
			DROP(m, codes, code - m->codes);
		}
		return;
	}
	if (!code) {
		ADD(r, m, codes, (struct model_code){ .name = keep(r, name), .closed = true });
		if (r->no_memory)
			return;
		code = &m->codes[m->n_codes - 1];
	}
	code->line = s->node->line;
	code->outside = code->outside || s->n > 3; /* `code unit N source pulled-from URL` */
	code->n_functions = code->n_matches = 0;
	if (s->node->child)
		read_code_text(r, code, s->node->child);
}

/* ---- router general ---- */

static void read_leak(struct reader *r, const char *vrf, const struct statement *s)
{
	struct model_leak new = { .vrf = vrf, .line = s->node->line };

	if (!eos_is(s->w[1], "routes") || !eos_is(s->w[2], "source-vrf") || s->n < 4)
		return;
	new.source = keep_vrf(r, s->w[3]);
	for (size_t i = r->m->n_leaks; i-- > 0;)
		if (model_same_vrf(r->m->leaks[i].vrf, vrf) &&
		    model_same_vrf(r->m->leaks[i].source, new.source)) {
			drop_uses(r->m, r->m->leaks[i].line);
			DROP(r->m, leaks, i);
		}
	if (s->no)
		return;
	use_vrf(r, s->w[3], s->node->line);
	if (eos_is(s->w[4], "subscribe-policy")) {
		new.rcf = eos_is(s->w[5], "rcf");
		new.policy = s->w[5].len ? keep(r, function_of(s->w[new.rcf ? 6 : 5])) : NULL;
		use(r, new.rcf ? NAME_FUNCTION : NAME_ROUTE_MAP, function_of(s->w[new.rcf ? 6 : 5]),
		    s->node->line);
	} else if (eos_is(s->w[4], "subscribe_rcf") || eos_is(s->w[4], "rcf")) {
		new.rcf = true;
		new.policy = keep(r, function_of(s->w[5]));
		use(r, NAME_FUNCTION, function_of(s->w[5]), s->node->line);
	}
	ADD(r, r->m, leaks, new);
}

static void read_general(struct reader *r, const struct statement *head)
{
	r->m->general_line = head->no ? 0 : head->node->line;
	for (const struct eos_node *n = head->node->child; n && !r->no_memory; n = n->next) {
		struct statement s = statement_of(n);
		const char *vrf;

		if (eos_is(s.w[0], "vrf") && s.n == 2 && !s.no) {
			vrf = keep_vrf(r, s.w[1]);
			use_vrf(r, s.w[1], n->line);
			for (const struct eos_node *v = n->child; v; v = v->next) {
				struct statement line = statement_of(v);

				if (eos_is(line.w[0], "leak"))
					read_leak(r, vrf, &line);
			}
		} else if (eos_is(s.w[0], "control-functions")) {
			for (const struct eos_node *c = n->child; c; c = c->next) {
				struct statement line = statement_of(c);

				if (eos_is(line.w[0], "code"))
					read_code(r, &line);
			}
		}
	}
}

/* ---- router bgp ---- */

/* Where in `router bgp` a line stands. */
struct place {
	const char *vrf, *family; /* NULL: none */
};

static struct model_group *group_at(struct reader *r, struct eos_word name)
{
	struct model *m = r->m;

	for (size_t i = 0; i < m->n_groups; i++)
		if (word_equals(name, m->groups[i].name))
			return &m->groups[i];
	ADD(r, m, groups, (struct model_group){ .name = keep(r, name) });
	return r->no_memory ? NULL : &m->groups[m->n_groups - 1];
}

/* Route-maps, lists and functions that a line of BGP names, wherever in it. */
static void read_policies(struct reader *r, const struct statement *s, const struct place *at)
{
	bool v6 = at->family && strncasecmp(at->family, "ipv6", 4) == 0;

	for (size_t i = 1; i + 1 < s->n && i + 1 < STATEMENT_WORDS; i++) {
		struct eos_word name = s->w[i + 1];

		if (eos_is(s->w[i], "description"))
			return;
		if (eos_is(s->w[i], "route-map") || eos_is(s->w[i], "attribute-map") ||
		    eos_is(s->w[i], "match-map")) {
			use(r, NAME_ROUTE_MAP, name, s->node->line);
		} else if (eos_is(s->w[i], "prefix-list")) {
			use(r, v6 ? NAME_LIST_V6 : NAME_LIST_V4, name, s->node->line);
		} else if (eos_is(s->w[i], "rcf")) {
			if ((eos_is(name, "in") || eos_is(name, "out")) && i + 2 < STATEMENT_WORDS)
				name = s->w[i + 2];
			use(r, NAME_FUNCTION, function_of(name), s->node->line);
		} else if (eos_is(s->w[i], "peer-group") ||
			   (eos_is(s->w[i], "peer") && eos_is(name, "group"))) {
			bool hyphen = eos_is(s->w[i], "peer-group");

			if (!hyphen && i + 2 < STATEMENT_WORDS)
				name = s->w[i + 2];
			if (name.len && (hyphen || !eos_is(name, "group")))
				use(r, NAME_GROUP, name, s->node->line);
		}
	}
}

/* What is said of a peer group; of a neighbor, device.c reads it. */
static void read_group(struct reader *r, const struct statement *s)
{
	struct model_group *g;
	struct addr a;

	if (s->n < 3 || eos_is(s->w[1], "interface") || word_addr(s->w[1], &a) ||
	    memchr(s->w[1].at, ':', s->w[1].len))
		return;
	g = group_at(r, s->w[1]);
	if (!g)
		return;
	if (s->no && s->n == 2) {
		*g = (struct model_group){ .name = g->name };
	} else if ((eos_is(s->w[2], "peer-group") && s->n == 3) ||
		   (eos_is(s->w[2], "peer") && eos_is(s->w[3], "group") && s->n == 4)) {
		g->line = s->no ? 0 : s->node->line;
	} else if (eos_is(s->w[2], "auto-local-addr")) {
		g->auto_local_line = s->no ? 0 : s->node->line;
	} else if (eos_is(s->w[2], "shutdown")) {
		g->shutdown = !s->no;
	} else if (eos_is(s->w[2], "remote-as")) {
		g->asn = 0;
		if (!s->no)
			word_asn(s->w[3], &g->asn);
	}
}

static void read_redistribute(struct reader *r, const struct statement *s, const struct place *at)
{
	struct model_redistribute new = { .vrf = at->vrf,
					  .family = at->family,
					  .line = s->node->line };
	struct model *m = r->m;

	if (s->n < 2)
		return;
	new.what = keep(r, s->w[1]);
	for (size_t i = 2; i < s->n && i < STATEMENT_WORDS; i++) {
		if (eos_is(s->w[i], "leaked"))
			new.leaked = true;
		if (i + 1 < STATEMENT_WORDS && eos_is(s->w[i], "route-map"))
			new.policy = keep(r, s->w[i + 1]);
		if (i + 1 < STATEMENT_WORDS && eos_is(s->w[i], "rcf")) {
			new.policy = keep(r, function_of(s->w[i + 1]));
			new.rcf = true;
		}
	}
	for (size_t i = m->n_redistributes; i-- > 0;) { /* said again, or taken back */
		const struct model_redistribute *old = &m->redistributes[i];

		if (strcasecmp(old->what, new.what) == 0 && model_same_vrf(old->vrf, new.vrf) &&
		    same_text(old->family, new.family)) {
			drop_uses(m, old->line);
			DROP(m, redistributes, i);
		}
	}
	if (!s->no)
		ADD(r, m, redistributes, new);
}

static void read_network(struct reader *r, const struct statement *s, const struct place *at)
{
	struct model_network new = { .vrf = at->vrf, .family = at->family, .line = s->node->line };
	struct model *m = r->m;

	if (!words_prefix(s->w + 1, 4, &new.prefix) && !words_prefix(s->w + 1, 6, &new.prefix))
		return;
	new.prefix = prefix_mask(&new.prefix);
	for (size_t i = m->n_networks; i-- > 0;) { /* said again, or taken back */
		const struct model_network *old = &m->networks[i];

		if (old->prefix.len == new.prefix.len &&
		    addr_equal(&old->prefix.addr, &new.prefix.addr) &&
		    model_same_vrf(old->vrf, new.vrf) && same_text(old->family, new.family))
			DROP(m, networks, i);
	}
	if (!s->no)
		ADD(r, m, networks, new);
}

static void read_filter(struct reader *r, const struct statement *s, const struct place *at)
{
	bool function = eos_is(s->w[2], "rcf"), list = eos_is(s->w[2], "prefix-list");
	struct eos_word way = s->w[function ? 3 : 4], name = s->w[function ? 4 : 3];
	struct model *m = r->m;
	struct model_filter new = { .vrf = at->vrf,
				    .family = at->family,
				    .kind = function ? FILTER_FUNCTION
					    : list   ? FILTER_LIST
						     : FILTER_MAP,
				    .in = eos_is(way, "in"),
				    .line = s->node->line };

	if ((!function && !list && !eos_is(s->w[2], "route-map")) ||
	    (!new.in && !eos_is(way, "out")))
		return;
	new.who = keep(r, s->w[1]);
	new.name = keep(r, function ? function_of(name) : name);
	for (size_t i = m->n_filters; i-- > 0;) { /* said again, or taken back */
		const struct model_filter *old = &m->filters[i];

		if (old->kind == new.kind && old->in == new.in &&strcmp(old->who, new.who) == 0 &&
		    model_same_vrf(old->vrf, new.vrf) && same_text(old->family, new.family))
			DROP(m, filters, i);
	}
	if (!s->no)
		ADD(r, m, filters, new);
}

static void read_bgp_line(struct reader *r, const struct statement *s, const struct place *at)
{
	if (eos_is(s->w[0], "network"))
		read_network(r, s, at);
	if (eos_is(s->w[0], "neighbor")) {
		read_filter(r, s, at);
		if (at->family) {
			if (eos_is(s->w[2], "activate") && s->n == 3)
				ADD(r, r->m, activates,
				    (struct model_activate){ at->vrf, at->family, keep(r, s->w[1]),
							     !s->no, s->node->line });
		} else if (!at->vrf) {
			read_group(r, s);
		}
	} else if (eos_is(s->w[0], "redistribute")) {
		read_redistribute(r, s, at);
	}
	if (!s->no && (eos_is(s->w[0], "neighbor") || eos_is(s->w[0], "redistribute") ||
		       eos_is(s->w[0], "network") || eos_is(s->w[0], "aggregate-address") ||
		       eos_is(s->w[0], "bgp")))
		read_policies(r, s, at);
	if (eos_is(s->w[0], "bgp") && eos_is(s->w[1], "default") && !at->family)
		if (eos_is(s->w[2], "ipv4-unicast"))
			r->m->default_ipv4 = !s->no;
}

/* "address-family ipv4 [unicast]": its name is the first word where that is all. */
static void read_family(struct reader *r, const struct statement *s, const char *vrf)
{
	const char *rest = eos_after(s->node->text, 1);
	struct place at = { vrf, NULL };

	if (s->n < 2 || s->no)
		return;
	at.family = s->n == 3 && eos_is(s->w[2], "unicast") ? keep(r, s->w[1])
							    : keep(r, word_of(rest));
	ADD(r, r->m, families, (struct model_family){ vrf, at.family, s->node->line });
	for (const struct eos_node *n = s->node->child; n && !r->no_memory; n = n->next) {
		struct statement line = statement_of(n);

		read_bgp_line(r, &line, &at);
	}
}

static void forget_bgp(struct model *m)
{
	m->asn = 0;
	m->bgp_line = 0;
	m->n_groups = m->n_families = m->n_activates = m->n_redistributes = m->n_bgp_vrfs = 0;
	m->n_networks = m->n_filters = 0;
}

static void read_bgp(struct reader *r, const struct statement *head)
{
	struct place global = { NULL, NULL };
	struct model *m = r->m;

	if (head->no) {
		forget_bgp(m);
		return;
	}
	word_asn(head->w[2], &m->asn);
	if (!m->bgp_line)
		m->bgp_line = head->node->line;
	for (const struct eos_node *n = head->node->child; n && !r->no_memory; n = n->next) {
		struct statement s = statement_of(n);
		struct place at = { NULL, NULL };

		if (eos_is(s.w[0], "address-family")) {
			read_family(r, &s, NULL);
			continue;
		}
		if (!eos_is(s.w[0], "vrf") || s.n != 2) {
			read_bgp_line(r, &s, &global);
			continue;
		}
		if (s.no)
			continue;
		at.vrf = keep_vrf(r, s.w[1]);
		use_vrf(r, s.w[1], n->line);
		ADD(r, m, bgp_vrfs, (struct model_bgp_vrf){ at.vrf, n->line });
		for (const struct eos_node *v = n->child; v && !r->no_memory; v = v->next) {
			struct statement line = statement_of(v);

			if (eos_is(line.w[0], "address-family"))
				read_family(r, &line, at.vrf);
			else
				read_bgp_line(r, &line, &at);
		}
	}
}

/* ---- management ssh ---- */

static void set_ssh(struct reader *r, const char *vrf, int line, bool on)
{
	for (size_t i = 0; i < r->m->n_ssh; i++)
		if (same_text(r->m->ssh[i].vrf, vrf)) {
			r->m->ssh[i].on = on;
			return;
		}
	ADD(r, r->m, ssh, (struct model_ssh){ vrf, line, on });
}

static void read_ssh(struct reader *r, const struct statement *head)
{
	if (head->no)
		return;
	for (const struct eos_node *n = head->node->child; n && !r->no_memory; n = n->next) {
		struct statement s = statement_of(n);

		if (eos_is(s.w[0], "shutdown"))
			set_ssh(r, NULL, n->line, s.no);
		if (!eos_is(s.w[0], "vrf") || s.n != 2 || s.no)
			continue;
		use_vrf(r, s.w[1], n->line);
		for (const struct eos_node *v = n->child; v; v = v->next) {
			struct statement line = statement_of(v);

			if (eos_is(line.w[0], "shutdown"))
				set_ssh(r, keep_vrf(r, s.w[1]), n->line, line.no);
		}
	}
}

/* ---- the whole ---- */

static void read_section(struct reader *r, const struct statement *s)
{
	const struct eos_word *w = s->w;
	bool ip = eos_is(w[0], "ip"), ipv6 = eos_is(w[0], "ipv6");

	if (eos_is(w[0], "vrf") && (eos_is(w[1], "instance") || eos_is(w[1], "definition")))
		read_vrf(r, s);
	else if ((ip && eos_is(w[1], "routing")) || (ipv6 && eos_is(w[1], "unicast-routing")))
		read_routing(r, s);
	else if ((ip || ipv6) && eos_is(w[1], "route"))
		read_static(r, s);
	else if (ip && eos_is(w[1], "extcommunity-list"))
		read_community(r, s);
	else if (eos_is(w[0], "route-map"))
		read_map(r, s);
	else if (eos_is(w[0], "router") && eos_is(w[1], "bgp"))
		read_bgp(r, s);
	else if (eos_is(w[0], "router") && eos_is(w[1], "general"))
		read_general(r, s);
	else if (eos_is(w[0], "management") && eos_is(w[1], "ssh"))
		read_ssh(r, s);
	else if (eos_is(w[0], "switchport") && eos_is(w[1], "default") && eos_is(w[2], "mode"))
		r->m->routed_ports = !s->no && eos_is(w[3], "routed");
	else if (eos_is(w[0], "service") && eos_is(w[1], "routing") && eos_is(w[2], "protocols") &&
		 eos_is(w[3], "model")) {
		r->m->agent_line = s->no ? 0 : s->node->line;
		r->m->multi_agent = !s->no && eos_is(w[4], "multi-agent");
	}
}

/* Statements that `no` took back leave maps and groups that nobody defines. */
static void drop_undefined(struct model *m)
{
	for (size_t i = m->n_maps; i-- > 0;)
		if (!m->maps[i].n_statements) {
			free(m->maps[i].statements);
			DROP(m, maps, i);
		}
}

struct model *model_read(const struct eos *config)
{
	struct reader r = { .m = calloc(1, sizeof(*r.m)) };

	if (!r.m)
		return NULL;
	r.m->default_ipv4 = true;
	for (const struct eos_node *n = eos_root(config)->child; n && !r.no_memory; n = n->next) {
		struct statement s = statement_of(n);

		read_section(&r, &s);
	}
	drop_undefined(r.m);
	if (r.no_memory) {
		model_free(r.m);
		return NULL;
	}
	return r.m;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_maps; i++) {
		for (size_t k = 0; k < m->maps[i].n_statements; k++)
			free(m->maps[i].statements[k].clauses);
		free(m->maps[i].statements);
	}
	for (size_t i = 0; i < m->n_codes; i++) {
		free(m->codes[i].functions);
		free(m->codes[i].matches);
	}
	free(m->vrfs);
	free(m->routing);
	free(m->maps);
	free(m->communities);
	free(m->codes);
	free(m->leaks);
	free(m->statics);
	free(m->groups);
	free(m->families);
	free(m->activates);
	free(m->redistributes);
	free(m->networks);
	free(m->filters);
	free(m->bgp_vrfs);
	free(m->ssh);
	free(m->uses);
	while (m->texts) {
		struct model_text *next = m->texts->next;

		free(m->texts);
		m->texts = next;
	}
	free(m);
}

static void *read_extra(const struct eos *config)
{
	return model_read(config);
}

static void free_extra(void *extra)
{
	model_free(extra);
}

const struct fabric_extra model_extra = { read_extra, free_extra };

const struct model *model_of(const struct fabric_device *d)
{
	return d->extra;
}

/* ---- looking up ---- */

const struct model_route_map *model_map(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->n_maps; i++)
		if (strcmp(m->maps[i].name, name) == 0)
			return &m->maps[i];
	return NULL;
}

const struct model_code *model_code(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->n_codes; i++)
		if (strcmp(m->codes[i].name, name) == 0)
			return &m->codes[i];
	return NULL;
}

const struct model_function *model_function(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->n_codes; i++)
		for (size_t k = 0; k < m->codes[i].n_functions; k++)
			if (strcmp(m->codes[i].functions[k].name, name) == 0)
				return &m->codes[i].functions[k];
	return NULL;
}

const struct model_group *model_group(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->n_groups; i++)
		if (strcmp(m->groups[i].name, name) == 0)
			return &m->groups[i];
	return NULL;
}

const struct model_family *model_family(const struct model *m, const char *vrf, const char *name)
{
	for (size_t i = 0; i < m->n_families; i++)
		if (model_same_vrf(m->families[i].vrf, vrf) &&
		    strcasecmp(m->families[i].name, name) == 0)
			return &m->families[i];
	return NULL;
}

bool model_has_vrf(const struct model *m, const char *name)
{
	if (model_same_vrf(name, NULL))
		return true;
	for (size_t i = 0; i < m->n_vrfs; i++)
		if (strcmp(m->vrfs[i].name, name) == 0)
			return true;
	return false;
}

const struct model_activate *model_activate(const struct model *m, const char *vrf,
					    const char *family, const char *who)
{
	for (size_t i = m->n_activates; i-- > 0;) {
		const struct model_activate *a = &m->activates[i];

		if (model_same_vrf(a->vrf, vrf) && strcasecmp(a->family, family) == 0 &&
		    strcmp(a->who, who) == 0)
			return a;
	}
	return NULL;
}

const struct model_routing *model_routing(const struct model *m, const char *vrf, uint8_t family)
{
	for (size_t i = m->n_routing; i-- > 0;)
		if (m->routing[i].family == family && model_same_vrf(m->routing[i].vrf, vrf))
			return &m->routing[i];
	return NULL;
}

const struct model_ssh *model_ssh(const struct model *m, const char *vrf)
{
	for (size_t i = 0; i < m->n_ssh; i++)
		if (same_text(m->ssh[i].vrf, vrf))
			return &m->ssh[i];
	return NULL;
}
