/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container image, unpacked by bench/unpack_image.sh, and started in a sandbox until it has
 * answered one event.
 */
#ifndef DISTIL_BENCH_HARNESS_IMAGE_H
#define DISTIL_BENCH_HARNESS_IMAGE_H

#include "bench/harness/runtime_api.h"

enum { IMAGE_PATH_BYTES = 4352 };

typedef struct image {
    char root[IMAGE_PATH_BYTES];    /* the unpacked file system */
    char program[IMAGE_PATH_BYTES]; /* /app/bootstrap as seen from here */
    char model[IMAGE_PATH_BYTES];   /* /app/model.distil as seen from here */
    runtime_api api;
} image;

/* Prepares to start the image that is unpacked in a build directory. Each answer has to come within
 * timeout_ms. `bootstrap` is the function of the same build, or NULL; an image that is older is
 * refused, because it would measure something else. Returns 0, or -1 with one line in `why`. */
int image_open(image *i, const char *build_directory, const char *bootstrap, int timeout_ms,
               char *why, size_t why_bytes);

/* Starts the image, lets it answer one event, and kills it. `verify` is the value of DISTIL_VERIFY,
 * or NULL for the function's default. The times are on the clock of bench_now_ns, as in
 * runtime_api.h. Returns 0, or -1 where there was no answer or no success. */
int image_answer_event(image *i, const char *verify, double *request_ns, double *answer_ns);

void image_close(image *i);

#endif
