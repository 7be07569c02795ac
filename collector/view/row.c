/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/view/row.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/base/output.h"
#include "common/clock.h"

/* ---- a document's life ------------------------------------------------------- */

uint64_t view_moment(const struct view_args *a)
{
	return a->at_ns ? a->at_ns : a->now_ns;
}

uint64_t view_limit(const struct view_args *a)
{
	if (!a->limit)
		return VIEW_LIMIT;
	return a->limit < VIEW_MAX_LIMIT ? a->limit : VIEW_MAX_LIMIT;
}

int view_newest(struct store *s, uint64_t *n, uint64_t *stored_ns)
{
	return store_list_newest(s, n, stored_ns);
}

json_t *view_begin(struct store *s, const struct view_args *a)
{
	uint64_t n = 0, stored = 0;
	json_t *doc;

	if (store_snapshot(s))
		return NULL;
	if (store_list_newest(s, &n, &stored)) {
		store_rollback(s);
		return NULL;
	}
	doc = json_object();
	row_time(doc, "as_of", view_moment(a));
	row_count(doc, "cursor", n);
	return doc;
}

json_t *view_end(struct store *s, json_t *doc, int rc)
{
	store_rollback(s);
	if (rc >= 0)
		return doc;
	json_decref(doc);
	return NULL;
}

const char *view_place_format(const struct view_place *p, char buf[VIEW_PLACE_LEN])
{
	snprintf(buf, VIEW_PLACE_LEN, "%" PRIu64 ".%" PRIu64, p->time_ns, p->n);
	return buf;
}

bool view_place_parse(const char *text, struct view_place *out)
{
	uint64_t part[2] = { 0, 0 };
	unsigned digits = 0, i = 0;

	for (; *text; text++) {
		if (*text == '.' && i == 0 && digits) {
			i = 1;
			digits = 0;
			continue;
		}
		if (*text < '0' || *text > '9' || digits++ >= 19)
			return false;
		part[i] = part[i] * 10 + (uint64_t)(*text - '0');
	}
	if (i != 1 || !digits || part[0] > INT64_MAX || part[1] > INT64_MAX || !part[1])
		return false;
	*out = (struct view_place){ part[0], part[1] };
	return true;
}

/* ---- fields ------------------------------------------------------------------ */

void row_text(json_t *o, const char *key, const char *text)
{
	if (text)
		json_object_set_new(o, key, json_string(text));
}

void row_time(json_t *o, const char *key, uint64_t ns)
{
	char text[TIME_STRLEN];

	if (ns)
		json_object_set_new(o, key, json_string(time_format(ns, text)));
}

