/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef GW_RECORD_H
#define GW_RECORD_H
/*
 * What crosses the border between the kernel programs and user space.
 *
 * The BPF programs and the agent compile this same file. Every struct has
 * fixed-width fields and explicit padding and is zeroed before it is filled,
 * so no kernel byte leaks and user space may compare records with memcmp().
 * Addresses and ports are in network byte order unless a comment says so.
 *
 * One flow is one struct gw_flow, in the kernel's flow map or, where libpcap
 * captures, in the agent's own table (agent/watch.c). All of its counters are
 * kept by gw_track() in track.h, which both compile: that is why a live eBPF
 * capture, a live libpcap capture and a replay count alike.
 */
#include <linux/types.h>

#define GW_LAYOUT_VERSION 4 /* raise when any struct in this file changes */

#define GW_MAX_PORTS 8	  /* per service; the gate compares them one by one */
#define GW_MAX_VLAN 3	  /* tags kept, outermost first */
#define GW_MAX_MPLS 4	  /* labels kept: transport, VPN, entropy indicator and label */
#define GW_MAX_TUNNEL 4	  /* tunnels unwrapped: a mirror's, an overlay's, one in it, one
			   * to spare */
#define GW_MAX_HALF 16384 /* half-open flows kept per family; of more the least used go */
#define GW_MAX_ATTEMPTS 16384 /* (target, source prefix) whose SYNs are counted at once */
#define GW_SNAP 2048	  /* payload bytes carried by one payload record: a full
			   * segment, and a KEXINIT with post-quantum names */
#define GW_FIRST_PAYLOADS 48 /* data packets per direction handed up of an SSH
			      * flow: identification string (RFC 4253 4.2), key
			      * exchange and login, each request and answer a
			      * packet, arrive within these; of a BGP flow all are */

/* What a packet may be wrapped in, beside VLAN tags and MPLS labels. */
enum gw_tunnel {
	GW_TUNNEL_NONE,
	GW_TUNNEL_GRE,
	GW_TUNNEL_ERSPAN1,
	GW_TUNNEL_ERSPAN2, /* id: session */
	GW_TUNNEL_ERSPAN3, /* id: session */
	GW_TUNNEL_IPIP,
	GW_TUNNEL_6IN4,
	GW_TUNNEL_4IN6,
	GW_TUNNEL_6IN6,
	GW_TUNNEL_VXLAN,  /* id: VNI */
	GW_TUNNEL_GENEVE, /* id: VNI */
	GW_TUNNEL_GTPU,
	GW_TUNNEL_PPPOE,
	GW_TUNNEL_EOMPLS,
	GW_TUNNEL_KINDS
};

enum gw_service { GW_SERVICE_NONE, GW_SERVICE_SSH, GW_SERVICE_BGP };

enum gw_path { GW_PATH_NONE, GW_PATH_PRIMARY, GW_PATH_INBAND };

enum gw_verdict {
	GW_VERDICT_NONE, /* nothing to judge against: no target (replay --all) */
	GW_VERDICT_TRUSTED,
	GW_VERDICT_UNTRUSTED,
	GW_VERDICT_NO_POLICY
};

/* How the initiator was decided; flow.initiator of the event. */
enum gw_basis {
	GW_BASIS_UNKNOWN,
	GW_BASIS_SYN,	    /* a SYN, or a SYN-ACK, showed it */
	GW_BASIS_INVENTORY, /* the watched device's side has the service port */
	GW_BASIS_PORT	    /* one side has the service port */
};

/* TCP state of one endpoint, Zeek's vocabulary (TCP_INACTIVE ... TCP_RESET). */
enum gw_tcp_state {
	GW_TCP_INACTIVE,
	GW_TCP_SYN_SENT,
	GW_TCP_SYN_ACK_SENT,
	GW_TCP_PARTIAL, /* data without a handshake: capture began mid-stream */
	GW_TCP_ESTABLISHED,
	GW_TCP_CLOSED, /* sent FIN */
	GW_TCP_RESET   /* sent RST */
};

/* Handshake: every packet is looked at; data: counted and let go. */
enum gw_phase { GW_PHASE_HANDSHAKE, GW_PHASE_DATA };

#define GW_FIN 0x01
#define GW_SYN 0x02
#define GW_RST 0x04
#define GW_PSH 0x08
#define GW_ACK 0x10

/*
 * Flow keys are in canonical order: side A has the smaller (address, port),
 * compared bytewise as the Community ID does. Direction 0 is A to B.
 */
struct gw_key4 {
	__u8 a[4], b[4];
	__u16 aport, bport;
};

struct gw_key6 {
	__u8 a[16], b[16];
	__u16 aport, bport;
};

union gw_key_any {
	struct gw_key4 v4;
	struct gw_key6 v6;
};

/* The same for both families, as user space keeps it; IPv4 in the first four
 * bytes of a and b, the rest zero. */
struct gw_key {
	__u8 a[16], b[16];
	__u16 aport, bport;
	__u8 family; /* 4 or 6 */
	__u8 pad[3];
};

