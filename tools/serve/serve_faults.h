/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on purpose: a seeded choice for each reply, so that a run can be had again.
 */
#ifndef DISTIL_TOOLS_SERVE_FAULTS_H
#define DISTIL_TOOLS_SERVE_FAULTS_H

#include <stdint.h>

#include "tools/serve/serve_http.h"

typedef enum serve_fault {
    SERVE_FAULT_NONE = 0,
    SERVE_FAULT_LOST,     /* the request is acted on, no reply */
    SERVE_FAULT_BEFORE,   /* 500, and nothing was done */
    SERVE_FAULT_AFTER,    /* 500, but it was done */
    SERVE_FAULT_THROTTLE, /* the store only */
    SERVE_FAULT_CUT,      /* closed within the reply */
    SERVE_FAULT_SLOW,
    SERVE_FAULT_PIECES, /* few bytes at a time */
    SERVE_FAULT_KINDS
} serve_fault;

typedef struct serve_faults {
    double rate; /* 0 .. 1, of replies */
    uint64_t state;
    uint64_t count; /* drawn so far, but NONE */
} serve_faults;

void serve_faults_init(serve_faults *f, double rate, uint64_t seed);

/* 64 bits of the same sequence, for request ids. */
uint64_t serve_faults_random(serve_faults *f);

/* For the next reply of the store, or of the Runtime API, which knows no throttling and no 500 that
 * was done nevertheless. */
serve_fault serve_faults_draw_store(serve_faults *f);
serve_fault serve_faults_draw_runtime(serve_faults *f);

/* Give a reply the fault's manner: lost, cut, slow, in pieces. The others are its caller's. */
void serve_faults_apply(serve_reply *reply, serve_fault fault);

#endif
