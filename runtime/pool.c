/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool's one rule: whoever moves `ticket` on by one owns that part of the loop it belongs to.
 *
 * ticket holds turn (32 bits), parts (16) and the next part (16), so one compare-and-swap proves
 * that the loop read from fn, job and n is the one the part belongs to: the caller changes them
 * only after all parts of the last loop were claimed and done, and from then on the old ticket
 * cannot be moved. A worker may stand still between any two instructions (until turn has gone
 * around, 2^32 loops) and do no harm.
 *
 * Sleeping is a futex on turn for workers and on pending for the caller. Both sides follow the
 * same order, all of it sequentially consistent: who sleeps announces it and then looks at the
 * word again; who wakes changes the word and then looks for announcements. One of the two sees the
 * other.
 */
#include "runtime/pool.h"

#include <assert.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Looks at a word before sleeping, one pause instruction (10 to 140 cycles) each: 10 to 100
 * microseconds, about what sleeping and waking cost. */
enum { SPINS = 2000 };

enum { MXCSR_DEFAULT = 0x1f80 }; /* nearest even, exceptions masked, denormals kept */

typedef struct worker {
    struct distil_pool *pool;
    pthread_t id;
    size_t thread;
} worker;

struct distil_pool {
    alignas(64) _Atomic uint64_t ticket;
    _Atomic(distil_pool_fn *) fn;
    _Atomic(void *) job;
    _Atomic size_t n;

    alignas(64) _Atomic uint32_t turn; /* changes whenever there is something to look at */
    _Atomic uint32_t sleepers;         /* workers that sleep or are about to */
    _Atomic int running;               /* between wake and rest */
    _Atomic int stopping;

    alignas(64) _Atomic uint32_t pending; /* parts of the loop that are not done */
    _Atomic int waiting;                  /* the caller sleeps or is about to */

    alignas(64) pid_t owner;
    size_t threads;
    worker workers[]; /* (threads - 1) */
};

static void futex_sleep(_Atomic uint32_t *word, uint32_t expected)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* Let workers see that turn has changed, wherever they wait. */
static void announce(distil_pool *p, uint32_t turn)
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

/* Claim and run parts of the current loop until none is left. */
static void take_parts(distil_pool *p, size_t thread)
{
    uint64_t ticket = atomic_load(&p->ticket);

    for (;;) {
        size_t parts = ticket >> 16 & 0xffff, part = ticket & 0xffff;
        distil_pool_fn *fn = atomic_load_explicit(&p->fn, memory_order_relaxed);
        void *job = atomic_load_explicit(&p->job, memory_order_relaxed);
        size_t n = atomic_load_explicit(&p->n, memory_order_relaxed);

        if (part == parts)
            return;
        if (!atomic_compare_exchange_weak(&p->ticket, &ticket, ticket + 1))
            continue;
        fn(job, thread, n * part / parts, n * (part + 1) / parts);
        finish_part(p);
        ticket = atomic_load(&p->ticket);
    }
}

/* Until every part is done: those that workers claimed are being computed at this moment. */
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

void distil_pool_run(distil_pool *p, distil_pool_fn *fn, void *job, size_t n, size_t parts)
{
    uint32_t turn;

    if (n == 0)
        return;
    assert(parts >= 1 && parts <= 0xffff && n <= SIZE_MAX / parts);
    if (!p || parts == 1) {
        fn(job, 0, 0, n);
        return;
    }
    turn = atomic_load_explicit(&p->turn, memory_order_relaxed) + 1;
    atomic_store_explicit(&p->fn, fn, memory_order_relaxed);
    atomic_store_explicit(&p->job, job, memory_order_relaxed);
    atomic_store_explicit(&p->n, n, memory_order_relaxed);
    atomic_store_explicit(&p->pending, (uint32_t)parts, memory_order_relaxed);
    atomic_store(&p->ticket, make_ticket(turn, parts));
    announce(p, turn);
    take_parts(p, 0);
    await_parts(p);
}

void distil_pool_wake(distil_pool *p)
{
    if (!p)
        return;
    atomic_store(&p->running, 1);
    announce(p, atomic_load_explicit(&p->turn, memory_order_relaxed) + 1);
}

void distil_pool_rest(distil_pool *p)
{
    if (p)
        atomic_store(&p->running, 0);
}

/* ---- workers -------------------------------------------------------------------------------- */

/* Wait until turn differs from the last one seen. */
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

static void *work(void *argument)
{
    worker *self = argument;
    distil_pool *p = self->pool;
    uint32_t seen = 0;

    __builtin_ia32_ldmxcsr(MXCSR_DEFAULT); /* not what the creating thread happened to have */
    for (;;) {
        seen = await_turn(p, seen);
        if (atomic_load(&p->stopping))
            return NULL;
        take_parts(p, self->thread);
    }
}

/* Everything but the signals that an instruction of the thread itself raises: a blocked one of
 * those would end the process without the handler it may have. */
static void worker_signals(sigset_t *blocked)
{
    static const int faults[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

    (void)sigfillset(blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        (void)sigdelset(blocked, faults[i]);
}

static void join_workers(distil_pool *p, size_t count)
{
    int state; /* joining is a cancellation point */

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    atomic_store(&p->stopping, 1);
    announce(p, atomic_load_explicit(&p->turn, memory_order_relaxed) + 1);
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
    atomic_init(&p->fn, NULL);
    atomic_init(&p->job, NULL);
    atomic_init(&p->n, 0);
    atomic_init(&p->turn, 0);
    atomic_init(&p->sleepers, 0);
    atomic_init(&p->running, 0);
    atomic_init(&p->stopping, 0);
    atomic_init(&p->pending, 0);
    atomic_init(&p->waiting, 0);
    p->owner = getpid();
    p->threads = threads;
    worker_signals(&blocked);
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    while (started + 1 < threads) {
        worker *w = &p->workers[started];

        *w = (worker){.pool = p, .thread = started + 1};
        if (pthread_create(&w->id, NULL, work, w) != 0)
            break;
        started++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started + 1 == threads)
        return p;
    join_workers(p, started);
    return NULL;
}

void distil_pool_stop(distil_pool *p)
{
    if (p && p->owner == getpid())
        join_workers(p, p->threads - 1);
}
