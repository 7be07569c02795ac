/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First the facts are counted, then said: paragraph one is what failed, two who used
 * lo6 and who was refused, three how it ended and what was not seen.
 */
#include "collector/words/incident.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/words/text.h"
#include "collector/words/words.h"
#include "common/clock.h"

#define TEXT_LEN 2400
#define NAMES_SAID 4

/* Text in the making; what does not fit is left out. */
struct text {
	char buf[TEXT_LEN];
	size_t len;
};

struct facts {
	const json_t *doc, *devices, *sessions, *untrusted;
	uint64_t began, now;
	bool open, of_source, of_switch;
	size_t n_devices, n_lost, n_back, n_neither, n_reached;
	uint64_t first_lost, last_lost, first_back, last_back; /* 0: never */
	size_t n_sessions, yes, no, unknown, drill, logins_unknown;
	uint64_t first_session;
	size_t n_sources;
	uint64_t attempts, established, logged_in; /* attempts were never established */
	uint64_t tries;				   /* both */
	double unseen_s;
	size_t n_gaps; /* without those that are so in every incident */
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
	va_end(ap);
	if (n <= 0)
		return;
	if ((size_t)n < sizeof(t->buf) - t->len) {
		t->len += (size_t)n;
		return;
	}
	/* Cut; not within a character. */
	t->len = sizeof(t->buf) - 1;
	while (t->len && ((unsigned char)t->buf[t->len - 1] & 0xc0) == 0x80)
		t->len--;
	if (t->len && (unsigned char)t->buf[t->len - 1] >= 0xc0)
		t->len--;
	t->buf[t->len] = '\0';
}

/* A name from the record, made harmless. */
static void add_name(struct text *t, const char *name)
{
	char clean[256];

	add(t, "%s", output_clean(name, clean, sizeof(clean)));
}

static void add_clock(struct text *t, const struct facts *f, uint64_t ns)
{
	char buf[TEXT_SMALL];

	add(t, "%s", text_clock(ns, f->began, buf));
}

static void add_duration(struct text *t, double seconds)
{
	char buf[TEXT_SMALL];

	add(t, "%s", text_duration(seconds, buf));
}

static void add_many(struct text *t, uint64_t n, const char *noun)
{
	char buf[TEXT_SMALL];

	add(t, "%s", text_many(n, noun, buf));
}

static double seconds(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / (double)NS_PER_S : 0;
}

/* Begins a sentence: its first letter becomes a capital one. Names keep theirs, so
 * only what add_many() wrote is handed over. */
static void capital(struct text *t, size_t at)
{
	if (at < t->len && t->buf[at] >= 'a' && t->buf[at] <= 'z')
		t->buf[at] = (char)(t->buf[at] - 'a' + 'A');
}

/* ---- names that are said once ---------------------------------------------- */

/* Distinct texts of `fn` over a list, in order. They borrow from the document. */
struct names {
	const char *name[NAMES_SAID];
	size_t n, said;
	const json_t *seen; /* of all, also beyond those that are said */
};

static const char *who(const json_t *session)
{
	const char *user = doc_text(session, "user");

	return *user ? user : doc_text(session, "source");
}

static void collect(struct names *names, json_t *seen, const char *name)
{
	if (!*name || json_object_get(seen, name))
		return;
	json_object_set_new(seen, name, json_true());
	if (names->said < NAMES_SAID)
		names->name[names->said++] = name;
	names->n++;
}

static void add_between(struct text *t, size_t i, size_t n)
{
	if (i)
		add(t, "%s", i + 1 == n ? " and " : ", ");
}

/* "alice, bob and 3 more" */
static void add_names(struct text *t, const struct names *names)
{
	size_t of = names->said + (names->n > names->said);

	for (size_t i = 0; i < names->said; i++) {
		add_between(t, i, of);
		add_name(t, names->name[i]);
	}
	if (names->n > names->said)
		add(t, " and %zu more", names->n - names->said);
}

/* ---- counting -------------------------------------------------------------- */

