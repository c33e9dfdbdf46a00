/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a file into the page cache with many requests in flight.
 *
 * Where a function's image is loaded chunk by chunk over a network, page faults wait for one chunk
 * after the other: seconds for a model, and within the first invocation. Threads that read disjoint
 * ranges wait for many at once, before it. A file that is in the cache costs a probe for each
 * 64 KiB and nothing else.
 */
#ifndef DISTIL_LAMBDA_PREFAULT_H
#define DISTIL_LAMBDA_PREFAULT_H

#include <stddef.h>

enum {
    PREFAULT_RANGE_BYTES = 512 << 10, /* the unit of the image store */
    PREFAULT_THREADS = 16
};

typedef struct prefault_result {
    size_t ranges; /* of the file */
    size_t read;   /* of them that were not in the cache */
} prefault_result;

/* Returns when every page of the file has been in the cache. Errors are not reported: who maps the
 * file afterwards meets them. Uses up to PREFAULT_THREADS threads, which have ended on return. */
prefault_result prefault_file(const char *path);

#endif
