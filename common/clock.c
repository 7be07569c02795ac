/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing times and durations; see clock.h for who may ask. */
#include "common/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The last year whose every nanosecond fits 64 bits. */
#define LAST_YEAR 2553

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	/* largest first: "2h15m" is read and written in this order */
	{ "d", 86400 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
	{ "m", 60 * NS_PER_S },
	{ "s", NS_PER_S },
	{ "ms", NS_PER_MS },
	{ "us", 1000 },
	{ "ns", 1 },
};
#define UNITS (sizeof(units) / sizeof(units[0]))
#define UNIT_SECOND 3

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

struct now clock_now(void)
{
	struct now now = { read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_REALTIME) };

	return now;
}

const char *time_format(uint64_t real_ns, char *buf)
{
	time_t s = (time_t)(real_ns / NS_PER_S);
	struct tm tm;

	gmtime_r(&s, &tm);
	snprintf(buf, TIME_STRLEN, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (unsigned)(real_ns % NS_PER_S));
	return buf;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits at *p; moves past them. */
static bool digits(const char **p, int n, int *out)
{
	int v = 0;

	for (; n > 0; n--, (*p)++) {
		if (!is_digit(**p))
			return false;
		v = v * 10 + (**p - '0');
	}
	*out = v;
	return true;
}

static bool skip(const char **p, const char *any)
{
	if (!**p || !strchr(any, **p))
		return false;
	(*p)++;
	return true;
}

/* Days from 1970-01-01 in the Gregorian calendar: years begin in March, so that
 * the leap day is the last of its year. */
static int64_t days_of(int y, int m, int d)
{
	int64_t year = m > 2 ? y : y - 1;

	return 365 * year + year / 4 - year / 100 + year / 400 + ((m + 9) % 12 * 306 + 5) / 10 +
	       (d - 1) - 719468;
}

static int days_in(int y, int m)
{
	static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0))
		return 29;
	return days[m - 1];
}

/* RFC 3339 5.6. Second 60 is the first of the next minute, as POSIX counts. */
static bool parse_rfc3339(const char *p, uint64_t *out)
{
	int year, month, day, hour, min, sec, off_h = 0, off_m = 0, sign = 0;
	uint64_t frac = 0, scale = NS_PER_S;
	int64_t s;

	if (!digits(&p, 4, &year) || !skip(&p, "-") || !digits(&p, 2, &month) || !skip(&p, "-") ||
	    !digits(&p, 2, &day) || !skip(&p, "Tt ") || !digits(&p, 2, &hour) || !skip(&p, ":") ||
	    !digits(&p, 2, &min) || !skip(&p, ":") || !digits(&p, 2, &sec))
		return false;
	if (skip(&p, ".")) {
		if (!is_digit(*p))
			return false;
		for (; is_digit(*p); p++) {
			scale /= 10; /* 0 after nine digits: the rest is cut */
			frac += (uint64_t)(*p - '0') * scale;
		}
	}
	if (!skip(&p, "Zz")) {
		sign = *p == '-' ? -1 : 1;
		if (!skip(&p, "+-") || !digits(&p, 2, &off_h) || !skip(&p, ":") ||
		    !digits(&p, 2, &off_m) || off_h > 23 || off_m > 59)
			return false;
	}
	if (*p || year < 1970 || year > LAST_YEAR || month < 1 || month > 12 || day < 1 ||
	    day > days_in(year, month) || hour > 23 || min > 59 || sec > 60)
		return false;
	s = days_of(year, month, day) * 86400 + hour * 3600 + min * 60 + sec -
	    sign * (off_h * 3600 + off_m * 60);
	if (s < 0)
		return false;
	*out = (uint64_t)s * NS_PER_S + frac;
	return true;
}

bool time_parse(const char *text, uint64_t now_real_ns, uint64_t *out)
{
	uint64_t ago;

	if (!strcmp(text, "now")) {
		*out = now_real_ns;
		return true;
	}
	if (text[0] != '-')
		return parse_rfc3339(text, out);
	if (!duration_parse(text + 1, &ago) || ago > now_real_ns)
		return false;
	*out = now_real_ns - ago;
	return true;
}

bool duration_parse(const char *text, uint64_t *out_ns)
{
	const char *p = text;
	uint64_t total = 0;
	size_t next = 0; /* units before this one are spent */

	while (*p || p == text) {
		const char *number = p, *dot = NULL;
		uint64_t part = 0, scale;
		size_t len, u;

		while (is_digit(*p) || (*p == '.' && !dot)) {
			if (*p == '.')
				dot = p;
			p++;
		}
		if (!is_digit(*number) || p[-1] == '.')
			return false;
		len = strspn(p, "abcdefghijklmnopqrstuvwxyz");
		if (!len && !*p && number == text) {
			u = UNIT_SECOND; /* a number alone */
		} else {
			for (u = next; u < UNITS; u++)
				if (strlen(units[u].name) == len && !memcmp(units[u].name, p, len))
					break;
			if (u == UNITS)
				return false;
		}
		scale = units[u].ns;
		for (const char *d = number; d < (dot ? dot : p); d++)
			if (__builtin_mul_overflow(part, 10, &part) ||
			    __builtin_add_overflow(part, (uint64_t)(*d - '0'), &part))
				return false;
		if (__builtin_mul_overflow(part, scale, &part))
			return false;
		for (const char *d = dot; d && d + 1 < p; d++) {
			scale /= 10;
			part += (uint64_t)(d[1] - '0') * scale;
		}
		if (__builtin_add_overflow(total, part, &total))
			return false;
		next = u + 1;
		p += len;
	}
	*out_ns = total;
	return true;
}

const char *duration_format(uint64_t ns, char *buf)
{
	size_t n = 0;

	if (!ns)
		return strcpy(buf, "0s");
	for (size_t u = 0; u < UNITS; u++) {
		if (ns >= units[u].ns)
			n += (size_t)sprintf(buf + n, "%llu%s",
					     (unsigned long long)(ns / units[u].ns), units[u].name);
		ns %= units[u].ns;
	}
	return buf;
}
