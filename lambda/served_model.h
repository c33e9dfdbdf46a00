/* SPDX-License-Identifier: Apache-2.0 */
/* The model that this process serves: opened once, checked, and shared by all loops. */
#ifndef DISTIL_LAMBDA_SERVED_MODEL_H
#define DISTIL_LAMBDA_SERVED_MODEL_H

#include <stdatomic.h>
#include <stddef.h>

#include "lambda/config.h"
#include "lambda/prefault.h"
#include "runtime/distil.h"

/* The states of the comparison of the content with its checksums. */
enum { VERIFICATION_DONE = 0, VERIFICATION_WANTED, VERIFICATION_RUNS };

typedef struct served_model {
    distil_model *model;
    distil_model_info info;
    prefault_result prefault; /* How much of the model's file was not in the page cache. */
    const char *path;         /* The blob's file, or NULL for the one within this program. */
    distil_verify verify;
    atomic_int verification;
    /* What the comparison of the content with its checksums has found, once it is done. */
    distil_status verified;
    distil_error error;
} served_model;

/*
 * Open the blob that the configuration names, or the one within this program, after reading its
 * file into the page cache. Returns 0, or -1 and fills `why`: there is no model, it does not open,
 * it is not the one that DISTIL_MODEL_SHA256 asks for, or this CPU has no AVX2. After a failure
 * served_model_close is to be called as well.
 */
int served_model_open(served_model *m, const config *c, char *why, size_t why_bytes);

/* Begin to compare the content with its checksums in a thread of its own, unless that has begun
 * before or the configuration asks for no comparison. Several threads may call this. *m must not
 * move from then on. */
void served_model_begin_verification(served_model *m);

/* Wait until the content has been compared, and compare it in this thread if that has not begun. No
 * answer may be given before. Several threads may call this, and more than once. Returns 0, or -1
 * and fills `why` if the content is damaged. */
int served_model_wait(served_model *m, char *why, size_t why_bytes);

/* Close the model if it is open. No context may use it any more. */
void served_model_close(served_model *m);

#endif
