/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for AWS on a developer's machine. One port of the loopback interface offers the
 * Runtime API to one process of the function, the Invoke API to callers, and some calls of DynamoDB
 * on a table in memory. docs/distil.1 is the manual.
 */
#ifndef DISTIL_TOOLS_SERVE_H
#define DISTIL_TOOLS_SERVE_H

#include <stddef.h>
#include <stdint.h>

typedef struct serve_config {
    uint16_t port;        /* 0 means any free port */
    char *const *command; /* program and arguments of the function; ends with NULL */
    int64_t timeout_ms;   /* greatest duration of an invocation */
    int64_t retry_ms;    /* before the second try of an asynchronous event; doubled for the third */
    size_t answer_bytes; /* greatest size of a response of the function */
    const char *store;   /* "memory" or the address of a DynamoDB; NULL if nothing is stored */
    int pending;         /* 1 if an absent item counts as put by its producer */
    const char *model;   /* value for DISTIL_MODEL; NULL leaves the variable as it is */
    double fault_rate;   /* share of replies that get a fault, 0 to 1 */
    uint64_t seed;       /* the seed of the random faults and request ids */
    int raw;             /* 1 if lines and responses are shown as the function wrote them */
    const char *const *events; /* files of events to send; "-" is standard input */
    size_t event_count;        /* 0 means that the program serves until a signal comes */
} serve_config;

enum { SERVE_MAX_ANSWER_BYTES = 6291556 /* Lambda's limit, 6 MiB and 100 bytes */ };

/* Serve until SIGINT or SIGTERM comes, or until the last of the events is answered. Returns an exit
 * status of tools/command/commands.h: CMD_FAILED if one of the events failed. */
int serve_until_end(const serve_config *config);

#endif
