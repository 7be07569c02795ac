/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_METRICS_H
#define GW_VIEW_METRICS_H
/*
 * The page /metrics: what the process counts (base/metrics.h), and what is read of the
 * store at the moment of the question: the record, what is open, and each agent's
 * newest agent.stats. docs/metrics.md lists them.
 *
 * The store is asked for small things only: one row for each agent, what is open,
 * newest rows; never the record itself. All of it is of one moment, so that an
 * agent's generated = acknowledged + waiting + dropped holds in what is shown.
 */
#include <stdbool.h>
#include <stdint.h>

#include "collector/base/metrics.h"

struct store;

#define METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_OPEN_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Prometheus' text format 0.0.4 (METRICS_TEXT_TYPE). The caller frees; NULL: no
 * memory. reader: a STORE_READ connection of the calling thread, not in a snapshot;
 * NULL, or one that fails: what comes of it is left out and glasswatch_store_readable
 * is 0. m NULL: what the process counts is left out. */
char *metrics_text(struct store *reader, const struct metrics *m, uint64_t now_ns);

/* The same as OpenMetrics 1.0 (METRICS_OPEN_TYPE), for whom asks for that. */
char *metrics_open_text(struct store *reader, const struct metrics *m, uint64_t now_ns);

/* All metrics in the order of the page: those of the process, then the store's and
 * the agents'. NULL past the last one. */
const struct metrics_family *metrics_text_family(unsigned i);

#endif
