/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `distil serve --local` for tests and benchmarks: start it with a function behind it, invoke the
 * function over HTTP, ask for its state and its store, and read back line by line what the function
 * has written.
 *
 * The command is $DISTIL, or distil in the build directory ($DISTIL_BUILD, or build). The function
 * is $DISTIL_BOOTSTRAP, or bootstrap in that directory. When serve_invoke has returned, the test
 * can read every line that the function wrote before it asked for its next event.
 */
#ifndef DISTIL_TESTS_SUPPORT_SERVE_H
#define DISTIL_TESTS_SUPPORT_SERVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lambda/net/http_client.h"
#include "runtime/base/json.h"

enum { SERVE_MOST_WORDS = 24, SERVE_NAME_BYTES = 4096 };

/* The setup of serve_start: what to start, and how. Lists end with NULL, and a list may be NULL. */
typedef struct serve_setup {
    /* Options of serve, such as "--store", "memory". --local, --port 0 and --raw are always
     * added. */
    const char *const *options;
    const char *const *function; /* A program and its arguments. NULL: bootstrap. */
    /* Variables "NAME=value", in addition to the shipped model and a few others. */
    const char *const *environment;
} serve_setup;

typedef struct serve_run serve_run;

/* Start serve and wait until it listens. Returns NULL if it does not; it has then said why on
 * standard error. */
serve_run *serve_start(const serve_setup *setup);

/* Send serve a signal and wait for its end. Returns its exit status, 256 plus the number of a
 * signal that killed it, or -1 if it had to be killed after ten seconds. Errors and lines can still
 * be read. */
int serve_stop(serve_run *run, int signal);
void serve_free(serve_run *run); /* Stops serve if it is still running, and frees `run`. */

pid_t serve_pid(const serve_run *run);
uint16_t serve_port(const serve_run *run);

/* The path of a program in the build directory, in static memory until the next call. */
const char *serve_build_path(const char *name);

/* ---- calls ----------------------------------------------------------------------------------- */

/* A connection to serve. Each thread has one of its own. */
typedef struct serve_caller serve_caller;
serve_caller *serve_caller_new(const serve_run *run);
void serve_caller_free(serve_caller *caller);

/* An answer. The slices are valid until the caller's next call. A status of 0 means that there was
 * no answer. */
typedef struct serve_answer {
    int status;
    int failed; /* 1: the header X-Amz-Function-Error is there. */
    http_slice body;
    json_value json; /* The parsed body, or JSON_NULL if it is not JSON. */
    http_slice request_id;
} serve_answer;

/* Invoke the function and wait for its answer. With asynchronous = 1, serve delivers the event
 * later. */
serve_answer serve_invoke(serve_caller *caller, const char *event, size_t size, int asynchronous);
serve_answer serve_invoke_text(serve_caller *caller,
                               const char *event); /* The event ends with a NUL. */

serve_answer serve_get(serve_caller *caller, const char *path);

/* Make DynamoDB's call `name`, such as "PutItem", to the store in memory. The body is formatted as
 * by printf. */
serve_answer serve_dynamodb(serve_caller *caller, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A counter of /serve/state, such as "starts" or "store.changed", or -1 if it is missing. */
int64_t serve_count(serve_caller *caller, const char *path);

/* Wait up to ten seconds until a counter has this value. Returns 1 if it has, and 0 otherwise. */
int serve_await(serve_caller *caller, const char *path, int64_t value);

/* ---- what was written ------------------------------------------------------------------------ */

/* The next line that the function wrote to standard output, without its line feed and with a NUL,
 * or NULL if there is none now. It is valid until the next call and is not returned again. */
const char *serve_line_next(serve_run *run, size_t *size);

/* The next line of standard error, which has notices of serve and the function's own lines. */
const char *serve_error_next(serve_run *run, size_t *size);

/* ---- JSON ------------------------------------------------------------------------------------ */

/* Find the value at a path of names and indices, such as "Records.0.Sns". Returns 1, or 0 if there
 * is none. */
int serve_json(json_value root, const char *path, json_value *value);

/* Returns 1 if the value at the path is a string with this text, or a number, true, false or null
 * that is written like it. */
int serve_json_is(json_value root, const char *path, const char *text);

#endif
