/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts file and DNS over UDP and TCP. */
#include "lambda/net/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/net/http.h"

enum {
    MAX_SERVERS = 3,     /* as in the C library */
    ROUNDS = 2,          /* over the servers */
    CONFIG_BYTES = 4096, /* of resolv.conf; what is beyond is not read */
    HOSTS_BYTES = 65536, /* of the hosts file */
    UDP_BYTES = 512,     /* without EDNS, the most a server sends */
    TCP_BYTES = 4096,    /* of an answer over TCP that is looked at */
    HEADER_BYTES = 12,
    MAX_LABEL = 63,
    MAX_JUMPS = 16, /* compression pointers in one name */
    MAX_ALIASES = 8 /* CNAMEs from the name to its addresses */
};

enum { CLASS_IN = 1, TYPE_CNAME = 5 };
enum { FLAG_RESPONSE = 0x80, FLAG_OPCODE = 0x78, FLAG_TRUNCATED = 0x02, FLAG_RECURSE = 0x01 };
enum { RCODE_OK = 0, RCODE_NO_NAME = 3 };

const resolve_source resolve_system = {"/etc/hosts", "/etc/resolv.conf", 53};

/* ---- addresses as text ---------------------------------------------------------------------- */

/* 1 if text is an address. */
static int literal(resolve_address *out, const char *text)
{
    char plain[INET6_ADDRSTRLEN];
    const char *percent = strchr(text, '%');
    size_t size = percent != NULL ? (size_t)(percent - text) : strlen(text);

    memset(out, 0, sizeof *out);
    if (size >= sizeof plain)
        return 0;
    memcpy(plain, text, size);
    plain[size] = '\0';
    out->family = AF_INET;
    if (percent == NULL && inet_pton(AF_INET, plain, &out->ip.v4) == 1)
        return 1;
    out->family = AF_INET6;
    if (percent != NULL && (out->scope = if_nametoindex(percent + 1)) == 0)
        return 0;
    return inet_pton(AF_INET6, plain, &out->ip.v6) == 1;
}

