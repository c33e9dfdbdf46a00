/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names: the hosts file, DNS messages built by hand, and a name server of this test on UDP and
 * TCP that answers, lies, truncates, refuses or is silent.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/net/resolve.h"
#include "tests/support/harness.h"

#define NAME "store.example.test"

static const char *text_of(const resolve_address *address)
{
    static char text[INET6_ADDRSTRLEN];

    return inet_ntop(address->family, &address->ip, text, sizeof text);
}

/* ---- hosts ----------------------------------------------------------------------------------- */

typedef struct hosts_case {
    const char *name, *expected; /* The first address that is found, or NULL if there is none. */
    size_t count;
} hosts_case;

static const char hosts_text[] = "# comment 9.9.9.9 store\n"
                                 "127.0.0.1\tlocalhost\n"
                                 "::1 localhost ip6-localhost\n"
                                 "  10.1.2.3   store.internal Store # last\n"
                                 "10.1.2.4 store\r\n"
                                 "not-an-address store\n"
                                 "10.1.2.5\n"
                                 "10.1.2.6 #store\n"
                                 "\n"
                                 "10.0.0.7 end";

static const hosts_case hosts_cases[] = {
    {"localhost", "127.0.0.1", 2},
    {"ip6-localhost", "::1", 1},
    {"store", "10.1.2.3", 2},
    {"STORE.INTERNAL", "10.1.2.3", 1},
    {"end", "10.0.0.7", 1},
    {"stor", NULL, 0},
    {"last", NULL, 0},
    {"10.1.2.5", NULL, 0},
    {"", NULL, 0},
};

static void test_hosts(void)
{
    harness_guard guard = harness_guard_new(sizeof hosts_text - 1, 1, 1);

    memcpy(guard.data, hosts_text, guard.bytes);
    for (size_t i = 0; i < sizeof hosts_cases / sizeof *hosts_cases; i++) {
        const hosts_case *c = &hosts_cases[i];
        resolve_address found[RESOLVE_ADDRESSES];
        size_t count = 0;

        if (!harness_case("hosts file: '%s'", c->name))
            continue;
        resolve_hosts(found, &count, c->name, (const char *)guard.data, guard.bytes);
        CHECKF(count == c->count, "%zu addresses", count);
        CHECK(c->expected == NULL || strcmp(text_of(&found[0]), c->expected) == 0);
    }
    harness_guard_free(&guard);
}

static void test_many_hosts(void)
{
    char text[64 * 32];
    resolve_address found[RESOLVE_ADDRESSES];
    size_t size = 0, count = 0;

    if (!harness_case("more addresses than there is room for"))
        return;
    for (int i = 0; i < 32; i++)
        size += (size_t)sprintf(text + size, "10.0.0.%d many\n", i);
    resolve_hosts(found, &count, "many", text, size);
    CHECK(count == RESOLVE_ADDRESSES && strcmp(text_of(&found[7]), "10.0.0.7") == 0);
}

/* ---- messages -------------------------------------------------------------------------------- */

typedef struct bytes {
    uint8_t at[2048];
    size_t size;
} bytes;

static void add(bytes *b, const void *what, size_t size)
{
    memcpy(b->at + b->size, what, size);
    b->size += size;
}

#define ADD(b, literal) add(b, literal, sizeof(literal) - 1)

/* Begin the answer to a query: its header with the flags, the code and the number of records that
 * follow, and then the question repeated. */
static void begin_reply(bytes *b, const uint8_t *query, size_t query_bytes, unsigned flags,
                        unsigned rcode, unsigned answers)
{
    uint8_t head[12] = {query[0],
                        query[1],
                        (uint8_t)(0x80 | flags),
                        (uint8_t)(0x80 | rcode),
                        0,
                        1,
                        0,
                        (uint8_t)answers,
                        0,
                        0,
                        0,
                        0};

    b->size = 0;
    add(b, head, sizeof head);
    add(b, query + 12, query_bytes - 12);
}

#define POINTER_TO_NAME "\xc0\x0c"
#define A_RECORD "\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04"
#define AAAA_RECORD "\x00\x1c\x00\x01\x00\x00\x00\x3c\x00\x10"
#define CNAME_RECORD "\x00\x05\x00\x01\x00\x00\x00\x3c\x00"
#define IPV6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05"

