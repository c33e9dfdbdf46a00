/* SPDX-License-Identifier: Apache-2.0 */
/* One event for one function: see runtime_api.h. */
#include "bench/runtime_api.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/clock.h"

static const char event[] =
    "{\"Records\":[{\"EventSource\":\"aws:sns\",\"EventVersion\":\"1.0\",\"Sns\":{\"Type\":"
    "\"Notification\",\"MessageId\":\"95df01b4-ee98-5cb9-9903-4c221d41eb5e\",\"Message\":"
    "\"{\\\"source_id\\\":\\\"bench-1\\\",\\\"timestamp\\\":\\\"2026-01-15T12:34:56Z\\\","
    "\\\"text_for_analysis\\\":\\\"A gorgeous, witty, seductive movie.\\\","
    "\\\"model_version\\\":\\\"v1\\\"}\"}}]}";

int runtime_api_listen(runtime_api *a, int port, int timeout_ms)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t length = sizeof at;
    int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a->connection = -1;
    a->timeout_ms = timeout_ms;
    a->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a->listener < 0 || setsockopt(a->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(a->listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(a->listener, 8) != 0 ||
        getsockname(a->listener, (struct sockaddr *)&at, &length) != 0)
        return -1;
    snprintf(a->address, sizeof a->address, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d",
             ntohs(at.sin_port));
    return 0;
}

static int wait_for(int fd, int timeout_ms)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, timeout_ms) == 1 ? 0 : -1;
}

void runtime_api_hang_up(runtime_api *a)
{
    if (a->connection >= 0)
        close(a->connection);
    a->connection = -1;
    a->size = 0;
}

/* Bytes of the request at the beginning of message, 0 if it is not complete. */
static size_t complete(const runtime_api *a)
{
    const char *end = strstr(a->message, "\r\n\r\n");
    size_t head, body = 0;

    if (end == NULL)
        return 0;
    head = (size_t)(end - a->message) + 4;
    for (const char *line = a->message; line < end; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
    return a->size >= head + body ? head + body : 0;
}

/* Wait for a request, on a new connection if the old one has ended. 0 or -1. */
static int receive(runtime_api *a)
{
    a->size = 0;
    a->message[0] = '\0';
    while (complete(a) == 0) {
        ssize_t got;

        if (a->connection < 0) {
            if (wait_for(a->listener, a->timeout_ms) != 0)
                return -1;
            a->connection = accept(a->listener, NULL, NULL);
            if (a->connection < 0)
                return -1;
        }
        if (a->size == RUNTIME_API_MESSAGE || wait_for(a->connection, a->timeout_ms) != 0)
            return -1;
        got = read(a->connection, a->message + a->size, RUNTIME_API_MESSAGE - a->size);
        if (got <= 0) {
            if (a->size > 0)
                return -1;
            runtime_api_hang_up(a);
            continue;
        }
        a->size += (size_t)got;
        a->message[a->size] = '\0';
    }
    return 0;
}

static int send_answer(runtime_api *a, int status, const char *headers, const char *body)
{
    return dprintf(a->connection,
                   "HTTP/1.1 %d OK\r\nContent-Type: application/json\r\n%s"
                   "Content-Length: %zu\r\n\r\n%s",
                   status, headers, strlen(body), body) > 0
               ? 0
               : -1;
}

/* 1 if the answer in message is a success of the expected sentiment; blanks do not matter. */
static int answer_is_right(runtime_api *a, const char *expected)
{
    char sentiment[64];
    char *to = a->message;

    for (const char *from = a->message; *from != '\0'; from++)
        if (*from != ' ' && *from != '\n')
            *to++ = *from;
    *to = '\0';
    snprintf(sentiment, sizeof sentiment, "\"sentiment\":\"%s", expected);
    return strstr(a->message, "\"statusCode\":200") != NULL &&
           strstr(a->message, sentiment) != NULL &&
           strstr(a->message, "\"source_id\":\"bench-1\"") != NULL;
}

int runtime_api_serve(runtime_api *a, const char *expected, double *next_ns, double *answer_ns)
{
    *next_ns = *answer_ns = 0;
    if (receive(a) != 0 || strncmp(a->message, "GET ", 4) != 0)
        return -1;
    *next_ns = bench_now_ns();
    if (send_answer(a, 200,
                    "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
                    "Lambda-Runtime-Deadline-Ms: 9999999999999\r\n",
                    event) != 0 ||
        receive(a) != 0 || strncmp(a->message, "POST ", 5) != 0)
        return -1;
    *answer_ns = bench_now_ns();
    return answer_is_right(a, expected) ? 0 : -1;
}

void runtime_api_close(runtime_api *a)
{
    runtime_api_hang_up(a);
    close(a->listener);
}