static void earliest(uint64_t *to, uint64_t ns)
{
	if (!*to || ns < *to)
		*to = ns;
}

static void latest(uint64_t *to, uint64_t ns)
{
	if (ns > *to)
		*to = ns;
}

static void count_devices(struct facts *f)
{
	const json_t *d;
	uint64_t ns;
	size_t i;

	json_array_foreach(f->devices, i, d)
	{
		f->n_devices++;
		f->n_neither += doc_flag(d, "neither");
		f->n_reached += doc_count(d, "sessions") > 0;
		if (!doc_time(d, "lost", &ns))
			continue;
		f->n_lost++;
		earliest(&f->first_lost, ns);
		latest(&f->last_lost, ns);
		if (!doc_time(d, "back", &ns))
			continue;
		f->n_back++;
		earliest(&f->first_back, ns);
		latest(&f->last_back, ns);
	}
}

static void count_sessions(struct facts *f)
{
	const json_t *s;
	uint64_t ns;
	size_t i;

	json_array_foreach(f->sessions, i, s)
	{
		const json_t *justified = json_object_get(s, "justified");
		const json_t *login = json_object_get(s, "login");

		f->n_sessions++;
		if (doc_time(s, "start", &ns))
			earliest(&f->first_session, ns);
		if (doc_is(justified, "answer", "yes"))
			f->yes++;
		else if (doc_is(justified, "answer", "no"))
			f->no++;
		else if (doc_is(justified, "answer", "drill"))
			f->drill++;
		else
			f->unknown++;
		f->logins_unknown += !login || doc_is(login, "result", "unknown");
	}
}

static void count_untrusted(struct facts *f)
{
	json_t *seen = json_object();
	struct names names = { 0 };
	const json_t *u;
	size_t i;

	json_array_foreach(f->untrusted, i, u)
	{
		collect(&names, seen, doc_text(u, "source"));
		f->attempts += doc_count(u, "attempts");
		f->established += doc_count(u, "established");
		f->logged_in += doc_count(u, "logged_in");
	}
	f->tries = f->attempts + f->established;
	f->n_sources = names.n;
	json_decref(seen);
}

static struct facts count(const json_t *doc)
{
	struct facts f = { .doc = doc,
			   .devices = doc_list(doc, "devices"),
			   .sessions = doc_list(doc, "sessions"),
			   .untrusted = doc_list(doc, "untrusted"),
			   .open = doc_is(doc, "status", "open"),
			   .of_source = doc_is(doc, "kind", "untrusted-source"),
			   .of_switch = doc_is(doc, "kind", "management-switch") };
	const json_t *g;
	size_t i;

	doc_time(doc, "began", &f.began);
	doc_time(doc, "as_of", &f.now);
	doc_number(doc, "unseen_s", &f.unseen_s);
	count_devices(&f);
	count_sessions(&f);
	count_untrusted(&f);
	json_array_foreach(doc_list(doc, "gaps"), i, g) f.n_gaps += !doc_is(g, "kind", "always");
	return f;
}

/* ---- the title ------------------------------------------------------------- */

static const json_t *first_device(const struct facts *f)
{
	return json_array_get(f->devices, 0);
}

static void add_subject(struct text *t, const struct facts *f)
{
	const char *name = doc_text(first_device(f), "name");

	add_name(t, *name ? name : doc_text(f->doc, "subject"));
}

/* "the management switch of 192.0.2.0/26", or its name. */
static void add_switch(struct text *t, const struct facts *f)
{
	const char *name = doc_text(f->doc, "switch");

	if (!*name)
		add(t, "the management switch of Ma1 subnet ");
	add_name(t, *name ? name : doc_text(f->doc, "subject"));
}

static void add_lost_for(struct text *t, const struct facts *f)
{
	if (f->open || f->n_back < f->n_lost || !f->first_lost)
		return;
	add(t, " for ");
	add_duration(t, seconds(f->first_lost, f->last_back));
}

