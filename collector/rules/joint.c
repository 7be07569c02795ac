/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of joint.h. */
#include "collector/rules/joint.h"

#include <string.h>

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

bool joint_together(uint64_t a_ns, uint64_t b_ns)
{
	return apart(a_ns, b_ns) <= JOINT_TOGETHER;
}

bool joint_joins(const struct joint_sign *incident, uint64_t newest_ns,
		 const struct joint_sign *episode, uint64_t answered_ns)
{
	uint64_t later = episode->began_ns > incident->began_ns ? episode->began_ns
								: incident->began_ns;
	bool between = answered_ns && answered_ns < later;

	if (!incident->lost)
		return false;
	if (episode->lost)
		return !between || joint_together(episode->began_ns, newest_ns) ||
		       joint_together(episode->began_ns, incident->began_ns);
	return episode->path == INCIDENT_UNEXPLAINED && !answered_ns;
}

static const char *const word_names[] = {
	[JOINT_NOTHING] = "",
	[JOINT_SUSPECTED] = "suspected",
	[JOINT_OVER] = "over",
	[JOINT_WITHDRAWN] = "withdrawn",
};
_Static_assert(sizeof(word_names) / sizeof(word_names[0]) == JOINT_NUM_WORDS, "one name each");

const char *joint_word_name(enum joint_word w)
{
	return word_names[w];
}

enum joint_word joint_word_parse(const char *text)
{
	for (int i = JOINT_NUM_WORDS - 1; text && i > 0; i--)
		if (strcmp(text, word_names[i]) == 0)
			return (enum joint_word)i;
	return JOINT_NOTHING;
}

enum joint_word joint_word(enum joint_word now, const struct joint_facts *f)
{
	switch (now) {
	case JOINT_NOTHING:
		if (f->lost < 2)
			return JOINT_NOTHING;
		return f->answered ? JOINT_WITHDRAWN : JOINT_SUSPECTED;
	case JOINT_SUSPECTED:
		if (f->answered)
			return f->witness_lost ? JOINT_OVER : JOINT_WITHDRAWN;
		return f->closed ? JOINT_OVER : JOINT_SUSPECTED;
	default:
		return now;
	}
}

/* ---- untrusted sources ----------------------------------------------------------- */

static const char *const reach_names[] = {
	[JOINT_ATTEMPT] = "attempt",
	[JOINT_ESTABLISHED] = "established",
	[JOINT_LOGGED_IN] = "logged-in",
};
_Static_assert(sizeof(reach_names) / sizeof(reach_names[0]) == JOINT_NUM_REACHES, "one name each");

static const enum event_severity reach_severities[] = {
	[JOINT_ATTEMPT] = SEVERITY_NOTICE,
	[JOINT_ESTABLISHED] = SEVERITY_WARNING,
	[JOINT_LOGGED_IN] = SEVERITY_CRITICAL,
};
_Static_assert(sizeof(reach_severities) / sizeof(reach_severities[0]) == JOINT_NUM_REACHES,
	       "one severity each");

const char *joint_reach_name(enum joint_reach r)
{
	return reach_names[r];
}

enum joint_reach joint_reach_parse(const char *text)
{
	for (int i = JOINT_NUM_REACHES - 1; text && i > 0; i--)
		if (strcmp(text, reach_names[i]) == 0)
			return (enum joint_reach)i;
	return JOINT_ATTEMPT;
}

const char *joint_reach_severity(enum joint_reach r)
{
	return event_severity_name(reach_severities[r]);
}

bool joint_takes_source(const struct event *e)
{
	return e->has_flow && e->device && !e->flow.outbound && e->has_ends &&
	       e->source.ip.family && e->has_trust && e->trust.verdict == GW_VERDICT_UNTRUSTED &&
	       !(e->service == GW_SERVICE_BGP && e->trust.neighbor);
}

/* ---- break-glass sessions -------------------------------------------------------- */

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

const char *joint_justified(const char *before, bool drill, const char *state)
{
	enum incident_path path = INCIDENT_PRIMARY;

	if (drill)
		return "drill";
	if (is(before, "yes") || is(before, "no"))
		return before;
	incident_path_parse(state, &path);
	if (path == INCIDENT_INBAND || path == INCIDENT_FAILING || path == INCIDENT_UNREACHABLE)
		return "yes";
	return path == INCIDENT_UNJUSTIFIED ? "no" : "unknown";
}
