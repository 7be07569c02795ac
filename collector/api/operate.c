/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators do through the API. A body is one JSON object; what is not known in
 * it is an error, so that a misspelt `until` silences nothing for ever. Who acts is
 * the token's name; without tokens the body or the parameter says who.
 */
#include <stdio.h>
#include <string.h>

#include "collector/api/call.h"
#include "collector/command/operate.h"
#include "common/clock.h"

#define LOCAL "local" /* who did not say who */

struct said {
	const char *name, *device, *source, *agent, *by, *reason;
	uint64_t until_ns, since_ns, for_ns;
};

static bool wrong(struct api_call *c, const char *what)
{
	http_problem(c->a, c->r, 422, "bad-body", "%s", what);
	return false;
}

static bool take_time(struct api_call *c, const char *key, const char *text, uint64_t *to)
{
	char what[160];

	if (strcmp(key, "for") == 0) {
		if (duration_parse(text, to) && *to > 0 && *to <= OPERATE_LONGEST)
			return true;
		return wrong(c, "for: a time as 2h or 90m, a year at most");
	}
	if (time_parse(text, c->now_ns, to) && *to <= INT64_MAX)
		return true;
	snprintf(what, sizeof(what), "%s: a time as 2026-11-23T01:02:03Z", key);
	return wrong(c, what);
}

static bool take(struct api_call *c, const char *allowed, const char *key, const char *text,
		 struct said *s)
{
	const struct {
		const char *key, **to;
	} texts[] = {
		{ "name", &s->name },	{ "device", &s->device }, { "source", &s->source },
		{ "agent", &s->agent }, { "by", &s->by },	  { "reason", &s->reason },
	};
	char what[200];

	if (!api_has_word(allowed, key)) {
		snprintf(what, sizeof(what), "\"%.40s\" is not known here; known are: %s", key,
			 allowed);
		return wrong(c, what);
	}
	if (!text) {
		snprintf(what, sizeof(what), "%s: a text is wanted", key);
		return wrong(c, what);
	}
	if (strcmp(key, "for") == 0)
		return take_time(c, key, text, &s->for_ns);
	if (strcmp(key, "until") == 0)
		return take_time(c, key, text, &s->until_ns);
	if (strcmp(key, "since") == 0)
		return take_time(c, key, text, &s->since_ns);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].key, key) == 0)
			*texts[i].to = text;
	return true;
}

/* The body, which the caller frees; s points into it. NULL: the answer is made. */
static json_t *read_body(struct api_call *c, const char *allowed, struct said *s)
{
	json_error_t err;
	json_t *body, *value;
	const char *key;

	*s = (struct said){ 0 };
	body = json_loadb(c->r->body ? c->r->body : "", c->r->len, JSON_REJECT_DUPLICATES, &err);
	if (!json_is_object(body)) {
		json_decref(body);
		http_problem(c->a, c->r, 400, "bad-body", "the body is not one JSON object");
		return NULL;
	}
	json_object_foreach(body, key, value)
	{
		if (!take(c, allowed, key, json_string_value(value), s)) {
			json_decref(body);
			return NULL;
		}
	}
	if (s->for_ns && s->until_ns) {
		json_decref(body);
		wrong(c, "until and for: one of them says when it ends");
		return NULL;
	}
	if (s->for_ns) /* from its beginning, which may lie ahead */
		s->until_ns = (s->since_ns ? s->since_ns : c->now_ns) + s->for_ns;
	if (c->r->who[0] && s->by) {
		json_decref(body);
		wrong(c, "by: the token says who acts");
		return NULL;
	}
	if (!s->by)
		s->by = c->r->who[0] ? c->r->who : LOCAL;
	return body;
}

/* Of what cannot last for good, in the words of the command line. */
static bool has_end(struct api_call *c, const struct said *said)
{
	return said->until_ns || wrong(c, "how long is missing: for, as 2h, or until");
}