#define LONG_LABEL "0123456789012345678901234567890123456789012345678901234567890123"

static void test_query(void)
{
    static const char expected[] = "\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x05store\x07"
                                   "example\x04test\0\0\x01\0\x01";
    static const char *const bad[] = {"", ".", "a..b", ".a", (LONG_LABEL ".test")};
    uint8_t query[RESOLVE_QUERY_BYTES];
    char name[300];

    if (!harness_case("queries"))
        return;
    CHECK(resolve_query(query, 0x1234, NAME, RESOLVE_A) == sizeof expected - 1);
    CHECK(memcmp(query, expected, sizeof expected - 1) == 0);
    CHECK(resolve_query(query, 0x1234, NAME ".", RESOLVE_A) == sizeof expected - 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECKF(resolve_query(query, 1, bad[i], RESOLVE_A) == 0, "'%s'", bad[i]);
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 == 0 ? 'n' : '.';
    name[253] = '\0'; /* A name of 127 labels of one byte each: 254 bytes with the root's. */
    CHECK(resolve_query(query, 1, name, RESOLVE_A) == 12 + 255 + 4);
    name[253] = '.';
    name[255] = '\0';
    CHECK(resolve_query(query, 1, name, RESOLVE_A) == 0);
}

/* What a message says that lies at the end of a page. Every prefix of it is refused or says less,
 * and reading beyond it is a crash. */
static resolve_verdict verdict_of(const bytes *reply, const uint8_t *query, size_t query_bytes,
                                  resolve_address *found, size_t *count)
{
    resolve_verdict verdict = RESOLVE_FOREIGN;

    for (size_t n = 0; n <= reply->size; n++) {
        harness_guard guard = harness_guard_new(n > 0 ? n : 1, 1, 1);

        memcpy(guard.data, reply->at, n);
        *count = 0;
        verdict = resolve_reply(found, count, query, query_bytes, guard.data, n);
        harness_guard_free(&guard);
    }
    return verdict;
}

typedef struct reply_case {
    const char *name;
    unsigned flags, rcode, answers;
    const char *records;
    size_t size;
    uint16_t type;
    resolve_verdict expected;
    const char *first; /* The first address. */
    size_t count;
} reply_case;

#define RECORDS(literal) literal, sizeof(literal) - 1

static const reply_case reply_cases[] = {
    {"one address", 0, 0, 1, RECORDS(POINTER_TO_NAME A_RECORD "\x0a\x00\x00\x01"), RESOLVE_A,
     RESOLVE_ANSWER, "10.0.0.1", 1},
    {"two addresses", 0, 0, 2,
     RECORDS(POINTER_TO_NAME A_RECORD "\x0a\x00\x00\x01" POINTER_TO_NAME A_RECORD
                                      "\x0a\x00\x00\x02"),
     RESOLVE_A, RESOLVE_ANSWER, "10.0.0.1", 2},
    {"IPv6", 0, 0, 1, RECORDS(POINTER_TO_NAME AAAA_RECORD IPV6), RESOLVE_AAAA, RESOLVE_ANSWER,
     "2001:db8::5", 1},
    {"another type than asked for", 0, 0, 1, RECORDS(POINTER_TO_NAME AAAA_RECORD IPV6), RESOLVE_A,
     RESOLVE_ANSWER, NULL, 0},
    {"the name written out, in capitals", 0, 0, 1,
     RECORDS("\x05STORE\x07"
             "EXAMPLE\x04TEST\0" A_RECORD "\x0a\x00\x00\x01"),
     RESOLVE_A, RESOLVE_ANSWER, "10.0.0.1", 1},
    {"an alias", 0, 0, 2,
     RECORDS(POINTER_TO_NAME CNAME_RECORD "\x03\x01x\0\x01x\0" A_RECORD "\x0a\x00\x00\x09"),
     RESOLVE_A, RESOLVE_ANSWER, "10.0.0.9", 1},
    {"an alias after its address", 0, 0, 2,
     RECORDS("\x01x\0" A_RECORD "\x0a\x00\x00\x09" POINTER_TO_NAME CNAME_RECORD "\x03\x01x\0"),
     RESOLVE_A, RESOLVE_ANSWER, "10.0.0.9", 1},
    {"an alias of itself", 0, 0, 1, RECORDS(POINTER_TO_NAME CNAME_RECORD "\x02" POINTER_TO_NAME),
     RESOLVE_A, RESOLVE_REFUSED, NULL, 0},
    {"an address of another name", 0, 0, 1, RECORDS("\x01y\0" A_RECORD "\x0a\x00\x00\x01"),
     RESOLVE_A, RESOLVE_ANSWER, NULL, 0},
    {"no records", 0, 0, 0, RECORDS(""), RESOLVE_A, RESOLVE_ANSWER, NULL, 0},
    {"no such name", 0, 3, 0, RECORDS(""), RESOLVE_A, RESOLVE_NO_NAME, NULL, 0},
    {"server failure", 0, 2, 0, RECORDS(""), RESOLVE_A, RESOLVE_REFUSED, NULL, 0},
    {"refused", 0, 5, 0, RECORDS(""), RESOLVE_A, RESOLVE_REFUSED, NULL, 0},
    {"truncated", 2, 0, 0, RECORDS(""), RESOLVE_A, RESOLVE_TRUNCATED, NULL, 0},
    {"fewer records than it says", 0, 0, 2, RECORDS(POINTER_TO_NAME A_RECORD "\x0a\x00\x00\x01"),
     RESOLVE_A, RESOLVE_REFUSED, NULL, 0},
    {"a record cut short", 0, 0, 1, RECORDS(POINTER_TO_NAME A_RECORD "\x0a\x00\x00"), RESOLVE_A,
     RESOLVE_REFUSED, NULL, 0},
    {"an address of five bytes", 0, 0, 1,
     RECORDS(POINTER_TO_NAME "\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x05\x0a\x00\x00\x01\x02"),
     RESOLVE_A, RESOLVE_ANSWER, NULL, 0},
    {"an address of another class", 0, 0, 1,
     RECORDS(POINTER_TO_NAME "\x00\x01\x00\x03\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"), RESOLVE_A,
     RESOLVE_ANSWER, NULL, 0},
    {"a pointer to itself", 0, 0, 1, RECORDS("\xc0\x24" A_RECORD "\x0a\x00\x00\x01"), RESOLVE_A,
     RESOLVE_REFUSED, NULL, 0},
    {"a pointer beyond the end", 0, 0, 1, RECORDS("\xff\xff" A_RECORD "\x0a\x00\x00\x01"),
     RESOLVE_A, RESOLVE_REFUSED, NULL, 0},
    {"a label of 64 bytes", 0, 0, 1, RECORDS("\x40" A_RECORD "\x0a\x00\x00\x01"), RESOLVE_A,
     RESOLVE_REFUSED, NULL, 0},
    {"another opcode", 0x28, 0, 0, RECORDS(""), RESOLVE_A, RESOLVE_FOREIGN, NULL, 0},
};

static void test_reply(const reply_case *c)
{
    resolve_address found[RESOLVE_ADDRESSES];
    uint8_t query[RESOLVE_QUERY_BYTES];
    size_t query_bytes, count;
    resolve_verdict verdict;
    bytes reply;

    if (!harness_case("answer: %s", c->name))
        return;
    query_bytes = resolve_query(query, 0xbeef, NAME, c->type);
    begin_reply(&reply, query, query_bytes, c->flags, c->rcode, c->answers);
    add(&reply, c->records, c->size);
    verdict = verdict_of(&reply, query, query_bytes, found, &count);
    CHECKF(verdict == c->expected, "verdict %d", verdict);
    CHECKF(count == c->count, "%zu addresses", count);
    CHECK(c->first == NULL || strcmp(text_of(&found[0]), c->first) == 0);
}

/* A message with another id, another question or the wrong direction does not answer the query. */
static void test_foreign(void)
{
    static const size_t changed[] = {0, 1, 2, 5, 13, 17, 20, 31, 32, 34};
    resolve_address found[RESOLVE_ADDRESSES];
    uint8_t query[RESOLVE_QUERY_BYTES];
    size_t query_bytes, count = 0;
    bytes reply;

    if (!harness_case("answers to something else"))
        return;
    query_bytes = resolve_query(query, 0xbeef, NAME, RESOLVE_A);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        begin_reply(&reply, query, query_bytes, 0, 0, 1);
        ADD(&reply, POINTER_TO_NAME A_RECORD "\x0a\x00\x00\x01");
        reply.at[changed[i]] ^= changed[i] == 2 ? 0x80 : 0x01;
        CHECKF(resolve_reply(found, &count, query, query_bytes, reply.at, reply.size) ==
                   RESOLVE_FOREIGN,
               "byte %zu changed", changed[i]);
    }
    CHECK(count == 0);
}

