/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/rules/silence.h"

#include <stdio.h>
#include <string.h>

#define INTERVAL_MOST 86400.0 /* seconds; one who beats more seldom says nothing by it */
#define DEPTH 3
#define NAME_LEN 160

static uint64_t since(uint64_t then, uint64_t now)
{
	return now > then ? now - then : 0;
}

/* The clock was set back since: what is waited for until then comes too late. What is heard
 * from now on is not ahead. Other collectors' clocks differ by less than slack. */
static bool is_ahead(uint64_t then, uint64_t now, uint64_t slack)
{
	return then > now && then - now > slack;
}

enum silence_change silence_agent(const struct silence_agent *a, uint64_t now_ns,
				  uint64_t listening_ns)
{
	uint64_t limit = SILENCE_BEATS * (a->interval_ns ? a->interval_ns : SILENCE_HEARTBEAT);

	if (a->alarmed) {
		bool heard = a->heard_ns > a->alarm_ns ||
			     (is_ahead(a->alarm_ns, now_ns, limit) && a->heard_ns <= now_ns);

		return !a->running || heard ? SILENCE_CLEAR : SILENCE_NOTHING;
	}
	if (!a->running || !listening_ns || since(listening_ns, now_ns) <= limit)
		return SILENCE_NOTHING;
	return since(a->heard_ns, now_ns) > limit || is_ahead(a->heard_ns, now_ns, limit)
		       ? SILENCE_RAISE
		       : SILENCE_NOTHING;
}

bool silence_gap_due(uint64_t noticed_ns, uint64_t now_ns)
{
	return since(noticed_ns, now_ns) >= SILENCE_GAP;
}

bool silence_growth_due(uint64_t told_ns, uint64_t now_ns)
{
	/* A clock that stepped back must not silence it. */
	return now_ns < told_ns || now_ns - told_ns >= SILENCE_GROWTH;
}

static bool tells_loss(const char *key)
{
	return strncmp(key, "dropped", 7) == 0 || strcmp(key, "table_full") == 0;
}

static void grow(const json_t *before, const json_t *now, const char *path, bool loss, int depth,
		 json_t *out)
{
	char name[NAME_LEN];
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)now, key, value)
	{
		const json_t *old = json_object_get(before, key);
		json_int_t was = json_is_integer(old) ? json_integer_value(old) : 0, is;

		if ((size_t)snprintf(name, sizeof(name), "%s%s%s", path, *path ? "." : "", key) >=
		    sizeof(name))
			continue;
		if (json_is_object(value) && depth < DEPTH)
			grow(old, value, name, loss || tells_loss(key), depth + 1, out);
		if (!json_is_integer(value) || !(loss || tells_loss(key)))
			continue;
		is = json_integer_value(value);
		if (is < was)
			was = 0;
		if (is > was)
			json_object_set_new(out, name, json_integer(is - was));
	}
}

json_t *silence_growth(const json_t *before, const json_t *now)
{
	json_t *out = json_object();

	grow(before, now, "", false, 0, out);
	if (json_object_size(out))
		return out;
	json_decref(out);
	return NULL;
}

uint64_t silence_interval(const json_t *stats)
{
	const json_t *v = json_object_get(json_object_get(stats, "heartbeat"), "interval_s");
	double s = json_is_number(v) ? json_number_value(v) : 0;

	if (!(s > 0) || s > INTERVAL_MOST)
		return 0;
	/* Who says that it beats all the time must not keep us busy with its alarms. */
	return s < 1 ? NS_PER_S : (uint64_t)(s * (double)NS_PER_S);
}
