/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis_reply.h"

#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (256 * 1024)
#define KEPT 32 /* chunks, between replies: a batch of the collector is some ten */

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(16) char bytes[];
};

struct redis_replies {
	struct chunk *first, *last; /* last: where the next piece goes */
	struct chunk *spare;	    /* given back; for the reply after one that is kept */
};

struct redis_replies *redis_replies_new(void)
{
	return calloc(1, sizeof(struct redis_replies));
}

static void free_from(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;

		free(c);
		c = next;
	}
}

void redis_replies_free(struct redis_replies *a)
{
	if (!a)
		return;
	free_from(a->first);
	free_from(a->spare);
	free(a);
}

/* What is larger than others does not stay, nor do very many. */
static void empty(struct chunk **at)
{
	for (unsigned n = 0; *at && n < KEPT; n++) {
		struct chunk *c = *at;

		if (c->size > CHUNK) {
			*at = c->next;
			free(c);
			continue;
		}
		c->used = 0;
		at = &c->next;
	}
	free_from(*at);
	*at = NULL;
}

static void begin_anew(struct redis_replies *a)
{
	empty(&a->first);
	a->last = a->first;
}

static struct chunk *add_chunk(struct redis_replies *a, size_t size)
{
	struct chunk *c = a->last ? a->last->next : a->first;

	if (c && c->size >= size) {
		a->last = c;
		return c;
	}
	c = malloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	*c = (struct chunk){ .size = size, .next = a->last ? a->last->next : a->first };
	if (a->last)
		a->last->next = c;
	else
		a->first = c;
	a->last = c;
	return c;
}

static void *piece(struct redis_replies *a, size_t size)
{
	struct chunk *c = a->last;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (!c || c->size - c->used < size)
		c = add_chunk(a, size > CHUNK ? size : CHUNK);
	if (!c)
		return NULL;
	p = c->bytes + c->used;
	c->used += size;
	return p;
}

struct redis_kept *redis_replies_keep(struct redis_replies *a)
{
	struct chunk *kept = a->first;

	a->first = a->last = a->spare;
	a->spare = NULL;
	return (struct redis_kept *)kept;
}

void redis_replies_give_back(struct redis_replies *a, struct redis_kept *kept)
{
	free_from(a->spare);
	a->spare = (struct chunk *)kept;
	empty(&a->spare);
}

/* ---- what hiredis calls ------------------------------------------------------ */

static redisReply *create(const redisReadTask *task, size_t more)
{
	struct redis_replies *a = task->privdata;
	redisReply *r;

	if (!task->parent)
		begin_anew(a);
	r = piece(a, sizeof(*r) + more);
	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->type = task->type;
	if (task->parent)
		((redisReply *)task->parent->obj)->element[task->idx] = r;
	return r;
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
	redisReply *r = create(task, len + 1);

	if (!r)
		return NULL;
	r->str = (char *)(r + 1);
	memcpy(r->str, text, len);
	r->str[len] = '\0';
	r->len = len;
	return r;
}

#if HIREDIS_MAJOR < 1
static void *create_array(const redisReadTask *task, int elements)
#else
static void *create_array(const redisReadTask *task, size_t elements)
#endif
{
	size_t n = elements > 0 ? (size_t)elements : 0;
	redisReply *r;

	if (n > SIZE_MAX / sizeof(redisReply *) / 2)
		return NULL;
	r = create(task, n * sizeof(redisReply *));
	if (!r)
		return NULL;
	r->element = (redisReply **)(r + 1);
	memset(r->element, 0, n * sizeof(redisReply *));
	r->elements = n;
	return r;
}

static void *create_integer(const redisReadTask *task, long long value)
{
	redisReply *r = create(task, 0);

	if (r)
		r->integer = value;
	return r;
}

static void *create_nil(const redisReadTask *task)
{
	redisReply *r = create(task, 0);

	if (r)
		r->type = REDIS_REPLY_NIL; /* the task may be an array: "*-1" */
	return r;
}

static void free_reply(void *reply)
{
	/* begin_anew() */
}

void redis_replies_use(struct redis_replies *a, struct redisReader *reader)
{
	static redisReplyObjectFunctions functions = { .createString = create_string,
						       .createArray = create_array,
						       .createInteger = create_integer,
						       .createNil = create_nil,
						       .freeObject = free_reply };

	reader->fn = &functions;
	reader->privdata = a;
}
