/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few threads that share the loops of one forward pass.
 *
 * A pass is a sequence of loops with a barrier after each. distil_pool_run cuts a loop's range
 * into parts; the calling thread and the workers claim parts one by one until none is left. The
 * caller waits for parts in work, never for a worker: one that sleeps, is late or does not exist
 * costs nothing but its help. So a pool also works where its workers are gone, in the child of a
 * fork.
 *
 * Between distil_pool_wake and distil_pool_rest workers spin for a bounded time before they sleep;
 * at all other times they sleep on a futex. Which thread computes what is left to chance; loops
 * must give the same result whoever runs a part.
 *
 * One pass at a time: wake, run and rest belong to one thread, which may change between passes. No
 * function here is a cancellation point.
 */
#ifndef DISTIL_RUNTIME_POOL_H
#define DISTIL_RUNTIME_POOL_H

#include <stddef.h>

enum { DISTIL_POOL_MAX_THREADS = 256 };

typedef struct distil_pool distil_pool;

/* The range begin <= i < end of a loop. thread is below the pool's number of threads; no two parts
 * that run at once have the same. */
typedef void distil_pool_fn(void *job, size_t thread, size_t begin, size_t end);

/* Bytes of a pool's memory: 0 where threads is at most 1, else for the caller and threads - 1
 * workers. */
size_t distil_pool_bytes(size_t threads);

/*
 * Make a pool in memory (64-byte aligned, distil_pool_bytes bytes, private to the process) and
 * start its workers. 2 <= threads <= DISTIL_POOL_MAX_THREADS. Workers block every signal but those
 * that a fault of their own raises. NULL if a thread cannot be created: none is left then.
 */
distil_pool *distil_pool_start(void *memory, size_t threads);

/* End and join the workers. The memory is the caller's again. NULL is allowed. In a child of the
 * process that started it: leaves the threads, which are not there, alone. */
void distil_pool_stop(distil_pool *pool);

/* Begin and end of a pass. NULL is allowed and does nothing. */
void distil_pool_wake(distil_pool *pool);
void distil_pool_rest(distil_pool *pool);

/*
 * Call fn for 0 <= i < n in `parts` (1 .. 65535, or 0 where n is 0) parts of about equal size and
 * return when all are done. With pool NULL or parts 1: one call on this thread, thread 0, and
 * nothing is locked, shared or woken.
 */
void distil_pool_run(distil_pool *pool, distil_pool_fn *fn, void *job, size_t n, size_t parts);

#endif
