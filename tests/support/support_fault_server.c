/* SPDX-License-Identifier: Apache-2.0 */
/* One thread plays one script. Its calls block, but it notices when the test wants it to stop. */
#include "tests/support/support_fault_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lambda/net/http.h"

enum {
    MAX_REQUESTS = 4096,
    MAX_LEFT = 16,
    REPLY_BYTES = 65536,
    FINISH_MS = 5000,
    LEAST_PAUSE_US = 50,
    HEAD_ROOM = 4096 /* The size of one read. */
};

typedef struct kept_request {
    char *bytes;
    size_t size;
} kept_request;

struct fault_server {
    const fault_step *script;
    size_t count;
    int listener, connection;
    int left[MAX_LEFT]; /* Connections that stay open. */
    size_t left_count;
    int stop;  /* An eventfd that becomes readable when the script is to be given up. */
    int ended; /* An eventfd that becomes readable when the script has ended. */
    uint16_t port;
    pthread_t thread;
    int complete;
    kept_request requests[MAX_REQUESTS];
    size_t request_count;
    char *extra; /* Bytes that arrived behind a request and belong to the next one. */
    size_t extra_size;
};

static void require(int condition, const char *what)
{
    if (!condition) {
        perror(what);
        abort();
    }
}

/* ---- the thread's steps: 0, or -1 to give the script up -------------------------------------- */

/* Wait for fd. Returns -1 if the test wants to stop. */
static int wait_ready(fault_server *s, int fd, short events)
{
    struct pollfd p[2] = {{fd, events, 0}, {s->stop, POLLIN, 0}};

    while (poll(p, 2, -1) < 0)
        require(errno == EINTR, "poll");
    return p[0].revents != 0 ? 0 : -1;
}

static int pause_us(fault_server *s, int64_t us)
{
    struct timespec rest = {0, us % 1000 * 1000};
    struct pollfd p = {s->stop, POLLIN, 0};

    nanosleep(&rest, NULL);
    return us < 1000 || poll(&p, 1, (int)(us / 1000)) == 0 ? 0 : -1;
}

static void close_connection(fault_server *s)
{
    if (s->connection >= 0)
        close(s->connection);
    s->connection = -1;
    s->extra_size = 0;
}

