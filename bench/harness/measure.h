/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be measured, by name. `measure_kinds` is the one list: budgets are checked against it,
 * `distil bench --list` prints it, and the run goes over it.
 *
 * A name is a kind and its parameters, such as "latency/avx512vnni/128". Every figure is one where
 * less is better.
 */
#ifndef DISTIL_BENCH_HARNESS_MEASURE_H
#define DISTIL_BENCH_HARNESS_MEASURE_H

#include "bench/harness/budget.h"
#include "bench/harness/rounds.h"
#include "bench/harness/verdict.h"

/* What is measured and with what. Paths are of files that exist, NULL where there is none. */
typedef struct measure_subject {
    const char *program;   /* ./distil */
    const char *bootstrap; /* the Lambda function's */
    const char *empty;     /* a static program that does nothing */
    const char *model;     /* blob */
    const char *directory; /* where size/FILE looks for FILE: the build directory */
    double seconds;        /* most for one figure */
    int limit_ms;          /* most for one answer or one start: then a program hangs */
} measure_subject;

typedef enum measure_status {
    MEASURE_DONE = 0,
    MEASURE_ABSENT, /* not here, for lack of a file, tool or right that `why` names: no verdict */
    MEASURE_OTHER_CPU, /* a level that this CPU lacks: nothing to hold it against */
    MEASURE_FAILED     /* it should have worked */
} measure_status;

typedef struct measured {
    measure_status status;
    char why[200];
    stats_interval value; /* in the kind's unit; low = value = high where there is no noise */
    double ms;            /* the time behind a ratio, median; 0 for sizes and counts */
    double reference_ms;  /* of the reference in the same rounds, 0 where none */
    size_t rounds;
    double quiet;
} measured;

typedef struct measure_kind {
    const char *name; /* the part before the first slash */
    const char *parameters;
    const char *unit;
    const char *help;
    int portable; /* 0: absolute time, for a named machine only */
    void (*run)(measured *m, const measure_subject *subject, const char *parameters);
} measure_kind;

extern const measure_kind measure_kinds[]; /* ends with a NULL name */

/* The kind of a budget's name, its parameters behind the first slash (may be ""); NULL: unknown, or
 * the parameters are none of the kind's. */
const measure_kind *measure_find(const char *name, const char **parameters);

/* Measure one and hold it against its budget. */
void measure_run(measured *m, verdict *v, const budget *b, const measure_subject *subject);

/* For kinds: done with a figure that has no noise; no result, with the reason. */
void measure_exact(measured *m, double value);
void measure_other_cpu(measured *m, const char *level);
void measure_absent(measured *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
void measure_failed(measured *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Kinds, by file. measure_model.c: */
void measure_latency(measured *m, const measure_subject *s, const char *parameters);
void measure_stream(measured *m, const measure_subject *s, const char *parameters);
void measure_p95(measured *m, const measure_subject *s, const char *parameters);
void measure_ms(measured *m, const measure_subject *s, const char *parameters);
/* measure_process.c: */
void measure_first_label(measured *m, const measure_subject *s, const char *parameters);
void measure_next_request(measured *m, const measure_subject *s, const char *parameters);
void measure_cold_start(measured *m, const measure_subject *s, const char *parameters);
void measure_resident(measured *m, const measure_subject *s, const char *parameters);
void measure_blob_touched(measured *m, const measure_subject *s, const char *parameters);
/* measure_image.c: */
void measure_image_start(measured *m, const measure_subject *s, const char *parameters);
/* measure_count.c: */
void measure_size(measured *m, const measure_subject *s, const char *parameters);
void measure_instructions(measured *m, const measure_subject *s, const char *parameters);

#endif
