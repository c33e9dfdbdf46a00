/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stand-in for AWS on a developer's machine: a Runtime API for one process of the function, the
 * Invoke API in front of it, DynamoDB's part in memory behind it, on one port of the loopback
 * interface. docs/distil.1 is its manual.
 */
#ifndef DISTIL_TOOLS_SERVE_H
#define DISTIL_TOOLS_SERVE_H

#include <stddef.h>
#include <stdint.h>

typedef struct serve_config {
    uint16_t port;        /* 0: a free one */
    char *const *command; /* the function's program and its arguments, NULL-terminated */
    int64_t timeout_ms;   /* of an invocation */
    int64_t retry_ms;     /* before the first retry of an asynchronous one; twice that before the
                             second */
    size_t answer_bytes;  /* most of an answer */
    const char *store;    /* "memory", the address of one, or NULL: nothing is stored */
    int pending;          /* items that are asked for and absent count as put and pending */
    const char *model;    /* for DISTIL_MODEL; NULL: as the environment has it */
    double fault_rate;    /* of replies, 0 .. 1 */
    uint64_t seed;
    int raw;
    const char *const *events; /* files to invoke with, then end; "-": standard input */
    size_t event_count;        /* 0: serve until a signal comes */
} serve_config;

enum { SERVE_MAX_ANSWER_BYTES = 6291556 };

/* Until SIGINT or SIGTERM, or the end of the events. Returns an exit status (commands.h): of events
 * CMD_FAILED where one of them failed. */
int serve_run(const serve_config *config);

#endif
