/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_INCIDENT_H
#define GW_VIEW_INCIDENT_H
/*
 * The document of one incident: what the API's GET /incidents/{id}, the page and the
 * command `report` show. See view.h for what all documents have in common.
 *
 *	id, kind, subject, fabric, switch, status (open, closed), severity, worst, reason,
 *	closed_by, began, opened, closed, last, outage_s, as_of, cursor; joined: it is part
 *	of that one, whose document this is
 *	suspicion, suspected, answered, witness	of a management switch (rules/joint.h)
 *	drill		who, why, since, until: the one that covers it
 *	title, words[3], figures[7]{key, value, label, tone}
 *	devices[]	name, role, ma1[], lo6[], how (lost, moved, reached), worst, state,
 *			reason, evidence (a sentence), event, lost, back, lost_s, first_lo6,
 *			neither, sessions, spans[]{state, lost, first, from, to},
 *			moves[]{what (failover, failback), time}
 *	unaffected[]	name, role, how (primary, unknown): others of its subnet
 *	others[]	names of devices that lost Ma1 in the same time and are not part of it
 *	subnet		prefix, devices: those that hang off it, without the switch
 *	devices_known	of the fabric, without management switches
 *	sessions[]	break-glass: id, agent, start, end, open, duration_s, user, actor, came,
 *			source, source_port, device, address, trust{verdict, list, seq, prefix,
 *			rule}, login{result, attempts, confidence, basis, text},
 *			justified{answer, why}, source_bytes, destination_bytes, missed_bytes,
 *			client
 *	untrusted[]	one source at one device: source, device, path, address, service, first,
 *			last, attempts, established, logged_in, outcome, list, decided, incident,
 *			walk[] (trust.h), implicit, would_trust[]
 *	bgp[]		time, device, state, text, event
 *	alerts[]	time, name, severity, device, source, text, end, id
 *	still_open[]	alerts that are, of its devices: since, name, severity, device, text
 *	gaps[]		what we could not see: kind, agent, from, to, seconds, text; unseen_s:
 *			the time that they cover together. kind `always`: so in every incident
 *	policy		generations[]{generation, since, agents[]},
 *			changes[]{time, agent, generation, text, event}
 *	record		events, flows, agents[], places, hash, anchor{number, place, hash, time}
 *	timeline[]	time, last, count, what, tone, device, text, id (moments.h)
 *	changes[]	t, device, path, open: from then on the device is in this state, and so
 *			many sessions over lo6 are open; all that a scrubber needs
 *
 * Lists are bounded; X_left_out says how many rows of X there are beyond.
 */
#include "collector/view/view.h"

json_t *view_incident(struct store *s, const struct view_args *a, uint64_t id);

#endif
