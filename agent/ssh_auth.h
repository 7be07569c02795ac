/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_SSH_AUTH_H
#define GW_SSH_AUTH_H
/*
 * Did the login succeed, and how many were tried? Inferred from the lengths of what is
 * sent once the keys are in use; nothing is decrypted. Pure: bytes and lengths in, an
 * outcome out. How it is done and how often it is right: docs/ssh-login.md.
 *
 * Where the cipher leaves the length of a packet readable (AES-GCM, and any cipher with
 * an encrypt-then-MAC), packets are told apart whatever segments they come in. Else a
 * segment stands for a packet, which is what servers send while they answer one request
 * at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ssh.h"

#define SSH_AUTH_EXCHANGES 40 /* kept; a login that needs more is unknown */

/* How long a packet of one direction is, by its payload. */
struct ssh_sizes {
	uint8_t block, mac;
	bool apart;    /* the length field is not part of the blocks */
	bool readable; /* ... nor encrypted */
};

/* One side's request, or requests in a row, and what came back before the next. */
struct ssh_exchange {
	uint32_t request;     /* bytes on the wire */
	uint32_t first, last; /* the first and last packet (or segment) of the answer */
	uint32_t total;	      /* all of them */
	uint16_t n;	      /* how many; 0: no answer yet */
};

enum ssh_auth_phase {
	SSH_AUTH_CLEAR,	  /* keys are not in use */
	SSH_AUTH_LENGTHS, /* they are */
	SSH_AUTH_LOST	  /* what is seen makes no sense; nothing more is read */
};

/* One direction. */
struct ssh_auth_side {
	enum ssh_auth_phase phase;
	struct ssh_sizes sizes;
	bool newkeys;	 /* the clear packet at hand is NEWKEYS */
	uint8_t n_head;	 /* bytes of its head that are there */
	uint8_t head[6]; /* length, padding, message number */
	uint32_t left;	 /* bytes of the packet at hand still to come */
	uint32_t packet; /* its length on the wire */
	uint32_t parts;	 /* of the segment at hand, of whose packets nothing can be read */
	bool more;	 /* it goes on in another part */
};

enum ssh_auth_stop {
	SSH_AUTH_GOES_ON,
	SSH_AUTH_NO_CIPHER,  /* lengths of this cipher or MAC are not known here */
	SSH_AUTH_COMPRESSED, /* from the first packet on */
	SSH_AUTH_CONFUSED,   /* what is seen makes no sense */
	SSH_AUTH_REKEYED,    /* new keys amid the login */
	SSH_AUTH_TOO_LONG    /* more exchanges than are kept */
};

struct ssh_auth {
	struct ssh_auth_side side[2]; /* 0: client, 1: server */
	bool negotiated, openssh;     /* of the server */
	bool no_none;		      /* the client begins with a login, not by asking */
	bool asked, accepted;	      /* SERVICE_REQUEST, SERVICE_ACCEPT: the login began */
	bool answering;		      /* the last that spoke is the server */
	bool success;
	uint16_t n_before; /* exchanges up to and with the successful one */
	enum ssh_auth_stop stop;
	uint16_t n;
	struct ssh_exchange exchange[SSH_AUTH_EXCHANGES];
};

/* What both sides agreed on; before the first byte that follows NEWKEYS. */
void ssh_auth_negotiated(struct ssh_auth *a, const struct ssh_choice *choice,
			 const char *client_software, const char *server_software);

/* What one side sent next, in order and without gaps, from the byte after its
 * identification line: one segment, of whose len bytes the first n are at hand. */
void ssh_auth_segment(struct ssh_auth *a, bool server, const uint8_t *bytes, uint32_t n,
		      uint32_t len);

/* The same of a part of a segment, after which another part comes. */
void ssh_auth_part(struct ssh_auth *a, bool server, const uint8_t *bytes, uint32_t n,
		   uint32_t len);

enum ssh_auth_result {
	SSH_AUTH_PENDING,
	SSH_AUTH_SUCCESS,
	SSH_AUTH_FAILURE,
	SSH_AUTH_UNKNOWN,
	SSH_AUTH_NUM_RESULTS
};

enum ssh_auth_confidence { SSH_AUTH_LOW, SSH_AUTH_MEDIUM, SSH_AUTH_HIGH, SSH_AUTH_NUM_CONFIDENCES };

struct ssh_auth_outcome {
	enum ssh_auth_result result;
	unsigned attempts; /* answered; the question for the methods, `none`, is not one */
	enum ssh_auth_confidence confidence;
	const char *basis;
};

enum ssh_auth_end {
	SSH_AUTH_OPEN,	/* the flow goes on */
	SSH_AUTH_CUT,	/* no more is seen of it */
	SSH_AUTH_CLOSED /* a side has closed it */
};

/* complete: all that both sides sent so far was handed in. */
struct ssh_auth_outcome ssh_auth_outcome(const struct ssh_auth *a, enum ssh_auth_end end,
					 bool complete);

const char *ssh_auth_result_name(enum ssh_auth_result r); /* pending: NULL */
const char *ssh_auth_confidence_name(enum ssh_auth_confidence c);

#endif