static void add_still(struct text *t, const struct facts *f)
{
	char n[TEXT_SMALL];

	if (f->n_back == 0 && f->n_lost)
		add(t, ", and none has it back");
	else if (f->n_back < f->n_lost)
		add(t, ", %s of them still without it", text_number(f->n_lost - f->n_back, n));
}

static void title_of_switch(struct text *t, const struct facts *f)
{
	char minute[TEXT_SMALL];

	text_minute(f->first_lost ? f->first_lost : f->began, minute);
	if (doc_is(f->doc, "suspicion", "withdrawn")) {
		add_many(t, f->n_lost, "device");
		capital(t, 0);
		add(t, " of ");
		add_name(t, doc_text(f->doc, "subject"));
		add(t, " lost Ma1 at %s", minute);
		add_still(t, f);
		add_lost_for(t, f);
		return;
	}
	add_switch(t, f);
	if (!*doc_text(f->doc, "switch"))
		capital(t, 0);
	add(t, " is suspected to have failed at %s; ", minute);
	add_many(t, f->n_lost, "device");
	add(t, " lost Ma1");
	add_still(t, f);
	add_lost_for(t, f);
}

/* Those at which `key` counts something, not all that the source has tried. */
static void add_got_to(struct text *t, const struct facts *f, const char *key)
{
	const char *name = "";
	uint64_t many = 0;
	const json_t *u;
	size_t i;

	json_array_foreach(f->untrusted, i, u) {
		if (!doc_count(u, key))
			continue;
		name = doc_text(u, "device");
		many++;
	}
	if (many == 1 && *name)
		add_name(t, name);
	else
		add_many(t, many, "device");
}

static void title_of_source(struct text *t, const struct facts *f)
{
	add(t, "Untrusted source ");
	add_name(t, doc_text(f->doc, "subject"));
	if (f->logged_in) {
		add(t, " is thought to have logged in to ");
		add_got_to(t, f, "logged_in");
		return;
	}
	if (f->established) {
		add(t, " got %s to ", f->established == 1 ? "a connection" : "connections");
		add_got_to(t, f, "established");
		return;
	}
	add(t, " tried ");
	if (f->n_devices == 1)
		add_subject(t, f);
	else
		add_many(t, f->n_devices, "device");
	add(t, " and did not get in");
}

static void title_of_device(struct text *t, const struct facts *f)
{
	const char *worst = doc_text(f->doc, "worst");
	char minute[TEXT_SMALL];

	if (json_is_object(json_object_get(f->doc, "drill")))
		add(t, "Drill: ");
	add_subject(t, f);
	text_minute(f->began, minute);
	if (f->n_devices > 1) {
		add(t, " and ");
		add_many(t, f->n_devices - 1, "other device");
	}
	if (strcmp(worst, "unreachable") == 0) {
		add(t,
		    f->open && f->n_back < f->n_lost
			    ? " was found on neither path after it lost Ma1 at %s"
			    : " lost Ma1 at %s and was on neither path for a time",
		    minute);
	} else if (strcmp(worst, "in-band-unjustified") == 0) {
		add(t, " was reached over lo6 at %s although Ma1 worked", minute);
	} else if (!f->first_lost) {
		add(t, " was reached over lo6 at %s; whether Ma1 worked is not known", minute);
	} else {
		add(t, " lost Ma1 at %s", text_minute(f->first_lost, minute));
		add_lost_for(t, f);
		if (f->n_back < f->n_lost)
			add(t, " and is still without it");
		else if (f->n_sessions)
			add(t, " and was reached over lo6");
	}
}

static void title(struct text *t, const struct facts *f)
{
	if (f->of_source)
		title_of_source(t, f);
	else if (f->of_switch)
		title_of_switch(t, f);
	else
		title_of_device(t, f);
}

/* ---- one: what failed ------------------------------------------------------ */

