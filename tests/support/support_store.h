/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store and a scripted server in DynamoDB's place, for the tests of lambda/aws/store.c. Pauses
 * are recorded and not slept, and the test sets the time of day and the random numbers.
 *
 *     static scene f;
 *     if (!scene_start(&f, "what is tested"))
 *         return;
 *     play_answer(&f.play, 500, "", "oops");
 *     play_success(&f.play);
 *     scene_begin(&f);
 *     scene_check_update(&f, STORE_UPDATED);
 *     scene_finish(&f, 2);
 *
 * scene_start begins a case, sets the keys and lets the server accept a connection. The next two
 * calls add answers to the script. scene_finish checks that two requests came and that each was
 * signed.
 */
#ifndef DISTIL_TESTS_SUPPORT_STORE_H
#define DISTIL_TESTS_SUPPORT_STORE_H

#include <stdio.h>

#include "lambda/net/http.h"
#include "lambda/logged_store.h"
#include "tests/support/support_fault_server.h"

enum {
    SCENE_LONG_MS = 20000, /* The time before the deadline of scene_check_update. */
    SCENE_PAUSES = 16,
    SCENE_LOG_BYTES = 65536,
    PLAY_STEPS = 64
};

/* The time of day until a test changes it: 2026-01-15T12:34:56Z. */
#define NOON 1768480496000
#define NOON_DATE "Date: Thu, 15 Jan 2026 12:34:56 GMT\r\n"
/* The secret that belongs to the key AKIDEXAMPLE. */
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
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

/* The bytes of an answer. The caller frees them. */
char *play_answer_text(int status, const char *headers, const char *body, size_t *size);

/* Read a request and send an answer with a request id, a checksum and a length. */
fault_step *play_answer(play *p, int status, const char *headers, const char *body);
void play_raw(play *p, const char *bytes); /* Answer with these bytes, which outlive the script. */
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
    /* The read of the clock with this number returns only after the deadline. 0: none does so. */
    int stall_at;
    double chance;
    int64_t deadline_ns;
    double pauses_ms[SCENE_PAUSES]; /* The pauses that the store asked for. */
    size_t pause_count;
    char why[256];
} scene;

/* An item that can be stored. */
extern const store_item scene_sample;

/* The environment belongs to the process, so each case sets the variables it needs and unsets the
 * others. */
void scene_unset_keys(void);
void scene_set_keys(void);

/* Returns 1 if the case is to be run. The script then has an accepted connection and nothing
 * else. */
int scene_start(scene *f, const char *name);

/* scene_begin plays the script for a new store. The other two make a store without a server, and
 * set its clock and the most time of an attempt. */
void scene_begin(scene *f);
void scene_make_store(scene *f);
void scene_set_world(scene *f, int64_t answer_ms);

/* Update an item. The deadline is `ms` milliseconds from now. */
store_status scene_update(scene *f, const store_item *item, int64_t ms);
void scene_check_update(scene *f, store_status expected); /* Updates scene_sample. */

/* scene_end checks that the script was played and that `requests` requests came; their contents can
 * be looked at until scene_free. scene_finish does both, and checks that each request was signed
 * with the usual keys. */
void scene_end(scene *f, size_t requests);
void scene_free(scene *f);
void scene_finish(scene *f, size_t requests);

/* ---- what was sent, said and waited ---------------------------------------------------------- */

void scene_parse_sent(const scene *f, size_t index, http_head *head, http_slice *body);
int scene_sent_has(const scene *f, size_t index, const char *part);
void scene_check_header(const scene *f, size_t index, const char *name, const char *value);

/* Check that the signature belongs to the bytes that arrived, with this key and the request's own
 * time. */
void scene_check_signature(const scene *f, size_t index, const char *key_id, const char *secret);

void scene_check_why(const scene *f, const char *part);
void scene_check_pauses(const scene *f, size_t count, const double *expected_ms);
void scene_check_no_pause(const scene *f);

/* What has been logged so far. Checks that there is nothing secret in it. */
const char *scene_log(scene *f);

#endif
