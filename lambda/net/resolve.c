/* SPDX-License-Identifier: Apache-2.0 */
/* Lookup in the hosts file, and by DNS over UDP and TCP. */
#include "lambda/net/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/net/http.h"
#include "runtime/base/old_libc.h"

enum {
    MAX_SERVERS = 3,          /* The C library's resolver uses as many. */
    ROUNDS = 2,               /* Each server is asked this many times. */
    CONFIG_BYTES = 4096,      /* Only this many bytes of resolv.conf are read. */
    HOSTS_BYTES = 65536,      /* Only this many bytes of the hosts file are read. */
    HOSTS_PIECE_BYTES = 4096, /* The size of one read of the hosts file. */
    UDP_BYTES = 512,  /* The largest answer over UDP from a server that was not offered EDNS. */
    TCP_BYTES = 4096, /* A larger answer over TCP is refused. */
    HEADER_BYTES = 12,
    MAX_LABEL = 63,
    MAX_JUMPS = 16, /* The most compression pointers in one name: a loop of them has more. */
    MAX_ALIASES = 8 /* The most CNAME records between a name and its addresses. */
};

enum { CLASS_IN = 1, TYPE_CNAME = 5 };
enum { FLAG_RESPONSE = 0x80, FLAG_OPCODE = 0x78, FLAG_TRUNCATED = 0x02, FLAG_RECURSE = 0x01 };
enum { RCODE_OK = 0, RCODE_NO_NAME = 3 };

const resolve_source resolve_system = {"/etc/hosts", "/etc/resolv.conf", 53};

/* ---- addresses as text ---------------------------------------------------------------------- */

/* Returns 1 if the text is an address; *out is set to it. */
static int parse_literal(resolve_address *out, const char *text)
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

static void append_address(resolve_address *out, size_t *count, const resolve_address *address)
{
    if (*count < RESOLVE_ADDRESSES)
        out[(*count)++] = *address;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Read the beginning of a file, at most capacity - 1 bytes, and put a NUL behind them. The result
 * is empty if the file cannot be read. Returns the number of bytes. */
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

/* Copy the next word of the current line into `word` and move *at behind it. A word that is too
 * long is cut, and then it equals no host name. Returns 0 at the end of the line or at a
 * comment. */
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

        if (!next_word(&at, end, word) || !parse_literal(&address, word))
            continue;
        while (next_word(&at, end, word))
            if (same_text(word, name)) {
                append_address(out, count, &address);
                break;
            }
    }
}

/* Read the addresses of the name servers from resolv.conf. Returns their number. */
static size_t read_servers(resolve_address *servers, const char *path)
{
    char text[CONFIG_BYTES], word[RESOLVE_NAME_BYTES];
    const char *at = text, *end = text + read_beginning(path, text, sizeof text);
    size_t count = 0;

    for (; at < end && count < MAX_SERVERS; next_line(&at, end))
        if (next_word(&at, end, word) && strcmp(word, "nameserver") == 0 &&
            next_word(&at, end, word) && parse_literal(&servers[count], word))
            count++;
    if (count == 0)
        count = (size_t)parse_literal(&servers[0], "127.0.0.1");
    return count;
}

/* Move IPv4 addresses before IPv6 addresses, and keep the order otherwise. */
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

/* Write a dotted name as labels to `out`, which has at least 256 bytes. Returns the size, or 0 if
 * the name is not a host name. */
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
    /* The query has one question. */
    put16(query + 4, 1);
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

/* Copy the name at m->at without compression, as labels, and move m->at behind it. Returns 0, or -1
 * if the message is damaged. */
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

/* Returns 1 if two names, given as labels, are equal apart from the case of letters. The size of a
 * label is below 64, so it is never mistaken for a letter. */
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

/* A resource record of a DNS message. */
typedef struct record {
    uint8_t owner[RESOLVE_NAME_BYTES];
    unsigned type, class, size;
    size_t data; /* The offset of its data in the message. */
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

/* Look through the answers once for records of `name`. Addresses of the type are appended to `out`.
 * An alias (CNAME) replaces `name` and ends the search with 1. Otherwise the result is 0, or -1 if
 * the message is damaged. */
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
            append_address(out, count, &address);
        }
    }
    return 0;
}