void row_count(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

void row_flag(json_t *o, const char *key, bool yes)
{
	json_object_set_new(o, key, json_boolean(yes));
}

void row_seconds(json_t *o, const char *key, double s)
{
	if (s >= 0)
		json_object_set_new(o, key, json_real((double)(uint64_t)(s * 1000 + 0.5) / 1000));
}

void row_once(json_t *list, const char *text, size_t most)
{
	json_t *item;
	size_t i;

	if (!text || json_array_size(list) >= most)
		return;
	json_array_foreach(list, i, item) if (strcmp(json_string_value(item), text) == 0) return;
	json_array_append_new(list, json_string(text));
}

/* ---- words ------------------------------------------------------------------- */

void say(struct say *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->text + w->len, sizeof(w->text) - w->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		w->len += (size_t)n < sizeof(w->text) - w->len ? (size_t)n
							       : sizeof(w->text) - w->len - 1;
}

void say_clean(struct say *w, const char *text)
{
	char clean[128];

	say(w, "%s", output_clean(text, clean, sizeof(clean)));
}

void say_names(struct say *w, const json_t *names, size_t most)
{
	size_t n = json_array_size(names), shown = n > most ? most - 1 : n;

	if (n > most && shown == 0)
		shown = 1;
	for (size_t i = 0; i < shown; i++) {
		if (i)
			say(w, i + 1 == n ? " and " : ", ");
		say_clean(w, json_string_value(json_array_get(names, i)));
	}
	if (shown < n)
		say(w, " and %zu more", n - shown);
}

void say_lasting(struct say *w, double seconds)
{
	uint64_t s = (uint64_t)(seconds + 0.5), m = (s + 30) / 60;

	if (seconds < 0)
		return;
	if (s < 90)
		say(w, "%" PRIu64 " s", s);
	else if (m < 90)
		say(w, "%" PRIu64 " min", m);
	else if (m < 48 * 60 && m % 60)
		say(w, "%" PRIu64 " h %" PRIu64 " min", m / 60, m % 60);
	else if (m < 48 * 60)
		say(w, "%" PRIu64 " h", m / 60);
	else if (m / 60 % 24)
		say(w, "%" PRIu64 " d %" PRIu64 " h", m / 1440, m / 60 % 24);
	else
		say(w, "%" PRIu64 " d", m / 1440);
}

void say_clock(struct say *w, uint64_t ns, uint64_t now_ns)
{
	char then[TIME_STRLEN], now[TIME_STRLEN];

	time_format(ns, then);
	time_format(now_ns, now);
	if (strncmp(then, now, 10) != 0)
		say(w, "%.10s ", then);
	say(w, "%.5s UTC", then + 11);
}

void say_number(struct say *w, uint64_t n, const char *one, const char *many)
{
	say(w, "%" PRIu64 " %s", n, n == 1 ? one : many);
}

static const char *who_of(const struct store_flow *f)
{
	return f->user ? f->user : f->source ? f->source : "somebody";
}

const char *view_flow_words(const struct store_list_flow *row, uint64_t now_ns, struct say *w)
{
	const struct store_flow *f = &row->f;
	const char *to = f->device	  ? f->device
			 : f->destination ? f->destination
					  : "an address in no configuration";
	const char *outcome = f->outcome ? f->outcome : "";
	bool ssh = f->service && strcmp(f->service, "ssh") == 0;

	*w = (struct say){ 0 };
	say_clean(w, who_of(f));
	if (!f->established) {
		say(w, f->open ? " is trying " : " tried ");
		say_clean(w, to);
		if (f->path)
			say(w, " over %s", words_interface(f->path));
		if (strcmp(outcome, "refused") == 0)
			say(w, " and was refused");
		else if (strcmp(outcome, "unreachable") == 0)
			say(w, "; it was unreachable, says an ICMP error");
		else if (strcmp(outcome, "unanswered") == 0)
			say(w, "; nothing answered");
		say(w, ".");
		return w->text;
	}
	if (ssh)
		say(w, f->open ? " is on " : " was on ");
	else
		say(w, f->open ? " has a %s session with " : " had a %s session with ",
		    f->service && strcmp(f->service, "bgp") == 0 ? "BGP" : "TCP");
	say_clean(w, to);
	if (f->path)
		say(w, " over %s", words_interface(f->path));
	if (!f->open && f->end_ns > f->start_ns) {
		say(w, " for ");
		say_lasting(w, (double)(f->end_ns - f->start_ns) / (double)NS_PER_S);
	} else if (f->open && now_ns > f->start_ns) {
		say(w, ", since ");
		say_clock(w, f->start_ns, now_ns);
	}
	say(w, ".");
	return w->text;
}

/* ---- rows -------------------------------------------------------------------- */

static json_t *end_row(const char *ip, uint64_t port, uint64_t packets, uint64_t bytes)
{
	json_t *o = json_object();

	row_text(o, "ip", ip);
	row_count(o, "port", port);
	row_count(o, "packets", packets);
	row_count(o, "bytes", bytes);
	return o;
}

static json_t *trust_row(const struct store_flow *f)
{
	json_t *o = json_object();

	row_text(o, "verdict", f->verdict);
	row_text(o, "list", f->list);
	if (f->rule >= 0)
		row_count(o, "seq", (uint64_t)f->rule);
	row_text(o, "prefix", f->prefix);
	return o;
}

json_t *view_flow_row(const struct store_list_flow *row, uint64_t now_ns)
{
	const struct store_flow *f = &row->f;
	json_t *o = json_object();
	uint64_t end = f->open ? now_ns : f->end_ns;
	struct say w;

	row_count(o, "id", f->n);
	row_time(o, "start", f->start_ns);
	row_time(o, "end", f->end_ns);
	row_seconds(o, "duration_s",
		    end > f->start_ns ? (double)(end - f->start_ns) / (double)NS_PER_S : 0);
	row_flag(o, "open", f->open);
	row_flag(o, "established", f->established);
	row_text(o, "device", f->device);
	row_text(o, "role", f->role);
	row_text(o, "path", f->path);
	row_text(o, "service", f->service);
	row_text(o, "direction", f->outbound ? "outbound" : "inbound");
	row_text(o, "user", f->user);
	if (f->source)
		json_object_set_new(o, "source",
				    end_row(f->source, f->source_port, f->source_packets,
					    f->source_bytes));
	if (f->destination)
		json_object_set_new(o, "destination",
				    end_row(f->destination, f->destination_port,
					    f->destination_packets, f->destination_bytes));
	if (f->verdict)
		json_object_set_new(o, "trust", trust_row(f));
	row_text(o, "state", f->state);
	row_text(o, "outcome", f->outcome);
	row_text(o, "login", row->login);
	row_text(o, "justified", row->justified);
	row_text(o, "community_id", f->community_id);
	row_text(o, "agent", f->agent);
	row_text(o, "flow", f->flow);
	row_text(o, "words", view_flow_words(row, now_ns, &w));
	return o;
}

json_t *view_event_row(const struct store_event *e)
{
	char words[WORDS_LEN], err[128];
	json_t *o = json_object(), *doc;
	struct event decoded;

	row_count(o, "n", e->n);
	row_time(o, "stored", e->stored_ns);
	if (event_decode(e->json, strlen(e->json), &decoded, err, sizeof(err)) == 0) {
		row_text(o, "words", words_event(&decoded, words));
		doc = json_incref(decoded.doc);
		event_clear(&decoded);
	} else {
		doc = json_loads(e->json, 0, NULL);
	}
	if (doc)
		json_object_set_new(o, "event", doc);
	return o;
}

enum event_severity view_severity(const char *text)
{
	for (int i = SEVERITY_INFO; text && i < SEVERITY_NUM; i++)
		if (strcmp(text, event_severity_name((enum event_severity)i)) == 0)
			return (enum event_severity)i;
	return SEVERITY_INFO;
}

void view_list(const struct view_args *a, struct store_list *l)
{
	*l = (struct store_list){ .since_ns = a->since_ns,
				  .until_ns = a->until_ns,
				  .device = a->device,
				  .agent = a->agent,
				  .type = a->type,
				  .path = a->path,
				  .service = a->service,
				  .verdict = a->verdict,
				  .outcome = a->outcome,
				  .justified = a->justified,
				  .severity = view_severity(a->severity),
				  .login = a->login,
				  .user = a->user,
				  .has_source = a->has_source,
				  .source = a->source,
				  .incident = a->incident,
				  .place_ns = a->after.time_ns,
				  .place_n = a->after.n,
				  .is_open = a->state && strcmp(a->state, "open") == 0,
				  .is_closed = a->state && strcmp(a->state, "closed") == 0,
				  .limit = view_limit(a) };
}
