/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTML that stands by itself: one file, no request goes out of it (its own policy
 * forbids any), no script. It follows the reader's light or dark, and prints on A4.
 *
 * What comes from the record goes through html_text() and its like, nothing else.
 */
#include "collector/report/report.h"

#include <inttypes.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/report/html_text.h"
#include "collector/report/svg.h"
#include "collector/words/text.h"
#include "collector/words/words.h"
#include "common/clock.h"

#define NAME_LINE 24

static const char css[] =
#include "collector/report/report.css.h"
	;

struct page {
	const json_t *doc;
	FILE *to;
	uint64_t base; /* times of this day go without it */
};

/* ---- pieces ---------------------------------------------------------------- */

static void put(const struct page *p, const char *text)
{
	fputs(text, p->to);
}

static void put_time(const struct page *p, const json_t *object, const char *key)
{
	uint64_t ns;

	if (doc_time(object, key, &ns))
		html_time(p->to, ns, p->base);
}

static void cell(const struct page *p, const char *class, const char *text)
{
	fprintf(p->to, *class ? "<td class=\"%s\">" : "<td>", class);
	if (*text)
		html_name(p->to, text);
	put(p, "</td>");
}

static void cell_time(const struct page *p, const json_t *object, const char *key)
{
	put(p, "<td class=\"nw\">");
	put_time(p, object, key);
	put(p, "</td>");
}

static void cell_count(const struct page *p, uint64_t n, const char *class)
{
	char buf[TEXT_SMALL];

	fprintf(p->to, "<td class=\"r %s\">%s</td>", class, text_digits(n, buf));
}

/* Of a name: on one line, unless it is very long. */
static const char *name_class(const char *name)
{
	return strlen(name) <= NAME_LINE ? "nw" : "any";
}

static void cell_name(const struct page *p, const char *name)
{
	cell(p, name_class(name), name);
}

static void head_cell(const struct page *p, const char *class, const char *text)
{
	fprintf(p->to, "<th scope=\"row\" class=\"%s\">", class);
	html_name(p->to, text);
	put(p, "</th>");
}

