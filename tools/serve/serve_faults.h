/* SPDX-License-Identifier: Apache-2.0 */
/* Faults on purpose. A seeded generator chooses the fault of each reply, so that a run can be
 * repeated. */
#ifndef DISTIL_TOOLS_SERVE_FAULTS_H
#define DISTIL_TOOLS_SERVE_FAULTS_H

#include <stdint.h>

#include "tools/serve/serve_http.h"

typedef enum serve_fault {
    SERVE_FAULT_NONE = 0,
    SERVE_FAULT_LOST,     /* the request is carried out, but gets no reply */
    SERVE_FAULT_BEFORE,   /* the reply has status 500, and nothing is done */
    SERVE_FAULT_AFTER,    /* the reply has status 500, but the request is carried out */
    SERVE_FAULT_THROTTLE, /* the store answers that the caller sends too many requests */
    SERVE_FAULT_CUT,      /* the connection closes within the reply */
    SERVE_FAULT_SLOW,     /* the reply comes late */
    SERVE_FAULT_PIECES,   /* the reply comes a few bytes at a time */
    SERVE_FAULT_KINDS
} serve_fault;

typedef struct serve_faults {
    double rate;     /* share of replies with a fault, 0 to 1 */
    uint64_t random; /* state of splitmix64; request ids are drawn from it too */
    uint64_t count;  /* faults so far, without SERVE_FAULT_NONE */
} serve_faults;

void serve_faults_init(serve_faults *f, double rate, uint64_t seed);

/* Choose the fault of the next reply of the store or of the Runtime API. The latter never
 * throttles, and its status 500 always means that nothing was done. */
serve_fault serve_faults_draw_store(serve_faults *f);
serve_fault serve_faults_draw_runtime(serve_faults *f);

/* Make a reply lost, cut, slow or in pieces if that is the fault. Other faults change what a reply
 * says, which is up to the caller. */
void serve_faults_apply(serve_reply *reply, serve_fault fault);

#endif
