/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis_tls.h"

#include <stdio.h>

#ifdef HAVE_HIREDIS_SSL
#include <stdlib.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/addr.h"
#include "common/redis_url.h"

struct redis_tls {
	SSL *ssl;  /* hiredis holds another reference */
	int alert; /* the last fatal one that the server sent; -1: none */
};

bool redis_tls_built(void)
{
	return true;
}

static const char *openssl_reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "no reason given";
}

/* The files as an SSL_CTX, or NULL with one line in err. */
static SSL_CTX *load(const struct redis_url *u, char *err, size_t size)
{
	SSL_CTX *ctx;

	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION)) {
		snprintf(err, size, "TLS: %s", openssl_reason());
		goto failed;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (u->tls_ca ? !SSL_CTX_load_verify_locations(ctx, u->tls_ca, NULL) :
			!SSL_CTX_set_default_verify_paths(ctx)) {
		snprintf(err, size, "TLS: %s: no CA certificates can be read: %s",
			 u->tls_ca ? u->tls_ca : "the system's CAs", openssl_reason());
		goto failed;
	}
	if (u->tls_cert && !SSL_CTX_use_certificate_chain_file(ctx, u->tls_cert)) {
		snprintf(err, size, "TLS: %s: no certificate can be read: %s", u->tls_cert,
			 openssl_reason());
		goto failed;
	}
	if (u->tls_key && !SSL_CTX_use_PrivateKey_file(ctx, u->tls_key, SSL_FILETYPE_PEM)) {
		snprintf(err, size, "TLS: %s: no key of that certificate can be read: %s",
			 u->tls_key, openssl_reason());
		goto failed;
	}
	return ctx;
failed:
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

int redis_tls_check(const struct redis_url *u, char *err, size_t size)
{
	SSL_CTX *ctx = load(u, err, size);

	SSL_CTX_free(ctx);
	return ctx ? 0 : -1;
}

/* An alert says why a server refuses us, even after our side of a TLS 1.3
 * handshake was done: that is when it looks at our certificate. */
static void on_info(const SSL *ssl, int where, int value)
{
	struct redis_tls *t = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT &&
	    (value & 0xff) != SSL_AD_CLOSE_NOTIFY)
		t->alert = value;
}

/* Whom the certificate must be of, and the name that the server is asked for. */
static bool expect(SSL *ssl, const char *name)
{
	struct addr numeric;

	if (addr_parse(name, &numeric)) /* no SNI: RFC 6066 section 3 */
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) && SSL_set_tlsext_host_name(ssl, name);
}

struct redis_tls *redis_tls_begin(struct redisContext *c, const struct redis_url *u,
				  const char *host, char *err, size_t size)
{
	struct redis_tls *t = calloc(1, sizeof(*t));
	SSL_CTX *ctx = t ? load(u, err, size) : NULL;
	char why[160];

	if (!t)
		snprintf(err, size, "no memory for TLS");
	if (!ctx)
		goto failed;
	t->alert = -1;
	t->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	if (!t->ssl || !expect(t->ssl, u->tls_name ? u->tls_name : host)) {
		snprintf(err, size, "TLS: %s", openssl_reason());
		goto failed;
	}
	SSL_set_app_data(t->ssl, t);
	SSL_set_info_callback(t->ssl, on_info);
	SSL_up_ref(t->ssl);
	if (redisInitiateSSL(c, t->ssl) == REDIS_OK)
		return t;
	SSL_free(t->ssl); /* hiredis takes its reference only when it succeeds */
	snprintf(err, size, "%s",
		 redis_tls_problem(t, why, sizeof(why)) ? why : "TLS: the handshake failed");
failed:
	ERR_clear_error();
	redis_tls_end(t);
	return NULL;
}

void redis_tls_end(struct redis_tls *t)
{
	if (!t)
		return;
	if (t->ssl) {
		SSL_set_info_callback(t->ssl, NULL);
		SSL_free(t->ssl);
	}
	free(t);
}

const char *redis_tls_problem(struct redis_tls *t, char *buf, size_t size)
{
	long verified = SSL_get_verify_result(t->ssl);
	unsigned long error = ERR_peek_last_error();

	ERR_clear_error();
	if (verified != X509_V_OK)
		snprintf(buf, size, "TLS: the server's certificate is not accepted: %s",
			 X509_verify_cert_error_string(verified));
	else if (t->alert >= 0)
		snprintf(buf, size, "TLS: the server refuses us: %s%s",
			 SSL_alert_desc_string_long(t->alert),
			 SSL_get_certificate(t->ssl) ? "" : " (no redis-tls-cert is set)");
	else if (!SSL_is_init_finished(t->ssl))
		snprintf(buf, size, "TLS: the handshake failed: %s (does this port speak TLS?)",
			 ERR_reason_error_string(error) ? ERR_reason_error_string(error) :
							  "the server said nothing");
	else
		return NULL;
	return buf;
}

#else /* no hiredis_ssl */

bool redis_tls_built(void)
{
	return false;
}

int redis_tls_check(const struct redis_url *u, char *err, size_t size)
{
	snprintf(err, size, "%s", REDIS_TLS_ABSENT);
	return -1;
}

struct redis_tls *redis_tls_begin(struct redisContext *c, const struct redis_url *u,
				  const char *host, char *err, size_t size)
{
	snprintf(err, size, "%s", REDIS_TLS_ABSENT);
	return NULL;
}

void redis_tls_end(struct redis_tls *t)
{
}

const char *redis_tls_problem(struct redis_tls *t, char *buf, size_t size)
{
	return NULL;
}
#endif
