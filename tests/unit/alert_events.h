/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_TEST_ALERT_EVENTS_H
#define GW_TEST_ALERT_EVENTS_H
/* Documents as agents send them, for the tests of alerts. Quotes are written ' */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#define DOC_LEN 3000

static inline const char *quoted(char *text)
{
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	return text;
}

static inline const char *document(char buf[DOC_LEN], const char *agent, uint64_t seq,
				   uint64_t time_ns, const char *type, const char *severity,
				   const char *parts)
{
	char time[TIME_STRLEN];

	snprintf(buf, DOC_LEN,
		 "{'v':1,'id':'%s/%d','agent':'%s','seq':%d,'time':'%s','type':'%s',"
		 "'severity':'%s','policy':'9f3c'%s%s}",
		 agent, (int)seq, agent, (int)seq, time_format(time_ns, time), type, severity,
		 parts[0] ? "," : "", parts);
	return quoted(buf);
}

struct a_flow {
	const char *id, *device, *path, *source, *destination, *outcome, *verdict;
	const char *more;      /* parts besides, or NULL */
	const char *more_flow; /* members of flow besides, or NULL */
	const char *more_trust;
	const char *service; /* NULL: ssh */
	uint64_t start_ns;
};

/* Zeroed fields get what is usual. */
static inline const char *flow_parts(char buf[DOC_LEN], const struct a_flow *f, uint64_t time_ns)
{
	char start[TIME_STRLEN], end[TIME_STRLEN], device[200] = "";

	if (!f->device || f->device[0])
		snprintf(device, sizeof(device), "'device':{'name':'%s'},'path':'%s',",
			 f->device ? f->device : "d1", f->path ? f->path : "primary");
	snprintf(buf, DOC_LEN,
		 "%s'service':'%s',"
		 "'source':{'ip':'%s','port':50122,'packets':3,'bytes':300},"
		 "'destination':{'ip':'%s','port':22,'packets':2,'bytes':200},"
		 "'network':{'type':'%s','transport':'tcp','community_id':'1:x','vlan':[],"
		 "'mpls':[],'encapsulation':[]},"
		 "'flow':{'id':'%s','direction':'inbound','start':'%s','end':'%s','duration':1.0,"
		 "'state':'S1','outcome':'%s','initiator':'syn','retransmits':0,'fragments':0,"
		 "'missed_bytes':0%s%s},"
		 "'trust':{'verdict':'%s','list':'trusted_sources'%s%s}%s%s",
		 device, f->service ? f->service : "ssh", f->source ? f->source : "203.0.113.7",
		 f->destination ? f->destination : "192.0.2.1",
		 strchr(f->source ? f->source : "", ':') ? "ipv6" : "ipv4", f->id ? f->id : "f1",
		 time_format(f->start_ns ? f->start_ns : time_ns, start), time_format(time_ns, end),
		 f->outcome ? f->outcome : "attempt", f->more_flow ? "," : "",
		 f->more_flow ? f->more_flow : "", f->verdict ? f->verdict : "untrusted",
		 f->more_trust ? "," : "", f->more_trust ? f->more_trust : "", f->more ? "," : "",
		 f->more ? f->more : "");
	return buf;
}

#endif
