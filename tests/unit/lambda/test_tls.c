/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS against OpenSSL's own server: certificates that must be accepted and others that must be
 * refused, protocols, and connections that are cut at every stage. Skipped if the build has no TLS
 * (make TLS=openssl) or if there is no command openssl to make certificates and to serve.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/net/http_client.h"
#include "lambda/net/net.h"
#include "lambda/net/proxy.h"
#include "lambda/net/tls.h"
#include "tests/support/harness.h"
#include "tests/support/support_fault_server.h"

enum { START_MS = 10000, CASE_MS = 5000 };

static char directory[] = "/tmp/distil_tls_XXXXXX";

/* ---- certificates ---------------------------------------------------------------------------- */

/* Run a shell command in the directory of this test. Returns 1 if it succeeded. */
static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...)
{
    char command[2048];
    va_list arguments;
    int used = snprintf(command, sizeof command, "cd %s && exec >>log 2>&1 && ", directory);

    va_start(arguments, format);
    vsnprintf(command + used, sizeof command - (size_t)used, format, arguments);
    va_end(arguments);
    return system(command) == 0;
}

#define EC "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

/* Make an authority NAME.pem that certifies itself. */
static int make_authority(const char *name)
{
    return shell("openssl req -x509 " EC " -keyout %s.key -out %s.pem -days 10 -subj /CN=%s "
                 "-addext basicConstraints=critical,CA:true -addext keyUsage=keyCertSign",
                 name, name, name);
}

/* Make NAME.pem, signed by an authority and valid from `from` to `to` (YYYYMMDDHHMMSSZ). */
static int make_certificate(const char *name, const char *authority, const char *subject,
                            const char *extensions, const char *key, const char *from,
                            const char *to)
{
    return shell("openssl req %s -keyout %s.key -out %s.csr -subj '%s' && "
                 "printf '%s\\n' >%s.ext && : >index.txt && "
                 "printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\nrand_serial=yes\\n"
                 "new_certs_dir=.\\npolicy=p\\nunique_subject=no\\n[p]\\ncommonName=supplied\\n' "
                 ">ca.cnf && "
                 "openssl ca -batch -notext -config ca.cnf -cert %s.pem -keyfile %s.key -md sha256 "
                 "-in %s.csr -out %s.pem -startdate %s -enddate %s -extfile %s.ext",
                 key, name, name, subject, extensions, name, authority, authority, name, name, from,
                 to, name);
}

#define LONG_AGO "20200101000000Z"
#define LAST_YEAR "20210101000000Z"
#define FAR_OFF "20990101000000Z"
#define LATER "20991231000000Z"
#define SAN "subjectAltName=DNS:localhost,IP:127.0.0.1"

typedef struct certificate {
    const char *name, *authority, *subject, *extensions, *key, *from, *to;
} certificate;

static const certificate certificates[] = {
    {"good", "roots", "/CN=good", SAN, EC, LONG_AGO, FAR_OFF},
    {"elsewhere", "roots", "/CN=localhost", "subjectAltName=DNS:elsewhere.test,IP:127.0.0.2", EC,
     LONG_AGO, FAR_OFF},
    {"suffix", "roots", "/CN=x", "subjectAltName=DNS:localhost.elsewhere.test", EC, LONG_AGO,
     FAR_OFF},
    {"subject", "roots", "/CN=localhost", "basicConstraints=CA:false", EC, LONG_AGO, FAR_OFF},
    {"expired", "roots", "/CN=expired", SAN, EC, LONG_AGO, LAST_YEAR},
    {"early", "roots", "/CN=early", SAN, EC, FAR_OFF, LATER},
    {"stranger", "strangers", "/CN=stranger", SAN, EC, LONG_AGO, FAR_OFF},
    {"client", "roots", "/CN=client", SAN "\\nextendedKeyUsage=clientAuth", EC, LONG_AGO, FAR_OFF},
    {"weak", "roots", "/CN=weak", SAN, "-newkey rsa:1024 -nodes", LONG_AGO, FAR_OFF},
    /* The certificate that signed this one does not belong to an authority. */
    {"child", "good", "/CN=child", SAN, EC, LONG_AGO, FAR_OFF},
};

static int make_certificates(void)
{
    if (!make_authority("roots") || !make_authority("strangers"))
        return 0;
    for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++) {
        const certificate *c = &certificates[i];

        if (!make_certificate(c->name, c->authority, c->subject, c->extensions, c->key, c->from,
                              c->to))
            return 0;
    }
    return shell("openssl req -x509 " EC " -keyout self.key -out self.pem -days 10 -subj /CN=self "
                 "-addext " SAN) &&
           /* A server with this file sends the whole chain. */
           shell("cat good.pem >>child.pem");
}