/* ---- a name server --------------------------------------------------------------------------- */

typedef enum act {
    ANSWER,
    SILENT,
    LIE,
    TRUNCATE,
    FAIL,
    NO_NAME,
    NOTHING,
    GARBAGE,
    CLOSE_TCP,
    LONG_TCP
} act;

enum { MAX_ACTS = 8 };

/* What the server does with each query over UDP, in this order. The last entry holds for all
 * further queries. */
typedef struct server {
    act acts[MAX_ACTS];
    size_t count;
    int udp, tcp;
    uint16_t port;
    atomic_int stop;
    atomic_size_t queries, tcp_queries;
    pthread_t thread;
} server;

static void answer(bytes *reply, const uint8_t *query, size_t size, act what)
{
    unsigned type = query[size - 3];

    if (what == FAIL || what == NO_NAME || what == TRUNCATE || what == NOTHING || type != RESOLVE_A)
        begin_reply(reply, query, size, what == TRUNCATE ? 2 : 0,
                    what == FAIL      ? 2
                    : what == NO_NAME ? 3
                                      : 0,
                    type == RESOLVE_AAAA && what == ANSWER);
    else
        begin_reply(reply, query, size, 0, 0, 1);
    if (type == RESOLVE_A && (what == ANSWER || what == LIE))
        ADD(reply, POINTER_TO_NAME A_RECORD "\x0a\x00\x00\x01");
    if (type == RESOLVE_AAAA && what == ANSWER)
        ADD(reply, POINTER_TO_NAME AAAA_RECORD IPV6);
}

