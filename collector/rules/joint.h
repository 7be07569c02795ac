/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RULES_JOINT_H
#define GW_RULES_JOINT_H
/*
 * Correlation of several devices: which episodes are one incident, and what that says
 * of their management switch. Pure, like incident.h. Devices whose Ma1 stands in one
 * subnet hang off one management switch, or a few; when it dies, all of them lose Ma1,
 * and each is noticed when somebody tries it, which may be much later.
 *
 * An episode is a *loss* when the primary path was seen to fail (not refused: then
 * Ma1 answers). *Answered* is a session to a Ma1 of the subnet that was established, of
 * whichever device, by whomever: then the switch forwards.
 *
 *   an episode that is ...          joins an open incident of its subnet that holds a loss
 *   a loss                          when nobody answered between the two first signs, or
 *                                   they lie within JOINT_TOGETHER of each other
 *   in-band-unexplained             when nobody answered: it is explained by it
 *   in-band-unjustified             never: its Ma1 works
 *   primary-failing, without        as a loss; it becomes an episode by that
 *   anyone on lo6
 *
 * Two devices of a subnet that are primary-failing open one without anyone on lo6, when
 * their first signs lie within JOINT_TOGETHER and nobody answered since: nobody has to try
 * lo6 before a dead switch is told of.
 *
 * Otherwise it is an incident of its own, a failover. The second device makes it a
 * management-switch. An episode that becomes a loss later is asked again, and takes its
 * incident along. An incident closes when all its episodes are closed.
 *
 *   of the switch it is said        and then, when ...
 *   nothing                         two devices are lost and none of the subnet has
 *                                   answered since the first sign: suspected
 *                                   two are lost, and one answered all the same: withdrawn
 *   suspected                       a lost device answers: over, Ma1 comes back
 *                                   another one answers, that had not been lost: withdrawn.
 *                                   Either the switch forwards again, or it was not the
 *                                   switch; who reads it sees when and which device
 *                                   the incident closes: over
 *   over, withdrawn                 stays
 *
 * The first sign is when the first attempt began that was not answered, or was told of,
 * whichever is earlier; clocks of two agents may be JOINT_SKEW apart.
 */
#include <stdbool.h>
#include <stdint.h>

#include "collector/rules/incident.h"
#include "common/clock.h"

#define JOINT_TOGETHER (10 * 60 * NS_PER_S)
#define JOINT_SKEW (1 * NS_PER_S)

/* Two first signs are of one loss, as far as time tells. */
bool joint_together(uint64_t a_ns, uint64_t b_ns);

struct joint_sign {
	uint64_t began_ns; /* first sign */
	bool lost;	   /* it is, or holds, a loss */
	enum incident_path path;
};

/* incident: of the open one; newest_ns: the newest first sign in it. answered_ns: the
 * first answer of the subnet after the earlier of both signs; 0: none. */
bool joint_joins(const struct joint_sign *incident, uint64_t newest_ns,
		 const struct joint_sign *episode, uint64_t answered_ns);

enum joint_word { JOINT_NOTHING, JOINT_SUSPECTED, JOINT_OVER, JOINT_WITHDRAWN, JOINT_NUM_WORDS };

const char *joint_word_name(enum joint_word w); /* "", "suspected", ... */
enum joint_word joint_word_parse(const char *text);

struct joint_facts {
	unsigned lost;	   /* devices that are lost now */
	bool answered;	   /* one of the subnet did since the first sign */
	bool witness_lost; /* it was one of those that had been lost */
	bool closed;	   /* all episodes are */
};

enum joint_word joint_word(enum joint_word now, const struct joint_facts *f);

/* ---- untrusted sources ----------------------------------------------------------- */

/*
 *   it has ...                              worst       severity
 *   tried                                   attempt     notice
 *   a connection                            established warning
 *   logged in (ssh.auth.result success)     logged-in   critical
 *
 * It only grows. The incident takes in every flow of that source that a device's own
 * lists do not permit, in one fabric, but BGP of a neighbor that the device's own
 * configuration names; and floods from its network. It closes JOINT_QUIET after the
 * newest of them, when none is open; what comes then opens another one.
 */
#define JOINT_QUIET (3600 * NS_PER_S)

enum joint_reach { JOINT_ATTEMPT, JOINT_ESTABLISHED, JOINT_LOGGED_IN, JOINT_NUM_REACHES };

const char *joint_reach_name(enum joint_reach r);
enum joint_reach joint_reach_parse(const char *text);
const char *joint_reach_severity(enum joint_reach r);

/* True for a flow that such an incident is made of. */
bool joint_takes_source(const struct event *e);

/* ---- break-glass sessions -------------------------------------------------------- */

/*
 * Was a session over lo6 justified? A drill that covers device and time: "drill". Else by
 * the state of the device while it lasts, or when it begins:
 *
 *   in-band, primary-failing, unreachable   "yes": the primary path had failed
 *   in-band-unjustified                     "no": Ma1 worked
 *   in-band-unexplained, primary, nothing   "unknown"
 *
 * "yes" and "no" stay: what comes later does not change why it began. "unknown" may
 * become either while it lasts.
 */
const char *joint_justified(const char *before, bool drill, const char *state);

#endif