/* ---- servers --------------------------------------------------------------------------------- */

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        abort();
    close(fd);
    return ntohs(address.sin_port);
}

static int answers(uint16_t port)
{
    net_endpoint to = {.host = "127.0.0.1", .port = port};
    net_status status;
    net_stream s;

    net_init(&s);
    status = net_connect(&s, &to, clock_after_ms(1000));
    net_close(&s);
    return status == NET_OK;
}

/* Start openssl s_server with NAME.pem. It answers each line with its reverse, unless the options
 * say otherwise. Returns its process, or -1 if it does not start. */
static pid_t start_server(const char *name, const char *options, uint16_t *port)
{
    int64_t until = clock_after_ms(START_MS);
    char command[512];
    pid_t pid;

    *port = free_port();
    snprintf(command, sizeof command,
             "cd %s && exec openssl s_server -accept 127.0.0.1:%u -cert %s.pem -cert_chain %s.pem "
             "-key %s.key %s %s >>log 2>&1",
             directory, *port, name, name, name, strstr(options, "-HTTP") == NULL ? "-rev" : "",
             options);
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && clock_now_ns() < until) {
        if (answers(*port))
            return pid;
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return -1;
        clock_sleep_until(clock_after_ms(5));
    }
    return -1;
}

static void stop_server(pid_t pid)
{
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

/* ---- certificates and protocols -------------------------------------------------------------- */

typedef struct trust_case {
    const char *certificate, *options, *host;
    net_status expected;
    const char *why; /* A part of the reason. */
} trust_case;

static const trust_case trust_cases[] = {
    {"good", "", "localhost", NET_OK, ""},
    {"good", "", "127.0.0.1", NET_OK, ""},
    {"good", "-tls1_2", "localhost", NET_OK, ""},
    {"good", "-tls1_3", "localhost", NET_OK, ""},
    {"good", "-tls1_1 -cipher ALL:@SECLEVEL=0", "localhost", NET_TLS, "version"},
    {"good", "-tls1 -cipher ALL:@SECLEVEL=0", "localhost", NET_TLS, "version"},
    {"good", "-tls1_2 -cipher NULL:@SECLEVEL=0", "localhost", NET_TLS, "handshake failure"},
    {"elsewhere", "", "localhost", NET_TLS, "ostname"},
    {"elsewhere", "", "127.0.0.1", NET_TLS, "IP address"},
    {"suffix", "", "localhost", NET_TLS, "ostname"},
    {"subject", "", "localhost", NET_TLS, "ostname"},
    {"expired", "", "localhost", NET_TLS, "expired"},
    {"early", "", "localhost", NET_TLS, "not yet valid"},
    {"self", "", "localhost", NET_TLS, "self-signed"},
    {"stranger", "", "localhost", NET_TLS, "issuer"},
    {"client", "", "localhost", NET_TLS, "purpose"},
    {"weak", "-cipher ALL:@SECLEVEL=0", "localhost", NET_TLS, "too weak"},
    {"child", "", "localhost", NET_TLS, "CA certificate"},
};

static void test_trust(const trust_case *c)
{
    net_endpoint to = {.tls = 1};
    net_status status;
    net_stream s;
    pid_t server;

    if (!harness_case("certificate %s %s for %s", c->certificate, c->options, c->host))
        return;
    snprintf(to.host, sizeof to.host, "%s", c->host);
    server = start_server(c->certificate, c->options, &to.port);
    CHECK(server > 0);
    net_init(&s);
    status = net_connect(&s, &to, clock_after_ms(CASE_MS));
    CHECKF(status == c->expected, "status %d: %s", status, s.why);
    CHECKF(status == NET_OK || strstr(s.why, c->why) != NULL, "%s", s.why);
    CHECK((s.fd >= 0) == (c->expected == NET_OK) && (s.tls != NULL) == (s.fd >= 0));
    net_close(&s);
    stop_server(server);
}

/* Without trust, no byte of a request leaves the process. */
static void test_untrusted_request(void)
{
    static const char request[] = "GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static char memory[4096];
    net_endpoint to = {.host = "localhost", .tls = 1};
    http_response response;
    http_client client;
    pid_t server;

    if (!harness_case("a request to a server without trust is not sent"))
        return;
    server = start_server("stranger", "-msg", &to.port);
    http_client_init(&client, &to, memory, sizeof memory, 1000);
    CHECK(http_client_exchange(&client, &response, request, sizeof request - 1, HTTP_RESEND_ONCE,
                               clock_after_ms(CASE_MS)) == HTTP_CLIENT_UNTRUSTED);
    CHECK(client.connections == 0);
    stop_server(server);
    CHECK(!shell("grep -q secret log"));
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* The server (s_server -rev) answers each line with its reverse. */
static int reversed(net_stream *s, size_t size)
{
    static char line[8192], answer[8192];
    size_t got = 0, received;

    for (size_t i = 0; i < size; i++)
        line[i] = (char)('a' + i % 26);
    line[size] = '\n';
    if (net_send(s, line, size + 1, clock_after_ms(CASE_MS)) != NET_OK)
        return 0;
    while (got < size + 1) {
        if (net_receive(s, answer + got, sizeof answer - got, &received, clock_after_ms(CASE_MS)) !=
            NET_OK)
            return 0;
        got += received;
    }
    for (size_t i = 0; i < size; i++)
        if (answer[i] != line[size - 1 - i])
            return 0;
    return got == size + 1;
}

static void test_kept(const char *protocol)
{
    net_endpoint to = {.host = "localhost", .tls = 1};
    net_stream s;
    pid_t server;
    int good = 1;

    if (!harness_case("a kept connection, %s", protocol))
        return;
    server = start_server("good", protocol, &to.port);
    net_init(&s);
    CHECK(net_stale(&s));
    CHECK(net_connect(&s, &to, clock_after_ms(CASE_MS)) == NET_OK);
    /* Session tickets arrive meanwhile. They do not make the connection stale. */
    clock_sleep_until(clock_after_ms(20));
    for (size_t size = 1; size < 8000 && good; size = 2 * size + 1) {
        CHECK(!net_stale(&s));
        good = reversed(&s, size);
        CHECKF(good, "a line of %zu bytes: %s", size, s.why);
    }
    stop_server(server);
    clock_sleep_until(clock_after_ms(20));
    CHECK(net_stale(&s));
    net_close(&s);
}

/* ---- through a proxy ------------------------------------------------------------------------- */

/* Pass bytes on in both directions until one side ends. */
static void pass_bytes(int a, int b)
{
    static char bytes[16384];
    int from[2] = {a, b};

    for (;;) {
        struct pollfd p[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};

        if (poll(p, 2, CASE_MS) <= 0)
            return;
        for (int i = 0; i < 2; i++) {
            ssize_t n = p[i].revents != 0 ? recv(from[i], bytes, sizeof bytes, 0) : -2;

            if (n == 0 || n == -1 ||
                (n > 0 && send(from[1 - i], bytes, (size_t)n, MSG_NOSIGNAL) != n))
                return;
        }
    }
}

/* A proxy in a process of its own, which serves one connection and connects to `target`. */
static pid_t start_proxy(uint16_t *port, uint16_t target)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int listener = socket(AF_INET, SOCK_STREAM, 0), client, server;
    socklen_t size = sizeof at;
    char head[1024], expected[64];
    pid_t pid;
    ssize_t n;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&at, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) != 0)
        abort();
    *port = ntohs(at.sin_port);
    pid = fork();
    if (pid != 0) {
        close(listener);
        return pid;
    }
    client = accept(listener, NULL, NULL);
    n = recv(client, head, sizeof head - 1, 0);
    head[n > 0 ? n : 0] = '\0';
    snprintf(expected, sizeof expected, "CONNECT localhost:%u HTTP/1.1\r\n", (unsigned)target);
    server = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_port = htons(target);
    if (strncmp(head, expected, strlen(expected)) != 0 ||
        connect(server, (struct sockaddr *)&at, sizeof at) != 0)
        _exit(1);
    if (send(client, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL) == 19)
        pass_bytes(client, server);
    _exit(0);
}

