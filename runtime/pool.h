/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of threads that compute the steps of a forward pass together.
 *
 * A step is a loop over a range of items, with a barrier after it. distil_pool_run cuts the range
 * into parts; the calling thread and the pool's workers claim parts one by one until none is left.
 * The caller waits until the claimed parts are computed, but it never waits for a worker to claim
 * one. A worker that is asleep, late or gone therefore delays nobody, and a pool works even in the
 * child of a fork, where it has no workers.
 *
 * Chance decides which thread computes a part, so the result must not depend on that.
 *
 * Between distil_pool_wake and distil_pool_rest, a worker without work spins for a bounded time
 * before it sleeps. At all other times workers sleep on a futex.
 *
 * One thread at a time may call wake, run and rest, for one pass; the next pass may come from
 * another thread. No function of this header is a cancellation point.
 */
#ifndef DISTIL_RUNTIME_POOL_H
#define DISTIL_RUNTIME_POOL_H

#include <stddef.h>

#include "runtime/distil.h"

enum { DISTIL_POOL_MAX_THREADS = 256 };

typedef struct distil_pool distil_pool;

/* Computes the items begin .. end - 1 of a step. `thread` is below the pool's number of threads,
 * and no two parts that are computed at the same time have the same, so that it can select scratch
 * memory. */
typedef void distil_pool_fn(void *job, size_t thread, size_t begin, size_t end);

/* Returns the bytes of memory that a pool of that many threads needs, the calling thread counted:
 * 0 for 0 or 1. */
size_t distil_pool_bytes(size_t threads);

/*
 * Makes a pool and starts its threads - 1 workers. If the system refuses one of them, the pool
 * works with those that were started before.
 *
 * memory   distil_pool_bytes(threads) bytes, 64-byte aligned, not shared with other processes; the
 *          pool uses them until distil_pool_stop
 * threads  2 .. DISTIL_POOL_MAX_THREADS
 *
 * Workers block all signals except those that a fault of their own code raises. Returns NULL,
 * which the functions below accept as a pool of the calling thread alone, if no worker could be
 * started.
 */
distil_pool *distil_pool_start(void *memory, size_t threads);

/* Makes a pool that has no workers: its steps run on the caller's executor, at most `threads` parts
 * at a time. It uses the memory, as above, until the caller frees it, and copies *executor. */
distil_pool *distil_pool_on_executor(void *memory, size_t threads, const distil_executor *executor);

/* Returns the number of threads that compute together, the calling one counted: 1 for NULL. */
size_t distil_pool_threads(const distil_pool *pool);

/* Ends and joins the workers; after that the caller may reuse the memory. NULL is allowed and does
 * nothing. In a child of the process that started the pool it does nothing either, since the
 * workers exist in the parent only. */
void distil_pool_stop(distil_pool *pool);

/* Mark the begin and the end of a pass, between which idle workers spin. NULL is allowed and does
 * nothing. */
void distil_pool_wake(distil_pool *pool);
void distil_pool_rest(distil_pool *pool);

/*
 * Computes a step of n items and returns when all are computed. It calls step(job, thread, begin,
 * end) once for each part. There are `parts` parts of about equal size, 1 .. 65535; where n is 0
 * nothing is called, and parts may be 0. If pool is NULL or parts is 1, the calling thread calls
 * step once with thread 0 and touches nothing that is shared.
 */
void distil_pool_run(distil_pool *pool, distil_pool_fn *step, void *job, size_t n, size_t parts);

#endif
