/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over non-blocking sockets. */
#include "lambda/net/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/net/proxy.h"
#include "lambda/net/resolve.h"
#include "lambda/net/tls.h"

/* Parse a port from 1 to 65535 in decimal digits. Returns 0 for anything else. */
static unsigned parse_port(const char *text)
{
    unsigned port = 0;

    for (; *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++)
        port = port * 10 + (unsigned)(*text - '0');
    return *text == '\0' && port <= UINT16_MAX ? port : 0;
}

int net_endpoint_parse(net_endpoint *to, const char *text)
{
    const char *colon = strrchr(text, ':'), *host = text;
    size_t size = colon != NULL ? (size_t)(colon - text) : 0;

    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
    } else if (memchr(host, ':', size) != NULL) {
        /* Without brackets it is unclear where an IPv6 address ends and the port begins. */
        return -1;
    }
    if (size == 0 || size >= NET_HOST_BYTES || parse_port(colon + 1) == 0)
        return -1;
    for (size_t i = 0; i < size; i++)
        if (host[i] <= ' ' || host[i] > '~' || strchr("/?#@[]\\", host[i]) != NULL)
            return -1;
    memset(to, 0, sizeof *to);
    memcpy(to->host, host, size);
    to->port = (uint16_t)parse_port(colon + 1);
    return 0;
}

void net_init(net_stream *s)
{
    s->fd = -1;
    s->tls = NULL;
    s->why[0] = '\0';
}

static net_status fail_with_errno(net_stream *s, const char *doing)
{
    snprintf(s->why, sizeof s->why, "%s: %s", doing, strerror(errno));
    return NET_FAILED;
}

static net_status explain_wait(net_stream *s, net_status status, const char *doing)
{
    if (status == NET_TIMEOUT)
        snprintf(s->why, sizeof s->why, "%s: no time left", doing);
    return status == NET_FAILED ? fail_with_errno(s, doing) : status;
}

/* ---- connecting ----------------------------------------------------------------------------- */

static socklen_t socket_address(struct sockaddr_storage *to, const resolve_address *address,
                                uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memset(to, 0, sizeof *to);
    if (address->family == AF_INET) {
        v4.sin_addr = address->ip.v4;
        memcpy(to, &v4, sizeof v4);
        return sizeof v4;
    }
    v6.sin6_addr = address->ip.v6;
    v6.sin6_scope_id = address->scope;
    memcpy(to, &v6, sizeof v6);
    return sizeof v6;
}

/* Wait until a connect that is under way has succeeded or failed. */
static net_status finish_connect(net_stream *s, int64_t deadline_ns)
{
    net_status status = explain_wait(s, net_wait(s->fd, POLLOUT, deadline_ns), "connect");
    int error = 0;
    socklen_t size = sizeof error;

    if (status != NET_OK)
        return status;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return fail_with_errno(s, "connect");
    if (error != 0) {
        errno = error;
        return fail_with_errno(s, "connect");
    }
    return NET_OK;
}

static net_status connect_to(net_stream *s, const resolve_address *address, uint16_t port,
                             int64_t deadline_ns)
{
    struct sockaddr_storage to;
    socklen_t size = socket_address(&to, address, port);
    net_status status = NET_OK;
    int on = 1;

    s->fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return fail_with_errno(s, "socket");
    if (connect(s->fd, (struct sockaddr *)&to, size) != 0)
        status = errno == EINPROGRESS || errno == EINTR ? finish_connect(s, deadline_ns)
                                                        : fail_with_errno(s, "connect");
    if (status == NET_OK && setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        status = fail_with_errno(s, "TCP_NODELAY");
    if (status != NET_OK)
        net_close(s);
    return status;
}

/* Try the addresses in turn. Each gets an equal share of the time that is left, so that an address
 * that swallows packets leaves time for the others. */
static net_status connect_any(net_stream *s, const resolve_address *addresses, size_t count,
                              uint16_t port, int64_t deadline_ns)
{
    net_status status = NET_FAILED;

    for (size_t i = 0; i < count && status != NET_OK; i++) {
        int64_t now = clock_now_ns(), share = deadline_ns;

        if (deadline_ns != CLOCK_NEVER)
            share = now + (deadline_ns - now) / (int64_t)(count - i);
        status = connect_to(s, &addresses[i], port, share);
    }
    return status;
}

net_status net_connect(net_stream *s, const net_endpoint *to, int64_t deadline_ns)
{
    const net_proxy *proxy = to->tls ? to->proxy : NULL;
    resolve_address addresses[RESOLVE_ADDRESSES];
    size_t count = 0;
    net_status status;

    net_close(s);
    status = resolve_host(addresses, &count, proxy ? proxy->host : to->host, &resolve_system,
                          deadline_ns, s->why, sizeof s->why);
    if (status == NET_OK)
        status = connect_any(s, addresses, count, proxy ? proxy->port : to->port, deadline_ns);
    if (status == NET_OK && proxy)
        status = proxy_open_tunnel(s, to, deadline_ns);
    if (status == NET_OK && to->tls)
        status = tls_connect(&s->tls, s->fd, to->host, deadline_ns, s->why, sizeof s->why);
    if (status != NET_OK)
        net_close(s);
    return status;
}

/* ---- sending and receiving ------------------------------------------------------------------ */

net_status net_send(net_stream *s, const char *bytes, size_t size, int64_t deadline_ns)
{
    if (s->tls != NULL)
        return tls_send(s->tls, s->fd, bytes, size, deadline_ns, s->why, sizeof s->why);
    while (size > 0) {
        ssize_t n = send(s->fd, bytes, size, MSG_NOSIGNAL);

        if (n >= 0) {
            bytes += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) {
            net_status status = explain_wait(s, net_wait(s->fd, POLLOUT, deadline_ns), "send");

            if (status != NET_OK)
                return status;
        } else if (errno != EINTR) {
            return fail_with_errno(s, "send");
        }
    }
    return NET_OK;
}

net_status net_receive(net_stream *s, char *out, size_t capacity, size_t *received,
                       int64_t deadline_ns)
{
    if (s->tls != NULL)
        return tls_receive(s->tls, s->fd, out, capacity, received, deadline_ns, s->why,
                           sizeof s->why);
    for (;;) {
        ssize_t n = recv(s->fd, out, capacity, 0);

        if (n > 0) {
            *received = (size_t)n;
            return NET_OK;
        }
        if (n == 0) {
            snprintf(s->why, sizeof s->why, "receive: the peer has closed the connection");
            return NET_EOF;
        }
        if (errno == EAGAIN) {
            net_status status = explain_wait(s, net_wait(s->fd, POLLIN, deadline_ns), "receive");

            if (status != NET_OK)
                return status;
        } else if (errno != EINTR) {
            return fail_with_errno(s, "receive");
        }
    }
}

int net_stale(net_stream *s)
{
    struct pollfd p = {s->fd, POLLIN, 0};

    if (s->fd < 0)
        return 1;
    if (s->tls != NULL)
        return tls_stale(s->tls, s->fd);
    return poll(&p, 1, 0) != 0;
}

void net_finish(net_stream *s, int64_t deadline_ns)
{
    shutdown(s->fd, SHUT_WR);
    if (net_wait(s->fd, POLLIN, deadline_ns) != NET_OK)
        shutdown(s->fd, SHUT_RD);
}

void net_close(net_stream *s)
{
    if (s->tls != NULL)
        tls_free(s->tls, s->fd);
    if (s->fd >= 0)
        close(s->fd);
    s->tls = NULL;
    s->fd = -1;
}
