/* SPDX-License-Identifier: Apache-2.0 */
/* A loop whose iterations several threads share. */
#ifndef DISTIL_TOOLS_CONVERT_CONV_PARALLEL_H
#define DISTIL_TOOLS_CONVERT_CONV_PARALLEL_H

#include <stddef.h>

enum { CONV_MAX_THREADS = 256 };

/* One iteration. `worker` is the number of the thread that runs it, from 0 to threads - 1, by which
 * iterations can have scratch memory of their own. */
typedef void conv_iteration_fn(void *user, size_t index, size_t worker);

/*
 * Call iteration(user, index, worker) once for each index from 0 to count - 1, in any order and on
 * up to `threads` threads at the same time, of which the caller is one. It returns when all calls
 * have returned. Where the system refuses threads, fewer do the work. An iteration may read only
 * what no other iteration writes, so that the number of threads cannot change a result.
 */
void conv_parallel(size_t threads, size_t count, conv_iteration_fn *iteration, void *user);

#endif
