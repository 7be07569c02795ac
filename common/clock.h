/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CLOCK_H
#define GW_CLOCK_H
/*
 * Time as values. Only main.c of each program asks the system for the time;
 * everything below is handed a struct now, read once per loop turn, or, in a
 * replay, taken from the packet.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define TIME_STRLEN 40
#define DURATION_STRLEN 48

struct now {
	uint64_t mono_ns; /* the capture's clock: CLOCK_MONOTONIC, or the packet's */
	uint64_t real_ns; /* nanoseconds since the epoch, UTC */
};

/* Reads both clocks; for main.c only. */
struct now clock_now(void);

/* RFC 3339 in UTC with nanoseconds: 2026-11-23T01:02:03.123456789Z. */
const char *time_format(uint64_t real_ns, char *buf);

/* RFC 3339 (any offset, optional fraction), or relative to now: "-2h", "-90s",
 * "-3d", "-1h30m", "now". False when it does not parse. */
bool time_parse(const char *text, uint64_t now_real_ns, uint64_t *out);

/* "12.5s", "250ms", "5m", "2h15m", "3d", or plain seconds, into nanoseconds. */
bool duration_parse(const char *text, uint64_t *out_ns);

/* The shortest text that duration_parse() reads back as the same value: "5m",
 * "2h15m", "1s500ms". buf has DURATION_STRLEN bytes. */
const char *duration_format(uint64_t ns, char *buf);

#endif
