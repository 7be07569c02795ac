/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/words/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/base/output.h"
#include "common/clock.h"

/* ---- reading --------------------------------------------------------------- */

const char *doc_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

uint64_t doc_count(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

bool doc_number(const json_t *object, const char *key, double *out)
{
	const json_t *v = json_object_get(object, key);

	if (!json_is_number(v))
		return false;
	*out = json_number_value(v);
	return true;
}

bool doc_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

bool doc_time(const json_t *object, const char *key, uint64_t *ns)
{
	const char *text = doc_text(object, key);

	/* time_parse() also knows "now" and "-2h", which no document says. */
	return text[0] >= '0' && text[0] <= '9' && time_parse(text, 0, ns) && *ns <= INT64_MAX;
}

bool doc_is(const json_t *object, const char *key, const char *word)
{
	return strcmp(doc_text(object, key), word) == 0;
}

json_t *doc_list(const json_t *object, const char *key)
{
	json_t *list = json_object_get(object, key);

	return json_is_array(list) ? list : NULL;
}

/* ---- times and numbers ----------------------------------------------------- */

const char *text_duration(double seconds, char buf[TEXT_SMALL])
{
	uint64_t s;

	if (!(seconds >= 0))
		seconds = 0;
	if (seconds > 1e9)
		seconds = 1e9;
	s = (uint64_t)(seconds + 0.5);
	if (seconds < 9.95 && seconds - (double)(uint64_t)seconds >= 0.05)
		snprintf(buf, TEXT_SMALL, "%.1f s", seconds);
	else if (s < 60)
		snprintf(buf, TEXT_SMALL, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(buf, TEXT_SMALL, "%" PRIu64 " min %02" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, TEXT_SMALL, "%" PRIu64 " h %02" PRIu64 " min", s / 3600, s / 60 % 60);
	else
		snprintf(buf, TEXT_SMALL, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
	return buf;
}

static struct tm broken_down(uint64_t ns)
{
	time_t t = (time_t)(ns / NS_PER_S);
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	return tm;
}

const char *text_clock(uint64_t ns, uint64_t base_ns, char buf[TEXT_SMALL])
{
	bool same = ns / NS_PER_S / 86400 == base_ns / NS_PER_S / 86400;
	struct tm tm = broken_down(ns);

	strftime(buf, TEXT_SMALL, same ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	return buf;
}

const char *text_minute(uint64_t ns, char buf[TEXT_SMALL])
{
	struct tm tm = broken_down(ns);

	strftime(buf, TEXT_SMALL, "%H:%M", &tm);
	return buf;
}

const char *text_day(uint64_t ns, char buf[TEXT_SMALL])
{
	/* Not %B: a report reads the same under every locale. */
	static const char *const months[] = { "January",   "February", "March",	   "April",
					      "May",	   "June",     "July",	   "August",
					      "September", "October",  "November", "December" };
	struct tm tm = broken_down(ns);

	snprintf(buf, TEXT_SMALL, "%d %s %d", tm.tm_mday, months[tm.tm_mon % 12],
		 tm.tm_year + 1900);
	return buf;
}

const char *text_digits(uint64_t n, char buf[TEXT_SMALL])
{
	char plain[24];
	size_t len = (size_t)snprintf(plain, sizeof(plain), "%" PRIu64, n), at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = plain[i];
	}
	buf[at] = '\0';
	return buf;
}

const char *text_number(uint64_t n, char buf[TEXT_SMALL])
{
	static const char *const words[] = { "none", "one",    "two",	"three", "four",
					     "five", "six",    "seven", "eight", "nine",
					     "ten",  "eleven", "twelve" };

	if (n > 12)
		return text_digits(n, buf);
	snprintf(buf, TEXT_SMALL, "%s", words[n]);
	return buf;
}

const char *text_many(uint64_t n, const char *noun, char buf[TEXT_SMALL])
{
	char number[TEXT_SMALL];

	snprintf(buf, TEXT_SMALL, "%s %s%s", n ? text_number(n, number) : "no", noun,
		 n == 1 ? "" : "s");
	return buf;
}

/* ---- text from the wire ---------------------------------------------------- */

char *text_shown(const char *text, size_t characters)
{
	/* Each byte may become four; and the sign that more was there. */
	size_t size = 4 * strlen(text) + 4, n = 0;
	char *buf = malloc(size);

	if (!buf)
		return NULL;
	output_clean(text, buf, size);
	for (char *p = buf; characters && *p; p++) {
		if (((unsigned char)*p & 0xc0) == 0x80 || n++ < characters)
			continue;
		memcpy(p, "\xe2\x80\xa6", 4); /* three dots in one character */
		break;
	}
	return buf;
}

/* ---- words ----------------------------------------------------------------- */

const char *text_state(const char *state)
{
	static const char *const known[][2] = {
		{ "primary", "on Ma1" },
		{ "primary-failing", "Ma1 lost" },
		{ "in-band", "on lo6" },
		{ "in-band-unexplained", "on lo6, unexplained" },
		{ "in-band-unjustified", "on lo6, not justified" },
		{ "unreachable", "on neither path" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i][0], state) == 0)
			return known[i][1];
	return state;
}

const char *text_role(const char *role)
{
	static const char *const known[][2] = {
		{ "ce", "CE" },
		{ "tor", "ToR" },
		{ "pe", "PE" },
		{ "npb", "NPB" },
		{ "mgmt-switch", "management switch" },
		{ "terminal-server", "terminal server" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i][0], role) == 0)
			return known[i][1];
	return role;
}
