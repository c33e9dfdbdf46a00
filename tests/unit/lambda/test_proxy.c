/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnels through a proxy against a scripted one: the bytes of CONNECT, every kind of answer, and
 * answers in single bytes; and which hosts a list of exceptions names. test_config tests addresses
 * of proxies, and test_tls a connection through a tunnel.
 */
#include <stdio.h>
#include <string.h>

#include "lambda/net/proxy.h"
#include "runtime/base/clock.h"
#include "tests/support/harness.h"
#include "tests/support/support_fault_server.h"

typedef struct tunnel_case {
    const char *name, *host, *authorization;
    const char *answer; /* NULL: the proxy closes the connection. */
    net_status expected;
    const char *why;
} tunnel_case;

#define OK "HTTP/1.1 200 Connection established\r\n\r\n"

static const tunnel_case cases[] = {
    {"a tunnel", "db.example", "", OK, NET_OK, ""},
    {"with a password", "db.example", "dXNlcjpwQHNz", OK, NET_OK, ""},
    {"to an IPv6 address", "fd00::1", "", OK, NET_OK, ""},
    {"HTTP/1.0, and headers", "db.example", "",
     "HTTP/1.0 200 OK\r\nVia: 1.1 proxy\r\nProxy-Agent: x/1\r\n\r\n", NET_OK, ""},
    {"password missing", "db.example", "",
     "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n"
     "Content-Length: 2\r\n\r\nno",
     NET_FAILED, "status 407: give HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"},
    {"password wrong, as tinyproxy says it", "db.example", "",
     "HTTP/1.0 401 Unauthorized\r\nConnection: close\r\n\r\n", NET_FAILED,
     "status 401: give HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"},
    {"refused", "db.example", "", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", NET_FAILED,
     "status 403"},
    {"no such host", "db.example", "", "HTTP/1.1 502 Bad Gateway\r\n\r\n", NET_FAILED,
     "status 502"},
    {"no HTTP", "db.example", "", "SSH-2.0-OpenSSH_9\r\n\r\n", NET_FAILED, "is no HTTP"},
    {"bytes behind the head", "db.example", "", OK "x", NET_FAILED, "is followed by"},
    {"half a head", "db.example", "", "HTTP/1.1 200 OK\r\n", NET_EOF, "proxy: "},
    {"no answer", "db.example", "", NULL, NET_EOF, "proxy: "},
};

static void check_request(const fault_server *server, const tunnel_case *c)
{
    int is_v6 = strchr(c->host, ':') != NULL;
    char target[80], expected[512];

    snprintf(target, sizeof target, is_v6 ? "[%s]:443" : "%s:443", c->host);
    snprintf(expected, sizeof expected, "CONNECT %s HTTP/1.1\r\nHost: %s%s%s\r\n\r\n", target,
             target, c->authorization[0] != '\0' ? "\r\nProxy-Authorization: Basic " : "",
             c->authorization);
    CHECK(fault_request_count(server) == 1);
    CHECKF(strcmp(fault_request(server, 0, NULL), expected) == 0, "%s",
           fault_request(server, 0, NULL));
}

/* Open a tunnel through a proxy that answers in pieces of `piece` bytes. */
static void test_tunnel(const tunnel_case *c, size_t piece)
{
    const fault_step script[] = {{.op = FAULT_ACCEPT},
                                 {.op = FAULT_REQUEST},
                                 {.op = FAULT_SEND,
                                  .bytes = c->answer != NULL ? c->answer : "",
                                  .size = c->answer != NULL ? strlen(c->answer) : 0,
                                  .piece = piece},
                                 {.op = FAULT_CLOSE}};
    net_endpoint at = {.host = "127.0.0.1"}, to = {.port = 443, .tls = 1};
    net_proxy proxy = {.host = "127.0.0.1"};
    fault_server *server;
    net_status status;
    net_stream s;

    /* In single bytes, what follows the head is met by the TLS handshake only. */
    if (piece == 1 && strstr(c->name, "behind the head") != NULL)
        return;
    if (!harness_case("%s, in pieces of %zu", c->name, piece))
        return;
    server = fault_start(script, sizeof script / sizeof *script);
    at.port = proxy.port = fault_port(server);
    snprintf(proxy.authorization, sizeof proxy.authorization, "%s", c->authorization);
    snprintf(to.host, sizeof to.host, "%s", c->host);
    to.proxy = &proxy;
    net_init(&s);
    CHECK(net_connect(&s, &at, clock_after_ms(2000)) == NET_OK);
    status = proxy_open_tunnel(&s, &to, clock_after_ms(2000));
    CHECKF(status == c->expected, "status %d: %s", status, s.why);
    CHECKF(status == NET_OK || strstr(s.why, c->why) != NULL, "%s", s.why);
    net_close(&s);
    CHECK(fault_finish(server) == 1);
    check_request(server, c);
    fault_free(server);
}

