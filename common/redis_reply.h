/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REDIS_REPLY_H
#define GW_REDIS_REPLY_H
/*
 * Replies of hiredis in memory that is used again: an entry of a stream is some 18 pieces,
 * and to ask malloc() for each costs as much as to read them from the socket. The pieces of
 * a reply stand one after the other, and are gone when the next reply of the same
 * connection begins, unless it is kept; hiredis hands out one at a time.
 */
struct redisReader;
struct redis_kept;
struct redis_replies;

struct redis_replies *redis_replies_new(void);	  /* NULL: no memory */
void redis_replies_free(struct redis_replies *a); /* accepts NULL; no reply is in use */
/* From now on this reader's replies are of a, which lives longer than the reader reads. */
void redis_replies_use(struct redis_replies *a, struct redisReader *reader);

/* The newest reply stays as it is, until it is given back. */
struct redis_kept *redis_replies_keep(struct redis_replies *a);
void redis_replies_give_back(struct redis_replies *a, struct redis_kept *kept);

#endif
