/* SPDX-License-Identifier: Apache-2.0 */
/* The server. Each connection is a small state machine; see serve_http.h. */
#define _GNU_SOURCE /* This declares accept4 and POLLRDHUP. */
#include "tools/serve/serve_http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"

enum {
    RECEIVE_BYTES = 65536, /* most bytes read at once: those behind a body fit serve_conn.in */
    FIRST_CHUNK = 2048,    /* bytes of the first chunk, as Go's server has it */
    MORE_CHUNK = 32768,    /* bytes of the other chunks */
    CHUNK_ROOM = 16,       /* bytes for the size line and the line end of a chunk */
    PIECE_BYTES = 7,       /* bytes of a piece of a reply that is sent in pieces */
    PIECES_MOST = 400      /* pieces, then the rest at once: 6 MB in pieces take minutes */
};

typedef enum conn_state {
    CONN_HEAD,    /* a head is being read */
    CONN_BODY,    /* a body is being read */
    CONN_WAITING, /* the request is whole and waits for its reply */
    CONN_WRITING  /* the reply is being written */
} conn_state;

struct serve_conn {
    serve_http *http;
    int fd;
    conn_state state;
    size_t poll_index; /* index in the fds of the last poll; SIZE_MAX before the first one */
    char in[HTTP_MAX_HEAD_BYTES]; /* the head, to whose bytes the slices of `head` point */
    size_t in_size;
    http_head head;
    http_body body;
    char *content; /* the decoded body */
    size_t size, capacity;
    size_t rest_at, rest_size; /* the bytes in content that came after the request */
    int oversize;              /* 1 if the body is larger than what is kept */
    char *out;                 /* the reply */
    size_t out_size, out_sent, pieces;
    int64_t out_at_ns;          /* monotonic time before which nothing is sent */
    int in_pieces, close_after; /* close_after: the connection closes after the reply */
};

struct serve_http {
    serve_events events;
    int listener;
    uint16_t port;
    serve_conn *conns[SERVE_CONNECTIONS];
};

/* ---- opening and closing --------------------------------------------------------------------- */

serve_http *serve_http_open(uint16_t port, const serve_events *events)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof address;
    serve_http *http = calloc(1, sizeof *http);
    int on = 1;

    if (http == NULL)
        return NULL;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    http->events = *events;
    http->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (http->listener >= 0 &&
        setsockopt(http->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(http->listener, (const struct sockaddr *)&address, size) == 0 &&
        listen(http->listener, SERVE_CONNECTIONS) == 0 &&
        getsockname(http->listener, (struct sockaddr *)&address, &size) == 0) {
        http->port = ntohs(address.sin_port);
        return http;
    }
    serve_http_close(http);
    return NULL;
}

uint16_t serve_http_port(const serve_http *http)
{
    return http->port;
}

static serve_request request_of(const serve_conn *conn)
{
    serve_request request = {
        &conn->head, {conn->content, conn->size}, conn->oversize, conn->state == CONN_WAITING};

    return request;
}

/* Close a connection and free it. If `notify` is 1 and a request is unanswered, serve_events.gone
 * is called first. */
static void close_connection(serve_conn *conn, int notify)
{
    serve_http *http = conn->http;
    serve_request request = request_of(conn);

    for (size_t i = 0; i < SERVE_CONNECTIONS; i++)
        if (http->conns[i] == conn)
            http->conns[i] = NULL;
    if (notify && (conn->state == CONN_BODY || conn->state == CONN_WAITING))
        http->events.gone(http->events.context, conn, &request);
    (void)close(conn->fd);
    free(conn->content);
    free(conn->out);
    free(conn);
}

void serve_http_close(serve_http *http)
{
    int error = errno;

    for (size_t i = 0; i < SERVE_CONNECTIONS; i++)
        if (http->conns[i] != NULL)
            close_connection(http->conns[i], 0);
    if (http->listener >= 0)
        (void)close(http->listener);
    free(http);
    errno = error;
}

