/* SPDX-License-Identifier: Apache-2.0 */
/* Threads are started anew for each loop: a loop of the converter takes milliseconds or more, a
 * start some tens of microseconds. */
#include "tools/convert/conv_parallel.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct shared_loop {
    conv_iteration_fn *iteration;
    void *user;
    size_t count;
    atomic_size_t next; /* the first index that no thread has claimed */
} shared_loop;

typedef struct worker_start {
    shared_loop *loop;
    size_t worker;
} worker_start;

static void *run_worker(void *argument)
{
    const worker_start *start = argument;
    shared_loop *loop = start->loop;
    size_t index;

    while ((index = atomic_fetch_add(&loop->next, 1)) < loop->count)
        loop->iteration(loop->user, index, start->worker);
    return NULL;
}

void conv_parallel(size_t threads, size_t count, conv_iteration_fn *iteration, void *user)
{
    shared_loop loop = {.iteration = iteration, .user = user, .count = count};
    worker_start start[CONV_MAX_THREADS];
    pthread_t thread[CONV_MAX_THREADS];
    size_t started = 1;

    threads = threads < count ? threads : count;
    threads = threads < CONV_MAX_THREADS ? threads : CONV_MAX_THREADS;
    for (size_t i = 0; i < CONV_MAX_THREADS; i++)
        start[i] = (worker_start){&loop, i};
    while (started < threads &&
           pthread_create(&thread[started], NULL, run_worker, &start[started]) == 0)
        started++;
    (void)run_worker(&start[0]);
    for (size_t i = 1; i < started; i++)
        (void)pthread_join(thread[i], NULL);
}