static const char *who_ends(struct api_call *c)
{
	const char *who = http_param(c->r, "by");

	if (c->r->who[0])
		return c->r->who;
	return who && *who ? who : LOCAL;
}

/* rc of operate_*(); id: what was made or meant. */
static void tell(struct api_call *c, struct store *s, int rc, unsigned status, uint64_t id,
		 const char *what)
{
	uint64_t n, stored;
	json_t *doc;

	if (rc == 0) {
		http_problem(c->a, c->r, 404, "not-found", "there is no %s %llu, or it is over",
			     what, (unsigned long long)id);
	} else if (rc == OPERATE_WRONG) {
		http_problem(c->a, c->r, 422, "bad-body", "%s", store_error(s));
	} else if (rc < 0) {
		http_problem(c->a, c->r, 503, "store-unavailable",
			     "the store cannot be written now; nothing was changed");
		http_answer_header(c->a, "Retry-After", "2");
	} else {
		doc = json_pack("{s:I}", "id", (json_int_t)id);
		if (view_newest(s, &n, &stored) == 0)
			json_object_set_new(doc, "cursor", json_integer((json_int_t)n));
		http_answer_json(c->a, status, doc);
		if (status == 201)
			http_answer_header(c->a, "Location", "/api/v1/%ss/%llu", what,
					   (unsigned long long)id);
	}
	api_written(c->api, s, rc == STORE_BROKEN);
}

static struct store *writer(struct api_call *c)
{
	struct store *s = api_write(c->api);

	if (!s) {
		http_problem(c->a, c->r, 503, "store-unavailable",
			     "the store cannot be written now; nothing was changed");
		http_answer_header(c->a, "Retry-After", "2");
	}
	return s;
}

void api_acknowledge(struct api_call *c)
{
	struct said said;
	json_t *body = read_body(c, "reason until for by", &said);
	struct store *s = body ? writer(c) : NULL;

	if (s)
		tell(c, s,
		     operate_acknowledge(s, c->id, said.by, said.reason, said.until_ns, c->now_ns),
		     200, c->id, "alert");
	json_decref(body);
}

void api_silence(struct api_call *c)
{
	struct said said;
	json_t *body = read_body(c, "name device source agent reason since until for by", &said);
	struct store *s = body && has_end(c, &said) ? writer(c) : NULL;
	struct store_silence x;
	uint64_t id = 0;
	int rc;

	if (s) {
		x = (struct store_silence){ .name = said.name,
					    .device = said.device,
					    .source = said.source,
					    .agent = said.agent,
					    .who = said.by,
					    .why = said.reason,
					    .since_ns = said.since_ns,
					    .until_ns = said.until_ns };
		rc = operate_silence(s, &x, c->now_ns, &id);
		tell(c, s, rc, 201, id, "silence");
	}
	json_decref(body);
}

void api_drill(struct api_call *c)
{
	struct said said;
	json_t *body = read_body(c, "device reason since until for by", &said);
	struct store *s = body && has_end(c, &said) ? writer(c) : NULL;
	struct store_drill x;
	uint64_t id = 0;
	int rc;

	if (s) {
		x = (struct store_drill){ .device = said.device,
					  .who = said.by,
					  .why = said.reason,
					  .since_ns = said.since_ns,
					  .until_ns = said.until_ns };
		rc = operate_drill(s, &x, c->now_ns, &id);
		tell(c, s, rc, 201, id, "drill");
	}
	json_decref(body);
}

void api_silence_end(struct api_call *c)
{
	struct store *s = writer(c);

	if (s)
		tell(c, s, operate_silence_end(s, c->id, who_ends(c), c->now_ns), 200, c->id,
		     "silence");
}

void api_drill_end(struct api_call *c)
{
	struct store *s = writer(c);

	if (s)
		tell(c, s, operate_drill_end(s, c->id, who_ends(c), c->now_ns), 200, c->id,
		     "drill");
}
