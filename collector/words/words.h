/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_WORDS_WORDS_H
#define GW_WORDS_WORDS_H
/*
 * What is said to people, said in one place: tables, timelines and whatever reads
 * the store later speak the same sentences. Text from the wire is cleaned.
 */
#include <stddef.h>

#include "collector/store/incident.h"
#include "collector/store/store.h"
#include "common/event.h"

#define WORDS_LEN 600

/* "Ma1 did not answer" for the reason primary-unanswered; else the word itself. */
const char *words_reason(const char *reason);

/* One line about an event, without its time, type and device. */
const char *words_event(const struct event *e, char buf[WORDS_LEN]);

/* The same of a device that is back though no agent says so: Ma1 answers. */
const char *words_back(const char *from, char buf[WORDS_LEN]);

/* "ssh from 10.20.0.5:50122 over in-band": who is meant by a flow. */
const char *words_flow(const struct store_flow *f, char buf[WORDS_LEN]);

/* "trusted by trusted_sources seq 10 (10.20.0.0/16)". */
const char *words_trust(const struct store_flow *f, char buf[WORDS_LEN]);

/* "Ma1" for primary, "lo6" for in-band. */
const char *words_interface(const char *path);

/* What an incident was, in one sentence. */
const char *words_incident(const struct store_incident *i, char buf[WORDS_LEN]);

/* Why the incident of an untrusted source closes. */
const char *words_quiet(const struct store_incident *i, char buf[WORDS_LEN]);

/* "lost", "moved", "primary", "unknown": store_member as a word. */
const char *words_how(enum store_member how);

/* How a device stands in a failover or management-switch, without its name. */
const char *words_member(const struct store_incident_device *d, char buf[WORDS_LEN]);

#endif
