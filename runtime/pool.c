/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How threads claim parts without a lock.
 *
 * `ticket` packs the number of the step (turn, 32 bits), its number of parts (16) and the next part
 * to claim (16). A thread reads the ticket, then step, job and n, and then adds one to the ticket
 * by compare-and-swap. If that succeeds, the thread owns the part, and what it has read belongs to
 * that part's step: the calling thread changes step, job and n only after all parts of the step
 * before were claimed, and from then on a compare-and-swap of an older ticket fails. A worker may
 * be delayed between any two instructions without harm, unless the 32-bit turn comes around to the
 * same value meanwhile, which takes 2^32 steps.
 *
 * Workers sleep by a futex on turn, and the calling thread by one on pending. No wake-up is lost,
 * since all these accesses are sequentially consistent: a thread that goes to sleep first raises
 * its flag (sleepers, waiting) and then reads the word again, and a thread that wakes first changes
 * the word and then reads the flag. At least one of the two sees what the other wrote.
 */
#include "runtime/pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How often a thread looks at a word before it sleeps, with a pause instruction of 10 to 140 cycles
 * after each look. That is 10 to 100 microseconds, about as long as sleeping and waking take. */
enum { SPINS = 2000 };

/* The control register of SSE arithmetic as a process starts with it: round to nearest even, all
 * exceptions masked, denormals kept. */
enum { MXCSR_DEFAULT = 0x1f80 };

typedef struct worker {
    struct distil_pool *pool;
    pthread_t id;
    size_t thread;
} worker;

struct distil_pool {
    alignas(64) _Atomic uint64_t ticket;
    _Atomic(distil_pool_fn *) step;
    _Atomic(void *) job;
    _Atomic size_t n;

    alignas(64) _Atomic uint32_t turn; /* changes with each step, wake and stop */
    _Atomic uint32_t sleepers;         /* the workers that sleep or are about to */
    _Atomic int running;               /* 1 between distil_pool_wake and distil_pool_rest */
    _Atomic int stopping;              /* 1 asks the workers to end */

    alignas(64) _Atomic uint32_t pending; /* the parts of the step that are not computed yet */
    _Atomic int waiting;                  /* 1 while the calling thread sleeps or is about to */

    alignas(64) pid_t owner;  /* the process that started the workers */
    size_t threads;           /* the calling thread and the workers that run */
    distil_executor executor; /* run is NULL if the pool has workers of its own */
    worker workers[];         /* (threads - 1) */
};

/* These operations act among the threads of one process. Their numbers belong to the kernel's
 * interface and stand here because some C libraries come without the kernel's headers. */
enum { FUTEX_SLEEP = 128, FUTEX_WAKE = 129 };

