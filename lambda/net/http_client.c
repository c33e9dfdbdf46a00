/* SPDX-License-Identifier: Apache-2.0 */
/* One kept connection: send all, read a head, decode the body behind it in place. */
#include "lambda/net/http_client.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"

enum {
    MAX_INTERIM = 32, /* 1xx responses before a final one: more is a server gone wrong */
    SPILL_BYTES = 512 /* of framing after a body that fills the memory to its last byte */
};

void http_client_init(http_client *client, const net_endpoint *endpoint, char *memory,
                      size_t capacity, int64_t connect_ms)
{
    memset(client, 0, sizeof *client);
    client->endpoint = *endpoint;
    client->memory = memory;
    client->capacity = capacity;
    client->connect_ms = connect_ms;
    net_init(&client->stream);
}

void http_client_close(http_client *client)
{
    net_close(&client->stream);
    client->exchanges = 0;
}

/* ---- one response --------------------------------------------------------------------------- */

/* A response being read: `filled` bytes of the client's memory are used, from the beginning. */
typedef struct reading {
    http_client *client;
    http_response *response;
    int64_t deadline_ns;
    size_t filled;
    int began; /* 1: a byte of it has come */
    int clean; /* 1: nothing came after its end */
} reading;

static http_client_status refuse(http_response *response, http_client_status status,
                                 const char *what)
{
    snprintf(response->why, sizeof response->why, "%s", what);
    return status;
}

static http_client_status of_net(reading *r, net_status status)
{
    refuse(r->response, HTTP_CLIENT_OK, r->client->stream.why);
    return status == NET_TIMEOUT ? HTTP_CLIENT_TIMEOUT : HTTP_CLIENT_BROKEN;
}

/* More bytes behind those there are. */
static net_status receive_more(reading *r, size_t *received)
{
    http_client *client = r->client;
    net_status status = net_receive(&client->stream, client->memory + r->filled,
                                    client->capacity - r->filled, received, r->deadline_ns);

    if (status == NET_OK)
        r->began = 1;
    return status;
}

/* A head at the beginning of memory, complete. A parse begins anew each time, so it is tried only
 * when a line has been completed: a peer that sends byte by byte costs a parse a line, not a parse
 * a byte. */
static http_client_status read_whole_head(reading *r)
{
    http_client *client = r->client;
    http_head *head = &r->response->head;
    http_progress progress = http_parse_response(head, client->memory, r->filled);

    while (progress == HTTP_MORE) {
        size_t received;
        net_status status;

        if (r->filled == client->capacity)
            return refuse(r->response, HTTP_CLIENT_TOO_LARGE, "the head does not fit");
        status = receive_more(r, &received);
        if (status != NET_OK)
            return of_net(r, status);
        r->filled += received;
        if (r->filled == received || r->filled >= HTTP_MAX_HEAD_BYTES ||
            memchr(client->memory + r->filled - received, '\n', received) != NULL)
            progress = http_parse_response(head, client->memory, r->filled);
    }
    return progress == HTTP_BAD ? refuse(r->response, HTTP_CLIENT_MALFORMED, head->what)
                                : HTTP_CLIENT_OK;
}

static http_client_status read_head(reading *r)
{
    http_client_status status = read_whole_head(r);

    if (status != HTTP_CLIENT_OK)
        r->response->head.status = 0; /* which half a head may have set */
    return status;
}

/* The head of the final response: interim ones are dropped. */
static http_client_status read_final_head(reading *r)
{
    http_head *head = &r->response->head;

    for (int i = 0; i <= MAX_INTERIM; i++) {
        http_client_status status = read_head(r);

        if (status != HTTP_CLIENT_OK || head->status >= 200)
            return status;
        if (head->status == 101)
            break;
        r->filled -= head->bytes;
        memmove(r->client->memory, r->client->memory + head->bytes, r->filled);
        head->status = 0;
    }
    head->status = 0;
    return refuse(r->response, HTTP_CLIENT_MALFORMED, "interim responses that nobody asked for");
}

/* `size` bytes that came are at `bytes`: decode them and take the content over. */
static http_client_status take_body(reading *r, http_body *body, char *bytes, size_t size,
                                    int *complete)
{
    size_t used, decoded;
    http_progress progress = http_body_decode(body, bytes, size, &used, &decoded);

    if (progress == HTTP_BAD)
        return refuse(r->response, HTTP_CLIENT_MALFORMED, body->what);
    if (decoded > r->client->capacity - r->filled)
        return refuse(r->response, HTTP_CLIENT_TOO_LARGE, "the body does not fit");
    r->filled += decoded;
    *complete = progress == HTTP_DONE;
    r->clean = used == size;
    return HTTP_CLIENT_OK;
}

