/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store and a scripted server in DynamoDB's place, for the tests of lambda/aws/store.c: pauses
 * are recorded instead of slept, the time of day and chance are the test's own.
 *
 *     static scene f;
 *     if (!scene_start(&f, "what is tested"))          a case, its keys set, a connection accepted
 *         return;
 *     play_answer(&f.play, 500, "", "oops");                              what the server does
 *     play_success(&f.play);
 *     scene_begin(&f);
 *     scene_check_update(&f, STORE_UPDATED);
 *     scene_finish(&f, 2);                                 so many requests came, each signed
 */
#ifndef DISTIL_TESTS_SUPPORT_STORE_H
#define DISTIL_TESTS_SUPPORT_STORE_H

#include <stdio.h>

#include "lambda/net/http.h"
#include "lambda/logged_store.h"
#include "tests/support/support_fault_server.h"

enum {
    SCENE_LONG_MS = 20000, /* before the deadline of scene_check_update */
    SCENE_PAUSES = 16,
    SCENE_LOG_BYTES = 65536,
    PLAY_STEPS = 64
};

#define NOON 1768480496000 /* 2026-01-15T12:34:56Z: the time, until a test changes it */
#define NOON_DATE "Date: Thu, 15 Jan 2026 12:34:56 GMT\r\n"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" /* of the key AKIDEXAMPLE */
#define TOKEN "AQoDYXdzEXAMPLETOKEN=="

#define JSON_TYPE "Content-Type: application/x-amz-json-1.0\r\n"
#define V2012 "com.amazonaws.dynamodb.v20120810#"
#define ERROR_OF(type, message) "{\"__type\":\"" V2012 type "\",\"message\":\"" message "\"}"

/* ---- a script of answers --------------------------------------------------------------------- */

typedef struct play {
    fault_step steps[PLAY_STEPS];
    char *texts[PLAY_STEPS];
    size_t count;
} play;

fault_step *play_step(play *p, fault_op op);

/* An answer's bytes, for the caller to free. */
char *play_answer_text(int status, const char *headers, const char *body, size_t *size);

/* Read a request and answer it: with a request id, a checksum and a length. */
fault_step *play_answer(play *p, int status, const char *headers, const char *body);
void play_raw(play *p, const char *bytes); /* with these bytes, which outlive it */
void play_success(play *p);
void play_free(play *p);

/* ---- a store of such a server ---------------------------------------------------------------- */

typedef struct scene {
    play play;
    fault_server *server;
    config config;
    void *memory;
    store *store;
    FILE *log;
    char log_text[SCENE_LOG_BYTES];
    int64_t unix_ms;
    int stall_at; /* the clock is read so many times, then only after the deadline */
    double chance;
    int64_t deadline_ns;
    double pauses_ms[SCENE_PAUSES]; /* asked for */
    size_t pause_count;
    char why[256];
} scene;

/* An item that can be stored. */
extern const store_item scene_sample;

/* The environment is the process's: each case sets what it needs and unsets the rest. */
void scene_unset_keys(void);
void scene_set_keys(void);

/* 1 to run the case, with an empty script after an accepted connection. */
int scene_start(scene *f, const char *name);

/* Play what has been added, for a new store; the latter alone; its times. */
void scene_begin(scene *f);
void scene_make_store(scene *f);
void scene_set_world(scene *f, int64_t answer_ms);

/* Update with a deadline in so many milliseconds. */
store_status scene_update(scene *f, const store_item *item, int64_t ms);
void scene_check_update(scene *f, store_status expected); /* of the sample */

/* The script was played, so many requests came. What they say can be looked at until scene_free.
 * scene_finish: both, where the keys are the usual ones and every request was signed. */
void scene_end(scene *f, size_t requests);
void scene_free(scene *f);
void scene_finish(scene *f, size_t requests);

/* ---- what was sent, said and waited ---------------------------------------------------------- */

void scene_parse_sent(const scene *f, size_t index, http_head *head, http_slice *body);
int scene_sent_has(const scene *f, size_t index, const char *part);
void scene_check_header(const scene *f, size_t index, const char *name, const char *value);

/* The signature is that of the bytes that arrived, under this key at the request's own time. */
void scene_check_signature(const scene *f, size_t index, const char *key_id, const char *secret);

void scene_check_why(const scene *f, const char *part);
void scene_check_pauses(const scene *f, size_t count, const double *expected_ms);
void scene_check_no_pause(const scene *f);

/* What has been logged so far; nothing secret is ever in it. */
const char *scene_log(scene *f);

#endif
