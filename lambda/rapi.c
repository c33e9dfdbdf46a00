/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the Runtime API, and the table of what its answers mean. */
#include "lambda/rapi.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/distil.h"
#include "runtime/base/json.h"

enum {
    CONNECT_MS = 1000,
    /* Posting an answer of up to 6 MiB over the loopback interface may take so long. */
    POST_MS = 10000,
    INIT_ERROR_MS = 2000, /* The process ends anyway, so it does not wait longer. */
    NEXT_ATTEMPTS = 3,
    /* The pause before the second attempt. The third comes after twice as long. */
    NEXT_PAUSE_MS = 50,
    /* A longer error message is cut. Escaping can make it six times as long. */
    MAX_MESSAGE_BYTES = 8192
};

#define API "/2018-06-01/runtime/"
#define JSON_BODY "\r\nContent-Type: application/json"

/* ---- what a status means (docs/lambda.md) ---------------------------------------------------- */

typedef enum rapi_call { CALL_NEXT = 1, CALL_RESPONSE = 2, CALL_ERROR = 4 } rapi_call;

enum { CALL_POST = CALL_RESPONSE | CALL_ERROR };

/* What an answer makes the function do: one of the values of rapi_status, or another attempt. */
typedef enum rapi_action { DO_GO_ON, DO_DROP, DO_EXIT, DO_RETRY, DO_STOP } rapi_action;

typedef struct rapi_rule {
    unsigned calls;
    int least, most;        /* The range of the status. */
    const char *error_type; /* The errorType in the answer's document, or NULL if any will do. */
    rapi_action action;
    const char *meaning;
} rapi_rule;

/* The first row that matches decides. */
static const rapi_rule rules[] = {
    {CALL_NEXT, 200, 200, NULL, DO_GO_ON, "event"},
    {CALL_NEXT, 403, 403, NULL, DO_EXIT, "this process is in a state that must not be"},
    {CALL_NEXT, 500, 599, NULL, DO_RETRY, "fault of the platform"},
    {CALL_POST, 202, 202, NULL, DO_GO_ON, "accepted"},
    {CALL_POST, 400, 400, "InvalidRequestID", DO_DROP, "the invocation is over"},
    {CALL_POST, 403, 403, NULL, DO_DROP, "the invocation has been answered"},
    {CALL_RESPONSE, 413, 413, NULL, DO_DROP, "too large: the caller has been told"},
    {CALL_POST, 410, 410, NULL, DO_DROP, "too late: the invocation is over"},
    {CALL_POST, 500, 599, NULL, DO_EXIT, "the environment is unusable"},
    {CALL_NEXT | CALL_POST, 100, 599, NULL, DO_EXIT, "not what this API answers"},
};

/* Copy the errorType of an error document. The result is empty if there is none. */
static void read_error_type(char *out, size_t capacity, http_slice body)
{
    json_value root, type;
    size_t size = 0;

    if (json_parse(&root, body.at, body.size, NULL) == 0 && json_get(root, "errorType", &type))
        size = json_string(type, out, capacity - 1);
    out[size < capacity ? size : capacity - 1] = '\0';
}

