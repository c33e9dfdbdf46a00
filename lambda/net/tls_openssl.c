/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of tls.h built on OpenSSL 3. Sockets do not block, and writing to one never raises
 * SIGPIPE. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "lambda/net/tls.h"

/* Where distributions, and the image of this project, keep the root certificates. */
static const char default_roots[] = "/etc/ssl/certs/ca-certificates.crt";

/* tls_setup sets these once, before there are other threads. After that they are only read. */
static SSL_CTX *ssl_context;
static BIO_METHOD *socket_method;

/* ---- reasons --------------------------------------------------------------------------------- */

/* Write "doing: reason" into `why`, with the reason of the first error in OpenSSL's queue, and
 * empty the queue. */
static void explain_openssl_error(char *why, size_t why_bytes, const char *doing)
{
    unsigned long error = ERR_get_error();
    const char *reason = error == 0                ? NULL
                         : ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error))
                                                   : ERR_reason_error_string(error);

    ERR_clear_error();
    if (reason != NULL)
        snprintf(why, why_bytes, "%s: %s", doing, reason);
    else
        snprintf(why, why_bytes, "%s: the connection failed", doing);
}

/* ---- sockets --------------------------------------------------------------------------------- */

/* The BIO below calls send(2) with MSG_NOSIGNAL. OpenSSL's own socket BIO calls write(2), which may
 * raise SIGPIPE. */
