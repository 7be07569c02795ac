/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/report/axis.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "collector/words/text.h"
#include "common/clock.h"

#define DAY 86400
#define LONGEST (3650ull * DAY * NS_PER_S) /* a document that says more is not believed */

static const uint32_t steps_s[] = { 1,	     2,	      5,	10,	  15,	    30,
				    60,	     120,     300,	600,	  900,	    1800,
				    3600,    7200,    10800,	21600,	  43200,    DAY,
				    2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY };

static void widen(struct axis *a, uint64_t ns)
{
	if (!a->from_ns || ns < a->from_ns)
		a->from_ns = ns;
	if (ns > a->to_ns)
		a->to_ns = ns;
}

static void widen_by(struct axis *a, const json_t *object, const char *key)
{
	uint64_t ns;

	if (doc_time(object, key, &ns))
		widen(a, ns);
}

static void widen_list(struct axis *a, const json_t *list, const char *from, const char *to)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
	{
		widen_by(a, o, from);
		widen_by(a, o, to);
	}
}

/* Somebody is still there. */
static bool lasts(const json_t *doc)
{
	const json_t *o;
	size_t i;

	json_array_foreach(doc_list(doc, "sessions"), i, o) if (doc_flag(o, "open"))
		return true;
	json_array_foreach(doc_list(doc, "untrusted"), i, o) if (doc_count(o, "open"))
		return true;
	return false;
}

struct axis axis_of(const json_t *doc)
{
	struct axis a = { 0 };
	const json_t *devices = doc_list(doc, "devices");
	uint64_t margin;

	widen_by(&a, doc, "began");
	widen_by(&a, doc, "closed");
	widen_by(&a, doc, "last");
	widen_list(&a, devices, "lost", "back");
	widen_list(&a, doc_list(doc, "sessions"), "start", "end");
	widen_list(&a, doc_list(doc, "untrusted"), "first", "last");
	/* An untrusted source may come back for long: shown is what it did, or does. */
	if (doc_is(doc, "status", "open") &&
	    (!doc_is(doc, "kind", "untrusted-source") || lasts(doc)) &&
	    doc_time(doc, "as_of", &a.now_ns))
		widen(&a, a.now_ns);
	if (a.to_ns - a.from_ns > LONGEST)
		a.from_ns = a.to_ns - LONGEST;
	margin = (a.to_ns - a.from_ns) / 20;
	if (margin < 2 * NS_PER_S)
		margin = 2 * NS_PER_S;
	a.from_ns = a.from_ns > margin ? a.from_ns - margin : 0;
	a.to_ns += margin;
	a.step_ns = steps_s[0] * NS_PER_S;
	for (size_t i = 0; i < sizeof(steps_s) / sizeof(steps_s[0]); i++) {
		a.step_ns = steps_s[i] * NS_PER_S;
		if ((a.to_ns - a.from_ns) / a.step_ns < AXIS_TICKS)
			break;
	}
	return a;
}

double axis_place(const struct axis *a, uint64_t ns)
{
	if (ns <= a->from_ns)
		return 0;
	if (ns >= a->to_ns)
		return 1;
	return (double)(ns - a->from_ns) / (double)(a->to_ns - a->from_ns);
}

uint64_t axis_first(const struct axis *a)
{
	return (a->from_ns + a->step_ns - 1) / a->step_ns * a->step_ns;
}

const char *axis_label(const struct axis *a, uint64_t ns, char buf[16])
{
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t t = (time_t)(ns / NS_PER_S);
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	/* Midnight is the day that begins. */
	if (a->step_ns >= DAY * NS_PER_S || ns / NS_PER_S % DAY == 0)
		snprintf(buf, 16, "%d %s", tm.tm_mday, months[tm.tm_mon % 12]);
	else
		strftime(buf, 16, a->step_ns < 60 * NS_PER_S ? "%H:%M:%S" : "%H:%M", &tm);
	return buf;
}
