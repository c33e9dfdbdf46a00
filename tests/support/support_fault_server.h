/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that misbehaves on purpose, for the tests of the clients of the Runtime API and of
 * DynamoDB. It is a thread on the loopback interface that plays a script.
 *
 *     static const fault_step script[] = {
 *         {.op = FAULT_ACCEPT},
 *         {.op = FAULT_REQUEST},
 *         {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 200 OK\r\n"), .piece = 1},
 *         {.op = FAULT_RESET},
 *         {.op = FAULT_ACCEPT},
 *         {.op = FAULT_REQUEST},
 *         {.op = FAULT_SEND, FAULT_TEXT(good)},
 *         {.op = FAULT_HANG},
 *     };
 *     fault_server *server = fault_start(script, sizeof script / sizeof *script);
 *     ... connect to 127.0.0.1, port fault_port(server) ...
 *     CHECK(fault_finish(server) == 1);
 *     CHECK(fault_request_count(server) == 2);
 *     fault_free(server);
 *
 * This script reads a whole request and keeps it, sends the beginning of an answer byte by byte,
 * resets the connection, and serves a second request well. The script and the bytes that it names
 * outlive fault_finish. There is one client at a time: a connection is accepted where the script
 * says so and waits in the system's queue until then. When the script has ended, the listening
 * socket is closed, so that a further attempt is refused.
 */
#ifndef DISTIL_TESTS_SUPPORT_FAULT_SERVER_H
#define DISTIL_TESTS_SUPPORT_FAULT_SERVER_H

#include <stddef.h>
#include <stdint.h>

typedef enum fault_op {
    FAULT_ACCEPT,  /* Accept the next connection. */
    FAULT_REQUEST, /* Read a whole request with the body of its Content-Length, and keep it. */
    FAULT_READ,    /* Read `size` bytes, whatever they are, and keep them as a request. */
    FAULT_SEND,    /* Send bytes. */
    FAULT_REPLY,   /* Send what `reply` makes of the last request. */
    FAULT_PAUSE,   /* Wait for `pause_us` microseconds. */
    FAULT_CLOSE,   /* Close the connection in order: the peer reads an end. */
    FAULT_RESET,   /* Close the connection with a reset. */
    FAULT_LEAVE,   /* Leave the connection open and silent, and go on without it. */
    FAULT_HANG /* Keep the connection open and silent until fault_finish. This ends the script. */
} fault_op;

/* Writes an answer of at most `capacity` bytes to a request. Returns its size. */
typedef size_t fault_reply(const char *request, size_t size, char *out, size_t capacity);

typedef struct fault_step {
    fault_op op;
    const char *bytes;
    size_t size;
    size_t piece; /* The number of bytes that are sent at a time; 0: all at once. */
    /* The length of FAULT_PAUSE. For FAULT_SEND: the pause between pieces, at least 50. */
    int64_t pause_us;
    fault_reply *reply;
} fault_step;

/* The bytes and the size of a string literal. */
#define FAULT_TEXT(literal) .bytes = (literal), .size = sizeof(literal) - 1

typedef struct fault_server fault_server;

/* Listen on a free port of 127.0.0.1 and play the script. Aborts if the system refuses. */
fault_server *fault_start(const fault_step *script, size_t count);
uint16_t fault_port(const fault_server *server);

/* Wait at most 5 seconds for the end of the script, and stop. Returns 1 if the script was played to
 * its end, and 0 if the client did not do its part. Connections that are still open are closed. */
int fault_finish(fault_server *server);

/* The requests that were read, in their order, between fault_finish and fault_free. A NUL follows
 * the bytes of each. */
size_t fault_request_count(const fault_server *server);
const char *fault_request(const fault_server *server, size_t index, size_t *size);

void fault_free(fault_server *server);

#endif
