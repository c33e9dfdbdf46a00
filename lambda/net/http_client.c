/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange: connect if there is no usable connection, send everything, read a head, and decode
 * the body in place behind it. */
#include "lambda/net/http_client.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"

enum {
    /* A server that sends more interim responses (1xx) than this before the final one is faulty. */
    MAX_INTERIM = 32,
    /* Room for the chunked framing that follows a body which fills the memory to its last byte. */
    SPILL_BYTES = 512
};

void http_client_init(http_client *client, const net_endpoint *endpoint, char *memory,
                      size_t capacity, int64_t connect_ms)
{
    memset(client, 0, sizeof *client);
    client->endpoint = *endpoint;
    client->memory = memory;
    client->capacity = capacity;
    client->connect_ms = connect_ms;
    client->stop_fd = -1;
    net_init(&client->stream);
}

void http_client_close(http_client *client)
{
    net_close(&client->stream);
    client->exchanges = 0;
}

/* ---- one response --------------------------------------------------------------------------- */

/* A response that is being read. The first `filled` bytes of the client's memory are in use. */
typedef struct reading {
    http_client *client;
    http_response *response;
    int64_t deadline_ns;
    size_t filled;
    int began; /* 1: the first byte of the response has arrived. */
    int clean; /* 1: no byte arrived behind the end of the response. */
} reading;

static http_client_status set_failure(http_response *response, http_client_status status,
                                      const char *what)
{
    snprintf(response->why, sizeof response->why, "%s", what);
    return status;
}

static http_client_status set_net_failure(reading *r, net_status status)
{
    set_failure(r->response, HTTP_CLIENT_OK, r->client->stream.why);
    return status == NET_TIMEOUT ? HTTP_CLIENT_TIMEOUT : HTTP_CLIENT_BROKEN;
}

/* Receive bytes into the memory behind those that are there already. */
static net_status receive_more(reading *r, size_t *received)
{
    http_client *client = r->client;
    net_status status = net_receive(&client->stream, client->memory + r->filled,
                                    client->capacity - r->filled, received, r->deadline_ns);

    if (status == NET_OK)
        r->began = 1;
    return status;
}

/* Read until there is a complete head at the beginning of the memory. Parsing starts at the first
 * byte each time, so it is done only when a line has been completed; a peer that sends single bytes
 * then costs one parse for each line and not one for each byte. */
static http_client_status read_whole_head(reading *r)
{
    http_client *client = r->client;
    http_head *head = &r->response->head;
    http_progress progress = http_parse_response(head, client->memory, r->filled);

    while (progress == HTTP_MORE) {
        size_t received;
        net_status status;

        if (r->filled == client->capacity)
            return set_failure(r->response, HTTP_CLIENT_TOO_LARGE, "the head does not fit");
        status = receive_more(r, &received);
        if (status != NET_OK)
            return set_net_failure(r, status);
        r->filled += received;
        if (r->filled == received || r->filled >= HTTP_MAX_HEAD_BYTES ||
            memchr(client->memory + r->filled - received, '\n', received) != NULL)
            progress = http_parse_response(head, client->memory, r->filled);
    }
    return progress == HTTP_BAD ? set_failure(r->response, HTTP_CLIENT_MALFORMED, head->what)
                                : HTTP_CLIENT_OK;
}

static http_client_status read_head(reading *r)
{
    http_client_status status = read_whole_head(r);

    if (status != HTTP_CLIENT_OK)
        /* A head that is complete only in part may have set the status. */
        r->response->head.status = 0;
    return status;
}

/* Read heads until one belongs to a final response. Interim responses are removed from the
 * memory. */
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
    return set_failure(r->response, HTTP_CLIENT_MALFORMED,
                       "interim responses that nobody asked for");
}

/* Decode `size` received bytes at `bytes`. Their content counts as part of the response from then
 * on. */
