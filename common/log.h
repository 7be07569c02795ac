/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_LOG_H
#define GW_LOG_H
/*
 * One line per message on stderr: "glasswatch-agent: text". Nothing else in
 * the programs writes to stderr. Control characters in the text are escaped, so
 * a string from the wire cannot draw on a terminal.
 */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_program(const char *name); /* borrowed; set once by main() */
void log_threshold(enum log_level most);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same, then exit(2): bad usage or input, before the main loop runs. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