/* Certificate and name are those of the server, not of the proxy. */
static void check_proxy(const net_proxy *proxy, uint16_t port)
{
    net_endpoint to = {.host = "localhost", .port = port, .tls = 1, .proxy = proxy};
    net_stream s;

    net_init(&s);
    CHECKF(net_connect(&s, &to, clock_after_ms(CASE_MS)) == NET_OK, "%s", s.why);
    for (size_t size = 1; size < 8000 && s.fd >= 0; size = 3 * size + 1)
        CHECKF(reversed(&s, size), "a line of %zu bytes: %s", size, s.why);
    net_close(&s);
}

static void test_proxy(void)
{
    net_proxy proxy = {.host = "127.0.0.1"};
    pid_t server, tunnel;
    uint16_t port;

    if (!harness_case("through a proxy"))
        return;
    server = start_server("good", "", &port);
    tunnel = start_proxy(&proxy.port, port);
    check_proxy(&proxy, port);
    stop_server(tunnel);
    stop_server(server);
}

/* A real proxy, with a password and without the right one. */
static void test_real_proxy(void)
{
    uint16_t port, proxy_port = free_port();
    char url[96], why[128];
    net_proxy proxy;
    net_stream s;
    pid_t server, real;

    if (!harness_case("through tinyproxy"))
        return;
    if (!shell("command -v tinyproxy")) {
        harness_skip("no tinyproxy");
        return;
    }
    server = start_server("good", "", &port);
    CHECK(shell("printf 'Port %u\\nListen 127.0.0.1\\nAllow 127.0.0.1\\nBasicAuth user p4ss\\n' "
                ">proxy.conf",
                (unsigned)proxy_port));
    real = fork();
    if (real == 0) {
        if (chdir(directory) == 0)
            execl("/bin/sh", "sh", "-c", "exec tinyproxy -d -c proxy.conf >>proxy.log 2>&1",
                  (char *)NULL);
        _exit(127);
    }
    for (int64_t until = clock_after_ms(START_MS); !answers(proxy_port) && clock_now_ns() < until;)
        clock_sleep_until(clock_after_ms(5));
    snprintf(url, sizeof url, "http://user:p%%34ss@127.0.0.1:%u", (unsigned)proxy_port);
    CHECKF(proxy_parse(&proxy, url, why, sizeof why) == 0, "%s", why);
    check_proxy(&proxy, port);
    proxy.authorization[0] = '\0';
    net_init(&s);
    CHECK(net_connect(&s,
                      &(net_endpoint){.host = "localhost", .port = port, .tls = 1, .proxy = &proxy},
                      clock_after_ms(CASE_MS)) == NET_FAILED);
    CHECKF(strstr(s.why, "status 407") != NULL, "%s", s.why);
    stop_server(real);
    stop_server(server);
}

