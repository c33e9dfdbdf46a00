/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function as it is shipped, ./bootstrap behind distil serve, for tests from outside: its store
 * filled and looked at, events sent, answers judged, and every line that it wrote read back.
 *
 * What is expected of a text is what the library says of it.
 */
#ifndef DISTIL_TESTS_SUPPORT_FUNCTION_H
#define DISTIL_TESTS_SUPPORT_FUNCTION_H

#include "tests/support/support_events.h"
#include "tests/support/support_serve.h"

enum {
    WORLD_EVENT_BYTES = 6291556, /* the largest that Lambda delivers */
    WORLD_MAX_CHARS = 512,
    WORLD_METRICS = 14
};

/* A word that no line of the function's may contain: it is in every text. */
#define SECRET "zebrafinch"
#define GOOD_TEXT "A gorgeous, witty, seductive movie about a " SECRET "."
#define BAD_TEXT "A dull, sour, sloppy mess of a film about a " SECRET "."

#define WORLD_TIME "2026-01-15T12:34:56Z" /* of every item */

/* Around everything: the model that says what is expected. Aborts where there is none. */
void world_set_up(void);
void world_tear_down(void);

/* WORLD_EVENT_BYTES + 1, where events are built; free between two calls of the functions below. */
char *world_event_memory(void);

/* ---- what the library says ------------------------------------------------------------------- */

typedef struct world_expectation {
    const char *sentiment;
    double score;
} world_expectation;

/* By the rules: nothing said, neutral; else the winning label, or neutral below 0.6. ASCII only. */
world_expectation world_expect(const char *text);

/* ---- what the function wrote ----------------------------------------------------------------- */

typedef struct world_written {
    size_t lines, errors, warnings, infos;
    char code[64], message[256]; /* of the first ERROR, or FATAL */
    double sum[WORLD_METRICS];
    size_t values[WORLD_METRICS];
} world_written;

/* All that it has written since the last look: every line a JSON object, none with the user's text,
 * every metric known, with its unit and its value there. */
world_written world_take_lines(serve_run *run);

/* The sum of a metric's values, and their number. */
double world_metric(const world_written *w, const char *name);
size_t world_metric_values(const world_written *w, const char *name);

/* ---- a function and its store ---------------------------------------------------------------- */

/* Answers to events stay readable while the store is asked: that is another connection. */
typedef struct world {
    serve_run *run;
    serve_caller *caller, *admin;
} world;

extern const char *const world_with_store[]; /* options: one in memory */

/* Start; what the start has written is not looked at. 0, or -1 with the case failed. */
int world_open(world *w, const char *const *options, const char *const *environment);
void world_warm_up(world *w); /* so that events of any size meet a started process */
void world_close(world *w);

serve_answer world_put_pending(world *w, const char *source_id);
serve_answer world_get_item(world *w, const char *source_id);
void world_check_pending(world *w, const char *source_id);
void world_check_analyzed(world *w, const char *source_id, world_expectation expected,
                          const char *model_version);

/* Build an event and invoke with it. */
serve_answer world_invoke(world *w, events_source source, const events_message *messages,
                          size_t count, int asynchronous);

int world_is_batch(events_source source);
int world_is_http(events_source source);

/* A message that was done, as the answer tells it. */
void world_check_done(const serve_answer *answer, events_source source, size_t index, size_t count,
                      world_expectation expected, int updated);

#endif