/* Returns 1 if the message answers the query: it has the same id and repeats the same question. */
static int answers_query(const uint8_t *query, size_t query_bytes, const uint8_t *reply,
                         size_t reply_bytes)
{
    size_t question = query_bytes - HEADER_BYTES;

    if (reply_bytes < HEADER_BYTES || memcmp(reply, query, 2) != 0)
        return 0;
    if ((reply[2] & FLAG_RESPONSE) == 0 || (reply[2] & FLAG_OPCODE) != 0)
        return 0;
    /* Some servers refuse a query without repeating its question. */
    if (get16(reply + 4) == 0)
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
    int alias_found = 1;

    if (!answers_query(query, query_bytes, reply, reply_bytes))
        return RESOLVE_FOREIGN;
    if (reply[2] & FLAG_TRUNCATED)
        return RESOLVE_TRUNCATED;
    if ((reply[3] & 15) == RCODE_NO_NAME)
        return RESOLVE_NO_NAME;
    if ((reply[3] & 15) != RCODE_OK || get_name(&m, name) != 0)
        return RESOLVE_REFUSED;
    m.at = query_bytes;
    for (int i = 0; alias_found == 1 && i <= MAX_ALIASES; i++)
        alias_found =
            read_answers(out, count, m, get16(reply + 6), get16(query + query_bytes - 4), name);
    if (alias_found != 0) {
        *count = before;
        return RESOLVE_REFUSED;
    }
    return RESOLVE_ANSWER;
}

/* ---- asking --------------------------------------------------------------------------------- */

