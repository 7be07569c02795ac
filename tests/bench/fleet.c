/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/fleet.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/community_id.h"
#include "common/event.h"

#define SLOTS 4096 /* flows that are open at a time */
#define OPERATORS 400
#define STRANGERS 50000

static const char client_hassh[] =
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
	"ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,"
	"diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,ext-info-c;"
	"chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,"
	"aes256-gcm@openssh.com;umac-64-etm@openssh.com,umac-128-etm@openssh.com,"
	"hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,"
	"umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1;"
	"none,zlib@openssh.com,zlib";
static const char server_hassh[] =
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
	"ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,"
	"diffie-hellman-group18-sha512,diffie-hellman-group14-sha256;chacha20-poly1305@openssh.com,"
	"aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com;"
	"umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,"
	"hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com;none,zlib@openssh.com";
static const char *const users[] = { "alice", "bob", "carol", "dave", "erin", "frank", "grace" };
static const uint8_t capabilities[] = { 1, 2, 64, 65, 69, 70, 73 };

enum kind { FREE, SSH, STRANGER, BGP };

struct slot {
	enum kind kind;
	unsigned step;
	unsigned site, device, source;
	bool in_band;
	uint64_t number, start_ns;
	uint16_t port;
	uint64_t packets;
};

struct fleet {
	uint64_t random, now_ns, gap_ns, made, flows;
	unsigned sites, begun; /* events of the beginning that are made */
	uint64_t *seq;	       /* of each site's agent */
	unsigned char *path;   /* of each device: its place in `changes` */
	json_t *stats, *fabric;
	struct slot slots[SLOTS];
	char *text;
	size_t size;
};

