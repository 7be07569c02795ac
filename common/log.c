/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on stderr: one line, one write(), nothing that moves a cursor. */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LEN 2048 /* text longer than this is cut, with "..." */

static const char *program = "glasswatch";
static enum log_level threshold = LOG_LEVEL_INFO;

void log_program(const char *name)
{
	program = name;
}

void log_threshold(enum log_level most)
{
	threshold = most;
}

/* Length of the printable UTF-8 sequence at p, 0 when it is not one: control
 * characters (C0, DEL, and C1 at U+0080..U+009F), strays, overlong forms,
 * surrogates. Strict, because a terminal may be lax. */
static size_t printable(const unsigned char *p)
{
	size_t n;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) ||
	    (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void emit(const char *fmt, va_list args)
{
	char text[LINE_MAX_LEN] = "", line[LINE_MAX_LEN * 4 + 128];
	const unsigned char *p = (const unsigned char *)text;
	size_t n, step;
	int len, at;

	len = vsnprintf(text, sizeof(text), fmt, args);
	if (len < 0)
		snprintf(text, sizeof(text), "unprintable message: %s", fmt);
	else if ((size_t)len >= sizeof(text))
		strcpy(text + sizeof(text) - 4, "...");

	at = snprintf(line, 100, "%s: ", program);
	n = (size_t)(at < 100 ? at : 99);
	while (*p) {
		step = printable(p);
		if (step) {
			memcpy(line + n, p, step);
			n += step;
			p += step;
		} else {
			n += (size_t)sprintf(line + n, "\\x%02x", *p++);
		}
	}
	line[n++] = '\n';
	/* Nowhere to report a failure to report to. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

#define LOG_FUNCTION(name, level)                                                                  \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list args;                                                                      \
                                                                                                   \
		if (level > threshold)                                                             \
			return;                                                                    \
		va_start(args, fmt);                                                               \
		emit(fmt, args);                                                                   \
		va_end(args);                                                                      \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit(fmt, args);
	va_end(args);
	/* Not exit(): what callers had allocated is the system's to take back, and a
	 * leak checker that runs at exit would change the status. */
	fflush(NULL);
	_exit(2);
}
