/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a query: their names are those of the commands' options, so are their
 * words. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/call.h"
#include "common/clock.h"
#include "common/event.h"

enum kind { TIME, TEXT, WORD, TYPE, SOURCE, NUMBER, PIXELS, PLACE, ABNORMAL, IGNORED };

static const struct {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *words; /* of a WORD; "": the route's states */
	uint64_t min, max;
} params[] = {
#define AT(field) offsetof(struct view_args, field)
	{ "since", TIME, AT(since_ns) },
	{ "until", TIME, AT(until_ns) },
	{ "from", TIME, AT(since_ns) },
	{ "to", TIME, AT(until_ns) },
	{ "at", TIME, AT(at_ns) },
	{ "device", TEXT, AT(device) },
	{ "agent", TEXT, AT(agent) },
	{ "user", TEXT, AT(user) },
	{ "name", TEXT, AT(type) },
	{ "type", TYPE, AT(type) },
	{ "severity", WORD, AT(severity), "info|notice|warning|critical" },
	{ "path", WORD, AT(path), "primary|in-band" },
	{ "service", WORD, AT(service), "ssh|bgp" },
	{ "verdict", WORD, AT(verdict), "trusted|untrusted|no-policy" },
	{ "outcome", WORD, AT(outcome),
	  "attempt|unanswered|refused|unreachable|established|closed|reset" },
	{ "justified", WORD, AT(justified), "yes|no|unknown|drill" },
	{ "login", WORD, AT(login), "success|failure|unknown" },
	{ "state", WORD, AT(state), "" },
	{ "kind", WORD, AT(kind), "failover|management-switch|untrusted-source" },
	{ "source", SOURCE },
	{ "incident", NUMBER, AT(incident), NULL, 1, INT64_MAX },
	{ "days", NUMBER, AT(days), NULL, 1, 3660 },
	{ "limit", NUMBER, AT(limit), NULL, 1, VIEW_MAX_LIMIT },
	{ "px", PIXELS, 0, NULL, 100, 10000 },
	{ "after", PLACE },
	{ "only", ABNORMAL },
	{ "address", IGNORED }, /* the route's own */
	{ "last-event-id", IGNORED },
	{ "events", IGNORED },
	{ "by", IGNORED },
#undef AT
};

static bool wrong(struct api_call *c, const char *name, const char *value, const char *what)
{
	http_problem(c->a, c->r, 400, "bad-parameter", "%s=%.60s: %s", name, value, what);
	return false;
}

static bool one_of(const char *value, const char *words)
{
	size_t len = strlen(value), n;

	for (; *words; words += n + (words[n] == '|')) {
		n = strcspn(words, "|");
		if (n == len && strncmp(words, value, n) == 0)
			return true;
	}
	return false;
}

static bool take_word(struct api_call *c, const char *name, const char *value, const char *words,
		      const char **to)
{
	char text[160];

	*to = value;
	if (one_of(value, words))
		return true;
	snprintf(text, sizeof(text), "one of %s", words);
	for (char *bar = text; (bar = strchr(bar, '|')) != NULL;)
		*bar = ' ';
	return wrong(c, name, value, text);
}

static bool is_type(const char *value)
{
	if (one_of(value, "flow|bgp|path|policy|fabric|agent|alert"))
		return true;
	for (int i = 0; i < EVENT_ALERT; i++)
		if (strcmp(value, event_type_name((enum event_type)i)) == 0)
			return true;
	return strncmp(value, "alert.", 6) == 0 && value[6];
}

static bool take_source(struct api_call *c, const char *value)
{
	struct addr a;

	c->args.has_source = true;
	if (addr_parse(value, &a)) {
		c->args.source = (struct prefix){ a, addr_bits(&a) };
		return true;
	}
	return prefix_parse(value, &c->args.source) ||
	       wrong(c, "source", value, "an address as 10.20.0.5, or a prefix as 10.20.0.0/16");
}

static bool take_number(const char *value, uint64_t min, uint64_t max, uint64_t *to)
{
	char *end;

	errno = 0;
	*to = strtoull(value, &end, 10);
	return value[0] >= '0' && value[0] <= '9' && !*end && !errno && *to >= min && *to <= max;
}

static bool take(struct api_call *c, size_t i, const char *value)
{
	char *base = (char *)&c->args, text[80];
	const char *name = params[i].name;
	void *to = base + params[i].offset;
	uint64_t number;

	switch (params[i].kind) {
	case TIME:
		if (time_parse(value, c->now_ns, to) && *(uint64_t *)to <= INT64_MAX &&
		    *(uint64_t *)to > 0)
			return true;
		return wrong(c, name, value,
			     "a time as 2026-11-23T01:02:03Z, or relative as -2h, -3d, now");
	case TEXT:
		if (!value[0] || strlen(value) > 255)
			return wrong(c, name, value, "a name of 1 to 255 bytes");
		*(const char **)to = value;
		return true;
	case WORD:
		return take_word(c, name, value,
				 params[i].words[0] ? params[i].words : c->route->states, to);
	case TYPE:
		*(const char **)to = value;
		return is_type(value) ||
		       wrong(c, name, value, "a type as path.change, or a group of types as flow");
	case SOURCE:
		return take_source(c, value);
	case NUMBER:
	case PIXELS:
		if (take_number(value, params[i].min, params[i].max, &number)) {
			if (params[i].kind == PIXELS)
				c->args.px = (unsigned)number;
			else
				*(uint64_t *)to = number;
			return true;
		}
		snprintf(text, sizeof(text), "a number from %llu to %llu",
			 (unsigned long long)params[i].min, (unsigned long long)params[i].max);
		return wrong(c, name, value, text);
	case PLACE:
		return view_place_parse(value, &c->args.after) ||
		       wrong(c, name, value, "what `next` of the page before said");
	case ABNORMAL:
		c->args.abnormal = true;
		return strcmp(value, "abnormal") == 0 || wrong(c, name, value, "one of abnormal");
	case IGNORED:
		break;
	}
	return true;
}

bool api_args(struct api_call *c)
{
	c->args = (struct view_args){ .now_ns = c->now_ns };
	for (size_t n = 0; n < c->r->n_params; n++)
		for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
			if (strcmp(c->r->params[n].name, params[i].name) == 0 &&
			    !take(c, i, c->r->params[n].value))
				return false;
	if (c->args.since_ns && c->args.until_ns && c->args.since_ns >= c->args.until_ns) {
		http_problem(c->a, c->r, 400, "bad-parameter",
			     "the span ends before it begins: nothing lies between");
		return false;
	}
	return true;
}