static void test_receive_timeout(void)
{
    net_endpoint to = {.host = "localhost", .tls = 1};
    int64_t begun;
    size_t received;
    net_stream s;
    pid_t server;
    char byte;

    if (!harness_case("silence under TLS"))
        return;
    server = start_server("good", "", &to.port);
    net_init(&s);
    CHECK(net_connect(&s, &to, clock_after_ms(CASE_MS)) == NET_OK);
    begun = clock_now_ns();
    CHECK(net_receive(&s, &byte, 1, &received, clock_after_ms(100)) == NET_TIMEOUT);
    CHECK(clock_now_ns() - begun >= 99000000 && clock_now_ns() - begun < 2000000000);
    net_close(&s);
    stop_server(server);
}

/* The server (s_server -HTTP) sends a file as it is and ends the connection. */
static void test_exchange(void)
{
    static const char request[] = "GET /answer HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static char memory[65536];
    net_endpoint to = {.host = "localhost", .tls = 1};
    http_client_status status;
    http_response response;
    http_client client;
    pid_t server;

    if (!harness_case("an HTTP exchange"))
        return;
    CHECK(shell("{ printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 30000\\r\\n\\r\\n'; "
                "head -c 30000 /dev/zero | tr '\\000' z; } >answer"));
    server = start_server("good", "-HTTP", &to.port);
    http_client_init(&client, &to, memory, sizeof memory, 1000);
    for (unsigned i = 1; i <= 2; i++) {
        status = http_client_exchange(&client, &response, request, sizeof request - 1,
                                      HTTP_RESEND_ONCE, clock_after_ms(CASE_MS));
        CHECKF(status == HTTP_CLIENT_OK, "status %d: %s", status, response.why);
        CHECK(response.head.status == 200 && response.body.size == 30000);
        CHECK(client.connections == i);
        clock_sleep_until(clock_after_ms(20));
    }
    http_client_close(&client);
    stop_server(server);
}

/* ---- handshakes that break ------------------------------------------------------------------- */

#define ALERT "\x15\x03\x03\x00\x02\x02\x28" /* A fatal alert: handshake failure. */

typedef struct broken_case {
    const char *name, *bytes;
    size_t size;
    fault_op then;
    net_status expected;
} broken_case;