static const rapi_rule *find_rule(rapi_call call, const http_response *response)
{
    const rapi_rule *rule = rules;
    char type[64];

    type[0] = '\0';
    if (call != CALL_NEXT) /* An event is no error document, and it can be large. */
        read_error_type(type, sizeof type, response->body);
    /* The last row matches every call and every status, so the loop ends. */
    while ((rule->calls & call) == 0 || response->head.status < rule->least ||
           response->head.status > rule->most ||
           (rule->error_type != NULL && strcmp(rule->error_type, type) != 0))
        rule++;
    return rule;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Returns 1 if all bytes are printable ASCII and none is a blank, so that they may stand in a
 * head. */
static int is_printable(http_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return 0;
    return 1;
}

int rapi_init(rapi *api, const char *host_port, char *memory, size_t capacity, char *request_memory,
              size_t request_capacity)
{
    size_t size = strcspn(host_port, "/"), path = strlen(host_port + size);
    char address[NET_HOST_BYTES + 8];
    net_endpoint to;

    if (size >= sizeof address || path > RAPI_MAX_PATH_BYTES)
        return -1;
    memcpy(address, host_port, size);
    address[size] = '\0';
    if (net_endpoint_parse(&to, address) != 0 ||
        !is_printable((http_slice){host_port, size + path}))
        return -1;
    while (path > 0 && host_port[size + path - 1] == '/')
        path--;
    memset(api, 0, sizeof *api);
    http_client_init(&api->client, &to, memory, capacity, CONNECT_MS);
    buffer_init(&api->request, request_memory, request_capacity);
    api->host = (http_slice){host_port, size};
    api->base = (http_slice){host_port + size, path};
    api->answered = 1;
    api->stop_fd = -1;
    return 0;
}

/* Begin a request. The path consists of `path`, the request id and `suffix`. */
static void begin_request(rapi *api, const char *method, const char *path, const char *request_id,
                          const char *suffix)
{
    buffer *b = &api->request;

    buffer_clear(b);
    buffer_text(b, method);
    buffer_char(b, ' ');
    buffer_add(b, api->base.at, api->base.size);
    buffer_text(b, API);
    buffer_text(b, path);
    buffer_text(b, request_id);
    buffer_text(b, suffix);
    buffer_text(b, " HTTP/1.1\r\nHost: ");
    buffer_add(b, api->host.at, api->host.size);
    buffer_text(b, "\r\nUser-Agent: distilbert.c/");
    buffer_text(b, distil_version());
}

/* Add the header that names the invocation, if it has a name. */
static void add_invocation(rapi *api)
{
    if (api->invocation_id[0] == '\0')
        return;
    buffer_text(&api->request, "\r\nLambda-Runtime-Invocation-Id: ");
    buffer_text(&api->request, api->invocation_id);
}

/* End the head of a request whose body has `size` bytes. */
static void end_head(rapi *api, size_t size)
{
    buffer_format(&api->request, "\r\nContent-Length: %zu\r\n\r\n", size);
}

static http_client_status send_request(rapi *api, http_response *response, http_resend resend,
                                       int64_t deadline_ns)
{
    http_client_status status = http_client_exchange(&api->client, response, api->request.data,
                                                     api->request.size, resend, deadline_ns);

    if (status != HTTP_CLIENT_OK)
        snprintf(api->why, sizeof api->why, "%s", response->why);
    return status;
}

/* Note for the log what the status means, and return what to do. */
static rapi_action note_rule(rapi *api, const char *call, const rapi_rule *rule, int status)
{
    snprintf(api->why, sizeof api->why, "%s: status %d, %s", call, status, rule->meaning);
    return rule->action;
}

/* ---- next ------------------------------------------------------------------------------------ */

/* Parse a decimal number of milliseconds. Returns INT64_MAX for anything else. */
static int64_t parse_deadline(http_slice value)
{
    int64_t ms = 0;

    if (value.size == 0 || value.size > 18)
        return INT64_MAX;
    for (size_t i = 0; i < value.size; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return INT64_MAX;
        ms = ms * 10 + (value.at[i] - '0');
    }
    return ms;
}

/* Copy the request id. It becomes a part of a path in later requests, so it must not contain a byte
 * that would end a path. Returns 0, or -1 if it does or if it is too long. */
static int copy_request_id(rapi_invocation *invocation, http_slice id)
{
    if (id.size == 0 || id.size >= sizeof invocation->request_id)
        return -1;
    for (size_t i = 0; i < id.size; i++)
        if (id.at[i] <= ' ' || id.at[i] > '~' || strchr("/?#%", id.at[i]) != NULL)
            return -1;
    memcpy(invocation->request_id, id.at, id.size);
    invocation->request_id[id.size] = '\0';
    return 0;
}

/* Keep the invocation's id. One that no header could carry counts as absent. */
static void copy_invocation_id(rapi *api, http_slice id)
{
    if (id.size >= sizeof api->invocation_id || !is_printable(id))
        id.size = 0;
    if (id.size > 0)
        memcpy(api->invocation_id, id.at, id.size);
    api->invocation_id[id.size] = '\0';
}

static rapi_status parse_event(rapi *api, rapi_invocation *invocation,
                               const http_response *response, int oversize)
{
    const http_head *head = &response->head;

    memset(invocation, 0, sizeof *invocation);
    if (copy_request_id(invocation, http_get(head, "Lambda-Runtime-Aws-Request-Id")) != 0) {
        snprintf(api->why, sizeof api->why, "next: an event without a usable request id");
        return RAPI_EXIT;
    }
    copy_invocation_id(api, http_get(head, "Lambda-Runtime-Invocation-Id"));
    invocation->deadline_unix_ms = parse_deadline(http_get(head, "Lambda-Runtime-Deadline-Ms"));
    invocation->trace_id = http_get(head, "Lambda-Runtime-Trace-Id");
    if (!oversize)
        invocation->event = response->body;
    invocation->oversize = oversize;
    invocation->repeated = !api->answered && strcmp(invocation->request_id, api->last_id) == 0;
    memcpy(api->last_id, invocation->request_id, sizeof api->last_id);
    api->answered = 0;
    return RAPI_OK;
}

/* Make one attempt to get an event. An event that is too large counts as one: its id is known, so
 * it can be failed. Otherwise the Runtime API would give it again and again. */
static rapi_action ask_next(rapi *api, http_response *response, int *oversize)
{
    http_client_status status;

    begin_request(api, "GET", "invocation/next", "", "");
    end_head(api, 0);
    api->client.stop_fd = api->stop_fd;
    api->client.sent = api->asked;
    api->client.sent_argument = api->asked_argument;
    status = send_request(api, response, HTTP_RESEND_REUSED, CLOCK_NEVER);
    api->client.stop_fd = -1;
    api->client.sent = NULL;
    if (status == HTTP_CLIENT_STOPPED)
        return DO_STOP;
    *oversize = status == HTTP_CLIENT_TOO_LARGE && response->head.status == 200;
    if (status != HTTP_CLIENT_OK)
        return *oversize ? DO_GO_ON : DO_RETRY;
    return note_rule(api, "next", find_rule(CALL_NEXT, response), response->head.status);
}

rapi_status rapi_next(rapi *api, rapi_invocation *invocation)
{
    for (int attempt = 1; attempt <= NEXT_ATTEMPTS; attempt++) {
        http_response response;
        rapi_action action;
        int oversize;

        /* poll(2) ignores a descriptor of -1, so this is the pause whether or not there is one. */
        if (attempt > 1 &&
            net_wait(api->stop_fd, POLLIN, clock_after_ms(NEXT_PAUSE_MS * (attempt - 1))) == NET_OK)
            return RAPI_STOPPED;
        action = ask_next(api, &response, &oversize);
        if (action == DO_GO_ON)
            return parse_event(api, invocation, &response, oversize);
        if (action == DO_STOP)
            return RAPI_STOPPED;
        if (action == DO_EXIT)
            break;
        http_client_close(&api->client);
    }
    return RAPI_EXIT;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Send the request that has been built, and send it once more if the connection is lost before a
 * status has arrived. Nobody knows then whether the first one arrived. If the second one gets
 * status 400 or 403, the first one has arrived and was accepted. */
static rapi_status post_request(rapi *api, rapi_call call, const char *name)
{
    int64_t deadline_ns = clock_after_ms(POST_MS);
    int lost = 0;

    for (int attempt = 1; attempt <= 2; attempt++) {
        http_response response;
        http_client_status status = send_request(api, &response, HTTP_RESEND_NEVER, deadline_ns);

        if (status == HTTP_CLIENT_OK) {
            rapi_action action =
                note_rule(api, name, find_rule(call, &response), response.head.status);

            api->answered = 1;
            if (action == DO_GO_ON)
                return RAPI_OK;
            if (lost && (response.head.status == 400 || response.head.status == 403))
                return RAPI_OK;
            return action == DO_DROP ? RAPI_DROP : RAPI_EXIT;
        }
        lost |= status != HTTP_CLIENT_CONNECT;
    }
    return RAPI_EXIT;
}

rapi_status rapi_respond(rapi *api, const char *request_id, const char *body, size_t size)
{
    begin_request(api, "POST", "invocation/", request_id, "/response");
    buffer_text(&api->request, JSON_BODY);
    add_invocation(api);
    end_head(api, size);
    buffer_add(&api->request, body, size);
    if (size > RAPI_MAX_EVENT_BYTES || api->request.overflow)
        return rapi_fail(api, request_id, "Function.ResponseSizeTooLarge",
                         "the answer is larger than 6 MiB");
    return post_request(api, CALL_RESPONSE, "response");
}

/* The size of the text, or of its longest part of at most `most` bytes that does not split a code
 * point. */
static size_t cut_text(const char *text, size_t most)
{
    size_t size = strnlen(text, most + 1);

    if (size <= most)
        return size;
    size = most;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

/* End a request with an error document as its body. The document is composed in the last
 * RAPI_MAX_ERROR_BYTES of the request's memory, since the head before it must state its size. The
 * stack of a thread can be too small for it. */
static void add_error(rapi *api, const char *type, const char *message)
{
    buffer *b = &api->request, document;
    char *place = b->data + b->capacity - RAPI_MAX_ERROR_BYTES;

    buffer_init(&document, place, RAPI_MAX_ERROR_BYTES);
    buffer_text(&document, "{\"errorMessage\":");
    buffer_json(&document, message, cut_text(message, MAX_MESSAGE_BYTES));
    buffer_text(&document, ",\"errorType\":");
    buffer_json_text(&document, type);
    buffer_text(&document, ",\"stackTrace\":[]}");
    buffer_text(b, JSON_BODY "\r\nLambda-Runtime-Function-Error-Type: ");
    buffer_text(b, type);
    add_invocation(api);
    end_head(api, document.size);
    assert(b->data + b->size <= place);
    memmove(b->data + b->size, place, document.size);
    b->size += document.size;
}

rapi_status rapi_fail(rapi *api, const char *request_id, const char *type, const char *message)
{
    begin_request(api, "POST", "invocation/", request_id, "/error");
    add_error(api, type, message);
    return post_request(api, CALL_ERROR, "error");
}

void rapi_init_error(rapi *api, const char *type, const char *message)
{
    http_response response;

    begin_request(api, "POST", "init/error", "", "");
    add_error(api, type, message);
    send_request(api, &response, HTTP_RESEND_ONCE, clock_after_ms(INIT_ERROR_MS));
}