static void add_neither(struct text *t, const struct facts *f)
{
	json_t *seen = json_object();
	struct names names = { 0 };
	const json_t *d;
	size_t i;

	json_array_foreach(f->devices, i, d) if (doc_flag(d, "neither"))
		collect(&names, seen, doc_text(d, "name"));
	if (f->n_devices == 1)
		add(t, " For a time neither path answered.");
	if (names.n && f->n_devices > 1) {
		add(t, " ");
		add_names(t, &names);
		add(t, names.n == 1 ? " was on neither path for a time."
				    : " were on neither path for a time.");
	}
	json_decref(seen);
}

/* Who was seen on lo6, of those that lost Ma1. What nobody tried is not known. */
static void add_reached(struct text *t, const struct facts *f)
{
	char n[TEXT_SMALL];
	size_t of = f->n_devices;

	if (f->n_neither)
		add_neither(t, f);
	if (of == 1 && f->n_reached) {
		add(t, " It was reached over lo6 from ");
		add_clock(t, f, f->first_session);
		add(t, ".");
	} else if (of == 1) {
		add(t, " Nobody was seen to get in over lo6.");
	} else if (f->n_reached == of) {
		add(t, " Each was reached over lo6.");
	} else if (f->n_reached) {
		size_t at = t->len + 1;

		add(t, " %s of them %s reached over lo6; on the other%s nobody was seen.",
		    text_number(f->n_reached, n), f->n_reached == 1 ? "was" : "were",
		    of - f->n_reached == 1 ? "" : "s");
		capital(t, at);
	} else {
		add(t, " Nobody was seen to get in to any of them over lo6.");
	}
}

static void add_others(struct text *t, const struct facts *f)
{
	const json_t *others = doc_list(f->doc, "others"), *o;
	json_t *seen = json_object();
	struct names names = { 0 };
	size_t i;

	json_array_foreach(others, i, o)
		collect(&names, seen, json_string_value(o) ? json_string_value(o) : "");
	if (!names.n) {
		add(t, "; no other device is known to have.");
	} else {
		add(t, ". ");
		add_names(t, &names);
		add(t, " lost Ma1 in the same time and %s part of it.",
		    names.n == 1 ? "is not" : "are not");
	}
	json_decref(seen);
}

static void failed_switch(struct text *t, const struct facts *f)
{
	const json_t *subnet = json_object_get(f->doc, "subnet");
	uint64_t of = doc_count(subnet, "devices");
	char n[TEXT_SMALL];

	if (of && f->n_lost == of)
		add(t, "All %s devices of ", text_number(of, n));
	else if (of > f->n_lost)
		add(t, "%" PRIu64 " of %" PRIu64 " devices of ", (uint64_t)f->n_lost, of);
	else
		add(t, "%zu devices of ", f->n_lost);
	add(t, "Ma1 subnet ");
	add_name(t, doc_text(f->doc, "subject"));
	add(t, " lost Ma1 within ");
	if (seconds(f->first_lost, f->last_lost) < 1)
		add(t, "a second");
	else
		add_duration(t, seconds(f->first_lost, f->last_lost));
	add_others(t, f);
	if (doc_is(f->doc, "suspicion", "withdrawn")) {
		add(t, " That ");
		add_switch(t, f);
		add(t, " failed was suspected, until ");
		add_name(t, doc_text(f->doc, "witness"));
		add(t, ", which hangs off it too, answered over Ma1.");
	} else {
		add(t, " That ");
		add_switch(t, f);
		add(t, " failed is inferred from this.");
	}
	add_reached(t, f);
}

static void failed_device(struct text *t, const struct facts *f)
{
	const json_t *d = first_device(f);
	const char *evidence = doc_text(d, "evidence");
	const char *reason = words_reason(doc_text(d, "reason"));
	const json_t *drill = json_object_get(f->doc, "drill");
	char clean[300];

	if (drill) {
		add(t, "A drill was announced by ");
		add_name(t, doc_text(drill, "who"));
		add(t, ": ");
		add_name(t, doc_text(drill, "why"));
		add(t, ". ");
	}
	add_subject(t, f);
	if (f->first_lost) {
		add(t, " lost Ma1 at ");
		add_clock(t, f, f->first_lost);
	} else if (doc_is(f->doc, "worst", "in-band-unjustified")) {
		add(t, " was used over lo6 although Ma1 worked");
	} else {
		add(t, " was used over lo6, and nothing shows whether Ma1 worked");
	}
	/* "Nothing was seen of Ma1" and "Ma1 answers" are said by then. */
	if (!f->first_lost &&
	    (doc_is(d, "reason", "no-evidence") || doc_is(d, "reason", "primary-ok")))
		evidence = reason = "";
	if (*evidence || *reason)
		add(t, ": %s", output_clean(*evidence ? evidence : reason, clean, sizeof(clean)));
	add(t, ".");
	add_reached(t, f);
}