static void section(const struct page *p, const char *id, const char *title)
{
	fprintf(p->to, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n", id, id, title);
}

/* Columns "Name|Other|>Right". A wide table scrolls in its own box, by keys as well. */
static void table(const struct page *p, const char *id, const char *columns)
{
	fprintf(p->to,
		"<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"%s\">"
		"<table><thead><tr>",
		id);
	while (*columns) {
		size_t n = strcspn(columns, "|");
		bool right = *columns == '>';

		fprintf(p->to, "<th scope=\"col\"%s>%.*s</th>", right ? " class=\"r\"" : "",
			(int)(n - right), columns + right);
		columns += n + (columns[n] == '|');
	}
	put(p, "</tr></thead><tbody>\n");
}

static void table_end(const struct page *p)
{
	put(p, "</tbody></table></div>\n");
}

static const char *tone_class(const char *tone)
{
	static const char *const known[] = { "red", "amber", "blue" };

	for (size_t i = 0; i < 3; i++)
		if (strcmp(tone, known[i]) == 0)
			return known[i];
	return "";
}

/* Strings of a list, with a comma between. */
static void put_strings(const struct page *p, const json_t *list)
{
	const json_t *s;
	size_t i;

	json_array_foreach(list, i, s)
	{
		if (i)
			put(p, ", ");
		html_name(p->to, json_string_value(s) ? json_string_value(s) : "");
	}
}

/* ---- the head -------------------------------------------------------------- */

static const char *kind_words(const char *kind)
{
	return strcmp(kind, "management-switch") == 0  ? "management switch"
	       : strcmp(kind, "untrusted-source") == 0 ? "untrusted source"
	       : strcmp(kind, "drill") == 0	       ? "drill"
						       : "failover";
}

static void put_head(const struct page *p)
{
	char day[TEXT_SMALL];

	put(p, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	       "style-src 'unsafe-inline'; img-src data:\">\n"
	       "<meta name=\"referrer\" content=\"no-referrer\">\n"
	       "<link rel=\"icon\" href=\"data:,\">\n");
	fprintf(p->to, "<title>Incident %" PRIu64 ": ", doc_count(p->doc, "id"));
	html_long(p->to, doc_text(p->doc, "title"));
	fprintf(p->to, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<div class=\"doc\">\n",
		css);
	put(p, "<a class=\"skip\" href=\"#main\">To the report</a>\n");
	fprintf(p->to,
		"<header class=\"top\"><span><b>glasswatch</b> post-incident report</span>"
		"<span>incident %" PRIu64 ", %s",
		doc_count(p->doc, "id"), kind_words(doc_text(p->doc, "kind")));
	if (*doc_text(p->doc, "fabric")) {
		put(p, ", fabric ");
		html_name(p->to, doc_text(p->doc, "fabric"));
	}
	if (p->base)
		fprintf(p->to, ", %s", text_day(p->base, day));
	fprintf(p->to,
		"</span><span><span class=\"state%s\">%s</span>, times in UTC</span>"
		"</header>\n<main id=\"main\">\n",
		doc_is(p->doc, "status", "open") ? " red" : "",
		doc_is(p->doc, "status", "open") ? "open" : "closed");
}

static void put_summary(const struct page *p)
{
	const json_t *word, *f;
	size_t i;

	put(p, "<h1>");
	html_sentence(p->to, doc_text(p->doc, "title"));
	put(p, "</h1>\n");
	json_array_foreach(doc_list(p->doc, "words"), i, word)
	{
		put(p, "<p class=\"lead\">");
		html_sentence(p->to, json_string_value(word) ? json_string_value(word) : "");
		put(p, "</p>\n");
	}
	put(p, "<ul class=\"fig\" aria-label=\"Figures\">");
	json_array_foreach(doc_list(p->doc, "figures"), i, f)
	{
		fprintf(p->to, "<li><b class=\"%s\">", tone_class(doc_text(f, "tone")));
		html_text(p->to, doc_text(f, "value"));
		put(p, "</b><span>");
		html_text(p->to, doc_text(f, "label"));
		put(p, "</span></li>");
	}
	put(p, "</ul>\n");
}

/* ---- sections, in their order ---------------------------------------------- */

static void put_timeline(const struct page *p)
{
	section(p, "timeline", "Timeline");
	put(p, "<figure><div class=\"scroll\" role=\"region\" tabindex=\"0\" "
	       "aria-labelledby=\"timeline\">\n");
	report_svg(p->doc, p->to);
	put(p, "</div><figcaption>");
	report_svg_legend(p->doc, p->to);
	put(p, "</figcaption></figure></section>\n");
}

static void put_unaffected(const struct page *p)
{
	const json_t *list = doc_list(p->doc, "unaffected"), *u;
	size_t i;

	if (!json_array_size(list))
		return;
	put(p, "<p class=\"dim any\">Of the same subnet and not affected, as far as was seen: ");
	json_array_foreach(list, i, u)
	{
		if (i)
			put(p, ", ");
		html_name(p->to, doc_text(u, "name"));
		if (doc_is(u, "how", "unknown"))
			put(p, " (nothing was seen of its Ma1)");
	}
	put(p, ".</p>\n");
}

/* Of an untrusted source nothing happened to the devices; where it was is told there. */
static bool has_devices(const json_t *doc)
{
	return json_array_size(doc_list(doc, "devices")) &&
	       !doc_is(doc, "kind", "untrusted-source");
}

static void put_devices(const struct page *p)
{
	const json_t *devices = doc_list(p->doc, "devices"), *d;
	char took[TEXT_SMALL];
	uint64_t ns;
	double s;
	size_t i;

	if (!has_devices(p->doc))
		return;
	section(p, "devices", "Devices");
	table(p, "devices",
	      "Device|Role|Ma1|Ma1 lost|Evidence|First on lo6|Back on Ma1|>Without Ma1");
	json_array_foreach(devices, i, d)
	{
		put(p, "<tr>");
		head_cell(p, name_class(doc_text(d, "name")), doc_text(d, "name"));
		cell(p, "nw", text_role(doc_text(d, "role")));
		put(p, "<td class=\"mono\">");
		put_strings(p, doc_list(d, "ma1"));
		put(p, "</td>");
		cell_time(p, d, "lost");
		put(p, "<td>");
		html_name(p->to, doc_text(d, "evidence"));
		if (doc_flag(d, "neither"))
			put(p, "<span class=\"sub red\">\xe2\x9c\x95 on neither path for a time"
			       "</span>");
		put(p, "</td>");
		cell_time(p, d, "first_lo6");
		if (doc_time(d, "back", &ns) || !doc_time(d, "lost", &ns))
			cell_time(p, d, "back");
		else
			put(p, "<td class=\"red\">not yet</td>");
		fprintf(p->to, "<td class=\"r nw\"><b>%s</b></td></tr>\n",
			doc_number(d, "lost_s", &s) ? text_duration(s, took) : "");
	}
	table_end(p);
	put_unaffected(p);
	put(p, "</section>\n");
}

static const char *justified_class(const char *answer)
{
	return strcmp(answer, "no") == 0      ? "red"
	       : strcmp(answer, "yes") == 0   ? ""
	       : strcmp(answer, "drill") == 0 ? "blue"
					      : "amber";
}

static void put_session(const struct page *p, const json_t *s)
{
	const json_t *trust = json_object_get(s, "trust");
	const json_t *login = json_object_get(s, "login");
	const json_t *justified = json_object_get(s, "justified");
	const char *who = doc_text(s, "user"), *answer = doc_text(justified, "answer");
	char small[TEXT_SMALL], in[24], out[24];
	uint64_t end;
	double took;

	put(p, "<tr><td class=\"nw\">");
	put_time(p, s, "start");
	put(p, "<span class=\"sub\">");
	if (doc_flag(s, "open"))
		put(p, "still open");
	else if (doc_number(s, "duration_s", &took))
		put(p, text_duration(took, small));
	if (!doc_flag(s, "open") && doc_time(s, "end", &end))
		fprintf(p->to, ", to %s", text_clock(end, p->base, small));
	put(p, "</span></td>");
	fprintf(p->to, "<th scope=\"row\"%s>", *who ? "" : " class=\"dim\"");
	html_name(p->to, *who ? who : "not known");
	put(p, "</th><td>");
	html_name(p->to, doc_text(s, "came"));
	put(p, "<span class=\"sub mono\">");
	html_name(p->to, doc_text(s, "source"));
	fprintf(p->to, " port %" PRIu64 "</span></td><td class=\"%s\">",
		doc_count(s, "source_port"), name_class(doc_text(s, "device")));
	html_name(p->to, doc_text(s, "device"));
	put(p, "<span class=\"sub mono\">");
	html_name(p->to, doc_text(s, "address"));
	fprintf(p->to, "</span></td><td%s>",
		doc_is(trust, "verdict", "untrusted")	? " class=\"red\""
		: doc_is(trust, "verdict", "no-policy") ? " class=\"amber\""
							: "");
	html_name(p->to, doc_text(trust, "verdict"));
	put(p, "<span class=\"sub\">");
	html_name(p->to, doc_text(trust, "rule"));
	put(p, "</span></td><td>");
	html_name(p->to, doc_text(login, "result"));
	put(p, "<span class=\"sub\">");
	html_name(p->to, doc_text(login, "text"));
	fprintf(p->to, "</span></td><td><b class=\"%s\">", justified_class(answer));
	html_name(p->to, answer);
	put(p, "</b><span class=\"sub\">");
	html_name(p->to, doc_text(justified, "why"));
	fprintf(p->to, "</span></td><td class=\"r nw\">%s<span class=\"sub\">%s</span></td></tr>\n",
		output_bytes(doc_count(s, "source_bytes"), in),
		output_bytes(doc_count(s, "destination_bytes"), out));
}

static void put_more(const struct page *p, const char *key, const char *what)
{
	uint64_t more = doc_count(p->doc, key);
	char n[TEXT_SMALL];

	if (more)
		fprintf(p->to, "<p class=\"dim\">%s more %s are not listed here.</p>\n",
			text_digits(more, n), what);
}

static void put_sessions(const struct page *p)
{
	const json_t *sessions = doc_list(p->doc, "sessions"), *s;
	size_t i;

	if (!json_array_size(sessions))
		return;
	section(p, "sessions", "Break-glass sessions");
	table(p, "sessions",
	      "Began, lasted|Who|How they came|Device|Trust|Login|Justified|>To / from device");
	json_array_foreach(sessions, i, s) put_session(p, s);
	table_end(p);
	put_more(p, "sessions_left_out", "sessions");
	put(p,
	    "<p class=\"dim\">Login outcomes are inferred from the lengths of encrypted packets, "
	    "not read. Trust is the verdict of the device\xe2\x80\x99s own list.</p></section>\n");
}

/* The device's list as it was loaded, up to the entry that decided. */
static void put_walk(const struct page *p, const json_t *u)
{
	const json_t *walk = doc_list(u, "walk"), *e;
	size_t i;

	if (!json_array_size(walk))
		return;
	put(p, "<pre class=\"any\">prefix-list ");
	html_name(p->to, doc_text(u, "list"));
	put(p, " of ");
	html_name(p->to, doc_text(u, "device"));
	put(p, "\n");
	json_array_foreach(walk, i, e)
	{
		bool decides = doc_is(e, "result", "decides");

		fprintf(p->to, "%s seq %-4" PRIu64 " ", decides ? "\xe2\x96\xb8" : " ",
			doc_count(e, "seq"));
		html_name(p->to, doc_text(e, "action"));
		put(p, " ");
		html_name(p->to, doc_text(e, "prefix"));
		put(p, "  ");
		html_text(p->to, doc_text(e, "reason"));
		if (doc_count(e, "line")) {
			put(p, "  ");
			html_name(p->to, doc_text(e, "file"));
			fprintf(p->to, ":%" PRIu64, doc_count(e, "line"));
		}
		put(p, "\n");
		if (decides)
			break;
	}
	if (doc_flag(u, "implicit"))
		put(p, "\xe2\x96\xb8 end of the list, which denies\n");
	put(p, "</pre>\n");
}

static void put_reason(const struct page *p, const json_t *u)
{
	const json_t *would = doc_list(u, "would_trust");

	put(p, "<p class=\"any\"><b>");
	html_name(p->to, doc_text(u, "source"));
	put(p, "</b> at ");
	html_name(p->to, doc_text(u, "device"));
	put(p, ": ");
	html_name(p->to, doc_text(u, "decided"));
	put(p, ".");
	if (json_array_size(would)) {
		put(p, " <b class=\"amber\">Other lists would permit it: ");
		put_strings(p, would);
		put(p, ".</b>");
	}
	put(p, "</p>\n");
	put_walk(p, u);
}

static void put_untrusted(const struct page *p)
{
	const json_t *list = doc_list(p->doc, "untrusted"), *u;
	size_t i;

	if (!json_array_size(list))
		return;
	section(p, "untrusted", "Untrusted sources");
	table(p, "untrusted",
	      "Source|Device|Path|First|Last|Outcome|>Attempts|>Established|>Logged in");
	json_array_foreach(list, i, u)
	{
		uint64_t got = doc_count(u, "established"), in = doc_count(u, "logged_in");

		put(p, "<tr>");
		head_cell(p, "red", doc_text(u, "source"));
		cell_name(p, doc_text(u, "device"));
		cell(p, "", words_interface(doc_text(u, "path")));
		cell_time(p, u, "first");
		cell_time(p, u, "last");
		cell(p, "", doc_text(u, "outcome"));
		cell_count(p, doc_count(u, "attempts"), "");
		cell_count(p, got, got ? "red" : "");
		cell_count(p, in, in ? "red" : "");
		put(p, "</tr>\n");
	}
	table_end(p);
	put_more(p, "untrusted_left_out", "sources");
	json_array_foreach(list, i, u) if (*doc_text(u, "decided")) put_reason(p, u);
	put(p, "</section>\n");
}

static void put_moment(const struct page *p, const json_t *m)
{
	uint64_t n = doc_count(m, "count"), last;
	char number[TEXT_SMALL], until[TEXT_SMALL];

	put(p, "<tr>");
	cell_time(p, m, "time");
	cell_name(p, doc_text(m, "device"));
	fprintf(p->to, "<th scope=\"row\" class=\"nw %s\">", tone_class(doc_text(m, "tone")));
	html_name(p->to, doc_text(m, "what"));
	put(p, "</th><td class=\"any\">");
	html_name(p->to, doc_text(m, "text"));
	if (n > 1) {
		fprintf(p->to, " <b>%s times</b>", text_digits(n, number));
		if (doc_time(m, "last", &last))
			fprintf(p->to, " until %s", text_clock(last, p->base, until));
	}
	put(p, "</td>");
	cell(p, "mono dim", doc_text(m, "id"));
	put(p, "</tr>\n");
}

static void put_moments(const struct page *p)
{
	const json_t *list = doc_list(p->doc, "timeline"), *m;
	size_t i;

	if (!json_array_size(list))
		return;
	section(p, "order", "What happened, in order");
	table(p, "order", "Time|Device|What||Event or flow");
	json_array_foreach(list, i, m) put_moment(p, m);
	table_end(p);
	put_more(p, "timeline_left_out", "moments");
	put(p, "</section>\n");
}

static void put_bgp(const struct page *p)
{
	const json_t *list = doc_list(p->doc, "bgp"), *b;
	size_t i;

	if (!json_array_size(list))
		return;
	section(p, "bgp", "BGP");
	table(p, "bgp", "Time|Device|State|What|Event");
	json_array_foreach(list, i, b)
	{
		put(p, "<tr>");
		cell_time(p, b, "time");
		cell_name(p, doc_text(b, "device"));
		cell(p, doc_is(b, "state", "down") ? "red" : "", doc_text(b, "state"));
		cell(p, "any", doc_text(b, "text"));
		cell(p, "mono dim", doc_text(b, "event"));
		put(p, "</tr>\n");
	}
	table_end(p);
	put_more(p, "bgp_left_out", "BGP events");
	put(p, "</section>\n");
}

static void put_alerts(const struct page *p)
{
	const json_t *list = doc_list(p->doc, "alerts"), *a;
	size_t i;

	if (!json_array_size(list))
		return;
	section(p, "alerts", "Alerts");
	table(p, "alerts", "Since|Alert|Severity|Device|What|Became of it");
	json_array_foreach(list, i, a)
	{
		put(p, "<tr>");
		cell_time(p, a, "time");
		head_cell(p, "nw", doc_text(a, "name"));
		cell(p, doc_is(a, "severity", "critical") ? "red" : "", doc_text(a, "severity"));
		cell_name(p, doc_text(a, "device"));
		cell(p, "any", doc_text(a, "text"));
		cell(p, "any", doc_text(a, "end"));
		put(p, "</tr>\n");
	}
	table_end(p);
	put(p, "</section>\n");
}

static void put_gaps(const struct page *p)
{
	const json_t *list = doc_list(p->doc, "gaps"), *g;
	uint64_t from, to;
	char took[TEXT_SMALL];
	double s;
	size_t i;

	section(p, "unseen", "What we could not see");
	put(p, "<ul class=\"blind\">\n");
	json_array_foreach(list, i, g)
	{
		put(p, "<li>");
		if (doc_time(g, "from", &from)) {
			put(p, "<b>");
			html_time(p->to, from, p->base);
			if (doc_time(g, "to", &to)) {
				put(p, " to ");
				html_time(p->to, to, p->base);
			} else {
				put(p, " on");
			}
			if (doc_number(g, "seconds", &s))
				fprintf(p->to, ", %s", text_duration(s, took));
			put(p, ".</b> ");
		}
		html_long(p->to, doc_text(g, "text"));
		put(p, "</li>\n");
	}
	put(p, "</ul></section>\n");
}

static void put_policy(const struct page *p)
{
	const json_t *policy = json_object_get(p->doc, "policy"), *g;
	const json_t *generations = doc_list(policy, "generations");
	const json_t *changes = doc_list(policy, "changes");
	size_t i;

	if (!policy)
		return;
	section(p, "policy", "Policy in force");
	if (!json_array_size(generations))
		put(p, "<p>No policy was in force: no agent had a fabric to judge by.</p>\n");
	json_array_foreach(generations, i, g)
	{
		put(p, "<p class=\"any\">Generation <b class=\"mono\">");
		html_name(p->to, doc_text(g, "generation"));
		put(p, "</b>");
		if (*doc_text(g, "since")) {
			put(p, ", since ");
			put_time(p, g, "since");
		}
		if (json_array_size(doc_list(g, "agents"))) {
			put(p, ", of ");
			put_strings(p, doc_list(g, "agents"));
		}
		put(p, json_array_size(changes) ? ".</p>\n" : ", unchanged throughout.</p>\n");
	}
	if (json_array_size(changes)) {
		table(p, "policy", "Time|Agent|Generation|What changed|Event");
		json_array_foreach(changes, i, g)
		{
			put(p, "<tr>");
			cell_time(p, g, "time");
			cell_name(p, doc_text(g, "agent"));
			cell(p, "mono", doc_text(g, "generation"));
			cell(p, "any", doc_text(g, "text"));
			cell(p, "mono dim", doc_text(g, "event"));
			put(p, "</tr>\n");
		}
		table_end(p);
	}
	put(p, "</section>\n");
}

static void put_open(const struct page *p)
{
	const json_t *list = doc_list(p->doc, "still_open"), *o;
	size_t i;

	if (!json_array_size(list))
		return;
	section(p, "open", "Still open when this was written");
	table(p, "open", "Since|Finding|Device|What");
	json_array_foreach(list, i, o)
	{
		put(p, "<tr>");
		cell_time(p, o, "since");
		head_cell(p, "nw", doc_text(o, "name"));
		cell_name(p, doc_text(o, "device"));
		cell(p, "any", doc_text(o, "text"));
		put(p, "</tr>\n");
	}
	table_end(p);
	put(p, "</section>\n");
}

static void put_record(const struct page *p)
{
	const json_t *record = json_object_get(p->doc, "record");
	const json_t *anchor = json_object_get(record, "anchor");
	char n[TEXT_SMALL];

	section(p, "record", "Can this record be trusted?");
	fprintf(p->to,
		"<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"record\">"
		"<table class=\"narrow\"><tbody><tr><th scope=\"row\" "
		"class=\"nw\">Events</th><td>%s of "
		"this incident",
		text_digits(doc_count(record, "events"), n));
	if (json_array_size(doc_list(record, "agents"))) {
		put(p, ", from ");
		put_strings(p, doc_list(record, "agents"));
	}
	fprintf(p->to,
		"</td></tr>\n<tr><th scope=\"row\" class=\"nw\">Hash chain</th><td>%s places in "
		"this "
		"store; the last is <span class=\"mono any\">",
		text_digits(doc_count(record, "places"), n));
	html_name(p->to, doc_text(record, "hash"));
	put(p, "</span></td></tr>\n<tr><th scope=\"row\" class=\"nw\">Newest anchor</th><td>");
	if (anchor) {
		fprintf(p->to, "number %" PRIu64 ", ", doc_count(anchor, "number"));
		put_time(p, anchor, "time");
		fprintf(p->to, ", of place %s, <span class=\"mono any\">",
			text_digits(doc_count(anchor, "place"), n));
		html_name(p->to, doc_text(anchor, "hash"));
		put(p, "</span>");
	} else {
		put(p, "none yet");
	}
	put(p, "</td></tr>\n<tr><th scope=\"row\" class=\"nw\">Check it</th><td class=\"mono\">"
	       "glasswatch-collector verify</td></tr>\n</tbody></table></div></section>\n");
}

/* Only what is there is linked to. */
static void put_nav(const struct page *p)
{
	static const struct {
		const char *key, *id, *title; /* key "": always there */
	} links[] = {
		{ "", "timeline", "Timeline" },
		{ "devices", "devices", "Devices" },
		{ "sessions", "sessions", "Sessions" },
		{ "untrusted", "untrusted", "Untrusted sources" },
		{ "timeline", "order", "In order" },
		{ "bgp", "bgp", "BGP" },
		{ "alerts", "alerts", "Alerts" },
		{ "", "unseen", "What we could not see" },
		{ "policy", "policy", "Policy" },
		{ "still_open", "open", "Still open" },
		{ "", "record", "The record" },
	};

	put(p, "<nav aria-label=\"Sections\"><ul>");
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		const json_t *part = json_object_get(p->doc, links[i].key);

		if (strcmp(links[i].key, "devices") == 0 && !has_devices(p->doc))
			continue;
		if (!*links[i].key || json_array_size(part) || json_is_object(part))
			fprintf(p->to, "<li><a href=\"#%s\">%s</a></li>", links[i].id,
				links[i].title);
	}
	put(p, "</ul></nav>\n");
}

static void put_foot(const struct page *p)
{
	char full[TEXT_SMALL];
	uint64_t now;

	put(p, "</main>\n<footer>Written by glasswatch-collector " GLASSWATCH_VERSION);
	if (doc_time(p->doc, "as_of", &now))
		fprintf(p->to, " on %s UTC", text_clock(now, 0, full));
	put(p,
	    ". Names, addresses and texts are as the devices and the wire gave them; what cannot "
	    "be printed is shown as \\xNN.</footer>\n</div>\n</body>\n</html>\n");
}

void report_html(const json_t *doc, FILE *to)
{
	struct page p = { .doc = doc, .to = to };

	doc_time(doc, "began", &p.base);
	put_head(&p);
	put_summary(&p);
	put_nav(&p);
	put_timeline(&p);
	put_devices(&p);
	put_sessions(&p);
	put_untrusted(&p);
	put_moments(&p);
	put_bgp(&p);
	put_alerts(&p);
	put_gaps(&p);
	put_policy(&p);
	put_open(&p);
	put_record(&p);
	put_foot(&p);
}
