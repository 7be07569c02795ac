/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/http/token.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/log.h"

#define HASH_LEN 32
#define MAX_TOKENS 1000
#define MAX_FILE (256 * 1024)

struct token {
	char name[TOKEN_NAME_LEN + 1];
	bool operate;
	uint8_t hash[HASH_LEN];
};

struct tokens {
	char *path;
	pthread_mutex_t lock; /* of what follows */
	struct token *list;
	size_t n;
	/* of the file that was looked at last, good or not */
	struct stat seen;
	bool gone;
};

static bool name_is_good(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= TOKEN_NAME_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") ==
		       len;
}

static bool digest(const void *data, size_t len, uint8_t out[HASH_LEN])
{
	unsigned n = HASH_LEN;

	return EVP_Digest(data, len, out, &n, EVP_sha256(), NULL) == 1;
}

static bool parse_hash(const char *text, uint8_t out[HASH_LEN])
{
	unsigned byte;

	if (strlen(text) != 2 * HASH_LEN || strspn(text, "0123456789abcdefABCDEF") != 2 * HASH_LEN)
		return false;
	for (size_t i = 0; i < HASH_LEN; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		out[i] = (uint8_t)byte;
	}
	return true;
}

/* NULL: good. */
static const char *parse_line(char *line, struct token *t)
{
	char *rest = line, *name = strsep(&rest, " \t"), *right, *hash;

	while (rest && (*rest == ' ' || *rest == '\t'))
		rest++;
	right = strsep(&rest, " \t");
	while (rest && (*rest == ' ' || *rest == '\t'))
		rest++;
	hash = strsep(&rest, " \t");
	if (!name_is_good(name))
		return "a name of letters, digits and ._@- comes first";
	if (!right || (strcmp(right, "read") != 0 && strcmp(right, "operate") != 0))
		return "after the name comes its right: read or operate";
	if (!hash || !parse_hash(hash, t->hash) || (rest && strspn(rest, " \t") != strlen(rest)))
		return "after the right comes the token's SHA-256, 64 hexadecimal digits; "
		       "`glasswatch-collector token NAME` makes the line";
	strcpy(t->name, name);
	t->operate = strcmp(right, "operate") == 0;
	return NULL;
}