static void failed_source(struct text *t, const struct facts *f)
{
	char n[TEXT_SMALL];
	uint64_t last = 0;

	add_name(t, doc_text(f->doc, "subject"));
	add(t, " reached for ");
	if (f->n_devices == 1)
		add_subject(t, f);
	else
		add_many(t, f->n_devices, "device");
	if (f->tries == 1)
		add(t, " once, at ");
	else
		add(t, " %s times, from ", text_number(f->tries, n));
	add_clock(t, f, f->began);
	if (f->tries != 1 && doc_time(f->doc, "last", &last)) {
		add(t, " to ");
		add_clock(t, f, last);
	}
	add(t, f->n_devices == 1 ? ". The device's own list does not permit it."
				 : ". Their own lists do not permit it.");
}

/* ---- two: who used lo6, and who was refused -------------------------------- */

static void add_justified(struct text *t, const struct facts *f)
{
	char n[TEXT_SMALL];

	if (f->drill == f->n_sessions) {
		add(t, f->drill == 1 ? " It belongs to the drill." : " All belong to the drill.");
		return;
	}
	if (f->yes == f->n_sessions) {
		add(t, f->yes == 1 ? " It was justified: Ma1 had failed before it began."
				   : " Each was justified: the device's Ma1 had failed before the"
				     " session began.");
		return;
	}
	if (f->no) {
		size_t at = t->len + 1;

		if (f->n_sessions == 1)
			add(t, " It was not justified: Ma1 of the device worked.");
		else
			add(t, " %s of them %s not justified: Ma1 of the device worked.",
			    text_number(f->no, n), f->no == 1 ? "was" : "were");
		capital(t, at);
	}
	if (f->unknown)
		add(t, " Whether %s justified is not known: nothing was seen of Ma1.",
		    f->unknown == f->n_sessions
			    ? (f->unknown == 1 ? "it was" : "they were")
			    : (f->unknown == 1 ? "one of them was" : "some of them were"));
}

static void add_sessions(struct text *t, const struct facts *f)
{
	json_t *seen = json_object(), *unnamed = json_object();
	struct names users = { 0 }, sources = { 0 };
	const json_t *s;
	size_t i;

	json_array_foreach(f->sessions, i, s)
	{
		if (*doc_text(s, "user"))
			collect(&users, seen, doc_text(s, "user"));
		else
			collect(&sources, unnamed, who(s));
	}
	if (!f->n_sessions) {
		add(t, "Nobody was seen on lo6.");
	} else {
		add_names(t, &users);
		if (users.n && sources.n)
			add(t, ", and ");
		if (sources.n) {
			size_t at = t->len;

			add(t, "somebody at ");
			add_names(t, &sources);
			if (!users.n)
				capital(t, at);
			else
				add(t, ",");
		}
		add(t, " used lo6 for ");
		add_many(t, f->n_sessions, "session");
		add(t, ".");
		if (sources.n)
			add(t, " Who is behind %s is not known.",
			    sources.n == 1 ? "that address" : "those addresses");
		add_justified(t, f);
	}
	json_decref(seen);
	json_decref(unnamed);
}

/* What untrusted sources got. */
static void add_got(struct text *t, const struct facts *f)
{
	if (!f->established) {
		add(t, " and did not get in.");
		return;
	}
	add(t, " and got ");
	add_many(t, f->established, "connection");
	if (f->logged_in)
		add(t, "; %s inferred to have logged in.",
		    f->logged_in == 1 ? "one is" : "some are");
	else
		add(t, "; no login is known to have succeeded.");
}