/* splitmix64: small, and the same everywhere */
static uint64_t draw(struct fleet *f)
{
	uint64_t x = f->random += 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static unsigned pick(struct fleet *f, unsigned n)
{
	return (unsigned)(draw(f) % n);
}

/* ---- names and addresses --------------------------------------------------- */

const char *fleet_device(const struct fleet *f, unsigned site, unsigned device, char *buf)
{
	snprintf(buf, 64, "fab%03u-%s%u", site % f->sites, device < 2 ? "CE" : "TOR", device);
	return buf;
}

static struct addr v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return (struct addr){ .family = 4,
			      .bytes = { (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d } };
}

static struct addr operator_addr(unsigned n)
{
	return v4(10, 20, n / 250, 1 + n % 250);
}

static struct addr stranger_addr(unsigned n)
{
	return v4(203, n >> 16, n >> 8, n);
}

static struct addr device_addr(unsigned site, unsigned device, bool in_band)
{
	return v4(in_band ? 11 : 12, site >> 8, site, 10 + device);
}

const char *fleet_source(const struct fleet *f, char *buf)
{
	struct addr a = operator_addr(0);

	return addr_format(&a, buf);
}

const char *fleet_stranger(const struct fleet *f, unsigned number, char *buf)
{
	struct addr a = stranger_addr(number % STRANGERS);

	return addr_format(&a, buf);
}

/* ---- one document ---------------------------------------------------------- */

static const char *write_event(struct fleet *f, struct event *e, unsigned site, size_t *len)
{
	char agent[32];
	long n;

	snprintf(agent, sizeof(agent), "oob-%03u", site);
	e->agent = agent;
	e->seq = ++f->seq[site];
	e->time_ns = f->now_ns;
	e->policy = "9f3c0a1b2c3d";
	n = event_encode_into(e, &f->text, &f->size);
	if (n < 0) {
		fprintf(stderr, "no memory for an event\n");
		exit(2);
	}
	*len = (size_t)n;
	f->made++;
	return f->text;
}

/* Empty parts that event_encode() takes for absent. */
static struct event event_of(enum event_type type)
{
	return (struct event){ .type = type,
			       .flow.handshake_ms = -1,
			       .change.outage_s = -1,
			       .actor.loginuid = 0xffffffff };
}

static const char *make_fabric(struct fleet *f, unsigned site, unsigned device, size_t *len)
{
	struct event e = event_of(EVENT_FABRIC_DEVICE);
	char name[64], ma1[ADDR_STRLEN], lo6[ADDR_STRLEN];
	struct addr a = device_addr(site, device, false), b = device_addr(site, device, true);
	const char *text;

	addr_format(&a, ma1);
	addr_format(&b, lo6);
	e.device = fleet_device(f, site, device, name);
	e.role = device < 2 ? "ce" : "tor";
	e.extra = json_pack("{s:{s:s,s:i,s:O,s:[{s:s,s:s},{s:s,s:s}]}}", "fabric", "file", name,
			    "asn", 64512 + (int)device, "prefix_lists", f->fabric, "targets",
			    "address", ma1, "path", "primary", "address", lo6, "path", "in-band");
	text = write_event(f, &e, site, len);
	json_decref(e.extra);
	return text;
}

static const char *make_stats(struct fleet *f, size_t *len)
{
	struct event e = event_of(EVENT_AGENT_STATS);
	unsigned site = pick(f, f->sites);
	const char *text;

	json_object_set_new(json_object_get(f->stats, "delivery"), "generated",
			    json_integer((json_int_t)f->seq[site]));
	json_object_set_new(json_object_get(f->stats, "delivery"), "acknowledged",
			    json_integer((json_int_t)f->seq[site]));
	e.extra = json_pack("{s:O}", "stats", f->stats);
	text = write_event(f, &e, site, len);
	json_decref(e.extra);
	return text;
}

/* Round and round: a failover and its end. */
static const struct {
	const char *from, *to, *reason;
} changes[] = { { "primary", "primary-failing", "primary-unanswered" },
		{ "primary-failing", "in-band", "primary-unanswered" },
		{ "in-band", "primary", "primary-ok" } };

static const char *make_change(struct fleet *f, size_t *len)
{
	struct event e = event_of(EVENT_PATH_CHANGE);
	unsigned site = pick(f, f->sites), device = pick(f, FLEET_DEVICES);
	unsigned char *at = &f->path[site * FLEET_DEVICES + device];
	char name[64];

	e.severity = *at ? SEVERITY_WARNING : SEVERITY_NOTICE;
	e.device = fleet_device(f, site, device, name);
	e.role = device < 2 ? "ce" : "tor";
	e.has_change = true;
	e.change.from = changes[*at].from;
	e.change.to = changes[*at].to;
	e.change.reason = changes[*at].reason;
	if (*at == 2)
		e.change.outage_s = 93.2;
	*at = (unsigned char)((*at + 1) % 3);
	return write_event(f, &e, site, len);
}

static void fill_ssh(struct event *e, const struct slot *s)
{
	e->has_ssh = true;
	e->ssh_client.proto_version = e->ssh_server.proto_version = "2.0";
	e->ssh_client.software_version = "OpenSSH_9.2p1 Debian-2+deb12u3";
	e->ssh_server.software_version = "OpenSSH_8.7";
	/* Long as they are, they come once: with the end of the flow. */
	if (e->type == EVENT_FLOW_END) {
		e->ssh_client.hassh = "ec7378c1a92f5a8dde7e8b7a1ddf33d1";
		e->ssh_client.hassh_string = client_hassh;
		e->ssh_server.hassh = "6832f1ce43d4397c2c0a3e2f8c94334e";
		e->ssh_server.hassh_string = server_hassh;
	}
	e->ssh_kex = "curve25519-sha256";
	e->ssh_host_key = "ssh-ed25519";
	e->ssh_cipher = "chacha20-poly1305@openssh.com";
	e->ssh_mac = "umac-64-etm@openssh.com";
	e->ssh_compression = "none";
	e->ssh_auth.result = s->source % 20 ? "success" : "failure";
	e->ssh_auth.has_attempts = true;
	e->ssh_auth.attempts = 1 + s->source % 3;
	e->ssh_auth.confidence = "high";
	e->ssh_auth.basis = "packet-lengths";
	if (s->source % 2) {
		e->has_actor = true;
		e->actor.user = users[s->source % (sizeof(users) / sizeof(users[0]))];
		e->actor.uid = e->actor.loginuid = 1000 + s->source;
		e->actor.pid = 2000 + s->source;
		e->actor.comm = "ssh";
	}
}

static void fill_bgp(struct event *e, const struct slot *s)
{
	e->has_bgp = true;
	e->bgp.has_counts = true;
	for (int i = 0; i < 2; i++) {
		e->bgp.counts[i].open = 1;
		e->bgp.counts[i].update = 20 + s->step;
		e->bgp.counts[i].keepalive = 20 * (uint64_t)s->step;
		e->bgp.counts[i].keepalive_average = 3.012;
		e->bgp.counts[i].keepalive_max = 3.3;
		e->bgp.opens[i].from = (unsigned)i;
		e->bgp.opens[i].asn = 64512 + s->device;
		e->bgp.opens[i].hold_time = 9;
		e->bgp.opens[i].router_id = v4(10, 215, s->site, s->device);
		e->bgp.opens[i].capabilities = capabilities;
		e->bgp.opens[i].n_capabilities = sizeof(capabilities);
	}
	e->bgp.n_opens = 2;
}

static const char *write_flow(struct fleet *f, struct slot *s, struct event *e, size_t *len)
{
	char name[64], id[17], community[COMMUNITY_ID_STRLEN];
	bool trusted = s->kind != STRANGER;

	s->packets += 1 + pick(f, 40);
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)(s->number * 0x9e3779b97f4a7c15));
	e->severity = trusted ? SEVERITY_INFO : SEVERITY_WARNING;
	e->device = fleet_device(f, s->site, s->device, name);
	e->role = s->device < 2 ? "ce" : "tor";
	e->vrf = s->in_band ? "INFRA-MGMT" : "MGMT";
	e->path = s->in_band ? GW_PATH_INBAND : GW_PATH_PRIMARY;
	e->service = s->kind == BGP ? GW_SERVICE_BGP : GW_SERVICE_SSH;
	e->has_ends = true;
	e->source = (struct event_end){ .ip = s->kind == STRANGER ? stranger_addr(s->source)
								  : operator_addr(s->source),
					.port = s->port,
					.packets = s->packets,
					.bytes = s->packets * 113 };
	e->destination = (struct event_end){ .ip = device_addr(s->site, s->device, s->in_band),
					     .port = s->kind == BGP ? 179 : 22,
					     .packets = s->packets - 1,
					     .bytes = s->packets * 151 };
	e->community_id = community_id(&e->source.ip, e->source.port, &e->destination.ip,
				       e->destination.port, 6, community);
	e->encapsulation[0] = "vxlan:5000";
	e->encapsulation_n = s->in_band;
	e->vlan[0] = 100;
	e->vlan_n = 1;
	e->has_flow = true;
	e->flow.id = id;
	e->flow.start_ns = s->start_ns;
	e->flow.end_ns = f->now_ns;
	e->flow.initiator = GW_BASIS_SYN;
	e->flow.handshake_ms = s->step ? 0.41 : -1;
	e->has_trust = true;
	e->trust.verdict = trusted ? GW_VERDICT_TRUSTED : GW_VERDICT_UNTRUSTED;
	e->trust.list = "trusted_sources";
	e->trust.has_rule = trusted;
	e->trust.seq = 10;
	e->trust.prefix = "10.20.0.0/16";
	if (e->type == EVENT_FLOW_START) {
		e->flow.state = "S0";
		e->flow.outcome = "attempt";
	} else if (e->type == EVENT_FLOW_UPDATE || e->type == EVENT_BGP_MESSAGE) {
		e->flow.state = "S1";
		e->flow.outcome = "established";
	} else {
		e->flow.state = trusted ? "SF" : "REJ";
		e->flow.outcome = trusted ? "closed" : "refused";
	}
	return write_event(f, e, s->site, len);
}