void serve_http_drop(serve_conn *conn)
{
    close_connection(conn, 0);
}

/* Accept a connection, or close it at once if there are too many. */
static void accept_connection(serve_http *http)
{
    int fd = accept4(http->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    serve_conn *conn;
    size_t place = 0;
    int on = 1;

    if (fd < 0)
        return;
    while (place < SERVE_CONNECTIONS && http->conns[place] != NULL)
        place++;
    conn = place < SERVE_CONNECTIONS ? malloc(sizeof *conn) : NULL;
    if (conn == NULL) {
        (void)close(fd);
        return;
    }
    memset(conn, 0, sizeof *conn);
    conn->http = http;
    conn->fd = fd;
    conn->poll_index = SIZE_MAX;
    http->conns[place] = conn;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* ---- replies --------------------------------------------------------------------------------- */

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {{100, "Continue"},
                   {200, "OK"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {413, "Payload Too Large"},
                   {429, "Too Many Requests"},
                   {500, "Internal Server Error"}};

    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Status";
}

static void add_chunks(buffer *out, http_slice body)
{
    size_t most = FIRST_CHUNK;

    for (size_t at = 0; at < body.size; most = MORE_CHUNK) {
        size_t size = body.size - at < most ? body.size - at : most;

        buffer_format(out, "%zx\r\n", size);
        buffer_add(out, body.at + at, size);
        buffer_text(out, "\r\n");
        at += size;
    }
    buffer_text(out, "0\r\n\r\n");
}

static void write_reply(buffer *out, const serve_conn *conn, const serve_reply *reply)
{
    buffer_format(out, "HTTP/1.1 %d %s\r\n", reply->status, reason_phrase(reply->status));
    if (reply->type != NULL)
        buffer_format(out, "Content-Type: %s\r\n", reply->type);
    if (reply->headers != NULL)
        buffer_text(out, reply->headers);
    if (conn->close_after)
        buffer_text(out, "Connection: close\r\n");
    if (reply->chunked)
        buffer_text(out, "Transfer-Encoding: chunked\r\n\r\n");
    else if (reply->status == 204)
        buffer_text(out, "\r\n");
    else
        buffer_format(out, "Content-Length: %zu\r\n\r\n", reply->body.size);
    if (reply->chunked)
        add_chunks(out, reply->body);
    else
        buffer_add(out, reply->body.at, reply->body.size);
}

void serve_http_reply(serve_conn *conn, const serve_reply *reply)
{
    size_t headers = reply->headers != NULL ? strlen(reply->headers) : 0;
    size_t room = SERVE_HEAD_ROOM + headers + reply->body.size +
                  (reply->body.size / MORE_CHUNK + 3) * CHUNK_ROOM;
    buffer out;

    conn->out = reply->close_instead ? NULL : malloc(room);
    if (conn->out == NULL) {
        serve_http_drop(conn);
        return;
    }
    conn->close_after = conn->close_after || !conn->head.keep_alive;
    buffer_init(&out, conn->out, room);
    write_reply(&out, conn, reply);
    if (out.overflow) { /* a head was longer than SERVE_HEAD_ROOM */
        serve_http_drop(conn);
        return;
    }
    conn->out_size = out.size;
    conn->out_sent = conn->pieces = 0;
    conn->in_pieces = reply->in_pieces;
    conn->out_at_ns = reply->delay_ms > 0 ? clock_after_ms(reply->delay_ms) : 0;
    if (reply->cut) {
        conn->out_size = out.size - reply->body.size / 2 - 1;
        conn->close_after = 1;
    }
    conn->state = CONN_WRITING;
}

/* Get ready for the next request after a reply has been sent. Its first bytes may already be
 * here. */
static void begin_next_request(serve_conn *conn)
{
    if (conn->close_after) {
        close_connection(conn, 0);
        return;
    }
    memcpy(conn->in, conn->content + conn->rest_at, conn->rest_size);
    conn->in_size = conn->rest_size;
    free(conn->out);
    free(conn->content);
    conn->out = conn->content = NULL;
    conn->size = conn->capacity = conn->rest_size = 0;
    conn->oversize = 0;
    conn->state = CONN_HEAD;
}

static void write_some(serve_conn *conn)
{
    size_t left = conn->out_size - conn->out_sent;
    ssize_t sent;

    if (conn->out_at_ns > clock_now_ns())
        return;
    if (conn->in_pieces && conn->pieces++ < PIECES_MOST && left > PIECE_BYTES)
        left = PIECE_BYTES;
    sent = send(conn->fd, conn->out + conn->out_sent, left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        close_connection(conn, 0);
        return;
    }
    conn->out_sent += sent > 0 ? (size_t)sent : 0;
    if (conn->out_sent == conn->out_size)
        begin_next_request(conn);
}

/* Reply with status 400, and close the connection afterwards. */
static void reply_bad_request(serve_conn *conn, const char *what)
{
    char text[256];
    buffer body;
    serve_reply reply = {.status = 400, .type = "text/plain; charset=utf-8"};

    buffer_init(&body, text, sizeof text);
    buffer_format(&body, "400 Bad Request: %s", what);
    reply.body.at = text;
    reply.body.size = body.size;
    conn->close_after = 1;
    serve_http_reply(conn, &reply);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Make room for `more` bytes behind the content. Returns 0, or -1 if there is no memory. */
static int make_room(serve_conn *conn, size_t more)
{
    size_t wanted = conn->size + more;
    char *grown;

    if (wanted <= conn->capacity)
        return 0;
    wanted = wanted < 2 * conn->capacity ? 2 * conn->capacity : wanted;
    grown = realloc(conn->content, wanted);
    if (grown == NULL)
        return -1;
    conn->content = grown;
    conn->capacity = wanted;
    return 0;
}

/* Decode `received` bytes of the body, which lie at the end of the content, in place. Once the
 * content has its greatest size, later bytes overwrite each other there and are not kept. */
static void decode_body(serve_conn *conn, size_t received)
{
    const serve_events *events = &conn->http->events;
    size_t at = conn->size, used, decoded;
    http_progress progress =
        http_body_decode(&conn->body, conn->content + at, received, &used, &decoded);
    serve_request request;

    conn->rest_at = at + used;
    conn->rest_size = received - used;
    conn->size += decoded;
    if (conn->size > SERVE_MAX_BODY_BYTES) {
        conn->size = SERVE_MAX_BODY_BYTES;
        conn->oversize = 1;
    }
    if (progress == HTTP_DONE)
        conn->state = CONN_WAITING;
    request = request_of(conn);
    if (progress == HTTP_DONE) {
        events->request(events->context, conn, &request);
    } else if (progress == HTTP_BAD) {
        events->gone(events->context, conn, &request);
        reply_bad_request(conn, conn->body.what);
    }
}

/* Begin to read the body after a head is complete. The head stays in conn->in, because its slices
 * must be valid until the reply. */
static void begin_body(serve_conn *conn)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    size_t behind = conn->in_size - conn->head.bytes;

    http_body_init(&conn->body, &conn->head);
    conn->state = CONN_BODY;
    if (http_is_nocase(http_get(&conn->head, "Expect"), "100-continue"))
        (void)send(conn->fd, interim, sizeof interim - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (make_room(conn, behind + 1) != 0) {
        close_connection(conn, 1);
        return;
    }
    if (behind > 0)
        memcpy(conn->content, conn->in + conn->head.bytes, behind);
    conn->in_size = 0;
    decode_body(conn, behind);
}

static void parse_head(serve_conn *conn)
{
    http_progress progress = http_parse_request(&conn->head, conn->in, conn->in_size);

    if (progress == HTTP_DONE)
        begin_body(conn);
    else if (progress == HTTP_BAD)
        reply_bad_request(conn, conn->head.what);
    else if (conn->in_size == sizeof conn->in)
        reply_bad_request(conn, "a head of more than 64 KiB");
}

/* Receive up to `most` bytes. Returns their number, 0 if there are none now, or -1 after the
 * connection was closed. */
static ssize_t receive(serve_conn *conn, char *to, size_t most)
{
    ssize_t received = recv(conn->fd, to, most, MSG_DONTWAIT);

    if (received < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (received <= 0) {
        close_connection(conn, 1);
        return -1;
    }
    return received;
}

static void read_some(serve_conn *conn)
{
    ssize_t received;

    if (conn->state == CONN_HEAD) {
        received = receive(conn, conn->in + conn->in_size, sizeof conn->in - conn->in_size);
        if (received > 0) {
            conn->in_size += (size_t)received;
            parse_head(conn);
        }
        return;
    }
    if (make_room(conn, RECEIVE_BYTES) != 0) {
        close_connection(conn, 1);
        return;
    }
    received = receive(conn, conn->content + conn->size, RECEIVE_BYTES);
    if (received > 0)
        decode_body(conn, (size_t)received);
}

/* ---- polling --------------------------------------------------------------------------------- */

size_t serve_http_poll(serve_http *http, struct pollfd *fds)
{
    int64_t now = clock_now_ns();
    size_t count = 0;

    fds[count++] = (struct pollfd){.fd = http->listener, .events = POLLIN};
    for (size_t i = 0; i < SERVE_CONNECTIONS; i++) {
        serve_conn *conn = http->conns[i];
        short events = POLLIN;

        if (conn == NULL)
            continue;
        if (conn->state == CONN_WAITING)
            events = POLLRDHUP;
        else if (conn->state == CONN_WRITING)
            events = conn->out_at_ns > now ? 0 : POLLOUT;
        conn->poll_index = count;
        fds[count++] = (struct pollfd){.fd = conn->fd, .events = events};
    }
    return count;
}

/* Read or write once, as the state of the connection asks. The connection may be freed
 * afterwards. */
static void transfer_once(serve_conn *conn, short revents)
{
    if (conn->state == CONN_WAITING) {
        if (revents & (POLLRDHUP | POLLERR | POLLHUP))
            close_connection(conn, 1);
    } else if (conn->state == CONN_WRITING && (revents & (POLLERR | POLLHUP))) {
        close_connection(conn, 0);
    } else if (conn->state == CONN_WRITING) {
        write_some(conn);
    } else {
        read_some(conn);
    }
}

void serve_http_transfer(serve_http *http, const struct pollfd *fds, size_t count)
{
    if (fds[0].revents != 0)
        accept_connection(http);
    for (size_t i = 0; i < SERVE_CONNECTIONS; i++) {
        serve_conn *conn = http->conns[i];

        if (conn == NULL || conn->poll_index >= count)
            continue;
        if (fds[conn->poll_index].fd == conn->fd && fds[conn->poll_index].revents != 0)
            transfer_once(conn, fds[conn->poll_index].revents);
    }
    for (size_t i = 0; i < SERVE_CONNECTIONS; i++) {
        serve_conn *conn = http->conns[i];

        /* A reply that was made just now is sent without waiting for the next poll, and a request
         * that came together with the last one is parsed. */
        if (conn != NULL && conn->state == CONN_WRITING && conn->out_sent == 0)
            write_some(conn);
        conn = http->conns[i];
        if (conn != NULL && conn->state == CONN_HEAD && conn->in_size > 0)
            parse_head(conn);
    }
}

int64_t serve_http_due_ns(const serve_http *http)
{
    int64_t due = CLOCK_NEVER;

    for (size_t i = 0; i < SERVE_CONNECTIONS; i++) {
        const serve_conn *conn = http->conns[i];

        if (conn != NULL && conn->state == CONN_WRITING && conn->out_at_ns > 0 &&
            conn->out_at_ns < due)
            due = conn->out_at_ns;
    }
    return due;
}
