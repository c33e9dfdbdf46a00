/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `distil serve --local` as tests and benchmarks use it: started with a function behind it, invoked
 * over the wire, its state and its store asked, what the function wrote read back line by line.
 *
 * The command is $DISTIL, or distil in the build directory ($DISTIL_BUILD, or build). The function
 * is $DISTIL_BOOTSTRAP, or bootstrap there. Whoever reads lines after an answer has all that the
 * function wrote until it asked for the next event.
 */
#ifndef DISTIL_TESTS_SUPPORT_SERVE_H
#define DISTIL_TESTS_SUPPORT_SERVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lambda/net/http_client.h"
#include "runtime/base/json.h"

enum { SERVE_MOST_WORDS = 24, SERVE_NAME_BYTES = 4096 };

/* What to start. Lists end with NULL and may be NULL. */
typedef struct serve_setup {
    const char *const *options;     /* of serve: "--store", "memory" ... --local, --port 0 and --raw
                                       are given in any case */
    const char *const *function;    /* program and arguments; NULL: bootstrap */
    const char *const *environment; /* "NAME=value", beside the shipped model and little else */
} serve_setup;

typedef struct serve_run serve_run;

/* Start and wait until it listens. NULL where it does not: it has said why on standard error. */
serve_run *serve_start(const serve_setup *setup);

/* Signal it and wait for its end: its exit status, 256 + the number of a signal that killed it, or
 * -1 where it had to be killed after ten seconds. Errors and lines can still be read. */
int serve_stop(serve_run *run, int signal);
void serve_free(serve_run *run); /* stops it where it runs */

pid_t serve_pid(const serve_run *run);
uint16_t serve_port(const serve_run *run);

/* Path of a program in the build directory, in static memory for one use. */
const char *serve_build_path(const char *name);

/* ---- calls ----------------------------------------------------------------------------------- */

/* A connection to it; each thread has one of its own. */
typedef struct serve_caller serve_caller;
serve_caller *serve_caller_new(const serve_run *run);
void serve_caller_free(serve_caller *caller);

/* What came back; slices are valid until the caller's next call. status 0: nothing came. */
typedef struct serve_answer {
    int status;
    int failed; /* the header X-Amz-Function-Error is there */
    http_slice body;
    json_value json; /* of the body; JSON_NULL where it is no JSON */
    http_slice request_id;
} serve_answer;

/* Invoke and wait, or with asynchronous = 1 leave it to be done. */
serve_answer serve_invoke(serve_caller *caller, const char *event, size_t size, int asynchronous);
serve_answer serve_invoke_text(serve_caller *caller, const char *event); /* NUL-terminated */

serve_answer serve_get(serve_caller *caller, const char *path);

/* DynamoDB's call `name` ("PutItem") to the store in memory, with a body that is made as by
 * printf. */
serve_answer serve_dynamodb(serve_caller *caller, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A count of /serve/state, such as "starts" or "store.changed"; -1 where it is missing. */
int64_t serve_count(serve_caller *caller, const char *path);

/* Wait up to ten seconds until a count has this value. 1, or 0. */
int serve_await(serve_caller *caller, const char *path, int64_t value);

/* ---- what was written ------------------------------------------------------------------------ */

/* The next line that the function wrote to its standard output, without line feed and with a NUL;
 * NULL: there is none now. Valid until the next call. What has been read is forgotten. */
const char *serve_line_next(serve_run *run, size_t *size);

/* The same of standard error: notices of serve and the function's own. */
const char *serve_error_next(serve_run *run, size_t *size);

/* ---- JSON ------------------------------------------------------------------------------------ */

/* The value at a path of names and indices, "Records.0.Sns"; 1, or 0 where there is none. */
int serve_json(json_value root, const char *path, json_value *value);

/* 1 if it is a string of this text, or a number, true, false, null written so. */
int serve_json_is(json_value root, const char *path, const char *text);

#endif