static void test_silence(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_HANG}};
    net_endpoint at = {.host = "127.0.0.1"}, to = {.host = "h", .port = 443, .tls = 1};
    net_proxy proxy = {.host = "127.0.0.1"};
    fault_server *server;
    net_stream s;

    if (!harness_case("a proxy that does not answer"))
        return;
    server = fault_start(script, sizeof script / sizeof *script);
    at.port = fault_port(server);
    to.proxy = &proxy;
    net_init(&s);
    CHECK(net_connect(&s, &at, clock_after_ms(2000)) == NET_OK);
    CHECK(proxy_open_tunnel(&s, &to, clock_after_ms(100)) == NET_TIMEOUT);
    net_close(&s);
    fault_finish(server);
    fault_free(server);
}

static void test_long_head(void)
{
    static char answer[8192];
    const fault_step script[] = {{.op = FAULT_ACCEPT},
                                 {.op = FAULT_REQUEST},
                                 {.op = FAULT_SEND, .bytes = answer, .size = sizeof answer},
                                 {.op = FAULT_HANG}};
    net_endpoint at = {.host = "127.0.0.1"}, to = {.host = "h", .port = 443, .tls = 1};
    net_proxy proxy = {.host = "127.0.0.1"};
    fault_server *server;
    net_stream s;

    if (!harness_case("a proxy whose answer has a head of 8 KiB"))
        return;
    memset(answer, 'h', sizeof answer);
    memcpy(answer, "HTTP/1.1 200 OK\r\nX: ", 20);
    server = fault_start(script, sizeof script / sizeof *script);
    at.port = fault_port(server);
    to.proxy = &proxy;
    net_init(&s);
    CHECK(net_connect(&s, &at, clock_after_ms(2000)) == NET_OK);
    CHECK(proxy_open_tunnel(&s, &to, clock_after_ms(2000)) == NET_FAILED);
    CHECKF(strstr(s.why, "is too long") != NULL, "%s", s.why);
    net_close(&s);
    fault_finish(server);
    fault_free(server);
}

static void test_exceptions(void)
{
    static const struct {
        const char *list, *host;
        int excluded;
    } lists[] = {
        {"", "a.example.com", 0},
        {"*", "a.example.com", 1},
        {"example.com", "a.example.com", 1},
        {".example.com", "a.example.com", 1},
        {"*.example.com", "a.example.com", 1},
        {"example.com", "example.com", 1},
        {"EXAMPLE.com", "a.Example.COM", 1},
        {"xample.com", "a.example.com", 0},
        {"a.example.com.evil", "a.example.com", 0},
        {"b.a.example.com", "a.example.com", 0},
        {"x, ,example.com", "a.example.com", 1},
        {"x y\tz,q", "z", 1},
        {"example.com:443", "a.example.com", 1},
        {"example.com:44", "a.example.com", 0},
        {"10.0.0.1", "10.0.0.1", 1},
        {"0.0.1", "10.0.0.1", 0},
        {"fd00::1", "fd00::1", 1},
        {"[fd00::1]", "fd00::1", 1},
        {"cluster1", "dynamodb.cluster1", 1},
        {".", "a.example.com", 0},
        {":443", "a.example.com", 0},
    };

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (harness_case("NO_PROXY \"%s\" and %s", lists[i].list, lists[i].host))
            CHECK(proxy_is_excluded(lists[i].list, lists[i].host, 443) == lists[i].excluded);
}

int main(int argc, char **argv)
{
    harness_init("test_proxy", argc, argv);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 0; piece <= 1; piece++)
            test_tunnel(&cases[i], piece);
    test_silence();
    test_long_head();
    test_exceptions();
    return harness_finish();
}
