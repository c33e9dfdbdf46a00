/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that misbehaves on purpose: a thread on the loopback interface that plays a script, for
 * the tests of what talks to the Runtime API and to DynamoDB.
 *
 *     static const fault_step script[] = {
 *         {.op = FAULT_ACCEPT},
 *         {.op = FAULT_REQUEST},                                     a whole one, kept for later
 *         {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 200 OK\r\n"), .piece = 1},        byte by byte
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
 * The script and the bytes it names must outlive fault_finish. One client at a time: a connection
 * is accepted where the script says so, and until then waits in the system's queue. When the script
 * has ended the listening socket is closed, so that one more attempt is refused.
 */
#ifndef DISTIL_TESTS_SUPPORT_FAULT_SERVER_H
#define DISTIL_TESTS_SUPPORT_FAULT_SERVER_H

#include <stddef.h>
#include <stdint.h>

typedef enum fault_op {
    FAULT_ACCEPT,  /* the next connection */
    FAULT_REQUEST, /* read a whole request, body by its Content-Length; it is kept */
    FAULT_READ,    /* read `size` bytes, whatever they are; they are kept as a request */
    FAULT_SEND,    /* send bytes */
    FAULT_REPLY,   /* send what `reply` makes of the last request */
    FAULT_PAUSE,   /* wait `pause_us` */
    FAULT_CLOSE,   /* close in order: the peer reads an end */
    FAULT_RESET,   /* close with a reset */
    FAULT_LEAVE,   /* go on without the connection, which stays open and silent to the end */
    FAULT_HANG     /* keep the connection open and silent until fault_finish; ends the script */
} fault_op;

/* Bytes of an answer to a request, at most capacity; returns how many. */
typedef size_t fault_reply(const char *request, size_t size, char *out, size_t capacity);

typedef struct fault_step {
    fault_op op;
    const char *bytes;
    size_t size;
    size_t piece;     /* send so many bytes at a time; 0: all at once */
    int64_t pause_us; /* of FAULT_PAUSE; of FAULT_SEND between pieces, at least 50 */
    fault_reply *reply;
} fault_step;

/* Bytes and size of a string literal. */
#define FAULT_TEXT(literal) .bytes = (literal), .size = sizeof(literal) - 1

typedef struct fault_server fault_server;

/* Listen on a free port of 127.0.0.1 and start. Aborts where the system refuses. */
fault_server *fault_start(const fault_step *script, size_t count);
uint16_t fault_port(const fault_server *server);

/* Wait for the end of the script, 5 seconds at most, and stop. 1: it was played to its end; 0: the
 * client did not do its part. Connections that are still open are closed. */
int fault_finish(fault_server *server);

/* What was read, in order; after fault_finish, until fault_free. A NUL follows the bytes. */
size_t fault_request_count(const fault_server *server);
const char *fault_request(const fault_server *server, size_t index, size_t *size);

void fault_free(fault_server *server);

#endif