static void add_would_trust(struct text *t, const struct facts *f)
{
	json_t *seen = json_object();
	struct names names = { 0 };
	const json_t *u, *d;
	size_t i, k;

	json_array_foreach(f->untrusted, i, u) json_array_foreach(doc_list(u, "would_trust"), k, d)
		collect(&names, seen, json_string_value(d) ? json_string_value(d) : "");
	if (names.n) {
		add(t, " The list of ");
		add_names(t, &names);
		add(t, f->n_sources == 1 ? " would let it in." : " would let one of them in.");
	}
	json_decref(seen);
}

static void add_untrusted(struct text *t, const struct facts *f)
{
	json_t *seen = json_object(), *devices = json_object();
	struct names names = { 0 }, where = { 0 };
	const json_t *u;
	char n[TEXT_SMALL];
	size_t i;

	json_array_foreach(f->untrusted, i, u)
	{
		collect(&names, seen, doc_text(u, "source"));
		collect(&where, devices, doc_text(u, "device"));
	}
	if (!names.n) {
		add(t, " No untrusted source was seen at %s.",
		    f->n_devices == 1 ? "the device" : "the devices");
	} else {
		size_t at = t->len + 1;

		add(t, " ");
		add_many(t, names.n, "untrusted source");
		capital(t, at);
		add(t, ", ");
		add_names(t, &names);
		add(t, ", tried ");
		add_names(t, &where);
		if (f->tries == 1)
			add(t, " once");
		else
			add(t, " %s times", text_number(f->tries, n));
		add_got(t, f);
		add_would_trust(t, f);
	}
	json_decref(seen);
	json_decref(devices);
}

static void got_source(struct text *t, const struct facts *f)
{
	char n[TEXT_SMALL];

	if (!f->established) {
		add(t, "It was not let in: %s",
		    f->attempts == 1 ? "the attempt was never established."
				     : "no attempt was ever established.");
	} else {
		size_t at = t->len;

		add(t, "%s of %s %s established.", text_number(f->established, n),
		    f->tries == 1 ? "one" : "them", f->established == 1 ? "was" : "were");
		capital(t, at);
		if (f->logged_in)
			add(t, " A login is inferred to have succeeded, from the lengths of"
			       " encrypted packets.");
		else
			add(t, " No login is known to have succeeded; that is inferred from the"
			       " lengths of encrypted packets.");
	}
	add_would_trust(t, f);
	add(t, " Who is behind the address is not known.");
}

/* ---- three: how it ended, what was not seen -------------------------------- */

static void add_end(struct text *t, const struct facts *f)
{
	char n[TEXT_SMALL], of[TEXT_SMALL];
	uint64_t closed = 0;

	if (f->of_source) {
		doc_time(f->doc, "last", &closed);
		add(t, f->open ? "It is not over: the last attempt was at "
			       : "Its last attempt was at ");
		add_clock(t, f, closed);
		add(t, ".");
	} else if (f->n_lost && f->n_back == f->n_lost) {
		add(t, "Ma1 answered again %s ", f->n_lost == 1 ? "at" : "from");
		add_clock(t, f, f->first_back);
		if (f->n_lost > 1) {
			add(t, ", and all were back by ");
			add_clock(t, f, f->last_back);
		}
		add(t, ", after ");
		add_duration(t, seconds(f->first_lost, f->last_back));
		add(t, ".");
	} else if (f->n_lost && f->open) {
		add(t, "It is not over: at ");
		add_clock(t, f, f->now);
		if (f->n_lost == 1)
			add(t, " the device is still without Ma1.");
		else if (!f->n_back)
			add(t, " all %s devices are still without Ma1.",
			    text_number(f->n_lost, of));
		else
			add(t, " %s of %s devices %s still without Ma1.",
			    text_number(f->n_lost - f->n_back, n), text_number(f->n_lost, of),
			    f->n_lost - f->n_back == 1 ? "is" : "are");
	} else if (f->open) {
		add(t, "It is not over at ");
		add_clock(t, f, f->now);
		add(t, ".");
	} else if (doc_time(f->doc, "closed", &closed)) {
		const char *by = words_reason(doc_text(f->doc, "closed_by"));

		add(t, "It ended at ");
		add_clock(t, f, closed);
		if (*by)
			add(t, ": ");
		add_name(t, by);
		add(t, ".");
	}
}