static void begin_flow(struct fleet *f, struct slot *s)
{
	unsigned what = pick(f, 100);

	*s = (struct slot){ .kind = what < 80	? SSH
				    : what < 92 ? STRANGER
						: BGP,
			    .site = pick(f, f->sites),
			    .device = pick(f, FLEET_DEVICES),
			    .in_band = pick(f, 10) == 0,
			    .number = ++f->flows,
			    .start_ns = f->now_ns,
			    .port = (uint16_t)(1024 + pick(f, 64000)) };
	/* Some operators work much more than others. */
	s->source = s->kind == STRANGER ? pick(f, STRANGERS) : pick(f, 1 + pick(f, OPERATORS));
	s->in_band |= s->kind == BGP;
}

static const char *make_flow(struct fleet *f, size_t *len)
{
	struct slot *s = &f->slots[pick(f, SLOTS)];
	struct event e = event_of(EVENT_FLOW_START);
	const char *text;

	if (s->kind == FREE) {
		begin_flow(f, s);
		if (s->kind == STRANGER && pick(f, 2)) {
			e.type = EVENT_FLOW_END; /* refused at once */
			text = write_flow(f, s, &e, len);
			s->kind = FREE;
			return text;
		}
		return write_flow(f, s, &e, len);
	}
	s->step++;
	if (s->kind == BGP) {
		e.type = s->step == 1	? EVENT_BGP_MESSAGE
			 : s->step < 12 ? EVENT_FLOW_UPDATE
					: EVENT_FLOW_END;
		fill_bgp(&e, s);
	} else if (s->kind == SSH) {
		e.type = s->step == 1 || (s->step == 2 && pick(f, 4) == 0) ? EVENT_FLOW_UPDATE
									   : EVENT_FLOW_END;
		fill_ssh(&e, s);
	} else {
		e.type = EVENT_FLOW_END;
	}
	text = write_flow(f, s, &e, len);
	if (e.type == EVENT_FLOW_END)
		s->kind = FREE;
	return text;
}