/* What the innermost IP header was wrapped in. Stacks are outermost first, over all
 * levels; of longer ones the outermost are kept. Host order but for addresses. */
struct gw_wrap {
	__u8 outer[2][16]; /* source, destination of the outermost tunnel's IP */
	__u32 mpls[GW_MAX_MPLS];
	__u32 tunnel_id[GW_MAX_TUNNEL]; /* 0 where the kind has none */
	__u8 tunnel[GW_MAX_TUNNEL];	/* enum gw_tunnel */
	__u16 vlan[GW_MAX_VLAN];
	__u8 vlan_n, mpls_n, tunnel_n;
	__u8 outer_family; /* 4 or 6; 0: no tunnel over IP */
	__u8 pad[2];
};

/* One direction of a flow. Each field is written by packets of that direction
 * only; packets, bytes and payload by atomic addition. */
struct gw_dir {
	__u64 packets; /* IP packets on the wire, GSO segments counted one by one */
	__u64 bytes;   /* sum of IP total lengths (IPv6: 40 + payload length) */
	__u64 payload; /* sum of TCP payload lengths, retransmissions included */
	__u64 last_ns; /* capture clock, coarse in the kernel */
	__u32 first;   /* first sequence number of payload (ISN + 1) */
	__u32 high;    /* highest sequence end seen */
	__u32 ack;     /* highest acknowledgement number sent */
	__u32 hole;    /* bytes in [first, high) not seen: missed_bytes */
	__u32 again;   /* packets that repeated sequence space: retransmits */
	__u32 fragments; /* packets that were IP fragments */
	__u32 hook;    /* ifindex << 1 | egress, where this direction is counted */
	__u8 state;    /* enum gw_tcp_state */
	__u8 flags;    /* every TCP flag seen, or-ed */
	__u8 sent;     /* payload records handed up, at most GW_FIRST_PAYLOADS */
	__u8 seq_known;
};

#define GW_RULE_IMPLICIT 0xffffffffu /* end of the list decided, or no list */
#define GW_TARGET_NONE 0xffffffffu   /* no inventory entry: unknown target */

/* Trust and target as looked up once, when the flow is created. */
struct gw_judgement {
	__u32 generation; /* fabric->number that judged */
	__u32 target;	  /* index into fabric->targets or GW_TARGET_NONE */
	__u32 policy;	  /* index into fabric->policies */
	__u32 rule;	  /* index into the deciding list's entries, or IMPLICIT */
	__u8 verdict;	  /* enum gw_verdict */
	__u8 path;	  /* enum gw_path; NONE = not watched for a target */
	__u8 outbound;	  /* 1: the device itself opened it */
	__u8 pad;
};

/* SYNs that would open another connection, while the one that is there has not ended:
 * whether they do, the answer shows. All of the same sequence number. */
struct gw_syn {
	__u64 time_ns; /* of the first of them */
	__u32 first;   /* the sequence number after theirs */
	__u32 hook;
	__u32 bytes;
	__u16 n; /* 0: none */
	__u8 dir;
	__u8 pad;
};

struct gw_flow {
	struct gw_dir dir[2];
	__u64 start_ns;	      /* first packet, precise clock */
	__u64 established_ns; /* initiator's first ACK after SYN-ACK; 0: none */
	struct gw_judgement judgement;
	__u8 service;	/* enum gw_service */
	__u8 initiator; /* direction index of the initiator's packets */
	__u8 basis;	/* enum gw_basis */
	__u8 phase;	/* enum gw_phase */
	struct gw_wrap wrap; /* of the first packet */
	struct gw_syn syn;
	__u32 strays; /* resets and SYNs that are not this connection's; counted in
		       * packets and bytes, and otherwise ignored */
	__u32 pad;
};

/*
 * SYNs of flows that were half open, counted toward a target from one IPv4 /24 or IPv6
 * /64; with source all zero and no `by_source`, from anywhere. family 0: toward targets
 * that the table had no room for. Two slots, of which one is counted in while the other
 * is read and emptied, so that none is missed between the two.
 */
struct gw_attempts {
	__u8 target[16];
	__u8 source[8]; /* the prefix's bytes: 3 or 8 */
	__u8 family;
	__u8 by_source;
	__u8 slot;
	__u8 pad[5];
};

/* Who opened a local connection; written at SYN_SENT under the socket cookie. */
struct gw_actor {
	__u32 pid; /* 0: not known */
	__u32 uid;
	__u32 loginuid; /* 0xffffffff: not set */
	char comm[16];
};

enum gw_record_kind {
	GW_REC_CONTROL = 1, /* SYN, FIN, RST or the first packets of a direction */
	GW_REC_PAYLOAD,	    /* one of the first data packets; snap holds it */
	GW_REC_ICMP,	    /* an ICMP error that quotes a packet of this flow */
	GW_REC_REPLACED	    /* final counters of a flow whose 5-tuple a new SYN
			     * has just taken over */
};