static void serve_udp(server *s)
{
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    size_t number = atomic_fetch_add(&s->queries, 1);
    act what = s->acts[number < s->count ? number : s->count - 1];
    uint8_t query[512];
    ssize_t n = recvfrom(s->udp, query, sizeof query, 0, (struct sockaddr *)&from, &from_size);
    bytes reply;

    if (n < 17 || what == SILENT)
        return;
    answer(&reply, query, (size_t)n, what);
    if (what ==
        LIE) { /* The server sends an answer with a wrong id first, and then the right one. */
        reply.at[0] ^= 1;
        reply.at[reply.size - 1] = 66;
        sendto(s->udp, reply.at, reply.size, 0, (struct sockaddr *)&from, from_size);
        answer(&reply, query, (size_t)n, ANSWER);
    }
    if (what == GARBAGE)
        reply.size = 12;
    sendto(s->udp, reply.at, reply.size, 0, (struct sockaddr *)&from, from_size);
}

static void serve_tcp(server *s)
{
    int fd = accept(s->tcp, NULL, NULL);
    uint8_t query[600], length[2];
    bytes reply;
    ssize_t n;

    atomic_fetch_add(&s->tcp_queries, 1);
    n = recv(fd, query, sizeof query, 0);
    /* LONG_TCP: the server answers with the longest message that TCP can carry. */
    if (n > 19 && s->acts[0] == LONG_TCP) {
        static const uint8_t zeros[65535];

        send(fd, "\xff\xff", 2, MSG_NOSIGNAL);
        send(fd, zeros, sizeof zeros, MSG_NOSIGNAL);
    } else if (n > 19 && s->acts[0] != CLOSE_TCP) {
        answer(&reply, query + 2, (size_t)n - 2, ANSWER);
        length[0] = (uint8_t)(reply.size >> 8);
        length[1] = (uint8_t)reply.size;
        send(fd, length, 1, MSG_NOSIGNAL);
        clock_sleep_until(clock_after_ms(2));
        send(fd, length + 1, 1, MSG_NOSIGNAL);
        send(fd, reply.at, 20, MSG_NOSIGNAL);
        clock_sleep_until(clock_after_ms(2));
        send(fd, reply.at + 20, reply.size - 20, MSG_NOSIGNAL);
    }
    close(fd);
}