/* The part of the body that is still to come. */
static http_client_status read_rest(reading *r, http_body *body, int complete)
{
    http_client *client = r->client;
    char spill[SPILL_BYTES];

    while (!complete) {
        int full = r->filled == client->capacity;
        char *to = full ? spill : client->memory + r->filled;
        size_t room = full ? sizeof spill : client->capacity - r->filled, received;
        net_status net = net_receive(&client->stream, to, room, &received, r->deadline_ns);
        http_client_status status;

        if (net == NET_EOF && http_body_at_end(body) == HTTP_DONE)
            return HTTP_CLIENT_OK;
        if (net != NET_OK)
            return of_net(r, net);
        status = take_body(r, body, to, received, &complete);
        if (status != HTTP_CLIENT_OK)
            return status;
    }
    return HTTP_CLIENT_OK;
}

static http_client_status read_body(reading *r)
{
    http_head *head = &r->response->head;
    size_t came = r->filled - head->bytes;
    http_client_status status;
    http_body body;
    int complete;

    http_body_init(&body, head);
    if (head->framing == HTTP_LENGTH && head->content_length > r->client->capacity - head->bytes)
        return refuse(r->response, HTTP_CLIENT_TOO_LARGE, "the body does not fit");
    r->filled = head->bytes;
    status = take_body(r, &body, r->client->memory + head->bytes, came, &complete);
    if (status == HTTP_CLIENT_OK)
        status = read_rest(r, &body, complete);
    r->response->body.at = r->client->memory + head->bytes;
    r->response->body.size = r->filled - head->bytes;
    return status;
}

static http_client_status read_response(reading *r)
{
    http_client_status status = read_final_head(r);

    return status == HTTP_CLIENT_OK ? read_body(r) : status;
}

/* ---- one exchange --------------------------------------------------------------------------- */

static http_client_status open_connection(http_client *client, http_response *response,
                                          int64_t deadline_ns)
{
    int64_t until = clock_after_ms(client->connect_ms);
    net_status status;

    http_client_close(client);
    status =
        net_connect(&client->stream, &client->endpoint, until < deadline_ns ? until : deadline_ns);
    if (status == NET_OK) {
        client->connections++;
        return HTTP_CLIENT_OK;
    }
    return refuse(response, status == NET_TLS ? HTTP_CLIENT_UNTRUSTED : HTTP_CLIENT_CONNECT,
                  client->stream.why);
}

/* Send and read on the connection that is open. *began: a byte of a response has come. */
static http_client_status try_once(http_client *client, http_response *response,
                                   const char *request, size_t size, int64_t deadline_ns,
                                   int *began)
{
    int64_t until = client->answer_ms > 0 ? clock_after_ms(client->answer_ms) : deadline_ns;
    reading r = {client, response, until < deadline_ns ? until : deadline_ns, 0, 0, 0};
    net_status sent = net_send(&client->stream, request, size, r.deadline_ns);
    http_client_status status = HTTP_CLIENT_OK;
    char why[sizeof response->why];

    if (sent != NET_OK) { /* perhaps refused unread: then the answer is there already */
        snprintf(why, sizeof why, "%s", client->stream.why);
        r.deadline_ns = clock_now_ns();
    }
    status = read_response(&r);
    *began = r.began;
    if (sent != NET_OK && status != HTTP_CLIENT_OK) {
        status = sent == NET_TIMEOUT ? HTTP_CLIENT_TIMEOUT : HTTP_CLIENT_BROKEN;
        refuse(response, status, why);
    }
    if (status == HTTP_CLIENT_OK)
        response->why[0] = '\0';
    if (status != HTTP_CLIENT_OK || sent != NET_OK || !r.clean || !response->head.keep_alive)
        http_client_close(client);
    else
        client->exchanges++;
    return status;
}

http_client_status http_client_exchange(http_client *client, http_response *response,
                                        const char *request, size_t size, http_resend resend,
                                        int64_t deadline_ns)
{
    http_client_status status;
    int reused, began = 0;

    memset(response, 0, sizeof *response);
    reused = client->exchanges > 0 && !net_stale(&client->stream);
    if (!reused) {
        status = open_connection(client, response, deadline_ns);
        if (status != HTTP_CLIENT_OK)
            return status;
    }
    status = try_once(client, response, request, size, deadline_ns, &began);
    if (status != HTTP_CLIENT_BROKEN || began || resend == HTTP_RESEND_NEVER ||
        (resend == HTTP_RESEND_REUSED && !reused))
        return status;
    if (open_connection(client, response, deadline_ns) != HTTP_CLIENT_OK)
        return HTTP_CLIENT_BROKEN; /* not CONNECT: the first request was sent and may have acted */
    return try_once(client, response, request, size, deadline_ns, &began);
}
