/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be measured, by name. `measure_kinds` is the one list: the parser of budgets checks
 * names against it, `distil bench --list` prints it, and `distil bench run` calls its functions.
 *
 * A name is a kind and its parameters, such as "latency/avx512vnni/128". Less is better in every
 * kind.
 */
#ifndef DISTIL_BENCH_HARNESS_MEASURE_H
#define DISTIL_BENCH_HARNESS_MEASURE_H

#include "bench/harness/budget.h"
#include "bench/harness/rounds.h"
#include "bench/harness/verdict.h"

/* All intervals of `distil bench run` have this confidence and this seed of the bootstrap. */
#define MEASURE_CONFIDENCE 0.99
enum { MEASURE_SEED = 1 };

/* The build and the model under measurement. Each path is of a file that exists, or NULL. */
typedef struct measure_subject {
    const char *program;   /* the command `distil` */
    const char *bootstrap; /* the Lambda function */
    const char *empty;     /* bench/probes/empty.c: a static program that does nothing */
    const char *model;     /* the blob */
    const char *directory; /* the build directory, in which size/FILE looks for FILE */
    double seconds;        /* longest time for one figure */
    int limit_ms;          /* longest time for one answer or one start */
} measure_subject;

typedef enum measure_status {
    MEASURE_DONE = 0,
    MEASURE_ABSENT,    /* This system lacks a file, a tool or a right, so there is no verdict. */
    MEASURE_OTHER_CPU, /* The budget is for a level that this CPU lacks. */
    MEASURE_FAILED     /* The measurement should have worked. It counts as over the budget. */
} measure_status;

typedef struct measured {
    measure_status status;
    char why[200]; /* the reason, unless status is MEASURE_DONE */
    /* the figure in the kind's unit with its interval; for sizes and counts low = value = high */
    stats_interval value;
    double ms;           /* median time behind a ratio; 0 for sizes and counts */
    double reference_ms; /* median time of the reference in the same rounds; 0 without one */
    size_t rounds;
    double quiet; /* share of rounds that were quiet; see rounds.h */
} measured;

typedef struct measure_kind {
    const char *name;       /* the part of a budget's name before the first slash */
    const char *parameters; /* the form of the rest: "", "FILE", "TOKENS" or "LEVEL/TOKENS" */
    const char *unit;
    const char *help;
    int portable; /* 0 for absolute times, which may have a budget on a named machine only */
    void (*run)(measured *m, const measure_subject *subject, const char *parameters);
} measure_kind;

extern const measure_kind measure_kinds[]; /* The last one has a NULL name. */

/* The kind of a budget's name, or NULL where the name or the form of its parameters is unknown.
 * *parameters points to what follows the first slash, "" where there is none. */
const measure_kind *measure_find(const char *name, const char **parameters);

/* Measures one figure and compares it with its budget. */
void measure_run(measured *m, verdict *v, const budget *b, const measure_subject *subject);

/* A function of a kind ends with one of these calls. measure_exact stores a figure that has no
 * noise; the others store why there is no figure. */
void measure_exact(measured *m, double value);
void measure_other_cpu(measured *m, const char *level);
void measure_absent(measured *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
void measure_failed(measured *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Stores the outcome of rounds whose side b took 1 / references of the reference's time. */
void measure_store_rounds(measured *m, rounds_result *r, double references);

/* Measures a start in rounds with the empty process. The value is the ratio of the two, or the time
 * in milliseconds. `program` names what was started in messages. */
void measure_beside_empty(measured *m, const measure_subject *s, rounds_side started,
                          const char *program);
void measure_start_ms(measured *m, const measure_subject *s, rounds_side started,
                      const char *program);

/* The functions of kinds in measure_model.c. */
void measure_latency(measured *m, const measure_subject *s, const char *parameters);
void measure_stream(measured *m, const measure_subject *s, const char *parameters);
void measure_p95(measured *m, const measure_subject *s, const char *parameters);
void measure_ms(measured *m, const measure_subject *s, const char *parameters);
/* The functions of kinds in measure_process.c. */
void measure_first_label(measured *m, const measure_subject *s, const char *parameters);
void measure_next_request(measured *m, const measure_subject *s, const char *parameters);
void measure_cold_start(measured *m, const measure_subject *s, const char *parameters);
void measure_resident(measured *m, const measure_subject *s, const char *parameters);
void measure_blob_touched(measured *m, const measure_subject *s, const char *parameters);
/* The function of the kind in measure_image.c. */
void measure_image_start(measured *m, const measure_subject *s, const char *parameters);
/* The functions of kinds in measure_count.c. */
void measure_size(measured *m, const measure_subject *s, const char *parameters);
void measure_instructions(measured *m, const measure_subject *s, const char *parameters);

#endif