static void futex_sleep(_Atomic uint32_t *word, uint32_t expected)
{
    (void)syscall(SYS_futex, word, FUTEX_SLEEP, expected, NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Changes turn, and wakes the workers that sleep until it changes. */
static void set_turn(distil_pool *p, uint32_t turn)
{
    atomic_store(&p->turn, turn);
    if (atomic_load(&p->sleepers) > 0)
        futex_wake_all(&p->turn);
}

/* ---- parts ---------------------------------------------------------------------------------- */

static uint64_t make_ticket(uint32_t turn, size_t parts)
{
    return (uint64_t)turn << 32 | (uint64_t)parts << 16;
}

static void finish_part(distil_pool *p)
{
    if (atomic_fetch_sub(&p->pending, 1) == 1 && atomic_load(&p->waiting))
        futex_wake_all(&p->pending);
}

/* Claims and computes parts of the current step until none is left. */
static void run_parts(distil_pool *p, size_t thread)
{
    uint64_t ticket = atomic_load(&p->ticket);

    for (;;) {
        size_t parts = ticket >> 16 & 0xffff, part = ticket & 0xffff;
        distil_pool_fn *step = atomic_load_explicit(&p->step, memory_order_relaxed);
        void *job = atomic_load_explicit(&p->job, memory_order_relaxed);
        size_t n = atomic_load_explicit(&p->n, memory_order_relaxed);

        if (part == parts)
            return;
        if (!atomic_compare_exchange_weak(&p->ticket, &ticket, ticket + 1))
            continue;
        step(job, thread, n * part / parts, n * (part + 1) / parts);
        finish_part(p);
        ticket = atomic_load(&p->ticket);
    }
}

/* Waits until every part is computed. All are claimed by then, so each of them is being computed at
 * this moment. */
static void await_parts(distil_pool *p)
{
    uint32_t pending;

    for (int spins = 0; (pending = atomic_load(&p->pending)) > 0; spins++) {
        if (spins < SPINS) {
            __builtin_ia32_pause();
            continue;
        }
        atomic_store(&p->waiting, 1);
        if (atomic_load(&p->pending) == pending)
            futex_sleep(&p->pending, pending);
        atomic_store(&p->waiting, 0);
    }
}

/* ---- steps on the caller's executor ---------------------------------------------------------- */

/* A step whose parts tasks claim one by one. */
typedef struct executor_step {
    distil_pool_fn *step;
    void *job;
    size_t n, parts, tasks;
    _Atomic size_t next; /* the next part to claim */
} executor_step;

/* Computes parts of the step until none is left. The index selects scratch memory as the number of
 * a thread does; an executor that passes a wrong one gets nothing done. */
static void run_task(void *job, size_t index)
{
    executor_step *s = job;
    unsigned callers = __builtin_ia32_stmxcsr();
    size_t part;

    if (index >= s->tasks)
        return;
    __builtin_ia32_ldmxcsr(MXCSR_DEFAULT);
    while ((part = atomic_fetch_add(&s->next, 1)) < s->parts)
        s->step(s->job, index, s->n * part / s->parts, s->n * (part + 1) / s->parts);
    __builtin_ia32_ldmxcsr(callers);
}

static void run_on_executor(distil_pool *p, distil_pool_fn *step, void *job, size_t n, size_t parts)
{
    executor_step s = {
        .step = step,
        .job = job,
        .n = n,
        .parts = parts,
        .tasks = parts < p->threads ? parts : p->threads,
    };

    atomic_init(&s.next, 0);
    p->executor.run(p->executor.user, run_task, &s, s.tasks);
    /* No task runs any more. Do what an executor that left out all of them has not done. */
    run_task(&s, 0);
}

/* ---- steps ---------------------------------------------------------------------------------- */

void distil_pool_run(distil_pool *p, distil_pool_fn *step, void *job, size_t n, size_t parts)
{
    uint32_t turn;

    if (n == 0)
        return;
    assert(parts >= 1 && parts <= 0xffff && n <= SIZE_MAX / parts);
    if (!p || parts == 1) {
        step(job, 0, 0, n);
        return;
    }
    if (p->executor.run) {
        run_on_executor(p, step, job, n, parts);
        return;
    }
    turn = atomic_load_explicit(&p->turn, memory_order_relaxed) + 1;
    atomic_store_explicit(&p->step, step, memory_order_relaxed);
    atomic_store_explicit(&p->job, job, memory_order_relaxed);
    atomic_store_explicit(&p->n, n, memory_order_relaxed);
    atomic_store_explicit(&p->pending, (uint32_t)parts, memory_order_relaxed);
    atomic_store(&p->ticket, make_ticket(turn, parts));
    set_turn(p, turn);
    run_parts(p, 0);
    await_parts(p);
}

void distil_pool_wake(distil_pool *p)
{
    if (!p || p->executor.run)
        return;
    atomic_store(&p->running, 1);
    set_turn(p, atomic_load_explicit(&p->turn, memory_order_relaxed) + 1);
}

void distil_pool_rest(distil_pool *p)
{
    if (p && !p->executor.run)
        atomic_store(&p->running, 0);
}

/* ---- workers -------------------------------------------------------------------------------- */

/* Waits until turn differs from `seen`, and returns it. */
static uint32_t await_turn(distil_pool *p, uint32_t seen)
{
    uint32_t turn;

    for (int spins = 0; (turn = atomic_load(&p->turn)) == seen; spins++) {
        if (spins < SPINS && atomic_load_explicit(&p->running, memory_order_relaxed)) {
            __builtin_ia32_pause();
            continue;
        }
        atomic_fetch_add(&p->sleepers, 1);
        if (atomic_load(&p->turn) == seen)
            futex_sleep(&p->turn, seen);
        atomic_fetch_sub(&p->sleepers, 1);
    }
    return turn;
}

static void *run_worker(void *argument)
{
    worker *self = argument;
    distil_pool *p = self->pool;
    uint32_t seen = 0;

    /* A new thread inherits the rounding mode of its creator, which the program may have
     * changed. */
    __builtin_ia32_ldmxcsr(MXCSR_DEFAULT);
    for (;;) {
        seen = await_turn(p, seen);
        if (atomic_load(&p->stopping))
            return NULL;
        run_parts(p, self->thread);
    }
}

/* Fills the set of signals that workers block: all except those that an instruction of the thread
 * itself can raise. If one of these were blocked, the kernel would end the process without calling
 * the handler that the program may have installed. */
static void fill_blocked_signals(sigset_t *blocked)
{
    static const int faults[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

    (void)sigfillset(blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        (void)sigdelset(blocked, faults[i]);
}

static void join_workers(distil_pool *p, size_t count)
{
    int state;

    /* pthread_join is a cancellation point, and this function must not be one. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    atomic_store(&p->stopping, 1);
    set_turn(p, atomic_load_explicit(&p->turn, memory_order_relaxed) + 1);
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(p->workers[i].id, NULL);
    (void)pthread_setcancelstate(state, NULL);
}

size_t distil_pool_bytes(size_t threads)
{
    return threads > 1 ? sizeof(distil_pool) + (threads - 1) * sizeof(worker) : 0;
}

distil_pool *distil_pool_start(void *memory, size_t threads)
{
    distil_pool *p = memory;
    sigset_t blocked, before;
    size_t started = 0;

    assert(threads >= 2 && threads <= DISTIL_POOL_MAX_THREADS);
    atomic_init(&p->ticket, 0);
    atomic_init(&p->step, NULL);
    atomic_init(&p->job, NULL);
    atomic_init(&p->n, 0);
    atomic_init(&p->turn, 0);
    atomic_init(&p->sleepers, 0);
    atomic_init(&p->running, 0);
    atomic_init(&p->stopping, 0);
    atomic_init(&p->pending, 0);
    atomic_init(&p->waiting, 0);
    p->owner = getpid();
    p->executor = (distil_executor){0};
    fill_blocked_signals(&blocked);
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    while (started + 1 < threads) {
        worker *w = &p->workers[started];

        *w = (worker){.pool = p, .thread = started + 1};
        if (pthread_create(&w->id, NULL, run_worker, w) != 0)
            break;
        started++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->threads = started + 1;
    return started > 0 ? p : NULL;
}

size_t distil_pool_threads(const distil_pool *p)
{
    return p ? p->threads : 1;
}

distil_pool *distil_pool_on_executor(void *memory, size_t threads, const distil_executor *executor)
{
    distil_pool *p = memory;

    assert(threads >= 2 && threads <= DISTIL_POOL_MAX_THREADS && executor->run);
    p->threads = threads;
    p->executor = *executor;
    return p;
}

void distil_pool_stop(distil_pool *p)
{
    if (p && !p->executor.run && p->owner == getpid())
        join_workers(p, p->threads - 1);
}