static int accept_one(fault_server *s)
{
    int on = 1;

    close_connection(s);
    if (wait_ready(s, s->listener, POLLIN) != 0)
        return -1;
    s->connection = accept(s->listener, NULL, NULL);
    if (s->connection < 0)
        return -1;
    setsockopt(s->connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return 0;
}

/* The size of the complete request at the beginning of the bytes, or 0 if it is not complete yet.
 * Bytes that are not HTTP count as one request. */
static size_t request_size(const char *bytes, size_t size)
{
    http_head head;
    http_progress progress = http_parse_request(&head, bytes, size);

    if (progress == HTTP_BAD)
        return size;
    if (progress == HTTP_MORE)
        return 0;
    if (head.framing != HTTP_LENGTH)
        return head.bytes;
    return size - head.bytes >= head.content_length ? head.bytes + (size_t)head.content_length : 0;
}

/* Store the first `size` bytes as a request. The other ones belong to the next request. */
static void store_request(fault_server *s, char *bytes, size_t filled, size_t size)
{
    kept_request *request = &s->requests[s->request_count];

    require(s->request_count < MAX_REQUESTS, "too many requests");
    free(s->extra);
    s->extra_size = filled - size;
    s->extra = malloc(s->extra_size + 1);
    request->bytes = realloc(bytes, filled + 1);
    require(s->extra != NULL && request->bytes != NULL, "malloc");
    memcpy(s->extra, request->bytes + size, s->extra_size);
    request->bytes[size] = '\0';
    request->size = size;
    s->request_count++;
}

/* Read a whole request, or exactly `exactly` bytes if that is not 0. */
static int read_request(fault_server *s, size_t exactly)
{
    size_t filled = s->extra_size, capacity = filled + HEAD_ROOM, whole = 0;
    char *bytes = malloc(capacity);

    require(bytes != NULL, "malloc");
    if (filled > 0)
        memcpy(bytes, s->extra, filled);
    for (;;) {
        ssize_t n;

        whole = exactly > 0 ? exactly * (filled >= exactly) : request_size(bytes, filled);
        if (whole > 0 && filled > 0)
            break;
        if (capacity - filled < HEAD_ROOM) {
            capacity *= 2;
            bytes = realloc(bytes, capacity);
            require(bytes != NULL, "realloc");
        }
        n = wait_ready(s, s->connection, POLLIN) == 0
                ? recv(s->connection, bytes + filled, capacity - filled, 0)
                : -1;
        if (n <= 0) {
            free(bytes);
            return -1;
        }
        filled += (size_t)n;
    }
    store_request(s, bytes, filled, whole);
    return 0;
}

/* A script may let the client close the connection before everything is sent, so that is no
 * failure. */
static int send_bytes(fault_server *s, const char *bytes, size_t size, size_t piece, int64_t us)
{
    while (size > 0) {
        size_t part = piece > 0 && piece < size ? piece : size;
        ssize_t n = send(s->connection, bytes, part, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN) {
            if (wait_ready(s, s->connection, POLLOUT) != 0)
                return -1;
            continue;
        }
        if (n < 0)
            return 0;
        bytes += n;
        size -= (size_t)n;
        if (size > 0 && piece > 0 && pause_us(s, us > LEAST_PAUSE_US ? us : LEAST_PAUSE_US) != 0)
            return -1;
    }
    return 0;
}

static int send_reply(fault_server *s, const fault_step *step)
{
    const kept_request *request = &s->requests[s->request_count - 1];
    char *out = malloc(REPLY_BYTES);
    size_t size;
    int rc;

    require(out != NULL && s->request_count > 0, "a reply needs a request");
    size = step->reply(request->bytes, request->size, out, REPLY_BYTES);
    rc = send_bytes(s, out, size, step->piece, step->pause_us);
    free(out);
    return rc;
}

/* Closing a socket with unread input would reset the connection, so the input is read first. */
static void close_in_order(fault_server *s)
{
    char rest[4096];

    while (recv(s->connection, rest, sizeof rest, MSG_DONTWAIT) > 0)
        ;
    close_connection(s);
}

static void reset_connection(fault_server *s)
{
    struct linger now = {1, 0};

    setsockopt(s->connection, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close_connection(s);
}

static void leave_connection(fault_server *s)
{
    require(s->left_count < MAX_LEFT, "too many connections left");
    s->left[s->left_count++] = s->connection;
    s->connection = -1;
    s->extra_size = 0;
}

static int play_step(fault_server *s, const fault_step *step)
{
    switch (step->op) {
    case FAULT_ACCEPT:
        return accept_one(s);
    case FAULT_REQUEST:
        return read_request(s, 0);
    case FAULT_READ:
        return read_request(s, step->size);
    case FAULT_SEND:
        return send_bytes(s, step->bytes, step->size, step->piece, step->pause_us);
    case FAULT_REPLY:
        return send_reply(s, step);
    case FAULT_PAUSE:
        return pause_us(s, step->pause_us);
    case FAULT_CLOSE:
        close_in_order(s);
        return 0;
    case FAULT_RESET:
        reset_connection(s);
        return 0;
    case FAULT_LEAVE:
        leave_connection(s);
        return 0;
    case FAULT_HANG:
        return 0;
    }
    return -1;
}

static void signal_event(int fd)
{
    uint64_t one = 1;

    require(write(fd, &one, sizeof one) == (ssize_t)sizeof one, "eventfd");
}

static void *play(void *argument)
{
    fault_server *s = argument;
    size_t i = 0;
    int hang = 0;

    while (i < s->count && !hang && play_step(s, &s->script[i]) == 0)
        hang = s->script[i++].op == FAULT_HANG;
    s->complete = i == s->count;
    if (!hang)
        close_connection(s);
    close(s->listener);
    signal_event(s->ended);
    return NULL;
}

/* ---- the test's side ------------------------------------------------------------------------- */

fault_server *fault_start(const fault_step *script, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    fault_server *s = calloc(1, sizeof *s);

    require(s != NULL, "calloc");
    s->script = script;
    s->count = count;
    s->connection = -1;
    s->stop = eventfd(0, EFD_CLOEXEC);
    s->ended = eventfd(0, EFD_CLOEXEC);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(s->stop >= 0 && s->ended >= 0 && s->listener >= 0, "socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(bind(s->listener, (struct sockaddr *)&address, size) == 0 &&
                listen(s->listener, 16) == 0 &&
                getsockname(s->listener, (struct sockaddr *)&address, &size) == 0,
            "listen");
    s->port = ntohs(address.sin_port);
    errno = pthread_create(&s->thread, NULL, play, s);
    require(errno == 0, "pthread_create");
    return s;
}

uint16_t fault_port(const fault_server *server)
{
    return server->port;
}

int fault_finish(fault_server *server)
{
    struct pollfd p = {server->ended, POLLIN, 0};

    poll(&p, 1, FINISH_MS);
    signal_event(server->stop);
    pthread_join(server->thread, NULL);
    close_connection(server);
    while (server->left_count > 0)
        close(server->left[--server->left_count]);
    return server->complete;
}

size_t fault_request_count(const fault_server *server)
{
    return server->request_count;
}

const char *fault_request(const fault_server *server, size_t index, size_t *size)
{
    if (size != NULL)
        *size = server->requests[index].size;
    return server->requests[index].bytes;
}

void fault_free(fault_server *server)
{
    for (size_t i = 0; i < server->request_count; i++)
        free(server->requests[i].bytes);
    free(server->extra);
    close(server->stop);
    close(server->ended);
    free(server);
}
