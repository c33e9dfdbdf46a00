/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a file into the page cache with many requests in flight.
 *
 * When a function starts from an image, the image may be loaded chunk by chunk over a network. Page
 * faults would wait for one chunk after the other, seconds in total for a model, and in the middle
 * of the first invocation. Here threads read disjoint ranges and wait for many chunks at once,
 * before the first invocation. A file that is in the cache already costs one read of one byte,
 * which never waits, for each 64 KiB.
 */
#ifndef DISTIL_LAMBDA_PREFAULT_H
#define DISTIL_LAMBDA_PREFAULT_H

#include <stddef.h>

enum {
    PREFAULT_RANGE_BYTES = 512 << 10, /* The size of the chunks in which images are loaded. */
    PREFAULT_THREADS = 16
};

typedef struct prefault_result {
    size_t ranges; /* The number of ranges of the file. */
    size_t read;   /* The number of ranges that were not in the page cache. */
} prefault_result;

/* Read the file into the page cache. Errors are ignored, because whoever maps the file afterwards
 * meets them again. Up to PREFAULT_THREADS threads are used, which have ended when the function
 * returns. */
prefault_result prefault_file(const char *path);

#endif
