/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_BGP_H
#define GW_BGP_H
/*
 * BGP messages out of a TCP connection (RFC 4271): segments of both directions in,
 * whole messages out. Pure: no clock, no output, bounded memory.
 *
 *	OPEN		read: AS (RFC 6793), hold time, router id, capabilities (RFC 5492),
 *			long parameters (RFC 9072)
 *	NOTIFICATION	read: code, subcode and their names, the operator's text (RFC 9003),
 *			also inside a hard reset (RFC 8538)
 *	UPDATE		handed on whole, with the form that the OPENs agreed on for it:
 *			bgp_update.h reads it
 *	the others	counted
 *
 * A message may be longer than 4096 bytes only when both OPENs allow it (RFC 8654).
 * A direction has a buffer only while a message is not whole, and one beyond 4096
 * bytes only for such a message.
 *
 * Segments may repeat, overlap and change places: up to BGP_HELD that came too early
 * wait for the one before them. It is given up, and the message that it cut with
 * it, when the receiver has acknowledged it, when no more can wait, or at the end;
 * then the stream is searched for the next header. Of a segment that was handed up in
 * part the rest is given up at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/bgp_update.h"

#define BGP_HEADER 19
#define BGP_HELD 8
#define BGP_SEGMENT 2048   /* bytes of a segment that waits */
#define BGP_MAX_KEPT 2	   /* OPENs, and NOTIFICATIONs, kept of each direction */
#define BGP_NAME_STRLEN 80 /* "OPEN Message Error/Unsupported Optional Parameter" */
#define BGP_TEXT_STRLEN (255 * 4 + 1)

enum bgp_type {
	BGP_OPEN = 1,
	BGP_UPDATE,
	BGP_NOTIFICATION,
	BGP_KEEPALIVE,
	BGP_ROUTE_REFRESH, /* RFC 2918 */
	BGP_NUM_TYPES
};

struct bgp_open {
	uint8_t dir;
	uint8_t version;
	bool extended; /* offers messages above 4096 bytes, RFC 8654 */
	bool as4;      /* speaks ASes of four octets, RFC 6793 */
	uint32_t asn;  /* of the 4-octet capability where it is there */
	uint16_t hold_time;
	uint8_t router_id[4];
	uint16_t n_capabilities;
	uint8_t capabilities[256]; /* codes as they come, each once */
	uint8_t add_path[BGP_NUM_FAMILIES]; /* RFC 7911: BGP_RECEIVES, BGP_SENDS, or-ed */
};

#define BGP_RECEIVES 1
#define BGP_SENDS 2

struct bgp_notification {
	uint8_t dir;
	uint8_t code, subcode;
	char name[BGP_NAME_STRLEN]; /* "Cease/Administrative Reset"; empty: code unknown */
	char inner[BGP_NAME_STRLEN]; /* of the one that a hard reset stands for; or empty */
	char text[BGP_TEXT_STRLEN]; /* as sent, a NUL as \x00; empty: none */
};

/* One message; open or notification is set for these types. */
struct bgp_message {
	uint8_t dir;
	enum bgp_type type;
	const struct bgp_open *open;
	const struct bgp_notification *notification;
	const uint8_t *body; /* what follows the header */
	size_t len;
};

typedef void bgp_message_fn(void *arg, const struct bgp_message *m);

struct bgp_held;

/* One direction. */
struct bgp_reader {
	bool started;
	uint32_t next; /* sequence number expected */
	uint16_t len;  /* bytes in keep */
	uint16_t room; /* of keep */
	uint8_t n_held;
	uint8_t *keep; /* NULL: no message is at hand */
	struct bgp_held *held; /* BGP_HELD of them while one waits; else NULL */
};

/* A connection. Zeroed is ready; release it with bgp_clear(). */
struct bgp {
	struct bgp_reader reader[2];
	uint64_t count[2][BGP_NUM_TYPES];
	uint8_t n_opens, n_notifications; /* in order of arrival */
	struct bgp_open opens[2 * BGP_MAX_KEPT];
	struct bgp_notification notifications[2 * BGP_MAX_KEPT];
	/* what each side's last OPEN offers */
	struct {
		bool seen, extended, as4;
		uint16_t hold_time;
		uint8_t add_path[BGP_NUM_FAMILIES];
	} offer[2];
};

struct bgp_segment {
	uint8_t dir;
	uint32_t seq; /* of its first payload byte */
	uint32_t len; /* payload bytes on the wire */
	uint32_t n;   /* of these, bytes at hand */
	const uint8_t *bytes;
	uint32_t first; /* the direction's first sequence number, or seq */
};

/* fn is called for each message that becomes whole, in order of the direction. */
void bgp_feed(struct bgp *b, const struct bgp_segment *s, bgp_message_fn *fn, void *arg);

/* The receiver of this direction's bytes acknowledged up to ack. */
void bgp_acked(struct bgp *b, uint8_t dir, uint32_t ack, bgp_message_fn *fn, void *arg);

/* No more will come: what waits is read, over the gaps. */
void bgp_finish(struct bgp *b, bgp_message_fn *fn, void *arg);

void bgp_clear(struct bgp *b); /* accepts a zeroed one; leaves one */

/* A message was seen, so this is BGP. */
bool bgp_spoken(const struct bgp *b);

/* Both sides have opened and agreed (a KEEPALIVE answers an OPEN): Established, as
 * far as the wire tells. */
bool bgp_is_up(const struct bgp *b);

/* Its beginning was not seen, but it spoke as one that is Established. */
bool bgp_was_up(const struct bgp *b);

/* Both OPENs were seen: what is said of the session is all there is to say. */
bool bgp_is_whole(const struct bgp *b);

/* Seconds after which a side gives the other up: the smaller of both offers. 0: never,
 * or not known. */
uint16_t bgp_hold_time(const struct bgp *b);

/* How the UPDATEs of this direction are to be read. */
struct bgp_update_form bgp_form(const struct bgp *b, uint8_t dir);

/* RFC 4271, 4486, 6608, 7313, 8538, 9234, 9384, 9687. Empty: the code is unknown. */
const char *bgp_notification_name(uint8_t code, uint8_t subcode, char out[BGP_NAME_STRLEN]);

#endif