const char *fleet_next(struct fleet *f, size_t *len)
{
	unsigned first = f->sites * (1 + FLEET_DEVICES), what;

	f->now_ns += 1 + draw(f) % (2 * f->gap_ns);
	if (f->begun < first) {
		unsigned site = f->begun / (1 + FLEET_DEVICES), i = f->begun % (1 + FLEET_DEVICES);
		struct event e = event_of(EVENT_AGENT_START);

		f->begun++;
		return i ? make_fabric(f, site, i - 1, len) : write_event(f, &e, site, len);
	}
	what = pick(f, 1000);
	if (what < 20)
		return make_stats(f, len);
	if (what < 22)
		return make_change(f, len);
	return make_flow(f, len);
}

uint64_t fleet_time(const struct fleet *f)
{
	return f->now_ns;
}

/* ---- life ------------------------------------------------------------------ */

/* As large as an agent's. */
static json_t *stats_body(void)
{
	static const char *const counters[] = {
		"packets",	"unwatched",	     "short",	      "malformed",	"fragments",
		"ring_lost",	"ring_lost_urgent",  "flow_map_full", "half_open_full", "syns",
		"half_open",	"half_open_untold",  "kernel_lost",   "wrapped",	"bytes",
		"untrusted_in", "encapsulated_other"
	};
	json_t *capture = json_object(), *engine = json_object();

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		json_object_set_new(capture, counters[i], json_integer((json_int_t)(i * 9177)));
		json_object_set_new(engine, counters[i], json_integer((json_int_t)(i * 131)));
	}
	return json_pack("{s:o,s:o,s:{s:i,s:i,s:i,s:{s:i,s:i}},s:{s:i,s:{s:b,s:b}}}", "capture",
			 capture, "engine", engine, "delivery", "generated", 0, "acknowledged", 0,
			 "waiting", 0, "dropped", "full", 0, "unwritten", 0, "heartbeat",
			 "interval_s", 10, "interfaces", "eth0", 1, "eth1", 1);
}

static json_t *lists_body(void)
{
	json_t *entries = json_array();

	for (int i = 0; i < 12; i++)
		json_array_append_new(entries, json_pack("{s:i,s:s,s:s,s:i}", "seq", 10 * (i + 1),
							 "action", "permit", "prefix",
							 "10.20.0.0/16", "line", 120 + i));
	return json_pack("{s:o}", "trusted_sources", entries);
}

struct fleet *fleet_new(uint64_t seed, unsigned sites, uint64_t start_ns, unsigned per_second)
{
	struct fleet *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->random = seed;
	f->sites = sites;
	f->now_ns = start_ns;
	f->gap_ns = NS_PER_S / per_second;
	f->seq = calloc(sites, sizeof(*f->seq));
	f->path = calloc(sites, FLEET_DEVICES);
	f->stats = stats_body();
	f->fabric = lists_body();
	if (!f->seq || !f->path || !f->stats || !f->fabric) {
		fleet_free(f);
		return NULL;
	}
	return f;
}

void fleet_free(struct fleet *f)
{
	if (!f)
		return;
	json_decref(f->stats);
	json_decref(f->fabric);
	free(f->seq);
	free(f->path);
	free(f->text);
	free(f);
}