static void add_unseen(struct text *t, const struct facts *f)
{
	if (f->unseen_s > 0) {
		add(t, " ");
		add_duration(t, f->unseen_s);
		add(t, " of it were not seen in full.");
	} else if (f->n_gaps) {
		add(t, " No event is known to be missing.");
	} else {
		add(t, " No event is known to be missing, and every address was watched.");
	}
	if (f->n_gaps)
		add(t, " What we could not see is listed below.");
}

/* ---- figures --------------------------------------------------------------- */

static int figure(json_t *list, const char *key, const char *value, const char *label,
		  const char *tone)
{
	return json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "key", key, "value",
						     value, "label", label, "tone", tone));
}

static int figure_unseen(json_t *list, const struct facts *f)
{
	char value[TEXT_SMALL];

	if (f->unseen_s > 0)
		return figure(list, "unseen", text_duration(f->unseen_s, value), "not seen in full",
			      "amber");
	return figure(list, "unseen", "0 s", "known to be missing from the record", "");
}

static int figures_of_source(json_t *list, const struct facts *f)
{
	char value[TEXT_SMALL], label[TEXT_LEN];
	json_t *seen = json_object();
	struct names names = { 0 };
	uint64_t last = f->began;
	const json_t *u, *d;
	size_t i, k;
	int bad = 0;

	json_array_foreach(f->untrusted, i, u) json_array_foreach(doc_list(u, "would_trust"), k, d)
		collect(&names, seen, json_string_value(d) ? json_string_value(d) : "");
	doc_time(f->doc, "last", &last);
	bad |= figure(list, "attempts", text_digits(f->attempts, value),
		      f->attempts == 1 ? "attempt" : "attempts", f->established ? "" : "red");
	bad |= figure(list, "duration", text_duration(seconds(f->began, last), value),
		      "from first to last", "");
	snprintf(value, sizeof(value), "%zu", f->n_devices);
	bad |= figure(list, "devices", value, f->n_devices == 1 ? "device tried" : "devices tried",
		      "");
	bad |= figure(list, "established", text_digits(f->established, value),
		      f->established == 1 ? "connection established" : "connections established",
		      f->established ? "red" : "");
	bad |= figure(list, "logged_in", text_digits(f->logged_in, value),
		      f->logged_in == 1 ? "login inferred to have succeeded"
					: "logins inferred to have succeeded",
		      f->logged_in ? "red" : "");
	snprintf(value, sizeof(value), "%zu", names.n);
	snprintf(label, sizeof(label), "%s",
		 names.n == 1 ? "other device would let it in" : "other devices would let it in");
	bad |= figure(list, "would_trust", value, label, names.n ? "amber" : "");
	bad |= figure_unseen(list, f);
	json_decref(seen);
	return bad;
}

static int figure_outage(json_t *list, const struct facts *f)
{
	char value[TEXT_SMALL];

	if (f->n_lost && f->n_back == f->n_lost)
		return figure(list, "outage",
			      text_duration(seconds(f->first_lost, f->last_back), value),
			      f->n_lost == 1 ? "without Ma1" : "first loss to last return of Ma1",
			      "");
	if (f->n_lost && f->open)
		return figure(list, "outage", text_duration(seconds(f->first_lost, f->now), value),
			      "without Ma1, and not over", "red");
	return figure(list, "outage", "not known", "whether and for how long Ma1 was lost",
		      "amber");
}

