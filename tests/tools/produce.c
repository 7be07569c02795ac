/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent that has nothing to watch: makes flow events at a steady pace and
 * passes them through the real outbox and publisher.
 *
 *	produce REDIS-URL OUTBOX AGENT TOTAL PER-TURN
 *
 * Each 2 ms it makes PER-TURN events, until the outbox has numbered TOTAL over all
 * runs; so it may be killed and started again. Then it waits until all are
 * delivered, a minute at most, and prints the outbox's counters as JSON. Exit
 * status 1 when some still wait.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "agent/outbox.h"
#include "agent/publish.h"
#include "common/clock.h"
#include "common/event.h"
#include "common/log.h"
#include "common/redis.h"

#define TURN_US 2000
#define DRAIN_MS 60000

struct producer {
	struct event_base *base;
	struct sink *sink;
	uint64_t total;
	unsigned per_turn;
};

static void make_event(struct producer *p, uint64_t number)
{
	struct event e = { .type = EVENT_FLOW_END,
			   .severity = SEVERITY_INFO,
			   .time_ns = clock_now().real_ns,
			   .service = GW_SERVICE_SSH,
			   .device = "net1-CE1",
			   .role = "ce",
			   .path = GW_PATH_PRIMARY,
			   .has_ends = true,
			   .has_flow = true };
	char id[32];

	snprintf(id, sizeof(id), "flow-%llu", (unsigned long long)number);
	addr_parse("192.0.2.1", &e.source.ip);
	addr_parse("192.0.2.2", &e.destination.ip);
	e.source.port = (uint16_t)(1024 + number % 60000);
	e.destination.port = 22;
	e.flow.id = id;
	e.flow.start_ns = e.flow.end_ns = e.time_ns;
	e.flow.state = "S0";
	e.flow.outcome = "unanswered";
	e.flow.initiator = GW_BASIS_SYN;
	e.flow.handshake_ms = -1;
	if (p->sink->ops->push(p->sink, &e))
		die("no memory for an event");
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct producer *p = arg;
	struct outbox_counters c;

	p->sink->ops->counters(p->sink, &c);
	for (unsigned i = 0; i < p->per_turn && c.generated < p->total; i++)
		make_event(p, ++c.generated);
	p->sink->ops->commit(p->sink);
	if (c.generated == p->total)
		event_base_loopbreak(p->base);
}

int main(int argc, char **argv)
{
	struct timeval pace = { 0, TURN_US };
	struct producer p = { 0 };
	struct outbox_counters c;
	struct redis_url url;
	struct outbox *outbox;
	struct event *turn;
	char err[500], *text;
	json_t *counters;

	log_program("produce");
	if (argc != 6)
		die("usage: produce REDIS-URL OUTBOX AGENT TOTAL PER-TURN");
	p.total = strtoull(argv[4], NULL, 10);
	p.per_turn = (unsigned)strtoul(argv[5], NULL, 10);
	if (redis_url_parse(argv[1], &url, err, sizeof(err)))
		die("%s", err);
	outbox = outbox_open(argv[2], argv[3], 0, err, sizeof(err));
	if (!outbox)
		die("%s", err);
	p.base = event_base_new();
	p.sink = publish_to_redis(p.base, outbox, &url, PUBLISH_STREAM, err, sizeof(err));
	redis_url_clear(&url);
	if (!p.sink)
		die("%s", err);
	turn = event_new(p.base, -1, EV_PERSIST, on_turn, &p);
	event_add(turn, &pace);
	event_base_dispatch(p.base);
	event_free(turn);
	p.sink->ops->drain(p.sink, DRAIN_MS);
	p.sink->ops->counters(p.sink, &c);
	counters = outbox_counters_json(&c);
	text = json_dumps(counters, JSON_COMPACT);
	puts(text);
	free(text);
	json_decref(counters);
	p.sink->ops->close(p.sink);
	event_base_free(p.base);
	return c.waiting ? 1 : 0;
}
