/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/http/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define COMPRESS_FROM 1024 /* bytes; less fits a packet or two as it is */
#define COMPRESS_LEVEL 5   /* of 9: above it costs double for a few per cent */

/* ---- the target ------------------------------------------------------------ */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* In place; plus is a blank in queries. Zero and control characters mean nothing
 * in any name or value here. */
static bool unescape(char *text, bool query)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		int c = (unsigned char)*in, high, low;

		if (c == '%') {
			high = hex(in[1]);
			low = high < 0 ? -1 : hex(in[2]);
			if (low < 0)
				return false;
			c = high << 4 | low;
			in += 2;
		} else if (c == '+' && query) {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return false;
		*out++ = (char)c;
	}
	*out = '\0';
	return true;
}

static bool is_utf8(const char *text)
{
	json_t *string = json_string(text); /* NULL when it is not */

	json_decref(string);
	return string != NULL;
}

static bool take_param(struct http_request *r, char *text, const char **why)
{
	char *value = strchr(text, '=');
	struct http_param *p;

	if (!*text)
		return true; /* "a=1&&b=2" */
	if (value)
		*value++ = '\0';
	*why = "the query is not percent-encoded UTF-8";
	if (!unescape(text, true) || (value && !unescape(value, true)) || !is_utf8(text) ||
	    (value && !is_utf8(value)))
		return false;
	*why = "too many parameters";
	if (r->n_params == HTTP_MAX_PARAMS)
		return false;
	*why = "a parameter is given twice";
	if (http_param(r, text))
		return false;
	p = &r->params[r->n_params++];
	p->name = text;
	p->value = value ? value : "";
	return true;
}

bool http_request_uri(struct http_request *r, const char *uri, const char **why)
{
	size_t len = strlen(uri);
	char *query, *rest, *one;

	r->n_params = 0;
	r->path = "";
	*why = "the address is too long";
	if (len > HTTP_MAX_URI)
		return false;
	memcpy(r->uri, uri, len + 1);
	*why = "the path does not begin with a slash";
	if (r->uri[0] != '/')
		return false;
	query = strchr(r->uri, '?');
	if (query)
		*query++ = '\0';
	*why = "the path is not percent-encoded UTF-8";
	if (!unescape(r->uri, false) || !is_utf8(r->uri))
		return false;
	r->path = r->uri;
	for (rest = query; rest && (one = strsep(&rest, "&")) != NULL;)
		if (!take_param(r, one, why))
			return false;
	return true;
}

enum http_method http_request_method(const char *name)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "DELETE", "OPTIONS" };

	for (int i = 0; i < HTTP_OTHER; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum http_method)i;
	return HTTP_OTHER;
}

const char *http_param(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_params; i++)
		if (strcmp(r->params[i].name, name) == 0)
			return r->params[i].value;
	return NULL;
}

/* ---- the answer ------------------------------------------------------------ */

void http_answer_clear(struct http_answer *a)
{
	free(a->body);
	a->body = NULL;
	a->len = 0;
	if (a->source)
		a->source->close(a->arg);
	a->source = NULL;
}

void http_answer_header(struct http_answer *a, const char *name, const char *fmt, ...)
{
	struct http_header *h = &a->headers[a->n_headers];
	va_list args;

	if (a->n_headers == HTTP_MAX_HEADERS)
		return;
	h->name = name;
	va_start(args, fmt);
	vsnprintf(h->value, sizeof(h->value), fmt, args);
	va_end(args);
	a->n_headers++;
}

void http_answer_text(struct http_answer *a, unsigned status, const char *type, char *body,
		      size_t len)
{
	http_answer_clear(a);
	a->status = body ? status : 500;
	a->type = body ? type : NULL;
	a->body = body;
	a->len = body ? len : 0;
	a->no_store = true;
}

void http_answer_json(struct http_answer *a, unsigned status, json_t *doc)
{
	char *text = json_dumps(doc, JSON_COMPACT);

	json_decref(doc);
	http_answer_text(a, status, "application/json", text, text ? strlen(text) : 0);
}

const char *http_status_text(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} texts[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "";
}

void http_problem(struct http_answer *a, const struct http_request *r, unsigned status,
		  const char *name, const char *fmt, ...)
{
	char type[128], detail[600];
	va_list args;
	json_t *doc;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	snprintf(type, sizeof(type), HTTP_PROBLEM "%s", name);
	/* detail may repeat what the client sent, cut within a character */
	doc = json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", type, "title",
			http_status_text(status), "status", (int)status, "detail",
			is_utf8(detail) ? detail : "", "request", r->id);
	http_answer_json(a, status, doc);
	if (a->type)
		a->type = "application/problem+json";
}

/* A client that says gzip;q=0 does not want it; more of RFC 9110's arithmetic no
 * client has a use for. */
static bool takes_gzip(const char *header)
{
	const char *at = header ? strstr(header, "gzip") : NULL;

	return at && strncmp(at + 4, ";q=0", 4) != 0;
}

void http_answer_compress(struct http_answer *a, const struct http_request *r)
{
	z_stream z = { 0 };
	unsigned char *out;
	size_t most;

	if (!a->body || a->len < COMPRESS_FROM)
		return;
	http_answer_header(a, "Vary", "Accept-Encoding");
	if (!takes_gzip(r->accept_encoding) ||
	    deflateInit2(&z, COMPRESS_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	most = deflateBound(&z, a->len);
	out = malloc(most);
	z.next_in = (unsigned char *)a->body;
	z.avail_in = (unsigned)a->len;
	z.next_out = out;
	z.avail_out = (unsigned)most;
	if (out && deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < a->len) {
		free(a->body);
		a->body = (char *)out;
		a->len = z.total_out;
		http_answer_header(a, "Content-Encoding", "gzip");
		out = NULL;
	}
	free(out);
	deflateEnd(&z);
}