static void *run(void *argument)
{
    server *s = argument;

    while (!atomic_load(&s->stop)) {
        struct pollfd p[2] = {{s->udp, POLLIN, 0}, {s->tcp, POLLIN, 0}};

        if (poll(p, 2, 10) <= 0)
            continue;
        if (p[0].revents != 0)
            serve_udp(s);
        if (p[1].revents != 0)
            serve_tcp(s);
    }
    return NULL;
}

static void start(server *s, const act *acts, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    memset(s, 0, sizeof *s);
    memcpy(s->acts, acts, count * sizeof *acts);
    s->count = count;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    do { /* Repeat until a port is free for both UDP and TCP. */
        address.sin_port = 0;
        s->udp = socket(AF_INET, SOCK_DGRAM, 0);
        s->tcp = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(s->udp, (struct sockaddr *)&address, size) != 0 ||
            getsockname(s->udp, (struct sockaddr *)&address, &size) != 0)
            abort();
        s->port = ntohs(address.sin_port);
        if (bind(s->tcp, (struct sockaddr *)&address, size) == 0)
            break;
        close(s->udp);
        close(s->tcp);
    } while (1);
    if (listen(s->tcp, 4) != 0 || pthread_create(&s->thread, NULL, run, s) != 0)
        abort();
}

static void stop(server *s)
{
    atomic_store(&s->stop, 1);
    pthread_join(s->thread, NULL);
    close(s->udp);
    close(s->tcp);
}

typedef struct ask_case {
    const char *name;
    act acts[MAX_ACTS];
    size_t count;
    const char *config; /* The text of resolv.conf. */
    net_status expected;
    const char *first;
    size_t queries; /* The expected number of queries over UDP; 0: the test does not check it. */
    int least_ms, most_ms;
} ask_case;

#define SERVER "nameserver 127.0.0.1\n"

static const ask_case ask_cases[] = {
    {"an answer", {ANSWER}, 1, SERVER, NET_OK, "10.0.0.1", 1, 0, 400},
    {"no resolv.conf entry: this host", {ANSWER}, 1, "search x\n", NET_OK, "10.0.0.1", 1, 0, 400},
    {"comments and options",
     {ANSWER},
     1,
     "# x\n;y\noptions ndots:5\nnameserver\t127.0.0.1 # z\n",
     NET_OK,
     "10.0.0.1",
     1,
     0,
     400},
    {"a lie before the truth", {LIE}, 1, SERVER, NET_OK, "10.0.0.1", 1, 0, 400},
    {"truncated, then TCP", {TRUNCATE}, 1, SERVER, NET_OK, "10.0.0.1", 1, 0, 400},
    {"the first query lost", {SILENT, ANSWER}, 2, SERVER, NET_OK, "10.0.0.1", 2, 100, 900},
    {"a failure, then an answer", {FAIL, ANSWER}, 2, SERVER, NET_OK, "10.0.0.1", 2, 0, 400},
    {"garbage, then an answer", {GARBAGE, ANSWER}, 2, SERVER, NET_OK, "10.0.0.1", 2, 100, 900},
    {"a dead server, then one that answers",
     {ANSWER},
     1,
     "nameserver 127.0.0.2\n" SERVER,
     NET_OK,
     "10.0.0.1",
     1,
     0,
     400},
    {"IPv6 only", {NOTHING, ANSWER}, 2, SERVER, NET_OK, "2001:db8::5", 2, 0, 400},
    {"no such name", {NO_NAME}, 1, SERVER, NET_NAME, NULL, 1, 0, 400},
    {"a name without addresses", {NOTHING}, 1, SERVER, NET_NAME, NULL, 2, 0, 400},
    {"failures only", {FAIL}, 1, SERVER, NET_NAME, NULL, 2, 0, 400},
    {"silence", {SILENT}, 1, SERVER, NET_TIMEOUT, NULL, 2, 390, 1500},
    {"TCP that sends more than is looked at",
     {LONG_TCP, TRUNCATE, TRUNCATE},
     3,
     SERVER,
     NET_NAME,
     NULL,
     0,
     0,
     1500},
    {"TCP that closes", {CLOSE_TCP, TRUNCATE, TRUNCATE}, 3, SERVER, NET_NAME, NULL, 0, 0, 1500},
};