static int figure_justified(json_t *list, const struct facts *f)
{
	char value[TEXT_SMALL], label[TEXT_LEN];

	snprintf(value, sizeof(value), "%zu of %zu", f->yes + f->drill, f->n_sessions);
	if (!f->n_sessions)
		return figure(list, "justified", "0", "break-glass sessions", "");
	if (f->drill == f->n_sessions)
		snprintf(label, sizeof(label), "break-glass session%s of the drill",
			 f->n_sessions == 1 ? "" : "s");
	else if (f->unknown)
		snprintf(label, sizeof(label), "break-glass session%s justified; %zu not known",
			 f->n_sessions == 1 ? "" : "s", f->unknown);
	else
		snprintf(label, sizeof(label), "break-glass session%s justified",
			 f->n_sessions == 1 ? "" : "s");
	return figure(list, "justified", value, label, f->no ? "red" : f->unknown ? "amber" : "");
}

static int figures_of_failure(json_t *list, const struct facts *f)
{
	char value[TEXT_SMALL], label[TEXT_LEN], a[TEXT_SMALL], e[TEXT_SMALL];
	uint64_t known = doc_count(f->doc, "devices_known");
	int bad = figure_outage(list, f);

	if (known >= f->n_lost && known)
		snprintf(value, sizeof(value), "%zu of %" PRIu64, f->n_lost, known);
	else
		snprintf(value, sizeof(value), "%zu", f->n_lost);
	bad |= figure(list, "lost", value,
		      f->n_lost == 1 || known == 1 ? "device lost Ma1" : "devices lost Ma1", "");
	snprintf(value, sizeof(value), "%zu", f->n_neither);
	bad |= figure(list, "neither", value, "unreachable on both paths",
		      f->n_neither ? "red" : "");
	if (!f->first_session)
		bad |= figure(list, "first_session", "never", "was somebody seen on lo6", "");
	else if (!f->first_lost || f->first_session < f->first_lost)
		bad |= figure(list, "first_session", text_clock(f->first_session, f->began, value),
			      "somebody was first on lo6", "");
	else
		bad |= figure(list, "first_session",
			      text_duration(seconds(f->first_lost, f->first_session), value),
			      "until somebody was first on lo6", "");
	bad |= figure_justified(list, f);
	snprintf(value, sizeof(value), "%zu", f->n_sources);
	snprintf(label, sizeof(label), "untrusted source%s", f->n_sources == 1 ? "" : "s");
	if (f->n_sources)
		snprintf(label, sizeof(label), "untrusted source%s: %s attempt%s, %s established",
			 f->n_sources == 1 ? "" : "s", text_digits(f->attempts, a),
			 f->attempts == 1 ? "" : "s", text_digits(f->established, e));
	bad |= figure(list, "untrusted", value, label, f->n_sources ? "red" : "");
	return bad | figure_unseen(list, f);
}

/* ---------------------------------------------------------------------------- */

static int paragraph(json_t *words, const struct text *t)
{
	const char *text = t->buf + (t->buf[0] == ' ');

	return json_array_append_new(words, json_string(text));
}

int incident_words(json_t *doc)
{
	json_t *words = json_array(), *figures = json_array();
	struct text head = { 0 }, one = { 0 }, two = { 0 }, three = { 0 };
	struct facts f = count(doc);
	int bad = 0;

	title(&head, &f);
	if (f.of_source) {
		failed_source(&one, &f);
		got_source(&two, &f);
	} else {
		if (f.of_switch)
			failed_switch(&one, &f);
		else
			failed_device(&one, &f);
		add_sessions(&two, &f);
		add_untrusted(&two, &f);
	}
	add_end(&three, &f);
	add_unseen(&three, &f);
	bad |= paragraph(words, &one) | paragraph(words, &two) | paragraph(words, &three);
	bad |= f.of_source ? figures_of_source(figures, &f) : figures_of_failure(figures, &f);
	bad |= json_object_set_new(doc, "title", json_string(head.buf));
	bad |= json_object_set_new(doc, "words", words);
	bad |= json_object_set_new(doc, "figures", figures);
	return bad ? -1 : 0;
}