/*
 * A segment may come in several payload records, each with its own sequence number
 * and its share of payload_len: as the IP fragments that carried it, or, on a BGP
 * flow, GW_SNAP bytes at a time. Flags that take sequence numbers are in the first.
 */
#define GW_PART_MORE 1	/* further records of this segment may follow */
#define GW_PART_LATER 2 /* not its first bytes */

#define GW_MAX_PARTS 256 /* records of one packet: the largest super-packet, 512 KiB */

/*
 * Ring buffer record. It ends after snap_len bytes of snap: what is beyond is not
 * there. Control, ICMP and REPLACED records have none (GW_RECORD_SHORT bytes).
 */
struct gw_record {
	__u32 kind; /* enum gw_record_kind */
	__u32 ifindex;
	__u64 time_ns; /* capture clock: CLOCK_MONOTONIC live, packet's in replay */
	struct gw_key key;
	struct gw_flow flow; /* as it is after this packet */
	__u32 seq, ack;	     /* host order */
	__u32 payload_len;   /* TCP payload bytes of this packet on the wire */
	__u16 snap_len;	     /* bytes of it in snap */
	__u8 dir;	     /* 0: A sent this packet */
	__u8 tcp_flags;
	__u8 icmp_type, icmp_code;
	__u8 is_new; /* this packet created the flow */
	__u8 part;   /* GW_PART_*, or-ed; 0: a whole TCP segment */
	__u8 pad[4];
	__u8 icmp_source[16]; /* who sent the ICMP error; family as key.family */
	struct gw_actor actor;
	__u32 pad2;
	__u8 snap[GW_SNAP];
};

#define GW_RECORD_SHORT (sizeof(struct gw_record) - GW_SNAP)

/*
 * What user space loads for a fabric, in tables of its own for each generation.
 * Targets by exact address (4 or 16 bytes); ranges and trust by longest prefix.
 * The trust key's policy stands before the address and counts 32 bits; an entry
 * of just these 32 bits, per policy and family, holds what the end of the list
 * (or its absence) says, so that a look-up always answers.
 */
struct gw_target {
	__u32 target; /* index into fabric->targets */
	__u32 policy; /* index into fabric->policies */
	__u8 path;    /* enum gw_path; NONE: of the underlay, a target to BGP alone */
	__u8 peer;    /* 1: not the device's address, but one that it speaks BGP with */
	__u8 pad[2];
};

struct gw_range4 {
	__u32 prefix_len;
	__u8 address[4];
};

struct gw_range6 {
	__u32 prefix_len;
	__u8 address[16];
};

struct gw_trust4 {
	__u32 prefix_len; /* 32 + the prefix's */
	__u32 policy;	  /* only compared whole, so in host order */
	__u8 address[4];
};

struct gw_trust6 {
	__u32 prefix_len;
	__u32 policy;
	__u8 address[16];
};

struct gw_rule {
	__u32 rule;   /* index into the list's entries or GW_RULE_IMPLICIT */
	__u8 verdict; /* enum gw_verdict */
	__u8 pad[3];
};

/* Counters of what the capture saw and what it could not keep. */
enum gw_stat {
	GW_STAT_PACKETS,       /* packets the gate let pass (watched port, ICMP) */
	GW_STAT_WATCHED,       /* packets counted to a flow */
	GW_STAT_FLOWS,	       /* flows created */
	GW_STAT_RECORDS,       /* records submitted */
	GW_STAT_DROP_RING,     /* records lost: ring buffer full */
	GW_STAT_DROP_MAP,      /* flows not kept: flow map full */
	GW_STAT_PARSE_SHORT,   /* header cut off or not linear */
	GW_STAT_PARSE_BAD,     /* header contradicts itself */
	GW_STAT_FRAGMENTS,     /* later fragments that no flow could be found for */
	GW_STAT_OTHER_HOOK,    /* packet of a flow counted on another interface */
	GW_STAT_ICMP,	       /* ICMP errors tied to a flow */
	GW_STAT_SYNS,	       /* SYNs of half-open flows */
	GW_STAT_UNTOLD,	       /* records of half-open flows not submitted: too many */
	GW_STAT_DROP_RESERVE,  /* records refused: the rest of the ring is for others */
	GW_STAT_MAX
};

_Static_assert(sizeof(struct gw_key4) == 12, "gw_key4 layout");
_Static_assert(sizeof(struct gw_key6) == 36, "gw_key6 layout");
_Static_assert(sizeof(struct gw_key) == 40, "gw_key layout");
_Static_assert(sizeof(struct gw_dir) == 64, "gw_dir: one cache line");
_Static_assert(sizeof(struct gw_judgement) == 20, "gw_judgement layout");
_Static_assert(sizeof(struct gw_wrap) == 80, "gw_wrap layout");
_Static_assert(sizeof(struct gw_syn) == 24, "gw_syn layout");
_Static_assert(sizeof(struct gw_attempts) == 32, "gw_attempts layout");
_Static_assert(sizeof(struct gw_flow) == 280, "gw_flow layout");
_Static_assert(sizeof(struct gw_record) % 8 == 0, "gw_record alignment");

#endif