typedef struct dns_request {
    resolve_address *out;
    size_t *count;
    const uint8_t *query;
    size_t query_bytes;
    uint16_t port;
} dns_request;

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
    /* The kernel picks a random local port, and it drops packets from anybody but this server. */
    rc = connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
                 is_v4 ? sizeof v4 : sizeof v6);
    if (rc != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static resolve_verdict ask_udp(const dns_request *r, const resolve_address *server,
                               int64_t deadline_ns)
{
    resolve_verdict verdict = RESOLVE_FOREIGN;
    uint8_t reply[UDP_BYTES];
    int fd = open_socket(server, r->port, SOCK_DGRAM);

    if (fd < 0)
        return RESOLVE_REFUSED;
    if (send(fd, r->query, r->query_bytes, MSG_NOSIGNAL) != (ssize_t)r->query_bytes)
        verdict = RESOLVE_REFUSED;
    while (verdict == RESOLVE_FOREIGN && net_wait(fd, POLLIN, deadline_ns) == NET_OK) {
        ssize_t n = recv(fd, reply, sizeof reply, 0);

        if (n >= 0)
            verdict = resolve_reply(r->out, r->count, r->query, r->query_bytes, reply, (size_t)n);
        else if (errno != EINTR && errno != EAGAIN)
            /* The machine answered that nobody listens on this port. */
            verdict = RESOLVE_REFUSED;
    }
    close(fd);
    return verdict;
}

/* Send (POLLOUT) or receive (POLLIN) all of `size` bytes on a stream. Returns 0, or -1 on a failure
 * or a timeout. */
static int transfer_all(int fd, uint8_t *bytes, size_t size, short events, int64_t deadline_ns)
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

static resolve_verdict ask_tcp(const dns_request *r, const resolve_address *server,
                               int64_t deadline_ns)
{
    resolve_verdict verdict = RESOLVE_REFUSED;
    uint8_t bytes[TCP_BYTES], length[2];
    int fd = open_socket(server, r->port, SOCK_STREAM);

    if (fd < 0)
        return RESOLVE_REFUSED;
    put16(bytes, (unsigned)r->query_bytes);
    memcpy(bytes + 2, r->query, r->query_bytes);
    if (net_wait(fd, POLLOUT, deadline_ns) == NET_OK &&
        transfer_all(fd, bytes, 2 + r->query_bytes, POLLOUT, deadline_ns) == 0 &&
        transfer_all(fd, length, sizeof length, POLLIN, deadline_ns) == 0 &&
        get16(length) <= sizeof bytes &&
        transfer_all(fd, bytes, get16(length), POLLIN, deadline_ns) == 0)
        verdict = resolve_reply(r->out, r->count, r->query, r->query_bytes, bytes, get16(length));
    close(fd);
    return verdict == RESOLVE_TRUNCATED || verdict == RESOLVE_FOREIGN ? RESOLVE_REFUSED : verdict;
}

/* Ask the servers in turn, ROUNDS times, until one knows. Each attempt gets an equal share of the
 * time that is left. */
static resolve_verdict ask_servers(const dns_request *r, const resolve_address *servers,
                                   size_t count, int64_t deadline_ns)
{
    size_t tries = ROUNDS * count;
    resolve_verdict verdict = RESOLVE_REFUSED;

    for (size_t i = 0; i < tries; i++) {
        int64_t now = clock_now_ns();
        int64_t until = now + (deadline_ns - now) / (int64_t)(tries - i);

        verdict = ask_udp(r, &servers[i % count], until);
        if (verdict == RESOLVE_TRUNCATED)
            verdict = ask_tcp(r, &servers[i % count], until);
        if (verdict == RESOLVE_ANSWER || verdict == RESOLVE_NO_NAME)
            break;
    }
    return verdict;
}

static net_status set_failure(net_status status, const char *name, const char *what, char *why,
                              size_t why_bytes)
{
    snprintf(why, why_bytes, "%.80s: %s", name, what);
    return status;
}

/* Ask for A records, and for AAAA records if the name has no A record. */
static net_status ask_dns(resolve_address *out, size_t *count, const char *name,
                          const resolve_source *source, int64_t deadline_ns, char *why,
                          size_t why_bytes)
{
    static const uint16_t types[] = {RESOLVE_A, RESOLVE_AAAA};
    resolve_address servers[MAX_SERVERS];
    size_t server_count = read_servers(servers, source->config);
    uint8_t query[RESOLVE_QUERY_BYTES];
    dns_request r = {out, count, query, 0, source->port};
    resolve_verdict verdict = RESOLVE_ANSWER;

    for (size_t i = 0; i < 2 && verdict == RESOLVE_ANSWER && *count == 0; i++) {
        uint16_t id;

        if (random_bytes(&id, sizeof id, 0) != (ssize_t)sizeof id)
            return set_failure(NET_FAILED, name, "no random number for a query", why, why_bytes);
        r.query_bytes = resolve_query(query, id, name, types[i]);
        if (r.query_bytes == 0)
            return set_failure(NET_NAME, name, "not a host name", why, why_bytes);
        verdict = ask_servers(&r, servers, server_count, deadline_ns);
    }
    if (*count > 0)
        return NET_OK;
    if (verdict == RESOLVE_ANSWER || verdict == RESOLVE_NO_NAME)
        return set_failure(NET_NAME, name, "no such host", why, why_bytes);
    if (clock_now_ns() >= deadline_ns)
        return set_failure(NET_TIMEOUT, name, "no name server has answered in time", why,
                           why_bytes);
    return set_failure(NET_NAME, name, "no name server answers for it", why, why_bytes);
}

/* Returns the size of the text without its last line, or all of it if it has one line only. */
static size_t whole_lines(const char *text, size_t size)
{
    size_t whole = size;

    while (whole > 0 && text[whole - 1] != '\n')
        whole--;
    return whole > 0 ? whole : size;
}

/* Look the name up in the first HOSTS_BYTES of an open hosts file. The file is read in pieces,
 * because the stack of a thread can be too small for all of it. A line that is longer than a piece
 * counts as two lines. */
static void search_hosts(resolve_address *out, size_t *count, const char *name, int fd)
{
    char text[HOSTS_PIECE_BYTES];
    size_t size = 0, done = 0, whole;

    while (done + size < HOSTS_BYTES) {
        ssize_t n = read(fd, text + size, sizeof text - size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        size += (size_t)n;
        whole = size < sizeof text ? 0 : whole_lines(text, size);
        resolve_hosts(out, count, name, text, whole);
        memmove(text, text + whole, size - whole);
        size -= whole;
        done += whole;
    }
    resolve_hosts(out, count, name, text, size);
}

/* Look the name up in the hosts file, and answer "localhost" even if the file does not have it. */
static void read_hosts(resolve_address *out, size_t *count, const char *name, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        search_hosts(out, count, name, fd);
        close(fd);
    }
    if (*count == 0 && same_text(name, "localhost") && parse_literal(&out[0], "127.0.0.1"))
        *count = 1;
}

net_status resolve_host(resolve_address *out, size_t *count, const char *name,
                        const resolve_source *source, int64_t deadline_ns, char *why,
                        size_t why_bytes)
{
    int64_t until = clock_after_ms(RESOLVE_MS);
    net_status status = NET_OK;

    *count = (size_t)parse_literal(&out[0], name);
    if (*count == 0)
        read_hosts(out, count, name, source->hosts);
    if (*count == 0)
        status = ask_dns(out, count, name, source, until < deadline_ns ? until : deadline_ns, why,
                         why_bytes);
    if (status == NET_OK)
        sort_families(out, *count);
    return status;
}
