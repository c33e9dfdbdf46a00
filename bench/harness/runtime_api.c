/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of runtime_api.h. The only client is the function, so HTTP is parsed just as far as
 * that client needs it. */
#include "bench/harness/runtime_api.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/machine.h"

static const char event[] =
    "{\"Records\":[{\"EventSource\":\"aws:sns\",\"EventVersion\":\"1.0\",\"Sns\":{\"Type\":"
    "\"Notification\",\"MessageId\":\"95df01b4-ee98-5cb9-9903-4c221d41eb5e\",\"Message\":"
    "\"{\\\"source_id\\\":\\\"bench-1\\\",\\\"timestamp\\\":\\\"2026-01-15T12:34:56Z\\\","
    "\\\"text_for_analysis\\\":\\\"A gorgeous, witty, seductive movie.\\\","
    "\\\"model_version\\\":\\\"v1\\\"}\"}}]}";

int runtime_api_listen(runtime_api *a, int timeout_ms)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;

    a->connection = -1;
    a->timeout_ms = timeout_ms;
    a->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a->listener < 0 || bind(a->listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(a->listener, 8) != 0 ||
        getsockname(a->listener, (struct sockaddr *)&at, &length) != 0)
        return -1;
    snprintf(a->variable, sizeof a->variable, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d",
             ntohs(at.sin_port));
    return 0;
}

static int wait_until_readable(int fd, int timeout_ms)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, timeout_ms) == 1 ? 0 : -1;
}

void runtime_api_disconnect(runtime_api *a)
{
    if (a->connection >= 0)
        close(a->connection);
    a->connection = -1;
    a->message_bytes = 0;
}

/* Returns 1 if the message holds a whole request: its headers, and all bytes of the body that the
 * headers announce. */
static int is_complete(const runtime_api *a)
{
    const char *end = strstr(a->message, "\r\n\r\n");
    size_t head, body = 0;

    if (end == NULL)
        return 0;
    head = (size_t)(end - a->message) + 4;
    for (const char *line = a->message; line < end; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
    return a->message_bytes >= head + body;
}

/* Reads a request into the message, and accepts a new connection where the old one has ended.
 * Returns 0, or -1. */
static int receive_request(runtime_api *a)
{
    a->message_bytes = 0;
    a->message[0] = '\0';
    while (!is_complete(a)) {
        size_t room = RUNTIME_API_MESSAGE_BYTES - a->message_bytes;
        ssize_t got;

        if (a->connection < 0) {
            if (wait_until_readable(a->listener, a->timeout_ms) != 0)
                return -1;
            a->connection = accept(a->listener, NULL, NULL);
            if (a->connection < 0)
                return -1;
        }
        if (room == 0 || wait_until_readable(a->connection, a->timeout_ms) != 0)
            return -1;
        got = read(a->connection, a->message + a->message_bytes, room);
        if (got <= 0) {
            if (a->message_bytes > 0)
                return -1;
            runtime_api_disconnect(a);
            continue;
        }
        a->message_bytes += (size_t)got;
        a->message[a->message_bytes] = '\0';
    }
    return 0;
}

static int send_event(const runtime_api *a)
{
    return dprintf(a->connection,
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                   "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
                   "Lambda-Runtime-Deadline-Ms: 9999999999999\r\nContent-Length: %zu\r\n\r\n%s",
                   sizeof event - 1, event) > 0
               ? 0
               : -1;
}

/* Returns 1 if the message is a success with a sentiment for the text of `event`. */
static int is_success(const runtime_api *a)
{
    return strstr(a->message, "\"statusCode\":200") != NULL &&
           strstr(a->message, "\"sentiment\":\"") != NULL &&
           strstr(a->message, "\"source_id\":\"bench-1\"") != NULL;
}

int runtime_api_serve(runtime_api *a, double *request_ns, double *answer_ns)
{
    int status = -1;

    *request_ns = *answer_ns = 0;
    if (receive_request(a) == 0 && strncmp(a->message, "GET ", 4) == 0) {
        *request_ns = bench_now_ns();
        if (send_event(a) == 0 && receive_request(a) == 0 && strncmp(a->message, "POST ", 5) == 0) {
            *answer_ns = bench_now_ns();
            status = is_success(a) ? 0 : -1;
        }
    }
    return status;
}

void runtime_api_close(runtime_api *a)
{
    close(a->listener);
}