static void append(resolve_address *out, size_t *count, const resolve_address *address)
{
    if (*count < RESOLVE_ADDRESSES)
        out[(*count)++] = *address;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The beginning of a file, at most capacity - 1 bytes and a NUL; empty where it cannot be read. */
static size_t read_beginning(const char *path, char *out, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;

    while (fd >= 0 && size < capacity - 1) {
        ssize_t n = read(fd, out + size, capacity - 1 - size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        size += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    out[size] = '\0';
    return size;
}

/* A text's next word on its line, NUL-terminated into word (cut where too long: then it matches
 * nothing of use). 0 at the end of the line or at a comment. */
static int next_word(const char **at, const char *end, char word[RESOLVE_NAME_BYTES])
{
    size_t size = 0;

    while (*at < end && (**at == ' ' || **at == '\t' || **at == '\r'))
        (*at)++;
    while (*at < end && strchr(" \t\r\n#;", **at) == NULL) {
        if (size < RESOLVE_NAME_BYTES - 1)
            word[size++] = **at;
        (*at)++;
    }
    word[size] = '\0';
    return size > 0;
}

static int same_text(const char *a, const char *b)
{
    return http_is_nocase((http_slice){a, strlen(a)}, b);
}

static void next_line(const char **at, const char *end)
{
    const char *feed = memchr(*at, '\n', (size_t)(end - *at));

    *at = feed != NULL ? feed + 1 : end;
}

void resolve_hosts(resolve_address *out, size_t *count, const char *name, const char *text,
                   size_t bytes)
{
    const char *at = text, *end = text + bytes;
    char word[RESOLVE_NAME_BYTES];

    for (; at < end; next_line(&at, end)) {
        resolve_address address;

        if (!next_word(&at, end, word) || !literal(&address, word))
            continue;
        while (next_word(&at, end, word))
            if (same_text(word, name)) {
                append(out, count, &address);
                break;
            }
    }
}

/* The name servers of resolv.conf. */
static size_t read_servers(resolve_address *servers, const char *path)
{
    char text[CONFIG_BYTES], word[RESOLVE_NAME_BYTES];
    const char *at = text, *end = text + read_beginning(path, text, sizeof text);
    size_t count = 0;

    for (; at < end && count < MAX_SERVERS; next_line(&at, end))
        if (next_word(&at, end, word) && strcmp(word, "nameserver") == 0 &&
            next_word(&at, end, word) && literal(&servers[count], word))
            count++;
    if (count == 0)
        count = (size_t)literal(&servers[0], "127.0.0.1");
    return count;
}

/* IPv4 first. */
static void sort_families(resolve_address *addresses, size_t count)
{
    resolve_address sorted[RESOLVE_ADDRESSES];
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (addresses[i].family == AF_INET)
            sorted[n++] = addresses[i];
    for (size_t i = 0; i < count; i++)
        if (addresses[i].family != AF_INET)
            sorted[n++] = addresses[i];
    memcpy(addresses, sorted, count * sizeof *sorted);
}

/* ---- messages ------------------------------------------------------------------------------- */

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* A dotted name as labels at `out` (at least 256 bytes): its size, 0 where it is no host name. */
static size_t put_name(uint8_t *out, const char *name)
{
    size_t size = 0;

    while (*name != '\0') {
        size_t label = strcspn(name, ".");

        if (label == 0 || label > MAX_LABEL || size + label + 2 > RESOLVE_NAME_BYTES - 1)
            return 0;
        out[size++] = (uint8_t)label;
        memcpy(out + size, name, label);
        size += label;
        name += label;
        if (*name == '.')
            name++;
    }
    out[size] = 0;
    return size > 0 ? size + 1 : 0;
}

size_t resolve_query(uint8_t query[RESOLVE_QUERY_BYTES], uint16_t id, const char *name,
                     uint16_t type)
{
    size_t size;

    memset(query, 0, HEADER_BYTES);
    put16(query, id);
    query[2] = FLAG_RECURSE;
    put16(query + 4, 1); /* one question */
    size = put_name(query + HEADER_BYTES, name);
    if (size == 0)
        return 0;
    put16(query + HEADER_BYTES + size, type);
    put16(query + HEADER_BYTES + size + 2, CLASS_IN);
    return HEADER_BYTES + size + 4;
}

typedef struct message {
    const uint8_t *bytes;
    size_t size, at;
} message;

/* The name at m->at, uncompressed, as labels into out; m->at moves behind it. 0, or -1. */
static int get_name(message *m, uint8_t out[RESOLVE_NAME_BYTES])
{
    size_t at = m->at, size = 0, jumps = 0;

    for (;;) {
        size_t label;

        if (at >= m->size)
            return -1;
        label = m->bytes[at];
        if (label >= 0xc0) {
            if (m->size - at < 2 || ++jumps > MAX_JUMPS)
                return -1;
            if (jumps == 1)
                m->at = at + 2;
            at = get16(m->bytes + at) & 0x3fff;
            continue;
        }
        if (label > MAX_LABEL || m->size - at < label + 1 || size + label + 1 > RESOLVE_NAME_BYTES)
            return -1;
        memcpy(out + size, m->bytes + at, label + 1);
        size += label + 1;
        at += label + 1;
        if (label == 0)
            break;
    }
    if (jumps == 0)
        m->at = at;
    return 0;
}

/* Two names as labels, letter case ignored. Sizes of labels are below 64: no letters. */
static int same_name(const uint8_t *a, const uint8_t *b)
{
    for (;; a++, b++) {
        uint8_t x = *a >= 'A' && *a <= 'Z' ? (uint8_t)(*a + 32) : *a;
        uint8_t y = *b >= 'A' && *b <= 'Z' ? (uint8_t)(*b + 32) : *b;

        if (x != y)
            return 0;
        if (x == 0)
            return 1;
    }
}

/* A resource record; data points into the message. */
typedef struct record {
    uint8_t owner[RESOLVE_NAME_BYTES];
    unsigned type, class, size;
    size_t data; /* offset */
} record;

static int get_record(message *m, record *r)
{
    if (get_name(m, r->owner) != 0 || m->size - m->at < 10)
        return -1;
    r->type = get16(m->bytes + m->at);
    r->class = get16(m->bytes + m->at + 2);
    r->size = get16(m->bytes + m->at + 8);
    r->data = m->at + 10;
    if (m->size - r->data < r->size)
        return -1;
    m->at = r->data + r->size;
    return 0;
}

/* One pass over the answers for records of `name`: addresses of the type are appended, an alias
 * replaces the name. 1 if it did. -1 where the message is damaged. */
static int read_answers(resolve_address *out, size_t *count, message m, unsigned answers,
                        unsigned type, uint8_t name[RESOLVE_NAME_BYTES])
{
    for (unsigned i = 0; i < answers; i++) {
        resolve_address address = {.family = type == RESOLVE_A ? AF_INET : AF_INET6};
        size_t bytes = type == RESOLVE_A ? sizeof address.ip.v4 : sizeof address.ip.v6;
        message at_data = m;
        record r;

        if (get_record(&m, &r) != 0)
            return -1;
        if (r.class != CLASS_IN || !same_name(r.owner, name))
            continue;
        if (r.type == TYPE_CNAME) {
            at_data.at = r.data;
            return get_name(&at_data, name) == 0 ? 1 : -1;
        }
        if (r.type == type && r.size == bytes) {
            memcpy(&address.ip, m.bytes + r.data, bytes);
            append(out, count, &address);
        }
    }
    return 0;
}

/* 1 if the message is an answer to the query: the id and the question are the same. */
static int answers_query(const uint8_t *query, size_t query_bytes, const uint8_t *reply,
                         size_t reply_bytes)
{
    size_t question = query_bytes - HEADER_BYTES;

    if (reply_bytes < HEADER_BYTES || memcmp(reply, query, 2) != 0)
        return 0;
    if ((reply[2] & FLAG_RESPONSE) == 0 || (reply[2] & FLAG_OPCODE) != 0)
        return 0;
    if (get16(reply + 4) == 0) /* some servers refuse without repeating the question */
        return (reply[3] & 15) != RCODE_OK && (reply[3] & 15) != RCODE_NO_NAME;
    return get16(reply + 4) == 1 && reply_bytes - HEADER_BYTES >= question &&
           same_name(reply + HEADER_BYTES, query + HEADER_BYTES) &&
           memcmp(reply + query_bytes - 4, query + query_bytes - 4, 4) == 0;
}

resolve_verdict resolve_reply(resolve_address *out, size_t *count, const uint8_t *query,
                              size_t query_bytes, const uint8_t *reply, size_t reply_bytes)
{
    uint8_t name[RESOLVE_NAME_BYTES];
    message m = {reply, reply_bytes, HEADER_BYTES};
    size_t before = *count;
    int followed = 1;

    if (!answers_query(query, query_bytes, reply, reply_bytes))
        return RESOLVE_FOREIGN;
    if (reply[2] & FLAG_TRUNCATED)
        return RESOLVE_TRUNCATED;
    if ((reply[3] & 15) == RCODE_NO_NAME)
        return RESOLVE_NO_NAME;
    if ((reply[3] & 15) != RCODE_OK || get_name(&m, name) != 0)
        return RESOLVE_REFUSED;
    m.at = query_bytes;
    for (int i = 0; followed == 1 && i <= MAX_ALIASES; i++)
        followed =
            read_answers(out, count, m, get16(reply + 6), get16(query + query_bytes - 4), name);
    if (followed != 0) {
        *count = before;
        return RESOLVE_REFUSED;
    }
    return RESOLVE_ANSWER;
}

/* ---- asking --------------------------------------------------------------------------------- */

typedef struct asking {
    resolve_address *out;
    size_t *count;
    const uint8_t *query;
    size_t query_bytes;
    uint16_t port;
} asking;

static int open_socket(const resolve_address *server, uint16_t port, int type)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int is_v4 = server->family == AF_INET, fd, rc;

    v4.sin_addr = server->ip.v4;
    v6.sin6_addr = server->ip.v6;
    v6.sin6_scope_id = server->scope;
    fd = socket(server->family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* The kernel picks a random local port, and drops what comes from anybody else. */
    rc = connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
                 is_v4 ? sizeof v4 : sizeof v6);
    if (rc != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static resolve_verdict ask_udp(const asking *a, const resolve_address *server, int64_t deadline_ns)
{
    resolve_verdict verdict = RESOLVE_FOREIGN;
    uint8_t reply[UDP_BYTES];
    int fd = open_socket(server, a->port, SOCK_DGRAM);

    if (fd < 0)
        return RESOLVE_REFUSED;
    if (send(fd, a->query, a->query_bytes, MSG_NOSIGNAL) != (ssize_t)a->query_bytes)
        verdict = RESOLVE_REFUSED;
    while (verdict == RESOLVE_FOREIGN && net_wait(fd, POLLIN, deadline_ns) == NET_OK) {
        ssize_t n = recv(fd, reply, sizeof reply, 0);

        if (n >= 0)
            verdict = resolve_reply(a->out, a->count, a->query, a->query_bytes, reply, (size_t)n);
        else if (errno != EINTR && errno != EAGAIN)
            verdict = RESOLVE_REFUSED; /* nobody listens there */
    }
    close(fd);
    return verdict;
}

/* All of size bytes, to or from a stream; 0, or -1. */
static int tcp_all(int fd, uint8_t *bytes, size_t size, short events, int64_t deadline_ns)
{
    while (size > 0) {
        ssize_t n =
            events == POLLIN ? recv(fd, bytes, size, 0) : send(fd, bytes, size, MSG_NOSIGNAL);

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTCONN))
            return -1;
        if (n < 0 && net_wait(fd, events, deadline_ns) != NET_OK)
            return -1;
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static resolve_verdict ask_tcp(const asking *a, const resolve_address *server, int64_t deadline_ns)
{
    resolve_verdict verdict = RESOLVE_REFUSED;
    uint8_t bytes[TCP_BYTES], length[2];
    int fd = open_socket(server, a->port, SOCK_STREAM);

    if (fd < 0)
        return RESOLVE_REFUSED;
    put16(bytes, (unsigned)a->query_bytes);
    memcpy(bytes + 2, a->query, a->query_bytes);
    if (net_wait(fd, POLLOUT, deadline_ns) == NET_OK &&
        tcp_all(fd, bytes, 2 + a->query_bytes, POLLOUT, deadline_ns) == 0 &&
        tcp_all(fd, length, sizeof length, POLLIN, deadline_ns) == 0 &&
        get16(length) <= sizeof bytes &&
        tcp_all(fd, bytes, get16(length), POLLIN, deadline_ns) == 0)
        verdict = resolve_reply(a->out, a->count, a->query, a->query_bytes, bytes, get16(length));
    close(fd);
    return verdict == RESOLVE_TRUNCATED || verdict == RESOLVE_FOREIGN ? RESOLVE_REFUSED : verdict;
}

/* The servers in turn, twice, with equal shares of the time, until one says something. */
static resolve_verdict ask_servers(const asking *a, const resolve_address *servers, size_t count,
                                   int64_t deadline_ns)
{
    size_t tries = ROUNDS * count;
    resolve_verdict verdict = RESOLVE_REFUSED;

    for (size_t i = 0; i < tries; i++) {
        int64_t now = clock_now_ns();
        int64_t until = now + (deadline_ns - now) / (int64_t)(tries - i);

        verdict = ask_udp(a, &servers[i % count], until);
        if (verdict == RESOLVE_TRUNCATED)
            verdict = ask_tcp(a, &servers[i % count], until);
        if (verdict == RESOLVE_ANSWER || verdict == RESOLVE_NO_NAME)
            break;
    }
    return verdict;
}

static net_status refuse(net_status status, const char *name, const char *what, char *why,
                         size_t why_bytes)
{
    snprintf(why, why_bytes, "%.80s: %s", name, what);
    return status;
}

/* A records, then AAAA where there is none. */
static net_status ask_dns(resolve_address *out, size_t *count, const char *name,
                          const resolve_source *source, int64_t deadline_ns, char *why,
                          size_t why_bytes)
{
    static const uint16_t types[] = {RESOLVE_A, RESOLVE_AAAA};
    resolve_address servers[MAX_SERVERS];
    size_t server_count = read_servers(servers, source->config);
    uint8_t query[RESOLVE_QUERY_BYTES];
    asking a = {out, count, query, 0, source->port};
    resolve_verdict verdict = RESOLVE_ANSWER;

    for (size_t i = 0; i < 2 && verdict == RESOLVE_ANSWER && *count == 0; i++) {
        uint16_t id;

        if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
            return refuse(NET_FAILED, name, "no random number for a query", why, why_bytes);
        a.query_bytes = resolve_query(query, id, name, types[i]);
        if (a.query_bytes == 0)
            return refuse(NET_NAME, name, "not a host name", why, why_bytes);
        verdict = ask_servers(&a, servers, server_count, deadline_ns);
    }
    if (*count > 0)
        return NET_OK;
    if (verdict == RESOLVE_ANSWER || verdict == RESOLVE_NO_NAME)
        return refuse(NET_NAME, name, "no such host", why, why_bytes);
    if (clock_now_ns() >= deadline_ns)
        return refuse(NET_TIMEOUT, name, "no name server has answered in time", why, why_bytes);
    return refuse(NET_NAME, name, "no name server answers for it", why, why_bytes);
}

/* The hosts file; what it does not fit is not read. */
static void read_hosts(resolve_address *out, size_t *count, const char *name, const char *path)
{
    char text[HOSTS_BYTES];
    size_t size = read_beginning(path, text, sizeof text);

    resolve_hosts(out, count, name, text, size);
    if (*count == 0 && same_text(name, "localhost") && literal(&out[0], "127.0.0.1"))
        *count = 1;
}

net_status resolve_host(resolve_address *out, size_t *count, const char *name,
                        const resolve_source *source, int64_t deadline_ns, char *why,
                        size_t why_bytes)
{
    int64_t until = clock_after_ms(RESOLVE_MS);
    net_status status = NET_OK;

    *count = (size_t)literal(&out[0], name);
    if (*count == 0)
        read_hosts(out, count, name, source->hosts);
    if (*count == 0)
        status = ask_dns(out, count, name, source, until < deadline_ns ? until : deadline_ns, why,
                         why_bytes);
    if (status == NET_OK)
        sort_families(out, *count);
    return status;
}
