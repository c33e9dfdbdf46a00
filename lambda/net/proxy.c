/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of proxies, lists of exceptions, and the request CONNECT. */
#include "lambda/net/proxy.h"

#include <stdio.h>
#include <string.h>

#include "lambda/net/http.h"
#include "lambda/net/url.h"
#include "runtime/base/ascii.h"
#include "runtime/base/buffer.h"
#include "runtime/base/hex.h"
#include "runtime/base/old_libc.h"

enum { REPLY_BYTES = 4096, CREDENTIALS_BYTES = 192 };
_Static_assert(sizeof((net_proxy *)0)->authorization > CREDENTIALS_BYTES / 3 * 4, "base64 fits");

/* ---- addresses ------------------------------------------------------------------------------- */

static int refuse(char *why, size_t why_bytes, const char *what)
{
    snprintf(why, why_bytes, "%s", what);
    return -1;
}

/* Decode %XX. Returns the number of bytes, or 0 if they do not fit or an escape is malformed. */
static size_t decode_percent(char *out, size_t capacity, const char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++) {
        int high, low;

        if (n == capacity)
            return 0;
        if (text[i] != '%') {
            out[n++] = text[i];
            continue;
        }
        high = i + 2 < size ? hex_digit_value(text[i + 1]) : -1;
        low = high >= 0 ? hex_digit_value(text[i + 2]) : -1;
        if (low < 0)
            return 0;
        out[n++] = (char)(high * 16 + low);
        i += 2;
    }
    return n;
}