static const broken_case broken_cases[] = {
    {"closed at once", "", 0, FAULT_CLOSE, NET_FAILED},
    {"reset at once", "", 0, FAULT_RESET, NET_FAILED},
    {"closed within a record", "\x16\x03\x03\x00\x7a\x02", 6, FAULT_CLOSE, NET_FAILED},
    {"silent", "", 0, FAULT_HANG, NET_TIMEOUT},
    {"silent within a record", "\x16\x03\x03\x00\x7a\x02", 6, FAULT_HANG, NET_TIMEOUT},
    {"an alert", ALERT, 7, FAULT_CLOSE, NET_TLS},
    {"plain HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", 28, FAULT_HANG, NET_TLS},
    {"garbage", "\x80\x80\x80\x80\x80\x80\x80\x80\x80", 9, FAULT_HANG, NET_TLS},
};

static void test_broken(const broken_case *c)
{
    const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_READ, .size = 100},
        {.op = FAULT_SEND, .bytes = c->bytes, .size = c->size},
        {.op = c->then},
    };
    net_endpoint to = {.host = "localhost", .tls = 1};
    fault_server *server;
    net_status status;
    net_stream s;

    if (!harness_case("a handshake that is %s", c->name))
        return;
    server = fault_start(script, sizeof script / sizeof *script);
    to.port = fault_port(server);
    net_init(&s);
    status = net_connect(&s, &to, clock_after_ms(300));
    CHECKF(status == c->expected, "status %d: %s", status, s.why);
    CHECK(s.why[0] != '\0' && s.fd < 0 && s.tls == NULL);
    CHECK(fault_finish(server) == 1);
    fault_free(server);
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static void test_setup(void)
{
    net_endpoint to = {.host = "localhost", .port = 1, .tls = 1};
    char path[64], why[160];

    if (!harness_case("roots that cannot be read"))
        return;
    CHECK(tls_setup("/nonexistent/roots.pem", why, sizeof why) == -1);
    CHECK(strstr(why, "/nonexistent/roots.pem") != NULL && strstr(why, "AWS_CA_BUNDLE") != NULL);
    snprintf(path, sizeof path, "%s/empty", directory);
    CHECK(shell("echo nothing >empty"));
    CHECK(tls_setup(path, why, sizeof why) == -1 && why[0] != '\0');
    (void)to;
}

static void run_all(void)
{
    char path[64], why[160];

    test_setup();
    snprintf(path, sizeof path, "%s/roots.pem", directory);
    if (tls_setup(path, why, sizeof why) != 0) {
        harness_case("set-up");
        harness_fail(__FILE__, __LINE__, "%s", why);
        return;
    }
    for (size_t i = 0; i < sizeof trust_cases / sizeof *trust_cases; i++)
        test_trust(&trust_cases[i]);
    test_untrusted_request();
    test_kept("-tls1_2");
    test_kept("-tls1_3");
    test_receive_timeout();
    test_proxy();
    test_real_proxy();
    test_exchange();
    for (size_t i = 0; i < sizeof broken_cases / sizeof *broken_cases; i++)
        test_broken(&broken_cases[i]);
}

/* Checks a program without TLS: every connection is refused, and the message says what to do. */
static void test_none(void)
{
    net_endpoint to = {.host = "localhost", .tls = 1};
    static const fault_step script[] = {{.op = FAULT_ACCEPT}, {.op = FAULT_HANG}};
    fault_server *server;
    char why[160];
    net_stream s;

    if (!harness_case("a build without TLS refuses"))
        return;
    server = fault_start(script, 2);
    to.port = fault_port(server);
    net_init(&s);
    CHECK(net_connect(&s, &to, clock_after_ms(1000)) == NET_TLS);
    CHECK(strstr(s.why, "TLS=openssl") != NULL && s.fd < 0);
    CHECK(tls_setup(NULL, why, sizeof why) == -1 && strstr(why, "TLS=openssl") != NULL);
    fault_finish(server);
    fault_free(server);
}

int main(int argc, char **argv)
{
    harness_init("test_tls", argc, argv);
    if (!tls_available()) {
        test_none();
        if (harness_case("certificates"))
            harness_skip("this build has no TLS (make TLS=openssl)");
        return harness_finish();
    }
    if (mkdtemp(directory) == NULL)
        abort();
    if (!shell("openssl version")) {
        if (harness_case("certificates"))
            harness_skip("no command openssl");
    } else if (!make_certificates()) {
        harness_case("certificates");
        harness_fail(__FILE__, __LINE__, "openssl makes none; see %s/log", directory);
        return harness_finish();
    } else {
        run_all();
    }
    shell("rm -rf %s", directory);
    return harness_finish();
}