static bool parse(const char *path, char *text, struct token **list, size_t *n, char *err,
		  size_t size)
{
	struct token *all = calloc(MAX_TOKENS, sizeof(*all));
	char *rest = text, *line;
	const char *why = all ? NULL : "no memory";
	unsigned number = 0;

	*n = 0;
	while (!why && (line = strsep(&rest, "\n")) != NULL) {
		number++;
		line += strspn(line, " \t");
		line[strcspn(line, "\r")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		why = *n == MAX_TOKENS ? "too many tokens" : parse_line(line, &all[*n]);
		for (size_t i = 0; !why && i < *n; i++)
			if (strcmp(all[i].name, all[*n].name) == 0)
				why = "this name has a token already";
		*n += !why;
	}
	if (why) {
		snprintf(err, size, "%s:%u: %s", path, number, why);
		free(all);
		return false;
	}
	*list = all;
	return true;
}

/* The whole file, malloc()ed. Unlike a password's file it may be read by others: a
 * hash of 256 random bits tells nothing. Who can change it has every right. */
static char *read_file(const char *path, struct stat *st, char *err, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *why = NULL;
	char *text = NULL;
	ssize_t len = -1;

	memset(st, 0, sizeof(*st));
	if (fd < 0 || fstat(fd, st) != 0)
		why = strerror(errno);
	else if (!S_ISREG(st->st_mode))
		why = "is not a regular file";
	else if (st->st_uid != 0 && st->st_uid != geteuid())
		why = "belongs to another user: chown it to root or to this one";
	else if (st->st_mode & (S_IWGRP | S_IWOTH))
		why = "can be changed by others: chmod 640 it";
	else if (st->st_size > MAX_FILE)
		why = "is too large";
	else if (!(text = malloc(MAX_FILE + 1)))
		why = "no memory";
	else if ((len = read(fd, text, MAX_FILE)) < 0)
		why = strerror(errno);
	if (fd >= 0)
		close(fd);
	if (why) {
		snprintf(err, size, "%s: %s", path, why);
		free(text);
		return NULL;
	}
	text[len > 0 ? len : 0] = '\0';
	return text;
}

static bool load(struct tokens *t, char *err, size_t size)
{
	char *text = read_file(t->path, &t->seen, err, size);
	struct token *list = NULL, *old;
	size_t n;

	if (!text)
		return false;
	if (!parse(t->path, text, &list, &n, err, size)) {
		free(text);
		return false;
	}
	free(text);
	pthread_mutex_lock(&t->lock);
	old = t->list;
	t->list = list;
	t->n = n;
	pthread_mutex_unlock(&t->lock);
	free(old);
	return true;
}

struct tokens *tokens_open(const char *path, char *err, size_t size)
{
	struct tokens *t = calloc(1, sizeof(*t));

	snprintf(err, size, "out of memory while starting");
	if (!t)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	t->path = strdup(path);
	if (t->path && load(t, err, size))
		return t;
	tokens_close(t);
	return NULL;
}

void tokens_close(struct tokens *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t->list);
	free(t->path);
	free(t);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void nobody(struct tokens *t)
{
	pthread_mutex_lock(&t->lock);
	t->n = 0;
	pthread_mutex_unlock(&t->lock);
	if (!t->gone)
		log_error("%s is gone: no token is valid until it is back", t->path);
	t->gone = true;
}

void tokens_refresh(struct tokens *t)
{
	struct stat now;
	char err[600];

	if (stat(t->path, &now) != 0) {
		if (errno == ENOENT)
			nobody(t);
		return;
	}
	if (same(&now, &t->seen) && !t->gone)
		return;
	if (load(t, err, sizeof(err)))
		log_info("%s was read again: %zu tokens", t->path, t->n);
	else
		log_error("%s; the tokens from before stay valid", err);
	t->gone = false;
	t->seen = now;
}

bool tokens_find(struct tokens *t, const char *token, char *name, bool *operate)
{
	uint8_t hash[HASH_LEN];
	size_t found = 0;

	if (!digest(token, strlen(token), hash))
		return false;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n; i++)
		if (CRYPTO_memcmp(t->list[i].hash, hash, HASH_LEN) == 0)
			found = i + 1;
	if (found) {
		strcpy(name, t->list[found - 1].name);
		*operate = t->list[found - 1].operate;
	}
	pthread_mutex_unlock(&t->lock);
	return found > 0;
}

/* ---- the command ------------------------------------------------------------ */

static void base64url(const uint8_t in[HASH_LEN], char out[TOKEN_LEN + 1])
{
	char *text = out + 3, plain[64];
	int n = EVP_EncodeBlock((unsigned char *)plain, in, HASH_LEN);

	memcpy(out, "gw_", 3);
	for (int i = 0; i < n && plain[i] != '='; i++)
		*text++ = plain[i] == '+' ? '-' : plain[i] == '/' ? '_' : plain[i];
	*text = '\0';
}

int token_make(const char *name, const char *right, FILE *out)
{
	uint8_t bits[HASH_LEN], hash[HASH_LEN];
	char token[TOKEN_LEN + 1];

	if (!name_is_good(name))
		die("\"%.80s\" is no name for a token: letters, digits and ._@-, %d at most", name,
		    TOKEN_NAME_LEN);
	if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
		die("no random numbers: %s", strerror(errno));
	base64url(bits, token);
	if (!digest(token, strlen(token), hash))
		die("SHA-256 is not to be had");
	fprintf(out, "token: %s\nline for the file: %s %s ", token, name, right);
	for (size_t i = 0; i < HASH_LEN; i++)
		fprintf(out, "%02x", hash[i]);
	fprintf(out, "\n");
	OPENSSL_cleanse(bits, sizeof(bits));
	OPENSSL_cleanse(token, sizeof(token));
	return fflush(out) || ferror(out) ? 2 : 0;
}