/* Write base64 (RFC 4648) with a NUL behind it. */
static void encode_base64(char *out, const char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        unsigned long group = 0;

        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (i + k < size ? (unsigned char)bytes[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            *out++ = i + k < size + 1 ? digits[group >> (18 - 6 * k) & 63] : '=';
    }
    *out = '\0';
}

/* Read "user:password" before the host. */
static int read_credentials(net_proxy *p, const char *text, size_t size)
{
    char plain[CREDENTIALS_BYTES];
    size_t n = decode_percent(plain, sizeof plain, text, size);

    if (n == 0)
        return -1;
    encode_base64(p->authorization, plain, n);
    wipe_bytes(plain, sizeof plain);
    return 0;
}

int proxy_parse(net_proxy *p, const char *text, char *why, size_t why_bytes)
{
    static const char http[] = "http://";
    char url[sizeof http + NET_HOST_BYTES + 16];
    net_endpoint found;
    http_slice target;
    const char *at;
    size_t size;

    if (ascii_begins(text, "https://"))
        return refuse(why, why_bytes, "a proxy is reached by http://, not by https://");
    if (ascii_begins(text, http))
        text += sizeof http - 1;
    size = strcspn(text, "/?");
    memset(p, 0, sizeof *p);
    /* The last '@' ends the credentials, since a password may hold others. */
    for (at = text + size; at > text && *at != '@'; at--)
        ;
    if (*at == '@' && at < text + size) {
        if (read_credentials(p, text, (size_t)(at - text)) != 0)
            return refuse(why, why_bytes,
                          "the proxy's user and password are too long or malformed");
        size -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    if (size >= NET_HOST_BYTES + 8 || (text[size] != '\0' && strcmp(text + size, "/") != 0))
        return refuse(why, why_bytes, "give http://HOST:PORT for the proxy");
    snprintf(url, sizeof url, "%s%.*s", http, (int)size, text);
    if (url_parse(&found, &target, url) != 0)
        return refuse(why, why_bytes, "give http://HOST:PORT for the proxy");
    memcpy(p->host, found.host, sizeof p->host);
    p->port = found.port;
    return 0;
}

/* ---- exceptions ------------------------------------------------------------------------------ */

/* Returns 1 for an address of IPv4 or IPv6, whose last label is a number or which has a colon. */
static int is_address(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *last = dot != NULL ? dot + 1 : host;

    return strchr(host, ':') != NULL || strspn(last, "0123456789") == strlen(last);
}

/* Returns 1 if one entry of the list names the host. */
static int entry_names(const char *entry, size_t size, const char *host, uint16_t port)
{
    const char *colon = memchr(entry, ':', size);
    size_t host_size = strlen(host);
    char wanted[8];

    if (size == 1 && *entry == '*')
        return 1;
    /* One colon separates a port; an IPv6 address has several. */
    if (colon != NULL && memchr(colon + 1, ':', size - (size_t)(colon + 1 - entry)) == NULL) {
        size_t digits = size - (size_t)(colon + 1 - entry);

        snprintf(wanted, sizeof wanted, "%u", (unsigned)port);
        if (strlen(wanted) != digits || memcmp(wanted, colon + 1, digits) != 0)
            return 0;
        size = (size_t)(colon - entry);
    }
    if (size > 2 && entry[0] == '[' && entry[size - 1] == ']') {
        entry++;
        size -= 2;
    }
    while (size > 0 && (*entry == '.' || *entry == '*')) {
        entry++;
        size--;
    }
    if (size == 0 || size > host_size || !ascii_same(host + host_size - size, entry, size))
        return 0;
    if (size == host_size)
        return 1;
    /* Only names have names below them. */
    return host[host_size - size - 1] == '.' && !is_address(host);
}

int proxy_is_excluded(const char *list, const char *host, uint16_t port)
{
    while (*list != '\0') {
        size_t size = strcspn(list, ", \t");

        if (size > 0 && entry_names(list, size, host, port))
            return 1;
        list += size + (list[size] != '\0');
    }
    return 0;
}

/* ---- tunnels --------------------------------------------------------------------------------- */

static net_status send_connect(net_stream *s, const net_endpoint *to, int64_t deadline_ns)
{
    int is_v6 = strchr(to->host, ':') != NULL;
    char memory[2 * NET_HOST_BYTES + sizeof to->proxy->authorization + 128];
    net_status status = NET_FAILED;
    buffer request;

    buffer_init(&request, memory, sizeof memory);
    for (int line = 0; line < 2; line++) {
        buffer_text(&request, line == 0 ? "CONNECT " : " HTTP/1.1\r\nHost: ");
        buffer_text(&request, is_v6 ? "[" : "");
        buffer_text(&request, to->host);
        buffer_format(&request, "%s:%u", is_v6 ? "]" : "", (unsigned)to->port);
    }
    if (to->proxy->authorization[0] != '\0') {
        buffer_text(&request, "\r\nProxy-Authorization: Basic ");
        buffer_text(&request, to->proxy->authorization);
    }
    buffer_text(&request, "\r\n\r\n");
    if (!request.overflow)
        status = net_send(s, request.data, request.size, deadline_ns);
    wipe_bytes(memory, sizeof memory);
    return status;
}

/* Read the head of the proxy's answer. The server speaks only after the client by TLS, so nothing
 * may follow the head of a success. */
net_status proxy_open_tunnel(net_stream *s, const net_endpoint *to, int64_t deadline_ns)
{
    net_status status = send_connect(s, to, deadline_ns);
    http_progress progress = HTTP_MORE;
    char reply[REPLY_BYTES];
    size_t filled = 0;
    http_head head;

    while (status == NET_OK && progress == HTTP_MORE && filled < sizeof reply) {
        size_t received;

        status = net_receive(s, reply + filled, sizeof reply - filled, &received, deadline_ns);
        if (status != NET_OK)
            break;
        filled += received;
        progress = http_parse_response(&head, reply, filled);
    }
    if (status != NET_OK) {
        char why[sizeof s->why];

        snprintf(why, sizeof why, "%s", s->why);
        snprintf(s->why, sizeof s->why, "proxy: %.140s", why);
        return status;
    }
    if (progress != HTTP_DONE || (head.status / 100 == 2 && filled != head.bytes)) {
        snprintf(s->why, sizeof s->why, "proxy: the answer to CONNECT is %s",
                 progress == HTTP_BAD    ? "no HTTP"
                 : progress == HTTP_DONE ? "followed by other bytes"
                                         : "too long");
        return NET_FAILED;
    }
    if (head.status / 100 == 2)
        return NET_OK;
    snprintf(s->why, sizeof s->why, "proxy: CONNECT was answered with status %d%s", head.status,
             head.status == 407 || head.status == 401
                 ? ": give HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
                 : "");
    return NET_FAILED;
}