static http_client_status append_body(reading *r, http_body *body, char *bytes, size_t size,
                                      int *complete)
{
    size_t used, decoded;
    http_progress progress = http_body_decode(body, bytes, size, &used, &decoded);

    if (progress == HTTP_BAD)
        return set_failure(r->response, HTTP_CLIENT_MALFORMED, body->what);
    if (decoded > r->client->capacity - r->filled)
        return set_failure(r->response, HTTP_CLIENT_TOO_LARGE, "the body does not fit");
    r->filled += decoded;
    *complete = progress == HTTP_DONE;
    r->clean = used == size;
    return HTTP_CLIENT_OK;
}

/* Receive and decode what is left of a body. */
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
            return set_net_failure(r, net);
        status = append_body(r, body, to, received, &complete);
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
        return set_failure(r->response, HTTP_CLIENT_TOO_LARGE, "the body does not fit");
    r->filled = head->bytes;
    status = append_body(r, &body, r->client->memory + head->bytes, came, &complete);
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
    return set_failure(response, status == NET_TLS ? HTTP_CLIENT_UNTRUSTED : HTTP_CLIENT_CONNECT,
                       client->stream.why);
}

/* Wait for the first byte of a response or for stop_fd. Returns 1 if stop_fd was the first of the
 * two. The client has then closed its side of the connection, and reading ends by itself if there
 * is no response. */
static int is_stopped_first(http_client *client)
{
    if (client->stop_fd < 0 || net_wait_or_stop(client->stream.fd, client->stop_fd))
        return 0;
    net_finish(&client->stream, clock_after_ms(HTTP_CLIENT_STOP_MS));
    return 1;
}

/* Send the request and read the response on the open connection. *began becomes 1 if the first byte
 * of a response has arrived. */
static http_client_status exchange_once(http_client *client, http_response *response,
                                        const char *request, size_t size, int64_t deadline_ns,
                                        int *began)
{
    int64_t until = client->answer_ms > 0 ? clock_after_ms(client->answer_ms) : deadline_ns;
    reading r = {client, response, until < deadline_ns ? until : deadline_ns, 0, 0, 0};
    net_status sent = net_send(&client->stream, request, size, r.deadline_ns);
    http_client_status status;
    char why[sizeof response->why];
    int stopped = 0;

    /* A server that refuses a request before it has read it closes the connection, so that sending
     * fails; its answer may be waiting here. Read it without waiting any longer. */
    if (sent != NET_OK) {
        snprintf(why, sizeof why, "%s", client->stream.why);
        r.deadline_ns = clock_now_ns();
    }
    if (sent == NET_OK) {
        if (client->sent != NULL)
            client->sent(client->sent_argument);
        stopped = is_stopped_first(client);
    }
    status = read_response(&r);
    *began = r.began;
    if (stopped && !r.began)
        status = set_failure(response, HTTP_CLIENT_STOPPED, "the process is to end");
    if (sent != NET_OK && status != HTTP_CLIENT_OK) {
        status = sent == NET_TIMEOUT ? HTTP_CLIENT_TIMEOUT : HTTP_CLIENT_BROKEN;
        set_failure(response, status, why);
    }
    if (status == HTTP_CLIENT_OK)
        response->why[0] = '\0';
    if (status != HTTP_CLIENT_OK || sent != NET_OK || stopped || !r.clean ||
        !response->head.keep_alive)
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
    status = exchange_once(client, response, request, size, deadline_ns, &began);
    if (status != HTTP_CLIENT_BROKEN || began || resend == HTTP_RESEND_NEVER ||
        (resend == HTTP_RESEND_REUSED && !reused))
        return status;
    if (open_connection(client, response, deadline_ns) != HTTP_CLIENT_OK)
        /* The status is not HTTP_CLIENT_CONNECT: the first request was sent, and the server may
         * have acted. */
        return HTTP_CLIENT_BROKEN;
    return exchange_once(client, response, request, size, deadline_ns, &began);
}
