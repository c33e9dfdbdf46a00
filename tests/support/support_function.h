/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function as it is shipped, ./bootstrap behind distil serve, for tests from outside. They fill
 * its store and look at it, send events, judge the answers, and read back every line that the
 * function has written.
 *
 * What a test expects for a text is what the library says about it.
 */
#ifndef DISTIL_TESTS_SUPPORT_FUNCTION_H
#define DISTIL_TESTS_SUPPORT_FUNCTION_H

#include "lambda/metrics.h"
#include "tests/support/support_events.h"
#include "tests/support/support_serve.h"

enum {
    WORLD_EVENT_BYTES = 6291556, /* The largest event that Lambda delivers. */
    WORLD_MAX_CHARS = 512
};

/* Every test text contains this word. A log line that contains it has leaked a user's text. */
#define SECRET "zebrafinch"
#define GOOD_TEXT "A gorgeous, witty, seductive movie about a " SECRET "."
#define BAD_TEXT "A dull, sour, sloppy mess of a film about a " SECRET "."

#define WORLD_TIME "2026-01-15T12:34:56Z" /* The second half of every item's key. */

/* Open the model that says what to expect. Tests call this first; it aborts if there is no
 * model. */
void world_set_up(void);
void world_tear_down(void);

/* WORLD_EVENT_BYTES + 1 bytes in which events are built. A test may use them between two calls of
 * the functions below. */
char *world_event_memory(void);

/* ---- what the library says ------------------------------------------------------------------- */

typedef struct world_expectation {
    const char *sentiment;
    double score;
} world_expectation;

/* The expectation by the rules: an empty text is neutral; otherwise it is the winning label, or
 * neutral if its score is below 0.6. The text is ASCII. */
world_expectation world_expect(const char *text);

/* ---- what the function wrote ----------------------------------------------------------------- */

typedef struct world_written {
    size_t lines, errors, warnings, infos;
    /* the members `code` and `message` of the first ERROR or FATAL line */
    char code[64], message[256];
    double sum[METRIC_COUNT];
    size_t values[METRIC_COUNT];
} world_written;

/* Read all that the function has written since the last call. Every line is a JSON object, none
 * contains the user's text, and every metric is known and has its unit and its value. */
world_written world_read_lines(serve_run *run);

/* The sum of a metric's values, and their number. */
double world_metric(const world_written *w, const char *name);
size_t world_metric_values(const world_written *w, const char *name);

/* ---- a function and its store ---------------------------------------------------------------- */

/* The store is asked over a connection of its own, so that an answer to an event stays readable
 * meanwhile. */
typedef struct world {
    serve_run *run;
    serve_caller *caller, *admin;
} world;

extern const char *const world_with_store[]; /* Options for a store in memory. */

/* Start the function, and skip the log lines that it writes at the start. Returns 0, or -1 and
 * fails the case. */
int world_open(world *w, const char *const *options, const char *const *environment);
/* Send an event and drop its answer, so that the events of the test meet a process that has already
 * started. */
void world_warm_up(world *w);
void world_close(world *w);

serve_answer world_put_pending(world *w, const char *source_id);
serve_answer world_get_item(world *w, const char *source_id);
void world_check_pending(world *w, const char *source_id);
void world_check_analyzed(world *w, const char *source_id, world_expectation expected,
                          const char *model_version);

/* Build an event, and invoke the function with it. */
serve_answer world_invoke(world *w, events_source source, const events_message *messages,
                          size_t count, int asynchronous);

int world_is_batch(events_source source);
int world_is_http(events_source source);

/* Check the answer for a message that was done. */
void world_check_done(const serve_answer *answer, events_source source, size_t index, size_t count,
                      world_expectation expected, int updated);

#endif