static int socket_fd(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int would_block(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static int socket_write(BIO *bio, const char *bytes, size_t size, size_t *written)
{
    ssize_t n = send(socket_fd(bio), bytes, size, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (n < 0 && would_block())
        BIO_set_retry_write(bio);
    *written = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static int socket_read(BIO *bio, char *out, size_t capacity, size_t *got)
{
    ssize_t n = recv(socket_fd(bio), out, capacity, 0);

    BIO_clear_retry_flags(bio);
    if (n < 0 && would_block())
        BIO_set_retry_read(bio);
    if (n == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    *got = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number, (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

    if (method != NULL && (!BIO_meth_set_write_ex(method, socket_write) ||
                           !BIO_meth_set_read_ex(method, socket_read) ||
                           !BIO_meth_set_ctrl(method, socket_control))) {
        BIO_meth_free(method);
        method = NULL;
    }
    return method;
}

static BIO *make_socket(int fd)
{
    BIO *bio = BIO_new(socket_method);

    if (bio != NULL) {
        BIO_set_data(bio, (void *)(intptr_t)fd);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

int tls_available(void)
{
    return 1;
}

static SSL_CTX *make_context(void)
{
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());

    if (made == NULL)
        return NULL;
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(made, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (!SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION)) {
        SSL_CTX_free(made);
        return NULL;
    }
    return made;
}

/* OpenSSL reads neither its configuration file nor its environment variables. */
int tls_setup(const char *ca_file, char *why, size_t why_bytes)
{
    const char *roots = ca_file != NULL ? ca_file : default_roots;
    SSL_CTX *made;

    if (ssl_context != NULL)
        return 0;
    if (!OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) ||
        (socket_method == NULL && (socket_method = make_socket_method()) == NULL) ||
        (made = make_context()) == NULL) {
        explain_openssl_error(why, why_bytes, "TLS cannot be set up");
        return -1;
    }
    if (!SSL_CTX_load_verify_file(made, roots)) {
        char doing[128];

        snprintf(doing, sizeof doing, "no certificates in %.90s (AWS_CA_BUNDLE)", roots);
        explain_openssl_error(why, why_bytes, doing);
        SSL_CTX_free(made);
        return -1;
    }
    ssl_context = made;
    return 0;
}

/* ---- handshake ------------------------------------------------------------------------------- */

/* Tell OpenSSL which host the certificate must be for. A host name is also sent to the server
 * (SNI); the protocol does not allow that for an IP address. */
static int set_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct in6_addr address;

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host);
    return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
}

/* Call this after an operation of OpenSSL that returned `result` and did not succeed. It waits for
 * what the operation needs and returns NET_OK if the operation is to be repeated, or it returns how
 * the connection ended. */
static net_status wait_or_fail(SSL *ssl, int fd, int result, int64_t deadline_ns, const char *doing,
                               char *why, size_t why_bytes)
{
    int error = SSL_get_error(ssl, result);
    net_status status;

    if (error == SSL_ERROR_ZERO_RETURN) {
        snprintf(why, why_bytes, "%s: the peer has closed the connection", doing);
        return NET_EOF;
    }
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        explain_openssl_error(why, why_bytes, doing);
        return NET_FAILED;
    }
    status = net_wait(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ns);
    if (status == NET_TIMEOUT)
        snprintf(why, why_bytes, "%s: no time left", doing);
    else if (status != NET_OK)
        snprintf(why, why_bytes, "%s: %s", doing, strerror(errno));
    return status;
}

/* Returns 1 if a handshake failed because the server cannot be trusted, 0 if the connection broke.
 * The certificate was refused, or the protocol itself reported an error other than an early end. */
static int is_distrusted(const SSL *ssl, unsigned long error)
{
    if (SSL_get_verify_result(ssl) != X509_V_OK)
        return 1;
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           ERR_GET_REASON(error) != SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

static net_status shake_hands(SSL *ssl, int fd, int64_t deadline_ns, char *why, size_t why_bytes)
{
    for (;;) {
        unsigned long error;
        net_status status;
        int result, no_trust;

        ERR_clear_error();
        result = SSL_connect(ssl);
        if (result == 1)
            return NET_OK;
        error = ERR_peek_error();
        no_trust = error != 0 && is_distrusted(ssl, error);
        status = wait_or_fail(ssl, fd, result, deadline_ns, "TLS handshake", why, why_bytes);
        if (status == NET_OK)
            continue;
        if (no_trust && SSL_get_verify_result(ssl) != X509_V_OK)
            snprintf(why, why_bytes, "TLS handshake: certificate refused: %s",
                     X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
        return no_trust ? NET_TLS : status == NET_EOF ? NET_FAILED : status;
    }
}

net_status tls_connect(void **tls, int fd, const char *host, int64_t deadline_ns, char *why,
                       size_t why_bytes)
{
    SSL *ssl = ssl_context != NULL ? SSL_new(ssl_context) : NULL;
    BIO *bio = ssl != NULL ? make_socket(fd) : NULL;
    net_status status;

    if (bio == NULL) {
        SSL_free(ssl);
        snprintf(why, why_bytes, "TLS: %s", ssl_context == NULL ? "not set up" : "no memory");
        return NET_FAILED;
    }
    SSL_set_bio(ssl, bio, bio);
    if (!set_host(ssl, host)) {
        explain_openssl_error(why, why_bytes, "TLS: host name");
        SSL_free(ssl);
        return NET_TLS;
    }
    status = shake_hands(ssl, fd, deadline_ns, why, why_bytes);
    if (status != NET_OK) {
        SSL_free(ssl);
        return status;
    }
    *tls = ssl;
    return NET_OK;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

net_status tls_send(void *tls, int fd, const char *bytes, size_t size, int64_t deadline_ns,
                    char *why, size_t why_bytes)
{
    while (size > 0) {
        size_t written = 0;
        int result;

        ERR_clear_error();
        result = SSL_write_ex(tls, bytes, size, &written);
        if (result <= 0) {
            net_status status =
                wait_or_fail(tls, fd, result, deadline_ns, "TLS send", why, why_bytes);

            if (status != NET_OK)
                return status == NET_EOF ? NET_FAILED : status;
        }
        bytes += written;
        size -= written;
    }
    return NET_OK;
}

/* A connection that ends without close_notify is a failure and not the end of the data, because an
 * attacker can cut a connection. */
net_status tls_receive(void *tls, int fd, char *out, size_t capacity, size_t *received,
                       int64_t deadline_ns, char *why, size_t why_bytes)
{
    for (;;) {
        net_status status;
        int result;

        ERR_clear_error();
        result = SSL_read_ex(tls, out, capacity, received);
        if (result > 0)
            return NET_OK;
        status = wait_or_fail(tls, fd, result, deadline_ns, "TLS receive", why, why_bytes);
        if (status != NET_OK)
            return status;
    }
}

int tls_stale(void *tls, int fd)
{
    size_t got;
    char byte;
    int result;

    (void)fd;
    ERR_clear_error();
    result = SSL_peek_ex(tls, &byte, 1, &got);
    if (result > 0)
        return 1;
    result = SSL_get_error(tls, result);
    ERR_clear_error();
    return result != SSL_ERROR_WANT_READ;
}

void tls_free(void *tls, int fd)
{
    (void)fd;
    ERR_clear_error();
    if (SSL_is_init_finished(tls))
        SSL_shutdown(tls);
    SSL_free(tls);
    ERR_clear_error();
}