/* A file of this test with this text. */
static const char *file_with(const char *text)
{
    static char path[64];
    FILE *file;

    snprintf(path, sizeof path, "/tmp/distil_resolve_%d", (int)getpid());
    file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
    return path;
}

static void test_ask(const ask_case *c)
{
    resolve_source source = {"/nonexistent/hosts", file_with(c->config), 0};
    resolve_address found[RESOLVE_ADDRESSES];
    char why[160] = "";
    net_status status;
    int64_t begun;
    size_t count;
    server s;
    int ms;

    if (!harness_case("server: %s", c->name))
        return;
    start(&s, c->acts, c->count);
    source.port = s.port;
    begun = clock_now_ns();
    status = resolve_host(found, &count, NAME, &source, clock_after_ms(400), why, sizeof why);
    ms = (int)((clock_now_ns() - begun) / 1000000);
    CHECKF(status == c->expected, "status %d: %s", status, why);
    CHECK((status == NET_OK) == (count > 0));
    CHECK(c->first == NULL || (count == 1 && strcmp(text_of(&found[0]), c->first) == 0));
    CHECKF(status == NET_OK || strstr(why, NAME) != NULL, "%s", why);
    CHECKF(c->queries == 0 || atomic_load(&s.queries) == c->queries, "%zu queries",
           atomic_load(&s.queries));
    CHECKF(ms >= c->least_ms && ms < c->most_ms, "%d ms", ms);
    CHECK((atomic_load(&s.tcp_queries) > 0) == (strstr(c->name, "TCP") != NULL));
    stop(&s);
}

/* ---- without a server ------------------------------------------------------------------------ */

typedef struct plain_case {
    const char *name, *hosts, *expected[2]; /* NULL: there is no second address. */
} plain_case;

static void test_plain(const plain_case *c)
{
    resolve_source source = {"/nonexistent/hosts", "/nonexistent/resolv.conf", 1};
    resolve_address found[RESOLVE_ADDRESSES];
    char why[160];
    size_t count;

    if (!harness_case("without a server: %s", c->name))
        return;
    if (c->hosts != NULL)
        source.hosts = file_with(c->hosts);
    CHECK(resolve_host(found, &count, c->name, &source, clock_after_ms(200), why, sizeof why) ==
          NET_OK);
    for (size_t i = 0; i < 2 && c->expected[i] != NULL; i++)
        CHECKF(i < count && strcmp(text_of(&found[i]), c->expected[i]) == 0, "address %zu", i);
    CHECK(count == (c->expected[1] != NULL ? 2 : 1));
}

int main(int argc, char **argv)
{
    static const plain_case plain[] = {
        {"10.9.8.7", NULL, {"10.9.8.7", NULL}},
        {"::1", NULL, {"::1", NULL}},
        {"fe80::1%lo", NULL, {"fe80::1", NULL}},
        {"localhost", NULL, {"127.0.0.1", NULL}},
        {"localhost", "10.0.0.9 localhost\n", {"10.0.0.9", NULL}},
        {"both", "::5 both\n10.0.0.5 both\n", {"10.0.0.5", "::5"}},
    };

    harness_init("test_resolve", argc, argv);
    test_hosts();
    test_many_hosts();
    test_query();
    for (size_t i = 0; i < sizeof reply_cases / sizeof *reply_cases; i++)
        test_reply(&reply_cases[i]);
    test_foreign();
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        test_plain(&plain[i]);
    for (size_t i = 0; i < sizeof ask_cases / sizeof *ask_cases; i++)
        test_ask(&ask_cases[i]);
    unlink(file_with(""));
    return harness_finish();
}
